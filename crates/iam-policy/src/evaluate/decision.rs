//! The decision about a request by all statements of a trust policy, in three-valued logic.
//! Input: a trust document and a request; output: a [`Decision`]. No I/O.

use crate::canonical::version;
use crate::document::Document;
use crate::evaluate::request::TrustRequest;
use crate::evaluate::statement::{StatementResult, evaluate_statement};
use crate::reading::Effect;

/// The result of an evaluation, by statement index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// Admitted by the statements of these indices.
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

/// Evaluates all actions of the request. The result is the most restrictive one.
pub(super) fn decide(trust: &Document, request: &TrustRequest) -> Decision {
    if version(trust).is_none() {
        return Decision::Undecided("The document has an unknown `Version` or top-level element.".to_owned());
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
    let results: Vec<StatementResult> = evaluate_statements(trust, request, action);
    let with = |effect: Effect| {
        results
            .iter()
            .enumerate()
            .filter(move |(_, result)| result.may_be(effect))
    };
    if let Some((index, _)) = with(Effect::Deny).find(|(_, result)| result.applies()) {
        return Decision::Denied { index, action };
    }
    let allowing: Vec<usize> = with(Effect::Allow)
        .filter(|(_, result)| result.applies())
        .map(|(index, _)| index)
        .collect();
    let doubt = |effect: Effect| {
        let (index, reason) = with(effect).find_map(|(index, result)| Some((index, result.unknown()?)))?;
        Some(Decision::Undecided(format!("{} {reason}.", label(trust, index))))
    };
    let allow_doubt = doubt(Effect::Allow);
    if allowing.is_empty() && allow_doubt.is_none() {
        return Decision::NotAdmitted { action };
    }
    match (doubt(Effect::Deny), allowing.is_empty(), allow_doubt) {
        (Some(doubt), _, _) | (None, true, Some(doubt)) => doubt,
        _ => Decision::Admitted(allowing),
    }
}

/// The evaluation of every statement, in the order of the document.
pub(super) fn evaluate_statements(
    trust: &Document,
    request: &TrustRequest,
    action: &str,
) -> Vec<StatementResult> {
    let variables = version(trust) == Some("2012-10-17");
    trust
        .statements()
        .iter()
        .map(|statement| evaluate_statement(statement, request, action, variables))
        .collect()
}

/// The name of a statement in messages.
pub(super) fn label(trust: &Document, index: usize) -> String {
    trust.statements().get(index).map_or_else(
        || format!("Statement[{index}]"),
        |statement| statement.label(index),
    )
}
