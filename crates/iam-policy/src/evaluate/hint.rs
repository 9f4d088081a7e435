//! The reason why no statement of a trust policy admits the subject: the mismatches of the nearest statement. Input:
//! a trust document, a request and the rejected action; output: sentences. No I/O.
//!
//! Tenants may read these sentences, so they quote a foreign policy only if it nearly names the tenant's own subject.

use crate::document::Document;
use crate::evaluate::decision::{evaluate_statements, label};
use crate::evaluate::request::{Known, TrustRequest};
use crate::evaluate::statement::{Mismatch, StatementResult};
use crate::operator::Family;
use crate::reading::{Effect, Test};
use crate::text::quote;
use crate::wildcard;

/// The mismatches of the nearest statement. Returns `None` if no statement allows anything.
pub(super) fn nearest(trust: &Document, request: &TrustRequest, action: &str) -> Option<String> {
    let (index, nearest) = nearest_statement(trust, request, action)?;
    if nearest
        .mismatches
        .iter()
        .any(|mismatch| matches!(mismatch, Mismatch::Principal))
    {
        return Some(format!(
            "No statement names {} as its principal.",
            request.principal().name()
        ));
    }
    let mismatches = nearest.mismatches.iter();
    let reasons: Vec<String> = mismatches
        .filter_map(|mismatch| reason(mismatch, request, action))
        .collect();
    Some(format!(
        "{} comes nearest, but {}.",
        label(trust, index),
        reasons.join("; ")
    ))
}

/// The part of the nearest statement that does not admit a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gap {
    /// No statement names the principal.
    Principal,
    /// The statements of the principal do not allow this action.
    Action(String),
    /// The tests of these condition keys fail.
    Keys(Vec<String>),
}

/// The part of the nearest statement that does not admit the rejected action.
pub(super) fn gap(trust: &Document, request: &TrustRequest, action: &str) -> Gap {
    let mismatches = nearest_statement(trust, request, action)
        .map(|(_, nearest)| nearest.mismatches)
        .unwrap_or_default();
    let mut keys = Vec::new();
    let mut allows = true;
    for mismatch in mismatches {
        match mismatch {
            Mismatch::Principal => return Gap::Principal,
            Mismatch::Action => allows = false,
            Mismatch::Test(test) => keys.push(test.key),
        }
    }
    match (allows, keys.is_empty()) {
        (false, _) => Gap::Action(action.to_owned()),
        (true, true) => Gap::Principal,
        (true, false) => Gap::Keys(keys),
    }
}

fn nearest_statement(
    trust: &Document,
    request: &TrustRequest,
    action: &str,
) -> Option<(usize, StatementResult)> {
    evaluate_statements(trust, request, action)
        .into_iter()
        .enumerate()
        .filter(|(_, result)| result.may_be(Effect::Allow))
        .min_by_key(|(_, result)| distance(result))
}

/// Sorts statements: matching principal first, then matching action, then the fewest failed tests.
fn distance(result: &StatementResult) -> (bool, bool, usize) {
    let has = |kind: fn(&Mismatch) -> bool| result.mismatches.iter().any(kind);
    (
        has(|mismatch| matches!(mismatch, Mismatch::Principal)),
        has(|mismatch| matches!(mismatch, Mismatch::Action)),
        result.mismatches.len(),
    )
}

/// The description of one mismatch, after "but".
fn reason(mismatch: &Mismatch, request: &TrustRequest, action: &str) -> Option<String> {
    match mismatch {
        Mismatch::Principal => None,
        Mismatch::Action if action == "sts:TagSession" => Some(
            "it does not allow sts:TagSession, which EKS requires in addition to sts:AssumeRole".to_owned(),
        ),
        Mismatch::Action => Some(format!("it does not allow {action}")),
        Mismatch::Test(test) => Some(about(test, request)),
    }
}

fn about(test: &Test, request: &TrustRequest) -> String {
    let key = quote(&test.key);
    let value = match request.known(&test.key) {
        Known::One(value) => value,
        Known::Absent if test.key.to_ascii_lowercase().starts_with("aws:requesttag/") => {
            return format!("it tests `{key}`, a session tag that is not sent");
        }
        Known::Absent | Known::Present | Known::Unknown | Known::Many(_) | Known::Variable(_) => {
            return format!("its `{}` on `{key}` is not met", test.operator);
        }
    };
    let literal = test.operator.family == Family::Exact && !test.operator.negated;
    let meant = test
        .values
        .iter()
        .find(|expected| literal && wildcard::matches(expected, &value));
    if let Some(meant) = meant {
        return format!(
            "it has `{}` under `{}`, where a wildcard is an ordinary character (`StringLike` would match)",
            quote(meant),
            test.operator
        );
    }
    if key.eq_ignore_ascii_case("aws:SourceArn")
        && test
            .values
            .iter()
            .any(|arn| arn.contains("podidentityassociation"))
    {
        return format!(
            "its `{key}` names an association, where EKS sends the cluster's ARN {}",
            quote(&value)
        );
    }
    format!(
        "its `{}` on `{key}` does not admit {}",
        test.operator,
        quote(&value)
    )
}
