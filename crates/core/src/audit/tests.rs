//! Tables of containers with their effective form and evidence. No I/O.

mod verdicts;

use std::collections::BTreeMap;

use super::*;
use crate::example::cluster;
use crate::model::arn::RoleArn;
use crate::model::fact::Fact;
use crate::model::workload::WorkloadRef;

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const TOKEN: (&str, &str) = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
);
const ROLE: &str = "arn:aws:iam::111122223333:role/orders";
const ROLE_ENV: (&str, &str) = ("AWS_ROLE_ARN", ROLE);
const AGENT: (&str, &str) = (
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "http://169.254.170.23/v1/credentials",
);

fn mount(path: &str, source: MountSource) -> Mount {
    Mount {
        path: path.to_owned(),
        sources: vec![source],
    }
}

fn container(env: &[(&str, &str)], mounts: &[Mount]) -> ContainerFacts {
    let mut facts = ContainerFacts::new("app", mounts);
    for (name, value) in env {
        facts.literal(name, value, mounts);
    }
    facts
}

fn pod(container: ContainerFacts) -> PodFacts {
    PodFacts {
        namespace: "shop".to_owned(),
        workload: WorkloadRef {
            kind: "Deployment".to_owned(),
            name: "api".to_owned(),
        },
        service_account: "orders".to_owned(),
        containers: vec![container],
        proxy_role: None,
        node: NodeKind::Ordinary,
        host_network: false,
        token_volume: None,
        skips_webhook: false,
    }
}

fn fleet() -> Fleet {
    Fleet {
        cluster: Some(cluster()),
        accounts: Fact::Present(BTreeMap::new()),
        associations: Fact::Present(BTreeMap::new()),
        identities: Fact::Present(BTreeMap::new()),
        roles: BTreeMap::new(),
        now: "2026-06-01T00:00:00Z".parse().unwrap(),
    }
}

fn subject() -> SubjectRef {
    ("shop".to_owned(), "orders".to_owned())
}

fn role() -> RoleArn {
    RoleArn::parse(ROLE).unwrap()
}

fn association(add_on: Option<&str>) -> Fact<BTreeMap<SubjectRef, AssociationFacts>> {
    let association = AssociationFacts {
        id: "a-1".to_owned(),
        role: Fact::Present(role()),
        add_on: add_on.map(str::to_owned),
    };
    Fact::Present([(subject(), association)].into())
}

fn annotation(value: &str) -> Fact<BTreeMap<SubjectRef, AccountFacts>> {
    let account = AccountFacts {
        role: Some(value.to_owned()),
        manager: Some("helm".to_owned()),
    };
    Fact::Present([(subject(), account)].into())
}

fn one(pod: &PodFacts, fleet: &Fleet) -> Row {
    let mut fold = Fold::default();
    fold.pod(pod);
    rows(fold.usages(), fleet).remove(0)
}

fn template(pod: &PodFacts, fleet: &Fleet) -> Row {
    let mut fold = Fold::default();
    fold.template(pod);
    rows(fold.usages(), fleet).remove(0)
}

fn codes(row: &Row) -> Vec<&'static str> {
    row.findings.iter().map(|finding| finding.code.as_str()).collect()
}

#[test]
fn effective_form_follows_the_sdk_order() {
    let keys = ("AWS_ACCESS_KEY_ID", KEY);
    let profile = ("AWS_PROFILE", "team");
    let relative = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x");
    for (env, expected) in [
        (vec![AGENT, TOKEN, ROLE_ENV, profile, keys], Form::StaticKey),
        (vec![AGENT, TOKEN, ROLE_ENV, profile], Form::Profile),
        (vec![AGENT, TOKEN, ROLE_ENV], Form::WebIdentity),
        (vec![AGENT, relative], Form::ContainerEndpoint),
        (vec![AGENT], Form::PodIdentity),
        (vec![("AWS_REGION", "eu-west-1")], Form::NodeRole),
        (vec![("AWS_ACCESS_KEY_ID", ""), AGENT], Form::PodIdentity),
        (vec![keys, ("AWS_ACCESS_KEY_ID", "")], Form::NodeRole),
        (vec![("S3_KEY", KEY)], Form::StaticKey),
        (vec![("S3_KEY", KEY), AGENT], Form::PodIdentity),
        (
            vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/x")],
            Form::ContainerEndpoint,
        ),
    ] {
        assert_eq!(
            one(&pod(container(&env, &[])), &fleet()).form,
            expected,
            "{env:?}"
        );
    }
}

#[test]
fn static_key_is_masked_and_should_move_now() {
    let row = one(
        &pod(container(
            &[("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", "geheim")],
            &[],
        )),
        &fleet(),
    );
    assert_eq!(row.evidence, ["AWS_ACCESS_KEY_ID with the value AKIA…MPLE"]);
    assert_eq!((codes(&row), row.advice.when), (vec!["LY701"], When::Now));
    let shown = format!("{row:?}");
    assert!(!shown.contains(KEY) && !shown.contains("geheim"), "{shown}");
}

#[test]
fn stray_key_beside_a_binding_is_a_finding() {
    let row = one(&pod(container(&[("S3_KEY", KEY), AGENT], &[])), &fleet());
    assert_eq!(codes(&row), ["LY701"]);
    let mut arguments = container(&[], &[]);
    arguments.arguments(["--access-key", KEY]);
    let row = one(&pod(arguments), &fleet());
    assert_eq!(row.evidence, ["AKIA…MPLE in its arguments"]);
}

#[test]
fn key_by_reference_names_object_and_key() {
    let mut facts = container(&[AGENT], &[]);
    facts.reference(
        "AWS_ACCESS_KEY_ID",
        Reference::Secret {
            name: "s3".to_owned(),
            key: "id".to_owned(),
        },
    );
    let row = one(&pod(facts), &fleet());
    assert_eq!(row.evidence, ["AWS_ACCESS_KEY_ID from key id of Secret s3"]);
    assert_eq!(codes(&row), ["LY701", "LY706"]);
}

fn load(prefix: &str, has_access_key: Option<bool>) -> Load {
    Load {
        kind: LoadKind::Secret,
        name: "app".to_owned(),
        prefix: prefix.to_owned(),
        has_access_key,
    }
}

#[test]
fn unread_object_of_env_from_is_perhaps_a_key() {
    for (prefix, has_access_key, form, expected) in [
        ("", None, Form::PodIdentity, vec!["LY702"]),
        ("", Some(true), Form::StaticKey, vec!["LY701", "LY706"]),
        ("", Some(false), Form::PodIdentity, vec![]),
        ("AWS_", None, Form::PodIdentity, vec!["LY702"]),
        ("APP_", None, Form::PodIdentity, vec![]),
    ] {
        let mut facts = container(&[AGENT], &[]);
        facts.load(load(prefix, has_access_key));
        let row = one(&pod(facts), &fleet());
        assert_eq!(
            (row.form, codes(&row)),
            (form, expected),
            "{prefix:?} {has_access_key:?}"
        );
    }
    let mut overridden = container(&[("AWS_ACCESS_KEY_ID", ""), AGENT], &[]);
    overridden.load(load("", None));
    assert_eq!(codes(&one(&pod(overridden), &fleet())), Vec::<&str>::new());
}

#[test]
fn files_are_found_by_variable_and_by_mount() {
    let secret = || MountSource::Secret("aws".to_owned());
    let mounted = [mount("/etc/app/.aws", secret())];
    let row = one(&pod(container(&[], &mounted)), &fleet());
    assert_eq!((row.form, row.is_certain), (Form::Profile, false));
    assert_eq!(row.evidence, ["Secret aws at .aws"]);
    let row = one(&pod(container(&[TOKEN, ROLE_ENV], &mounted)), &fleet());
    assert_eq!((row.form, codes(&row)), (Form::WebIdentity, vec!["LY702"]));
    let volumes = [
        mount("/etc/keys", secret()),
        mount("/etc", MountSource::volume("etc")),
    ];
    let variable = ("AWS_SHARED_CREDENTIALS_FILE", "/etc/keys/credentials");
    let row = one(&pod(container(&[variable], &volumes)), &fleet());
    assert_eq!(row.evidence, ["AWS_SHARED_CREDENTIALS_FILE in Secret aws"]);
    let windows = [mount("C:\\Users\\app\\.aws", secret())];
    assert_eq!(one(&pod(container(&[], &windows)), &fleet()).form, Form::Profile);
}
