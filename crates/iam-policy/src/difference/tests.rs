//! Tests of the reported differences.

use serde_json::{Value, json};

use super::{StatementDifference, differences};
use crate::document::Document;

fn document(statements: Value) -> Document {
    Document::from_value(json!({"Version": "2012-10-17", "Statement": statements})).unwrap()
}

fn statement(sid: &str, action: &str) -> Value {
    json!({
        "Sid": sid, "Effect": "Allow", "Principal": {"Service": "s"}, "Action": action,
        "Condition": {"StringEquals": {"aws:SourceArn": "x", "aws:SourceAccount": "1"}},
    })
}

/// Each difference as (field, desired, observed), with `-` for `None`.
fn report(desired: Value, observed: Value) -> Vec<(String, String, String)> {
    let text = |side: Option<String>| side.unwrap_or_else(|| "-".to_owned());
    let row = |d: StatementDifference| (d.field, text(d.desired), text(d.observed));
    differences(&document(desired), &document(observed))
        .into_iter()
        .map(row)
        .collect()
}

fn row(field: &str, desired: &str, observed: &str) -> (String, String, String) {
    (field.to_owned(), desired.to_owned(), observed.to_owned())
}

#[test]
fn documents_with_equal_meaning_have_no_difference() {
    let (a, b) = (statement("A", "sts:AssumeRole"), statement("B", "sts:TagSession"));
    let mut renamed = a.clone();
    renamed["Sid"] = json!("Other");
    assert_eq!(report(json!([a, b]), json!([b, renamed, a])), []);
}

#[test]
fn statements_with_equal_sid_differ_by_element() {
    let mut observed = statement("A", "sts:*");
    observed["Condition"] =
        json!({"StringLike": {"aws:sourcearn": "x", "aws:SourceAccount": "2"}, "Bool": {"a:b": true}});
    assert_eq!(
        report(json!([statement("A", "sts:AssumeRole")]), json!(observed)),
        [
            row("Statement[Sid=A].Action", "sts:AssumeRole", "sts:*"),
            row("Statement[Sid=A].Condition.Bool.a:b", "-", "true"),
            row(
                "Statement[Sid=A].Condition.StringEquals.aws:SourceAccount",
                "1",
                "2"
            ),
        ]
    );
}

#[test]
fn missing_and_additional_statements_are_shown_whole() {
    let extra = json!({"Sid": "Extra", "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"});
    let gone = json!({"Effect": "Deny", "Principal": {"Service": "x"}, "Action": "sts:TagSession"});
    assert_eq!(
        report(
            json!([statement("A", "a:b"), gone]),
            json!([extra, statement("A", "a:b")])
        ),
        [
            row(
                "Statement[1]",
                r#"{"Effect":"Deny","Principal":{"Service":"x"},"Action":"sts:TagSession"}"#,
                "-"
            ),
            row(
                "Statement[Sid=Extra]",
                "-",
                r#"{"Sid":"Extra","Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}"#
            ),
        ]
    );
}

#[test]
fn statement_without_sid_is_paired_by_similarity() {
    let mut observed = statement("A", "sts:*");
    observed.as_object_mut().unwrap().remove("Sid");
    let other = json!({"Effect": "Deny", "Principal": "*", "Action": "*"});
    assert_eq!(
        report(
            json!([statement("A", "sts:AssumeRole"), other]),
            json!([other, observed])
        ),
        [row("Statement[Sid=A].Action", "sts:AssumeRole", "sts:*")]
    );
}

#[test]
fn version_is_reported_if_it_changes_the_meaning() {
    let statements = json!([statement("A", "a:b")]);
    let old = Document::from_value(json!({"Statement": statements})).unwrap();
    let expected = StatementDifference {
        field: "Version".to_owned(),
        desired: Some("2012-10-17".to_owned()),
        observed: None,
    };
    assert_eq!(differences(&document(statements), &old), [expected]);
}

#[test]
fn unknown_statement_is_compared_as_written() {
    let mut odd = statement("A", "a:b");
    odd["Exotic"] = json!([1, 2]);
    let mut other = odd.clone();
    other["Exotic"] = json!([2, 1]);
    assert_eq!(
        report(json!([odd]), json!([other])),
        [row("Statement[Sid=A].Exotic", "[1,2]", "[2,1]")]
    );
    assert_eq!(
        report(json!(["a"]), json!(["b"])),
        [row("Statement[0]", "a", "-"), row("Statement[0]", "-", "b")]
    );
}

#[test]
fn foreign_text_is_truncated_and_sanitised() {
    let long =
        json!({"Sid": "A\n\u{1b}[31m", "Effect": "Allow", "Principal": "*", "Action": "é".repeat(300)});
    let all = differences(&document(json!([])), &document(json!([long])));
    assert_eq!(all[0].field, "Statement[Sid=A  [31m]");
    let observed = all[0].observed.clone().unwrap();
    assert!(
        observed.chars().count() <= 201 && observed.ends_with('…'),
        "{observed}"
    );
    assert!(!observed.contains(char::is_control));
}
