//! Tests of the reading of messages, on records shaped as CloudTrail's: `tests/notices`.

mod rules;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::example;
use crate::model::arn::RoleArn;

/// Every record there is.
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

/// The same record with other values at these places; null takes a field away.
fn changed(name: &str, changes: &[(&str, Value)]) -> String {
    let mut record = record(name);
    for (pointer, value) in changes {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = record.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.insert(field.to_owned(), value.clone());
    }
    record.to_string()
}

fn read_at(cluster: &Cluster, body: &str) -> Result<AwsChange, Ignored> {
    let home = EventScope {
        cluster,
        accounts: vec![AccountId::parse("444455556666").unwrap()],
        ourselves: vec![
            Caller::parse("arn:aws:sts::111122223333:assumed-role/lanyard-prod/eks-prod-lanyard-0"),
            Caller::parse("arn:aws:iam::444455556666:role/lanyard-there"),
        ],
    };
    read(body, &home)
}

fn read_here(body: &str) -> Result<AwsChange, Ignored> {
    read_at(&example::cluster(), body)
}

fn about(name: &str) -> About {
    read_here(&record(name).to_string()).unwrap().about
}

fn role(account: &str, name: &str) -> About {
    About::Role {
        account: AccountId::parse(account).unwrap(),
        name: RoleName::parse(name).unwrap(),
    }
}

fn orders() -> About {
    About::Subject {
        namespace: Namespace::parse("shop").unwrap(),
        name: ServiceAccountName::parse("orders").unwrap(),
    }
}

fn association() -> About {
    About::Association {
        id: "a-1b2c3d4e5f6a7b8c9".to_owned(),
    }
}

#[test]
fn a_call_about_a_role_is_a_notice_about_it_at_the_time_of_the_call() {
    for name in ["update-trust", "attach-policy", "delete-role"] {
        assert_eq!(
            about(name),
            role("111122223333", "shop-orders-f4647193"),
            "{name}"
        );
    }
    let notice = read_here(&record("update-trust").to_string()).unwrap();
    assert_eq!(notice.at, "2026-11-27T10:15:30Z".parse().unwrap());
}

#[test]
fn an_association_is_told_by_its_subject_else_by_its_id() {
    for name in ["create-association", "update-association", "delete-association"] {
        assert_eq!(about(name), orders(), "{name}");
    }
    let silent = changed("delete-association", &[("/detail/responseElements", Value::Null)]);
    assert_eq!(read_here(&silent).unwrap().about, association());
    assert_eq!(about("untag-association"), association());
    let plain = "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-1b2c3d4e5f6a7b8c9";
    let plain = changed(
        "untag-association",
        &[("/detail/requestParameters/resourceArn", json!(plain))],
    );
    assert_eq!(read_here(&plain).unwrap().about, association());
}

#[test]
fn the_cluster_may_be_called_as_in_the_model_or_as_in_the_reference() {
    let request = json!({"name": "prod", "associationId": "a-1b2c3d4e5f6a7b8c9"});
    let body = changed(
        "delete-association",
        &[
            ("/detail/requestParameters", request),
            ("/detail/responseElements", Value::Null),
        ],
    );
    assert_eq!(read_here(&body).unwrap().about, association());
}

#[test]
fn a_provider_is_noticed_when_it_comes_goes_or_has_other_audiences() {
    let arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A1".to_owned();
    for name in ["create-provider", "remove-client-id"] {
        assert_eq!(about(name), About::Provider { arn: arn.clone() }, "{name}");
    }
    let tagged = changed(
        "remove-client-id",
        &[("/detail/eventName", json!("TagOpenIDConnectProvider"))],
    );
    assert_eq!(read_here(&tagged), Err(Ignored::Unmanaged));
}

#[test]
fn what_nobody_has_to_look_at_has_a_word() {
    let body = |name: &str, pointer: &str, value: Value| changed(name, &[(pointer, value)]);
    for (body, wanted) in [
        (record("delete-role-denied").to_string(), Ignored::Failed),
        (record("own-attach-policy").to_string(), Ignored::SelfMade),
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
            read_here(&body),
            Err(wanted),
            "{}",
            body.get(..200).unwrap_or(&body)
        );
    }
}

#[test]
fn a_call_without_a_time_of_its_own_has_that_of_the_envelope() {
    let body = changed("update-trust", &[("/detail/eventTime", json!("yesterday"))]);
    assert_eq!(
        read_here(&body).unwrap().at,
        "2026-11-27T10:15:31Z".parse().unwrap()
    );
    let body = changed(
        "update-trust",
        &[("/detail/eventTime", json!("")), ("/time", json!(""))],
    );
    assert_eq!(read_here(&body), Err(Ignored::Malformed));
}

#[test]
fn the_other_spelling_of_the_china_partition_is_understood() {
    let body = changed(
        "update-trust",
        &[("/detail-type", json!("Amazon API Call via CloudTrail"))],
    );
    assert!(read_here(&body).is_ok());
}

#[test]
fn a_role_of_an_account_that_a_class_leads_to_is_another_role() {
    let there = changed("update-trust", &[("/account", json!("444455556666"))]);
    let about = read_here(&there).unwrap().about;
    assert_eq!(about, role("444455556666", "shop-orders-f4647193"));
    let ties = ResourceRefs {
        roles: vec![
            RoleArn::parse("arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/shop-orders-f4647193")
                .unwrap(),
        ],
        ..ResourceRefs::default()
    };
    assert!(!ties.include(&about) && ties.include(&role("111122223333", "Shop-Orders-f4647193")));
}

#[test]
fn what_lanyard_does_in_another_account_is_its_own_too() {
    let issuer = "/detail/userIdentity/sessionContext/sessionIssuer/arn";
    let there = [
        ("/account", json!("444455556666")),
        (issuer, json!("arn:aws:iam::444455556666:role/lanyard-there")),
    ];
    assert_eq!(
        read_here(&changed("own-attach-policy", &there)),
        Err(Ignored::SelfMade)
    );
}

#[test]
fn a_cluster_that_is_not_eks_s_has_no_associations() {
    let body = record("delete-association").to_string();
    assert_eq!(read_at(&example::off_eks(), &body), Err(Ignored::ForeignCluster));
    let body = record("update-trust").to_string();
    assert!(read_at(&example::off_eks(), &body).is_ok());
}

#[test]
fn words_are_labels_and_no_two_are_alike() {
    let words = Ignored::ALL.map(Ignored::as_str);
    let all: std::collections::BTreeSet<_> = words.into_iter().collect();
    assert_eq!(all.len(), Ignored::ALL.len());
    assert!(
        all.iter()
            .all(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    );
}

/// Any JSON, not too deep.
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

/// Every place in a record.
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
    fn no_text_makes_it_panic(body in ".{0,400}") {
        let _ = read_here(&body);
    }

    #[test]
    fn no_json_in_any_place_makes_it_panic_or_name_something_longer_than_names_are(
        which in 0..RECORDS.len(), place in any::<prop::sample::Index>(), value in any_json(),
    ) {
        let mut record: Value = serde_json::from_str(RECORDS[which].1).unwrap();
        let mut all = Vec::new();
        places(&record, "", &mut all);
        *record.pointer_mut(&all[place.index(all.len())]).unwrap() = value;
        if let Ok(notice) = read_here(&record.to_string()) {
            let told = format!("{:?}", notice.about);
            prop_assert!(told.len() <= ARN_LIMIT + 100, "{}", told);
        }
    }

    #[test]
    fn a_record_cut_short_is_malformed(which in 0..RECORDS.len(), cut in any::<prop::sample::Index>()) {
        let text = RECORDS[which].1.trim_end();
        let text = &text[..cut.index(text.len())];
        prop_assert_eq!(read_here(text), Err(Ignored::Malformed));
    }
}
