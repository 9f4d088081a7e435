//! Whether an existing role's trust policy lets our subject in, judged by effect and not by form.
//! A trust document and what a pod would present in, an [`Admission`] out; no I/O. Called by `diff` and `doctor`.
//!
//! Logic with three values: what can't be known from here (a foreign condition key, a policy variable, an element
//! of an unknown form) never counts as a yes, nor as a no. `Admitted` and `Denied` are therefore certain.

use super::canonical::version;
use super::document::{Document, Statement};
use super::reading::Effect;

mod condition;
mod hint;
mod judge;
mod request;
#[cfg(test)]
mod tests;
mod wider;

pub use request::TrustRequest;

use judge::{Judged, judge};

/// What a trust policy does with a request. Statements are named as by [`Statement::label`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// The subject is let in.
    Admitted {
        /// The statements that let it in.
        by: Vec<String>,
        /// Who else is let in by them, each as the end of a sentence that begins with "it admits".
        wider: Vec<String>,
    },
    /// A statement refuses the subject, whatever others allow.
    Denied {
        /// The statement.
        by: String,
        /// Why it applies, as a full sentence.
        why: String,
    },
    /// No statement lets the subject in.
    NotAdmitted {
        /// What the nearest statement lacks, as full sentences.
        nearest: Option<String>,
    },
    /// It depends on something that is not known here.
    Undecided {
        /// On what, as a full sentence.
        why: String,
    },
}

/// Judges a trust policy against what a pod of the subject would present.
#[must_use]
pub fn admits(trust: &Document, request: &TrustRequest) -> Admission {
    match decide(trust, request) {
        Decision::Admitted(indices) => Admission::Admitted {
            by: indices.iter().map(|&index| label(trust, index)).collect(),
            wider: wider::remarks(trust, request, &indices),
        },
        Decision::Denied { index, action } => Admission::Denied {
            by: label(trust, index),
            why: format!("It denies {action} to {}.", request.principal().name()),
        },
        Decision::NotAdmitted { action } => Admission::NotAdmitted {
            nearest: hint::nearest(trust, request, action),
        },
        Decision::Undecided(why) => Admission::Undecided { why },
    }
}

/// Whether a document can only take away: it has statements, and each of them denies.
#[must_use]
pub fn only_denies(document: &Document) -> bool {
    let denies = |statement: &Statement| statement.element("Effect").is_some_and(|effect| effect == "Deny");
    !document.statements().is_empty() && document.statements().iter().all(denies)
}

/// The action by which a session of one role gets a session of another.
pub const ASSUME_ROLE: &str = "sts:AssumeRole";

/// Whether some statement of a permissions policy allows an action on anything at all: conditions, resources and
/// denials aside, so that the answer is yes rather than no where it could be either.
#[must_use]
pub fn allows(document: &Document, action: &str) -> bool {
    let action = action.to_lowercase();
    let listed = |value: &serde_json::Value| {
        let one = value.as_str().into_iter();
        let many = value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(serde_json::Value::as_str);
        one.chain(many)
            .any(|pattern| super::wildcard::matches(&pattern.to_lowercase(), &action))
    };
    document.statements().iter().any(|statement| {
        let allow = statement
            .element("Effect")
            .is_some_and(|effect| effect == "Allow");
        let named = statement.element("Action").is_some_and(listed);
        let not_excepted = statement.element("NotAction").is_some_and(|value| !listed(value));
        allow && (named || not_excepted)
    })
}

/// An [`Admission`] before it is put into words.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Decision {
    /// By the statements of these indices.
    Admitted(Vec<usize>),
    Denied {
        index: usize,
        action: &'static str,
    },
    NotAdmitted {
        action: &'static str,
    },
    Undecided(String),
}

/// One answer for all the actions that the method needs: the worst of their answers.
fn decide(trust: &Document, request: &TrustRequest) -> Decision {
    if version(trust).is_none() {
        return Decision::Undecided(
            "The document has a `Version` or an element that Lanyard does not know.".to_owned(),
        );
    }
    let mut decisions: Vec<Decision> = request
        .actions()
        .iter()
        .map(|action| for_action(trust, request, action))
        .collect();
    let severity = |decision: &Decision| match decision {
        Decision::Denied { .. } => 0,
        Decision::NotAdmitted { .. } => 1,
        Decision::Undecided(_) => 2,
        Decision::Admitted(_) => 3,
    };
    decisions.sort_by_key(severity);
    let mut decisions = decisions.into_iter();
    let worst = decisions.next().unwrap_or(Decision::Admitted(Vec::new()));
    let Decision::Admitted(mut indices) = worst else {
        return worst;
    };
    indices.extend(decisions.flat_map(|decision| match decision {
        Decision::Admitted(more) => more,
        _ => Vec::new(),
    }));
    indices.sort_unstable();
    indices.dedup();
    Decision::Admitted(indices)
}

fn for_action(trust: &Document, request: &TrustRequest, action: &'static str) -> Decision {
    let judged: Vec<Judged> = judge_all(trust, request, action);
    let with = |effect: Effect| {
        judged
            .iter()
            .enumerate()
            .filter(move |(_, judged)| judged.may_be(effect))
    };
    if let Some((index, _)) = with(Effect::Deny).find(|(_, judged)| judged.applies()) {
        return Decision::Denied { index, action };
    }
    let allowing: Vec<usize> = with(Effect::Allow)
        .filter(|(_, judged)| judged.applies())
        .map(|(index, _)| index)
        .collect();
    let doubt = |effect: Effect| {
        let (index, why) = with(effect).find_map(|(index, judged)| Some((index, judged.doubt()?)))?;
        Some(Decision::Undecided(format!("{} {why}.", label(trust, index))))
    };
    let allowed_in_doubt = doubt(Effect::Allow);
    if allowing.is_empty() && allowed_in_doubt.is_none() {
        return Decision::NotAdmitted { action };
    }
    match (doubt(Effect::Deny), allowing.is_empty(), allowed_in_doubt) {
        (Some(doubt), _, _) | (None, true, Some(doubt)) => doubt,
        _ => Decision::Admitted(allowing),
    }
}

/// The judgement of every statement, in the order of the document.
fn judge_all(trust: &Document, request: &TrustRequest, action: &str) -> Vec<Judged> {
    let variables = version(trust) == Some("2012-10-17");
    trust
        .statements()
        .iter()
        .map(|statement| judge(statement, request, action, variables))
        .collect()
}

fn label(trust: &Document, index: usize) -> String {
    trust.statements().get(index).map_or_else(
        || format!("Statement[{index}]"),
        |statement| statement.label(index),
    )
}
