//! Tests of the rules of `lint`, each with a document that violates it.

use serde_json::{Value, json};

use super::{Defect, Kind, SESSION, lint};

fn identity(changes: Value) -> Value {
    let mut statement = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
    merge(&mut statement, changes);
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

fn trust(changes: Value) -> Value {
    let mut statement =
        json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}});
    merge(&mut statement, changes);
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

/// Sets the given elements, and removes the elements given as null.
fn merge(statement: &mut Value, changes: Value) {
    let object = statement.as_object_mut().unwrap();
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            object.remove(key);
        } else {
            object.insert(key.clone(), value.clone());
        }
    }
}

/// The paths of all defects.
fn places(document: &Value, kind: Kind) -> Vec<String> {
    lint(document, kind)
        .into_iter()
        .map(|defect| defect.place)
        .collect()
}

/// The single defect of a document.
fn problem(document: &Value, kind: Kind) -> String {
    let defects = lint(document, kind);
    match defects.as_slice() {
        [Defect { problem, .. }] => problem.clone(),
        other => panic!("one defect was expected, not {other:?}"),
    }
}

#[test]
fn valid_documents_have_no_defect() {
    let fine = [
        (identity(json!({})), Kind::Identity),
        (
            identity(json!({"Sid": "", "NotAction": ["iam:*", "*"], "Action": null})),
            Kind::Session,
        ),
        (
            identity(json!({"Resource": ["arn:aws:s3:::a/${aws:username}", "arn:aws:sqs:*"]})),
            Kind::Identity,
        ),
        (identity(json!({"Condition": {}})), Kind::Identity),
        (
            trust(json!({"Principal": "*", "Action": ["sts:AssumeRole", "STS:TagSession"]})),
            Kind::Trust,
        ),
        (
            trust(json!({"Condition": {"ForAnyValue:StringLikeIfExists": {"aws:TagKeys": ["a", 1, true]}}})),
            Kind::Trust,
        ),
        (
            trust(json!({"Condition": {"Null": {"aws:SourceArn": ["true", false]}}})),
            Kind::Trust,
        ),
        (
            json!({"Statement": {"Effect": "Deny", "Action": "*", "NotResource": "*"}}),
            Kind::Identity,
        ),
    ];
    for (document, kind) in fine {
        assert_eq!(lint(&document, kind), Vec::new(), "{document}");
    }
}

#[test]
fn document_must_be_an_object() {
    for document in [json!([]), json!("{}"), json!(null)] {
        assert!(problem(&document, Kind::Identity).starts_with("A policy document is an object"));
    }
    assert_eq!(
        places(&json!({"Statement": ["x", 1]}), Kind::Trust),
        ["Statement[0]", "Statement[1]"]
    );
}

#[test]
fn document_without_statement_is_a_defect() {
    for document in [json!({"Version": "2012-10-17"}), json!({"Statement": []})] {
        assert!(problem(&document, Kind::Identity).contains("needs at least one statement"));
    }
}

#[test]
fn misspelled_key_suggests_the_correct_one() {
    let mut document = identity(json!({"resource": "*", "Resource": "*", "Actions": "a:b"}));
    document["statement"] = json!([]);
    let problems: Vec<String> = lint(&document, Kind::Identity)
        .into_iter()
        .map(|defect| defect.problem)
        .collect();
    for meant in [
        "did you mean `Statement`?",
        "did you mean `Resource`?",
        "did you mean `Action`?",
    ] {
        assert!(
            problems.iter().any(|problem| problem.ends_with(meant)),
            "{meant} {problems:?}"
        );
    }
    assert_eq!(
        problem(&identity(json!({"Extra": 1})), Kind::Identity),
        "`Extra` is not an element of a policy; remove it."
    );
}

#[test]
fn version_must_be_known() {
    for version in [json!("2012-10-18"), json!(2012), json!(null)] {
        let mut document = identity(json!({}));
        document["Version"] = version;
        assert_eq!(places(&document, Kind::Identity), ["Version"]);
    }
}

#[test]
fn variables_require_the_newer_version() {
    let mut document = identity(json!({"Resource": "arn:aws:s3:::${aws:username}"}));
    document["Version"] = json!("2008-10-17");
    assert!(problem(&document, Kind::Identity).contains("plain text before version 2012-10-17"));
}

#[test]
fn id_is_allowed_only_in_trust_policies() {
    let mut document = identity(json!({}));
    document["Id"] = json!("x");
    assert_eq!(places(&document, Kind::Session), ["Id"]);
    let mut document = trust(json!({}));
    document["Id"] = json!("x");
    assert_eq!(lint(&document, Kind::Trust), Vec::new());
}

#[test]
fn effect_must_be_exact() {
    for effect in [json!("allow"), json!(true), json!(null)] {
        assert_eq!(
            places(&identity(json!({"Effect": effect})), Kind::Identity),
            ["Statement[0].Effect"]
        );
    }
}

#[test]
fn sid_must_be_alphanumeric_and_unique() {
    for sid in [json!("a-b"), json!("a b"), json!(1)] {
        assert_eq!(
            places(&identity(json!({"Sid": sid})), Kind::Identity),
            ["Statement[0].Sid"]
        );
    }
    let statement = json!({"Sid": "a", "Effect": "Allow", "Action": "*", "Resource": "*"});
    let twice = json!({"Statement": [statement, statement]});
    assert_eq!(places(&twice, Kind::Identity), ["Statement[1].Sid"]);
}

#[test]
fn statement_requires_exactly_one_of_each_pair() {
    assert_eq!(
        places(&identity(json!({"NotAction": "a:b"})), Kind::Identity),
        ["Statement[0].NotAction"]
    );
    assert_eq!(
        places(&identity(json!({"Action": null})), Kind::Identity),
        ["Statement[0].Action"]
    );
    assert_eq!(
        places(&identity(json!({"NotResource": "*"})), Kind::Identity),
        ["Statement[0].NotResource"]
    );
    assert_eq!(
        places(&identity(json!({"Resource": null})), Kind::Session),
        ["Statement[0].Resource"]
    );
}

#[test]
fn principal_and_resource_depend_on_policy_kind() {
    assert_eq!(
        places(&identity(json!({"Principal": "*"})), Kind::Identity),
        ["Statement[0].Principal"]
    );
    assert_eq!(
        places(&identity(json!({"NotPrincipal": "*"})), Kind::Session),
        ["Statement[0].NotPrincipal"]
    );
    assert_eq!(
        places(&trust(json!({"Principal": null})), Kind::Trust),
        ["Statement[0].Principal"]
    );
    assert_eq!(
        places(&trust(json!({"Resource": "*"})), Kind::Trust),
        ["Statement[0].Resource"]
    );
    assert_eq!(
        places(&trust(json!({"NotResource": "*"})), Kind::Trust),
        ["Statement[0].NotResource"]
    );
}

#[test]
fn principal_must_be_star_or_typed() {
    for principal in [json!("111122223333"), json!({}), json!(["*"])] {
        assert_eq!(
            places(&trust(json!({"Principal": principal})), Kind::Trust),
            ["Statement[0].Principal"]
        );
    }
    let principal = json!({"Role": "x", "AWS": ["arn:aws:iam::111122223333:role/*", 1], "Service": []});
    assert_eq!(
        places(&trust(json!({"Principal": principal})), Kind::Trust),
        [
            "Statement[0].Principal.AWS[1]",
            "Statement[0].Principal.AWS[0]",
            "Statement[0].Principal.Role",
            "Statement[0].Principal.Service"
        ]
    );
}

#[test]
fn action_must_name_service_and_operation() {
    for action in [
        json!("GetObject"),
        json!("s3:"),
        json!(":x"),
        json!("s3: x"),
        json!("sqs:*:iam:*"),
        json!([]),
        json!(["s3:x", 1]),
    ] {
        assert_eq!(
            places(&identity(json!({"Action": action})), Kind::Identity).len(),
            1,
            "{action}"
        );
    }
    assert_eq!(
        places(&trust(json!({"Action": "s3:GetObject"})), Kind::Trust),
        ["Statement[0].Action"]
    );
}

#[test]
fn resource_must_be_an_arn_or_star() {
    assert_eq!(
        places(&identity(json!({"Resource": ["*", "bucket"]})), Kind::Identity),
        ["Statement[0].Resource[1]"]
    );
    assert_eq!(
        places(&identity(json!({"Resource": {"a": 1}})), Kind::Identity),
        ["Statement[0].Resource"]
    );
}

#[test]
fn condition_requires_known_operators_keys_values() {
    let condition = |condition: Value| problem(&trust(json!({"Condition": condition})), Kind::Trust);
    assert!(condition(json!([])).starts_with("`Condition` is an object"));
    assert!(condition(json!({"stringequals": {"a:b": "x"}})).ends_with("did you mean `StringEquals`?"));
    assert!(condition(json!({"Equals": {"a:b": "x"}})).contains("is not a condition operator"));
    assert!(condition(json!({"StringEquals": {}})).contains("restricts nothing"));
    assert!(condition(json!({"StringEquals": "x"})).starts_with("An operator holds"));
    assert!(condition(json!({"StringEquals": {"a:b": []}})).starts_with("The list is empty"));
    assert!(condition(json!({"StringEquals": {"a:b": {"c": 1}}})).contains("this is an object"));
    assert!(condition(json!({"StringEquals": {"sub": "x"}})).contains("is not a condition key"));
    assert!(condition(json!({"Null": {"a:b": "maybe"}})).starts_with("`Null` accepts"));
}

#[test]
fn character_outside_latin_1_is_a_defect_with_path() {
    let document = identity(json!({"Resource": ["*", "arn:aws:s3:::café", "arn:aws:s3:::a…"]}));
    assert_eq!(places(&document, Kind::Identity), ["Statement[0].Resource[2]"]);
    assert!(problem(&document, Kind::Identity).contains("U+2026"));
}

#[test]
fn document_above_the_limit_is_a_defect() {
    let long: Vec<String> = (0..200).map(|at| format!("arn:aws:s3:::bucket-{at}")).collect();
    let document = identity(json!({"Resource": long}));
    assert!(document.to_string().len() > SESSION);
    assert!(problem(&document, Kind::Session).contains("is 2048 characters"));
    assert_eq!(lint(&document, Kind::Identity), Vec::new());
}
