//! The controllers that create tokens of a ServiceAccount themselves, and so use IRSA without a pod: where each kind of
//! object names the ServiceAccount. Input: objects and a subject. Output: the objects that use the subject. No I/O.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::cluster_object::{ClusterObject, TokenClientFacts};
use crate::model::subject::Subject;

#[cfg(test)]
mod tests;

/// One kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenClientKind {
    /// The API group.
    pub group: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// Values of the spec without which the object creates no token for AWS.
    conditions: &'static [(&'static str, &'static [&'static str])],
    account: AccountField,
}

/// The place of the ServiceAccount in the spec. Paths are separated by dots and pass through lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AccountField {
    /// A reference with a name. An object of the cluster adds a namespace; without it any namespace is possible.
    Reference(&'static str),
    /// The name of a ServiceAccount in the namespace of the object.
    Name(&'static str),
    /// The object names none: the controller uses that of each workload that the object serves.
    Workload,
    /// None: the object only shows that another one is in use in its namespace.
    None,
}

/// The value that KEDA takes for the ServiceAccount of the scaled workload (KEDA, `TriggerAuthentication`,
/// `podIdentity`).
const OF_WORKLOAD: &[(&str, &[&str])] = &[
    ("podIdentity.provider", &["aws", "aws-eks"]),
    ("podIdentity.identityOwner", &["workload"]),
];
const OF_AWS: &[(&str, &[&str])] = &[("provider", &["aws"])];

const KEDA: &str = "keda.sh";
const CLUSTER_AUTHENTICATION: &str = "ClusterTriggerAuthentication";
const EXTERNAL_SECRETS: &str = "external-secrets.io";
const GENERATORS: &str = "generators.external-secrets.io";
const CERT_MANAGER: &str = "cert-manager.io";
const SECRETS_STORE: &str = "secrets-store.csi.x-k8s.io";
const PROVIDER_CLASS: &str = "SecretProviderClass";
const FLUX_SOURCE: &str = "source.toolkit.fluxcd.io";
const STORE_REFERENCE: AccountField = AccountField::Reference("provider.aws.auth.jwt.serviceAccountRef");
const GENERATOR_REFERENCE: AccountField = AccountField::Reference("auth.jwt.serviceAccountRef");
const ROUTE53_REFERENCE: AccountField =
    AccountField::Reference("acme.solvers.dns01.route53.auth.kubernetes.serviceAccountRef");

/// The kinds. The ProviderConfigs of Crossplane are not among them: they name no ServiceAccount, and the provider runs as a
/// pod. A SecretProviderClass is used by the ServiceAccounts of the pods that mount it.
pub const TOKEN_CLIENTS: [TokenClientKind; 15] = [
    kind(KEDA, "TriggerAuthentication", OF_WORKLOAD, AccountField::Workload),
    kind(KEDA, CLUSTER_AUTHENTICATION, OF_WORKLOAD, AccountField::Workload),
    kind(KEDA, "ScaledObject", &[], AccountField::None),
    kind(KEDA, "ScaledJob", &[], AccountField::None),
    kind(EXTERNAL_SECRETS, "SecretStore", &[], STORE_REFERENCE),
    kind(EXTERNAL_SECRETS, "ClusterSecretStore", &[], STORE_REFERENCE),
    kind(GENERATORS, "ECRAuthorizationToken", &[], GENERATOR_REFERENCE),
    kind(GENERATORS, "STSSessionToken", &[], GENERATOR_REFERENCE),
    kind(CERT_MANAGER, "Issuer", &[], ROUTE53_REFERENCE),
    kind(CERT_MANAGER, "ClusterIssuer", &[], ROUTE53_REFERENCE),
    kind(
        FLUX_SOURCE,
        "OCIRepository",
        OF_AWS,
        AccountField::Name("serviceAccountName"),
    ),
    kind(
        FLUX_SOURCE,
        "Bucket",
        OF_AWS,
        AccountField::Name("serviceAccountName"),
    ),
    kind(
        "image.toolkit.fluxcd.io",
        "ImageRepository",
        OF_AWS,
        AccountField::Name("serviceAccountName"),
    ),
    kind(
        "kustomize.toolkit.fluxcd.io",
        "Kustomization",
        &[],
        AccountField::Name("decryption.serviceAccountName"),
    ),
    kind(SECRETS_STORE, PROVIDER_CLASS, &[], AccountField::None),
];

const fn kind(
    group: &'static str,
    kind: &'static str,
    conditions: &'static [(&'static str, &'static [&'static str])],
    account: AccountField,
) -> TokenClientKind {
    TokenClientKind {
        group,
        kind,
        conditions,
        account,
    }
}

/// The objects that create tokens of the subject, by kind and name.
#[must_use]
pub fn token_clients(facts: &TokenClientFacts, subject: &Subject) -> BTreeSet<String> {
    let objects = facts.objects.iter();
    let uses = objects.filter(|object| uses_account(object, &facts.objects, subject));
    uses.map(ToString::to_string).collect()
}

/// Returns true if a volume of a SecretProviderClass needs the role annotation: its provider is that of AWS and does not use
/// Pod Identity. A class that was not read counts as one that does.
#[must_use]
pub fn needs_annotation(facts: &TokenClientFacts, class: &str, subject: &Subject) -> bool {
    let is_class = |object: &&ClusterObject| {
        object.kind == PROVIDER_CLASS
            && object.name == class
            && is_in_namespace(object.namespace.as_deref(), subject)
    };
    let Some(object) = facts.objects.iter().find(is_class) else {
        return true;
    };
    let text = |path: &str| at(&object.spec, path).into_iter().find_map(Value::as_str);
    text("provider").is_none_or(|provider| provider == "aws")
        && text("parameters.usePodIdentity") != Some("true")
}

fn uses_account(object: &ClusterObject, all: &[ClusterObject], subject: &Subject) -> bool {
    let mut kinds = TOKEN_CLIENTS.iter();
    let Some(kind) = kinds.find(|kind| kind.group == object.group && kind.kind == object.kind) else {
        return false;
    };
    let is_met = |(path, allowed): &(&str, &[&str])| {
        let mut values = at(&object.spec, path).into_iter().filter_map(Value::as_str);
        values.any(|value| allowed.contains(&value))
    };
    kind.conditions.iter().all(is_met)
        && match kind.account {
            AccountField::Reference(path) => {
                let mut references = at(&object.spec, path).into_iter();
                references.any(|reference| refers_to(object, reference, subject))
            }
            AccountField::Name(path) => {
                let mut names = at(&object.spec, path).into_iter().filter_map(Value::as_str);
                is_in_namespace(object.namespace.as_deref(), subject)
                    && names.any(|name| name == subject.name.as_str())
            }
            AccountField::Workload => serves_namespace(object, all, subject),
            AccountField::None => false,
        }
}

fn refers_to(object: &ClusterObject, reference: &Value, subject: &Subject) -> bool {
    let text = |key: &str| reference.get(key).and_then(Value::as_str);
    // An object of a namespace refers to its own namespace only, whatever the reference says.
    let namespace = object.namespace.as_deref().or_else(|| text("namespace"));
    text("name") == Some(subject.name.as_str()) && is_in_namespace(namespace, subject)
}

/// An object of the cluster serves a namespace if an object there refers to it.
fn serves_namespace(object: &ClusterObject, all: &[ClusterObject], subject: &Subject) -> bool {
    if object.namespace.is_some() {
        return is_in_namespace(object.namespace.as_deref(), subject);
    }
    let refers = |reference: &Value| {
        reference.get("kind").and_then(Value::as_str) == Some(CLUSTER_AUTHENTICATION)
            && reference.get("name").and_then(Value::as_str) == Some(object.name.as_str())
    };
    let users = all.iter().filter(|user| {
        user.group == object.group
            && user.namespace.is_some()
            && is_in_namespace(user.namespace.as_deref(), subject)
    });
    let mut references = users.flat_map(|user| at(&user.spec, "triggers.authenticationRef"));
    references.any(refers)
}

/// An unknown namespace may be any.
fn is_in_namespace(namespace: Option<&str>, subject: &Subject) -> bool {
    namespace.is_none_or(|namespace| namespace == subject.namespace.as_str())
}

/// The values at a path, through each item of the lists on the way.
fn at<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![value];
    for key in path.split('.') {
        let inner = found.into_iter().filter_map(|value| value.get(key));
        found = inner.flat_map(items).collect();
    }
    found
}

fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![value],
    }
}
