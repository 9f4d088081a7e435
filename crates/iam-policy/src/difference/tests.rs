//! What a report of differences says, case by case.

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

/// Each difference as (field, wanted, found), with `-` for nothing.
fn report(wanted: Value, found: Value) -> Vec<(String, String, String)> {
    let text = |side: Option<String>| side.unwrap_or_else(|| "-".to_owned());
    let row = |d: StatementDifference| (d.field, text(d.wanted), text(d.found));
    differences(&document(wanted), &document(found))
        .into_iter()
        .map(row)
        .collect()
}

fn row(field: &str, wanted: &str, found: &str) -> (String, String, String) {
    (field.to_owned(), wanted.to_owned(), found.to_owned())
}

#[test]
fn documents_of_one_meaning_do_not_differ() {
    let (a, b) = (statement("A", "sts:AssumeRole"), statement("B", "sts:TagSession"));
    let mut renamed = a.clone();
    renamed["Sid"] = json!("Other");
    assert_eq!(report(json!([a, b]), json!([b, renamed, a])), []);
}

#[test]
fn statements_of_one_sid_are_compared_element_by_element() {
    let mut found = statement("A", "sts:*");
    found["Condition"] =
        json!({"StringLike": {"aws:sourcearn": "x", "aws:SourceAccount": "2"}, "Bool": {"a:b": true}});
    assert_eq!(
        report(json!([statement("A", "sts:AssumeRole")]), json!(found)),
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
fn what_is_missing_and_what_came_in_addition_is_shown_whole() {
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
fn a_statement_without_its_sid_is_still_recognised_by_its_likeness() {
    let mut found = statement("A", "sts:*");
    found.as_object_mut().unwrap().remove("Sid");
    let other = json!({"Effect": "Deny", "Principal": "*", "Action": "*"});
    assert_eq!(
        report(
            json!([statement("A", "sts:AssumeRole"), other]),
            json!([other, found])
        ),
        [row("Statement[Sid=A].Action", "sts:AssumeRole", "sts:*")]
    );
}

#[test]
fn the_version_is_reported_where_it_changes_the_meaning() {
    let statements = json!([statement("A", "a:b")]);
    let old = Document::from_value(json!({"Statement": statements})).unwrap();
    let expected = StatementDifference {
        field: "Version".to_owned(),
        wanted: Some("2012-10-17".to_owned()),
        found: None,
    };
    assert_eq!(differences(&document(statements), &old), [expected]);
}

#[test]
fn what_is_not_understood_is_compared_as_written() {
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
fn foreign_text_is_cut_and_stripped() {
    let long =
        json!({"Sid": "A\n\u{1b}[31m", "Effect": "Allow", "Principal": "*", "Action": "é".repeat(300)});
    let all = differences(&document(json!([])), &document(json!([long])));
    assert_eq!(all[0].field, "Statement[Sid=A  [31m]");
    let found = all[0].found.clone().unwrap();
    assert!(found.chars().count() <= 201 && found.ends_with('…'), "{found}");
    assert!(!found.contains(char::is_control));
}
