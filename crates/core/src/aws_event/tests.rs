//! Tests of the parsing of events, on records in the form of CloudTrail: `tests/notices`.

mod rules;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::parse::{ARN_LIMIT, BODY_LIMIT, PROVIDER_CALLS};
use super::*;
use crate::example;
use crate::model::arn::RoleArn;
use crate::model::cluster::Cluster;
use crate::model::name::{AccountId, Namespace, RoleName, ServiceAccountName};

/// All recorded events.
const RECORDS: [(&str, &str); 13] = [
    (
        "attach-policy",
        include_str!("../../tests/notices/attach-policy.json"),
    ),
    (
        "create-association",
        include_str!("../../tests/notices/create-association.json"),
    ),
    (
        "create-policy-version",
        include_str!("../../tests/notices/create-policy-version.json"),
    ),
    (
        "create-provider",
        include_str!("../../tests/notices/create-provider.json"),
    ),
    (
        "create-user",
        include_str!("../../tests/notices/create-user.json"),
    ),
    (
        "delete-association",
        include_str!("../../tests/notices/delete-association.json"),
    ),
    (
        "delete-role",
        include_str!("../../tests/notices/delete-role.json"),
    ),
    (
        "delete-role-denied",
        include_str!("../../tests/notices/delete-role-denied.json"),
    ),
    (
        "own-attach-policy",
        include_str!("../../tests/notices/own-attach-policy.json"),
    ),
    (
        "remove-client-id",
        include_str!("../../tests/notices/remove-client-id.json"),
    ),
    (
        "untag-association",
        include_str!("../../tests/notices/untag-association.json"),
    ),
    (
        "update-association",
        include_str!("../../tests/notices/update-association.json"),
    ),
    (
        "update-trust",
        include_str!("../../tests/notices/update-trust.json"),
    ),
];

fn record(name: &str) -> Value {
    let (_, text) = RECORDS.iter().find(|(known, _)| *known == name).unwrap();
    serde_json::from_str(text).unwrap()
}

/// The record with other values at these JSON pointers; null removes the value.
fn changed(name: &str, changes: &[(&str, Value)]) -> String {
    let mut record = record(name);
    for (pointer, value) in changes {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = record.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.insert(field.to_owned(), value.clone());
    }
    record.to_string()
}

fn parse_at(cluster: &Cluster, body: &str) -> Result<AwsChange, Ignored> {
    let scope = EventScope {
        cluster,
        accounts: vec![AccountId::parse("444455556666").unwrap()],
        own_callers: vec![
            Caller::parse("arn:aws:sts::111122223333:assumed-role/lanyard-prod/eks-prod-lanyard-0"),
            Caller::parse("arn:aws:iam::444455556666:role/lanyard-there"),
        ],
    };
    parse(body, &scope)
}

fn parse_here(body: &str) -> Result<AwsChange, Ignored> {
    parse_at(&example::cluster(), body)
}

fn changed_resource(name: &str) -> ChangedResource {
    parse_here(&record(name).to_string()).unwrap().resource
}

fn role(account: &str, name: &str) -> ChangedResource {
    ChangedResource::Role {
        account: AccountId::parse(account).unwrap(),
        name: RoleName::parse(name).unwrap(),
    }
}

fn orders() -> ChangedResource {
    ChangedResource::Subject {
        namespace: Namespace::parse("shop").unwrap(),
        name: ServiceAccountName::parse("orders").unwrap(),
    }
}

fn association() -> ChangedResource {
    ChangedResource::Association {
        id: "a-1b2c3d4e5f6a7b8c9".to_owned(),
    }
}

#[test]
fn role_call_is_a_change_of_the_role_at_the_call_time() {
    for name in ["update-trust", "attach-policy", "delete-role"] {
        assert_eq!(
            changed_resource(name),
            role("111122223333", "shop-orders-f4647193"),
            "{name}"
        );
    }
    let change = parse_here(&record("update-trust").to_string()).unwrap();
    assert_eq!(change.time, "2026-11-27T10:15:30Z".parse().unwrap());
}

#[test]
fn association_call_names_the_subject_or_the_id() {
    for name in ["create-association", "update-association", "delete-association"] {
        assert_eq!(changed_resource(name), orders(), "{name}");
    }
    let silent = changed("delete-association", &[("/detail/responseElements", Value::Null)]);
    assert_eq!(parse_here(&silent).unwrap().resource, association());
    assert_eq!(changed_resource("untag-association"), association());
    let plain = "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-1b2c3d4e5f6a7b8c9";
    let plain = changed(
        "untag-association",
        &[("/detail/requestParameters/resourceArn", json!(plain))],
    );
    assert_eq!(parse_here(&plain).unwrap().resource, association());
}

#[test]
fn cluster_name_of_model_or_reference_is_parsed() {
    let request = json!({"name": "prod", "associationId": "a-1b2c3d4e5f6a7b8c9"});
    let body = changed(
        "delete-association",
        &[
            ("/detail/requestParameters", request),
            ("/detail/responseElements", Value::Null),
        ],
    );
    assert_eq!(parse_here(&body).unwrap().resource, association());
}

#[test]
fn provider_change_is_parsed_and_its_tagging_ignored() {
    let arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A1".to_owned();
    for name in ["create-provider", "remove-client-id"] {
        assert_eq!(
            changed_resource(name),
            ChangedResource::Provider { arn: arn.clone() },
            "{name}"
        );
    }
    let tagged = changed(
        "remove-client-id",
        &[("/detail/eventName", json!("TagOpenIDConnectProvider"))],
    );
    assert_eq!(parse_here(&tagged), Err(Ignored::Unmanaged));
}

#[test]
fn irrelevant_event_is_ignored_with_its_cause() {
    let body = |name: &str, pointer: &str, value: Value| changed(name, &[(pointer, value)]);
    for (body, ignored) in [
        (record("delete-role-denied").to_string(), Ignored::Failed),
        (record("own-attach-policy").to_string(), Ignored::OwnCall),
        (record("create-policy-version").to_string(), Ignored::Unmanaged),
        (record("create-user").to_string(), Ignored::Unmanaged),
        (
            body("update-trust", "/detail/readOnly", json!(true)),
            Ignored::ReadOnly,
        ),
        (
            body("update-trust", "/account", json!("999900001111")),
            Ignored::ForeignAccount,
        ),
        (
            body("update-trust", "/account", json!("root")),
            Ignored::Malformed,
        ),
        (
            body(
                "update-trust",
                "/detail-type",
                json!("AWS Service Event via CloudTrail"),
            ),
            Ignored::ForeignEvent,
        ),
        (
            body("update-trust", "/detail/eventSource", json!("s3.amazonaws.com")),
            Ignored::ForeignEvent,
        ),
        (
            body("delete-association", "/detail/awsRegion", json!("eu-central-1")),
            Ignored::ForeignCluster,
        ),
        (
            body(
                "delete-association",
                "/detail/requestParameters/clusterName",
                json!("test"),
            ),
            Ignored::ForeignCluster,
        ),
        (
            body("delete-association", "/account", json!("444455556666")),
            Ignored::ForeignCluster,
        ),
        (body("update-trust", "/detail", json!("text")), Ignored::Malformed),
        ("{\"detail-type\":".to_owned(), Ignored::Malformed),
        (String::new(), Ignored::Malformed),
        (format!("\"{}\"", "x".repeat(BODY_LIMIT)), Ignored::TooLarge),
    ] {
        assert_eq!(
            parse_here(&body),
            Err(ignored),
            "{}",
            body.get(..200).unwrap_or(&body)
        );
    }
}

#[test]
fn event_without_call_time_uses_the_envelope_time() {
    let body = changed("update-trust", &[("/detail/eventTime", json!("yesterday"))]);
    assert_eq!(
        parse_here(&body).unwrap().time,
        "2026-11-27T10:15:31Z".parse().unwrap()
    );
    let body = changed(
        "update-trust",
        &[("/detail/eventTime", json!("")), ("/time", json!(""))],
    );
    assert_eq!(parse_here(&body), Err(Ignored::Malformed));
}

#[test]
fn china_partition_detail_type_is_parsed() {
    let body = changed(
        "update-trust",
        &[("/detail-type", json!("Amazon API Call via CloudTrail"))],
    );
    assert!(parse_here(&body).is_ok());
}

#[test]
fn role_in_class_account_is_a_different_role() {
    let elsewhere = changed("update-trust", &[("/account", json!("444455556666"))]);
    let resource = parse_here(&elsewhere).unwrap().resource;
    assert_eq!(resource, role("444455556666", "shop-orders-f4647193"));
    let refs = ResourceRefs {
        roles: vec![
            RoleArn::parse("arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/shop-orders-f4647193")
                .unwrap(),
        ],
        ..ResourceRefs::default()
    };
    assert!(!refs.include(&resource) && refs.include(&role("111122223333", "Shop-Orders-f4647193")));
}

#[test]
fn own_call_in_class_account_is_ignored() {
    let issuer = "/detail/userIdentity/sessionContext/sessionIssuer/arn";
    let elsewhere = [
        ("/account", json!("444455556666")),
        (issuer, json!("arn:aws:iam::444455556666:role/lanyard-there")),
    ];
    assert_eq!(
        parse_here(&changed("own-attach-policy", &elsewhere)),
        Err(Ignored::OwnCall)
    );
}

#[test]
fn non_eks_cluster_ignores_association_events() {
    let body = record("delete-association").to_string();
    assert_eq!(parse_at(&example::off_eks(), &body), Err(Ignored::ForeignCluster));
    let body = record("update-trust").to_string();
    assert!(parse_at(&example::off_eks(), &body).is_ok());
}

#[test]
fn ignored_labels_are_valid_and_unique() {
    let labels = Ignored::ALL.map(Ignored::as_str);
    let all: std::collections::BTreeSet<_> = labels.into_iter().collect();
    assert_eq!(all.len(), Ignored::ALL.len());
    assert!(
        all.iter()
            .all(|label| label.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    );
}

/// A random JSON value of limited depth.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "(arn:aws:iam::111122223333:(role|oidc-provider)/.{0,20}|a-[0-9a-f]{1,80}|2026-11-27T.{0,12})"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z-]{1,18}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// All JSON pointers of a record.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    if let Value::Object(fields) = value {
        for (key, value) in fields {
            places(value, &format!("{at}/{key}"), all);
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_text_does_not_panic(body in ".{0,400}") {
        let _ = parse_here(&body);
    }

    #[test]
    fn arbitrary_json_does_not_panic_or_exceed_limits(
        which in 0..RECORDS.len(), place in any::<prop::sample::Index>(), value in any_json(),
    ) {
        let mut record: Value = serde_json::from_str(RECORDS[which].1).unwrap();
        let mut all = Vec::new();
        places(&record, "", &mut all);
        *record.pointer_mut(&all[place.index(all.len())]).unwrap() = value;
        if let Ok(change) = parse_here(&record.to_string()) {
            let text = format!("{:?}", change.resource);
            prop_assert!(text.len() <= ARN_LIMIT + 100, "{}", text);
        }
    }

    #[test]
    fn truncated_record_is_malformed(which in 0..RECORDS.len(), cut in any::<prop::sample::Index>()) {
        let text = RECORDS[which].1.trim_end();
        let text = &text[..cut.index(text.len())];
        prop_assert_eq!(parse_here(text), Err(Ignored::Malformed));
    }
}
