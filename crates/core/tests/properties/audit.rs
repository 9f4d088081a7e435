//! Random containers: the effective form is the first one of the SDKs' order, and no value of a variable, of an argument or of
//! a path reaches any output. No I/O.

use std::collections::BTreeMap;

use lanyard_core::audit::{
    ContainerFacts, Fleet, Fold, Form, Load, LoadKind, Mount, MountSource, NodeKind, PodFacts, Reference,
    Row, rows,
};
use lanyard_core::model::fact::Fact;
use lanyard_core::model::workload::WorkloadRef;
use proptest::prelude::*;

/// A mark in every value that must not be shown.
const SECRET: &str = "c0ffee";

/// A setting of a container.
#[derive(Debug, Clone)]
enum Set {
    Literal(&'static str),
    Reference(&'static str),
    Load,
    Mount(&'static str),
    Argument,
}

const NAMES: [&str; 13] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "S3_KEY",
    "PASSWORD",
];

/// The variables that decide, in the order of the SDKs.
const ORDER: [(&str, Form); 7] = [
    ("AWS_ACCESS_KEY_ID", Form::StaticKey),
    ("AWS_PROFILE", Form::Profile),
    ("AWS_DEFAULT_PROFILE", Form::Profile),
    ("AWS_SHARED_CREDENTIALS_FILE", Form::Profile),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", Form::WebIdentity),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", Form::ContainerEndpoint),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", Form::ContainerEndpoint),
];

fn sets() -> impl Strategy<Value = Vec<Set>> {
    let name = || proptest::sample::select(&NAMES[..]);
    let one = prop_oneof![
        4 => name().prop_map(Set::Literal),
        2 => name().prop_map(Set::Reference),
        1 => Just(Set::Load),
        1 => proptest::sample::select(&["/etc/app/.aws", "/etc/keys", "/"][..]).prop_map(Set::Mount),
        1 => Just(Set::Argument),
    ];
    proptest::collection::vec(one, 0..8)
}

fn container(sets: &[Set]) -> ContainerFacts {
    let mounts: Vec<Mount> = sets
        .iter()
        .filter_map(|set| match set {
            Set::Mount(path) => Some(Mount {
                path: format!("{path}/{SECRET}"),
                sources: vec![MountSource::Secret("files".to_owned())],
            }),
            _ => None,
        })
        .collect();
    let mut facts = ContainerFacts::new("app", &mounts);
    for set in sets {
        match set {
            Set::Literal(name) => facts.literal(name, &format!("/etc/app/.aws/{SECRET}/x"), &mounts),
            Set::Reference(name) => facts.reference(name, Reference::Other),
            Set::Load => facts.load(Load {
                kind: LoadKind::Secret,
                name: "app".to_owned(),
                prefix: String::new(),
                has_access_key: None,
            }),
            Set::Mount(_) => {}
            Set::Argument => facts.arguments([SECRET]),
        }
    }
    facts
}

fn row(container: ContainerFacts) -> Row {
    let mut fold = Fold::default();
    fold.pod(&PodFacts {
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
    });
    let fleet = Fleet {
        cluster: None,
        accounts: Fact::Present(BTreeMap::new()),
        associations: Fact::Present(BTreeMap::new()),
        identities: Fact::Present(BTreeMap::new()),
        roles: BTreeMap::new(),
        now: "2026-06-01T00:00:00Z".parse().unwrap(),
    };
    rows(fold.usages(), &fleet).remove(0)
}

fn sets_name(set: &Set, name: &str) -> bool {
    matches!(set, Set::Literal(set) | Set::Reference(set) if *set == name)
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn effective_form_is_the_first_of_the_order(sets in sets()) {
        let first = ORDER.iter().find(|(name, _)| sets.iter().any(|set| sets_name(set, name)));
        let row = row(container(&sets));
        match first {
            Some((_, form)) => prop_assert_eq!((row.form, row.is_certain), (*form, true)),
            None => prop_assert!(!row.is_certain && matches!(row.form, Form::Profile | Form::NodeRole), "{:?}", row),
        }
        prop_assert!(row.others.iter().all(|other| other.form > row.form), "{:?}", row);
    }

    #[test]
    fn no_value_reaches_a_row(sets in sets()) {
        let facts = container(&sets);
        prop_assert!(!format!("{facts:?}").contains(SECRET), "{:?}", facts);
        let row = row(facts);
        prop_assert!(!format!("{row:?}").contains(SECRET), "{:?}", row);
    }
}
