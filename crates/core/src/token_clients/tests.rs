//! A table of objects with the ServiceAccount that each names.

use serde_json::json;

use super::*;
use crate::example::subject;

fn object(kind: &str, namespace: Option<&str>, spec: Value) -> ClusterObject {
    let known = TOKEN_CLIENTS.iter().find(|known| known.kind == kind).unwrap();
    ClusterObject {
        group: known.group.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: "aws".to_owned(),
        spec,
    }
}

/// The objects that use the ServiceAccount `shop/orders`.
fn clients(objects: Vec<ClusterObject>) -> Vec<String> {
    let facts = TokenClientFacts {
        objects,
        ..TokenClientFacts::default()
    };
    token_clients(&facts, &subject()).into_iter().collect()
}

fn uses(kind: &str, namespace: Option<&str>, spec: Value) -> bool {
    !clients(vec![object(kind, namespace, spec)]).is_empty()
}

fn store(reference: Value) -> Value {
    json!({"provider": {"aws": {"service": "SecretsManager", "auth": {"jwt": {"serviceAccountRef": reference}}}}})
}

#[test]
fn secret_store_uses_account_of_its_reference() {
    let other = Some("other");
    let cases = [
        ("SecretStore", Some("shop"), json!({"name": "orders"}), true),
        (
            "SecretStore",
            Some("shop"),
            json!({"name": "orders", "namespace": "other"}),
            true,
        ),
        ("SecretStore", other, json!({"name": "orders"}), false),
        ("SecretStore", Some("shop"), json!({"name": "users"}), false),
        (
            "ClusterSecretStore",
            None,
            json!({"name": "orders", "namespace": "shop"}),
            true,
        ),
        (
            "ClusterSecretStore",
            None,
            json!({"name": "orders", "namespace": "other"}),
            false,
        ),
        ("ClusterSecretStore", None, json!({"name": "orders"}), true),
    ];
    for (kind, namespace, reference, expected) in cases {
        let spec = store(reference.clone());
        assert_eq!(
            uses(kind, namespace, spec),
            expected,
            "{kind} {namespace:?} {reference}"
        );
    }
    let keys = json!({"provider": {"aws": {"auth": {"secretRef": {"name": "orders"}}}}});
    assert!(!uses("SecretStore", Some("shop"), keys));
}

#[test]
fn generator_uses_account_of_its_reference() {
    let spec = json!({"region": "eu-west-1", "auth": {"jwt": {"serviceAccountRef": {"name": "orders"}}}});
    assert!(uses("ECRAuthorizationToken", Some("shop"), spec.clone()));
    assert!(uses("STSSessionToken", Some("shop"), spec.clone()));
    assert!(!uses("STSSessionToken", Some("other"), spec));
}

#[test]
fn issuer_uses_account_of_any_route53_solver() {
    let route53 =
        json!({"dns01": {"route53": {"auth": {"kubernetes": {"serviceAccountRef": {"name": "orders"}}}}}});
    let http = json!({"http01": {"ingress": {}}});
    let spec = json!({"acme": {"solvers": [http, route53]}});
    assert!(uses("Issuer", Some("shop"), spec.clone()) && !uses("Issuer", Some("other"), spec.clone()));
    assert!(
        uses("ClusterIssuer", None, spec),
        "its namespace is a flag of cert-manager"
    );
    assert!(!uses("ClusterIssuer", None, json!({"acme": {"solvers": [http]}})));
    assert!(!uses("ClusterIssuer", None, json!({"selfSigned": {}})));
}

#[test]
fn flux_source_uses_account_with_provider_aws() {
    let spec = |provider: &str| json!({"provider": provider, "serviceAccountName": "orders"});
    for kind in ["OCIRepository", "Bucket", "ImageRepository"] {
        assert!(uses(kind, Some("shop"), spec("aws")), "{kind}");
        assert!(!uses(kind, Some("shop"), spec("gcp")), "{kind}");
        assert!(!uses(kind, Some("other"), spec("aws")), "{kind}");
        assert!(
            !uses(kind, Some("shop"), json!({"serviceAccountName": "orders"})),
            "{kind}"
        );
    }
    let decryption = json!({"serviceAccountName": "users", "decryption": {"serviceAccountName": "orders"}});
    assert!(uses("Kustomization", Some("shop"), decryption));
    assert!(!uses(
        "Kustomization",
        Some("shop"),
        json!({"serviceAccountName": "orders"})
    ));
}

fn identity_of(owner: &str) -> Value {
    json!({"podIdentity": {"provider": "aws", "identityOwner": owner}})
}

#[test]
fn keda_uses_account_of_workloads_in_its_namespace() {
    let kind = "TriggerAuthentication";
    assert!(uses(kind, Some("shop"), identity_of("workload")));
    assert!(!uses(kind, Some("other"), identity_of("workload")));
    assert!(!uses(kind, Some("shop"), identity_of("keda")));
    assert!(!uses(
        kind,
        Some("shop"),
        json!({"podIdentity": {"provider": "aws"}})
    ));
    assert!(!uses(
        kind,
        Some("shop"),
        json!({"podIdentity": {"provider": "azure-workload", "identityOwner": "workload"}})
    ));
}

#[test]
fn keda_of_cluster_uses_accounts_where_it_is_referenced() {
    let cluster = || object("ClusterTriggerAuthentication", None, identity_of("workload"));
    let scaled = |namespace: &str, name: &str, kind: &str| {
        let triggers = json!([{"type": "cron"}, {"type": "aws-sqs-queue", "authenticationRef": {"name": name, "kind": kind}}]);
        object("ScaledObject", Some(namespace), json!({"triggers": triggers}))
    };
    let kind = "ClusterTriggerAuthentication";
    assert!(clients(vec![cluster()]).is_empty());
    let named = clients(vec![cluster(), scaled("shop", "aws", kind)]);
    assert_eq!(named, ["ClusterTriggerAuthentication aws"]);
    assert!(clients(vec![cluster(), scaled("other", "aws", kind)]).is_empty());
    assert!(clients(vec![cluster(), scaled("shop", "gcp", kind)]).is_empty());
    assert!(clients(vec![cluster(), scaled("shop", "aws", "TriggerAuthentication")]).is_empty());
}

#[test]
fn object_without_known_kind_uses_no_account() {
    let mut object = object("SecretStore", Some("shop"), store(json!({"name": "orders"})));
    assert_eq!(clients(vec![object.clone()]), ["SecretStore shop/aws"]);
    object.group = "example.com".to_owned();
    assert!(clients(vec![object]).is_empty());
}

#[test]
fn volume_of_aws_provider_without_pod_identity_needs_annotation() {
    let needs = |spec: Value| {
        let facts = TokenClientFacts {
            objects: vec![object("SecretProviderClass", Some("shop"), spec)],
            ..TokenClientFacts::default()
        };
        needs_annotation(&facts, "aws", &subject())
    };
    assert!(needs(
        json!({"provider": "aws", "parameters": {"objects": "- orders"}})
    ));
    assert!(needs(
        json!({"provider": "aws", "parameters": {"usePodIdentity": "false"}})
    ));
    assert!(!needs(
        json!({"provider": "aws", "parameters": {"usePodIdentity": "true"}})
    ));
    assert!(!needs(json!({"provider": "vault"})));
    assert!(
        needs_annotation(&TokenClientFacts::default(), "aws", &subject()),
        "not read"
    );
}
