//! What means the same and what does not, rule by rule (docs/dev/aws-behaviour.md#document-comparison).

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
fn a_single_statement_is_a_list_of_one_and_order_sid_and_repetition_do_not_count() {
    let a = with("Action", json!("a:a"));
    let b = with("Action", json!(["a:b", "a:c"]));
    let mut named = a.clone();
    named["Sid"] = json!("Name");
    assert!(same(a.clone(), json!([a])));
    assert!(same(json!([a, b]), json!([b, named, a])));
}

#[test]
fn a_list_is_a_set_and_text_is_a_list_of_one() {
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
fn case_counts_in_resources_and_values_but_not_in_actions_and_condition_keys() {
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
fn booleans_and_whole_numbers_are_their_text_and_fractions_are_not_guessed_at() {
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
fn arn_equals_is_arn_like_and_stays_apart_from_string_like() {
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
fn string_like_is_string_equals_only_where_nothing_in_it_can_be_a_wildcard() {
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
fn two_tests_of_one_key_are_never_merged() {
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
fn everyone_and_an_accounts_short_form_are_recognised_as_principals() {
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
fn the_version_counts_and_a_missing_one_is_the_old_one() {
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
fn the_not_forms_are_never_the_plain_ones() {
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
fn what_is_not_understood_equals_only_itself() {
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
fn an_empty_condition_restricts_as_little_as_none() {
    assert!(same(under(json!({})), with("Sid", json!("x"))));
    assert!(same(under(json!({"StringEquals": {}})), with("Sid", json!("x"))));
}

#[test]
fn a_digest_is_short_stable_hex() {
    let digest = digest(&document(Some("2012-10-17"), with("Sid", json!("x"))));
    assert_eq!(digest, "fdde2703ba9f089f");
    assert_eq!(digest.len(), DIGEST_LENGTH);
}
