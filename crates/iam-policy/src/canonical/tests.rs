//! Tests of each rule of the canonical form (docs/dev/aws-behaviour.md#document-comparison).

use serde_json::{Value, json};

use super::{DIGEST_LENGTH, digest, same_meaning};
use crate::document::Document;

fn document(version: Option<&str>, statement: Value) -> Document {
    let mut value = json!({ "Statement": statement });
    if let Some(version) = version {
        value["Version"] = json!(version);
    }
    Document::from_value(value).unwrap()
}

fn same(a: Value, b: Value) -> bool {
    same_meaning(&document(Some("2012-10-17"), a), &document(Some("2012-10-17"), b))
}

fn with(element: &str, value: Value) -> Value {
    let mut statement = json!({"Effect": "Allow", "Principal": {"Service": "s"}, "Action": "sts:AssumeRole"});
    statement[element] = value;
    statement
}

fn under(condition: Value) -> Value {
    with("Condition", condition)
}

#[test]
fn single_statement_order_sid_and_repetition_are_ignored() {
    let a = with("Action", json!("a:a"));
    let b = with("Action", json!(["a:b", "a:c"]));
    let mut named = a.clone();
    named["Sid"] = json!("Name");
    assert!(same(a.clone(), json!([a])));
    assert!(same(json!([a, b]), json!([b, named, a])));
}

#[test]
fn list_equals_set_and_text_equals_single_item_list() {
    assert!(same(
        with("Action", json!("a:b")),
        with("Action", json!(["a:b", "a:b"]))
    ));
    assert!(same(
        with("Resource", json!(["x", "y"])),
        with("Resource", json!(["y", "x"]))
    ));
    assert!(!same(with("Action", json!([])), with("Action", json!("a:b"))));
}

#[test]
fn case_is_ignored_only_in_actions_and_condition_keys() {
    assert!(same(
        with("Action", json!("S3:getobject")),
        with("Action", json!("s3:GetObject"))
    ));
    assert!(same(
        under(json!({"StringEquals": {"AWS:sourcearn": "x"}})),
        under(json!({"StringEquals": {"aws:SourceArn": "x"}}))
    ));
    assert!(!same(
        with("Resource", json!("arn:X")),
        with("Resource", json!("arn:x"))
    ));
    assert!(!same(
        under(json!({"StringEquals": {"aws:SourceArn": "X"}})),
        under(json!({"StringEquals": {"aws:SourceArn": "x"}}))
    ));
}

#[test]
fn booleans_and_whole_numbers_equal_their_text() {
    assert!(same(
        under(json!({"Bool": {"a:b": true}})),
        under(json!({"Bool": {"a:b": ["true"]}}))
    ));
    assert!(same(
        under(json!({"NumericEquals": {"a:b": 5}})),
        under(json!({"NumericEquals": {"a:b": "5"}}))
    ));
    assert!(!same(
        under(json!({"NumericEquals": {"a:b": 1.5}})),
        under(json!({"NumericEquals": {"a:b": "1.5"}}))
    ));
}

#[test]
fn arn_equals_equals_arn_like_but_not_string_like() {
    let by = |operator: &str| under(json!({operator: {"aws:SourceArn": "arn:aws:eks:*:1:cluster/c"}}));
    assert!(same(by("ArnEquals"), by("ArnLike")));
    assert!(same(
        by("ForAllValues:ArnNotEqualsIfExists"),
        by("ForAllValues:ArnNotLikeIfExists")
    ));
    assert!(!same(by("ArnLike"), by("StringLike")));
    assert!(!same(by("ArnEquals"), by("ArnNotEquals")));
    assert!(!same(by("ArnLike"), by("ForAnyValue:ArnLike")));
    assert!(!same(by("ArnLike"), by("ArnLikeIfExists")));
}

#[test]
fn string_like_without_wildcard_equals_string_equals() {
    let by = |operator: &str, value: Value| under(json!({operator: {"a:b": value}}));
    assert!(same(
        by("StringLike", json!(["x", "y"])),
        by("StringEquals", json!(["y", "x"]))
    ));
    assert!(same(
        by("StringNotLikeIfExists", json!("x")),
        by("StringNotEqualsIfExists", json!("x"))
    ));
    for value in [
        json!("x*"),
        json!("x?"),
        json!(["x", "y*"]),
        json!("${*}"),
        json!("${aws:username}"),
    ] {
        assert!(!same(by("StringLike", value.clone()), by("StringEquals", value)));
    }
}

#[test]
fn two_tests_of_one_key_are_not_merged() {
    let a = under(json!({"StringLike": {"a:b": "x"}, "StringEquals": {"a:b": "y"}}));
    assert!(!same(a.clone(), under(json!({"StringEquals": {"a:b": "y"}}))));
    assert!(!same(
        a.clone(),
        under(json!({"StringEquals": {"a:b": ["x", "y"]}}))
    ));
    let twice = under(json!({"StringEquals": {"a:b": "x", "A:B": "y"}}));
    assert!(!same(twice.clone(), under(json!({"StringEquals": {"a:b": "y"}}))));
    assert!(!same(twice.clone(), under(json!({"StringEquals": {"a:b": "x"}}))));
    assert!(same(twice.clone(), twice));
}

#[test]
fn principal_star_and_account_id_are_normalised() {
    assert!(same(
        with("Principal", json!("*")),
        with("Principal", json!({"AWS": ["*"]}))
    ));
    assert!(same(
        with("Principal", json!({"AWS": "111122223333"})),
        with("Principal", json!({"AWS": "arn:aws:iam::111122223333:root"}))
    ));
    assert!(!same(
        with("Principal", json!({"AWS": "111122223333"})),
        with("Principal", json!({"AWS": "arn:aws-cn:iam::111122223333:root"}))
    ));
    assert!(!same(
        with("Principal", json!({"AWS": "*"})),
        with("Principal", json!({"Federated": "*"}))
    ));
}

#[test]
fn missing_version_equals_the_old_version() {
    let any = || with("Resource", json!("arn:aws:s3:::${aws:username}"));
    assert!(same_meaning(
        &document(None, any()),
        &document(Some("2008-10-17"), any())
    ));
    assert!(!same_meaning(
        &document(None, any()),
        &document(Some("2012-10-17"), any())
    ));
}

#[test]
fn not_form_differs_from_plain_form() {
    for (these, all_but) in [
        ("Action", "NotAction"),
        ("Resource", "NotResource"),
        ("Principal", "NotPrincipal"),
    ] {
        let value = if these == "Principal" {
            json!({"AWS": "*"})
        } else {
            json!("*")
        };
        let plain = with(these, value.clone());
        let mut other = with(all_but, value);
        other.as_object_mut().unwrap().remove(these);
        assert!(!same(plain, other), "{all_but}");
    }
}

#[test]
fn unknown_statement_equals_only_itself() {
    let odd = |extra: Value| with("Exotic", extra);
    assert!(same(
        odd(json!({"a": 1, "b": [2]})),
        odd(json!({"b": [2], "a": 1}))
    ));
    assert!(!same(odd(json!(["a", "b"])), odd(json!(["b", "a"]))));
    assert!(!same(odd(json!("x")), with("Sid", json!("x"))));
    assert!(!same(
        under(json!({"stringEquals": {"a:b": "x"}})),
        under(json!({"StringEquals": {"a:b": "x"}}))
    ));
    let mut extended = document(Some("2012-10-17"), with("Sid", json!("x"))).to_value();
    extended["Exotic"] = json!(1);
    let extended = Document::from_value(extended).unwrap();
    assert!(!same_meaning(
        &extended,
        &document(Some("2012-10-17"), with("Sid", json!("x")))
    ));
    assert!(same_meaning(&extended, &extended));
}

#[test]
fn empty_condition_equals_no_condition() {
    assert!(same(under(json!({})), with("Sid", json!("x"))));
    assert!(same(under(json!({"StringEquals": {}})), with("Sid", json!("x"))));
}

#[test]
fn digest_is_short_stable_hex() {
    let digest = digest(&document(Some("2012-10-17"), with("Sid", json!("x"))));
    assert_eq!(digest, "fdde2703ba9f089f");
    assert_eq!(digest.len(), DIGEST_LENGTH);
}
