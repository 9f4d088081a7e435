//! Tests of probable mistakes: names, resources and condition keys. No I/O.

use serde_json::{Value, json};

use super::mistakes;

fn of(statement: Value) -> Vec<String> {
    let document = json!({"Version": "2012-10-17", "Statement": [statement]});
    let found = mistakes(&document).into_iter();
    found
        .map(|found| format!("{}: {}", found.place, found.problem))
        .collect()
}

fn allow(action: Value, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

#[test]
fn misspelt_names_are_reported_with_the_nearest_name() {
    assert_eq!(
        of(allow(json!(["sqs:SendMessge"]), "*")),
        ["Statement[0].Action[0]: sqs has no action `SendMessge`. Did you mean `sqs:SendMessage`?"]
    );
    assert_eq!(
        of(allow(json!("dynamdb:GetItem"), "*")),
        ["Statement[0].Action: AWS has no service `dynamdb`. Did you mean `dynamodb`?"]
    );
    assert_eq!(
        of(allow(json!("s3:Fetch*"), "*")),
        ["Statement[0].Action: `Fetch*` matches no action of s3."]
    );
}

#[test]
fn right_policies_have_no_mistake() {
    for (action, resource) in [
        (json!("*"), "*"),
        (json!("s3:*"), "arn:aws:s3:::data"),
        (json!(["S3:getobject", "s3:PutObject"]), "arn:aws:s3:::data/*"),
        (json!("s3:ListBucket"), "arn:aws:s3:::data"),
        (json!("s3:ListAllMyBuckets"), "arn:aws:s3:::*"),
        (json!("sqs:Send*"), "arn:aws:sqs:*:*:orders"),
        (json!("kms:Decrypt"), "arn:aws:kms:eu-west-1:111122223333:key/1"),
        (
            json!("dynamodb:Query"),
            "arn:aws:dynamodb:*:*:table/${aws:PrincipalTag/team}/index/*",
        ),
        (json!("s3:GetObject"), "*"),
    ] {
        let found = of(allow(action.clone(), resource));
        assert!(found.is_empty(), "{action} {resource}: {found:?}");
    }
}

#[test]
fn action_on_resource_of_another_type_is_reported() {
    for (action, resource) in [
        ("s3:GetObject", "arn:aws:s3:::data"),
        ("s3:ListBucket", "arn:aws:s3:::data/*"),
        ("s3:GetObj*", "arn:aws:sqs:*:*:orders"),
        ("sqs:SendMessage", "arn:aws:sns:*:*:orders"),
    ] {
        let found = of(allow(json!(action), resource));
        let expected = format!("`{action}` never applies to the resources of this statement.");
        assert!(
            found.len() == 1 && found.iter().all(|text| text.contains(&expected)),
            "{found:?}"
        );
    }
}

#[test]
fn unknown_condition_key_of_named_service_is_reported() {
    let with = |key: &str| {
        json!({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*",
            "Condition": {"StringLike": {key: "a"}}})
    };
    assert_eq!(
        of(with("s3:prefx")),
        [
            "Statement[0].Condition.StringLike.s3:prefx: AWS has no condition key `s3:prefx`. Did you mean `s3:prefix`?"
        ]
    );
    for known in [
        "s3:prefix",
        "S3:Prefix",
        "s3:RequestObjectTag/team",
        "aws:SourceVpce",
        "kms:ViaServices",
    ] {
        assert!(of(with(known)).is_empty(), "{known}");
    }
}

#[test]
fn what_is_no_policy_has_no_mistake() {
    for document in [
        json!(null),
        json!({"Statement": 1}),
        json!({"Statement": [{"Action": 1}]}),
    ] {
        assert!(mistakes(&document).is_empty());
    }
}
