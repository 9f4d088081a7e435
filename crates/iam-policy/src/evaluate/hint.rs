//! Why nothing in a trust policy lets the subject in: what the nearest statement lacks, in words.
//! A trust document, a request and the refused action in, sentences out; no I/O. Called by `evaluate`.
//!
//! A tenant may read these, so they quote a foreign policy only where it nearly speaks of the tenant's own subject.

use super::judge::{Judged, Misfit};
use super::request::{Known, TrustRequest};
use super::{judge_all, label};
use crate::document::Document;
use crate::operator::Family;
use crate::reading::{Effect, Test};
use crate::text::quote;
use crate::wildcard;

/// What stands in the way at the statement that comes nearest; nothing when no statement allows anything.
pub(super) fn nearest(trust: &Document, request: &TrustRequest, action: &str) -> Option<String> {
    let judged = judge_all(trust, request, action);
    let allowing = judged
        .iter()
        .enumerate()
        .filter(|(_, judged)| judged.may_be(Effect::Allow));
    let (index, nearest) = allowing.min_by_key(|(_, judged)| distance(judged))?;
    if nearest
        .misfits
        .iter()
        .any(|misfit| matches!(misfit, Misfit::Principal))
    {
        return Some(format!(
            "No statement names {} as its principal.",
            request.principal().name()
        ));
    }
    let misfits = nearest.misfits.iter();
    let reasons: Vec<String> = misfits
        .filter_map(|misfit| reason(misfit, request, action))
        .collect();
    Some(format!(
        "{} comes nearest, but {}.",
        label(trust, index),
        reasons.join("; ")
    ))
}

/// The statement of our own principal is nearer than any other, then that of our action, then the fewest tests.
fn distance(judged: &Judged) -> (bool, bool, usize) {
    let has = |wanted: fn(&Misfit) -> bool| judged.misfits.iter().any(wanted);
    (
        has(|misfit| matches!(misfit, Misfit::Principal)),
        has(|misfit| matches!(misfit, Misfit::Action)),
        judged.misfits.len(),
    )
}

/// What one misfit is, after "but".
fn reason(misfit: &Misfit, request: &TrustRequest, action: &str) -> Option<String> {
    match misfit {
        Misfit::Principal => None,
        Misfit::Action if action == "sts:TagSession" => {
            Some("it does not allow sts:TagSession, which EKS asks for beside sts:AssumeRole".to_owned())
        }
        Misfit::Action => Some(format!("it does not allow {action}")),
        Misfit::Test(test) => Some(about(test, request)),
    }
}

fn about(test: &Test, request: &TrustRequest) -> String {
    let key = quote(&test.key);
    let value = match request.known(&test.key) {
        Known::One(value) => value,
        Known::Absent if test.key.to_ascii_lowercase().starts_with("aws:requesttag/") => {
            return format!("it tests `{key}`, a session tag that is not sent");
        }
        Known::Absent | Known::Present | Known::Unknown | Known::Many(_) => {
            return format!("its `{}` on `{key}` is not met", test.operator);
        }
    };
    let literal = test.operator.family == Family::Exact && !test.operator.negated;
    let meant = test
        .values
        .iter()
        .find(|wanted| literal && wildcard::matches(wanted, &value));
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
