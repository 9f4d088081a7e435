//! The evaluation of one statement for one request: the effect, the mismatches and the unknown parts. Input: a
//! statement, a request and an action; output: a [`StatementResult`]. No I/O.

use crate::document::Statement;
use crate::evaluate::condition::{Truth, evaluate_test};
use crate::evaluate::request::TrustRequest;
use crate::reading::{Effect, Reading, Sided, Test, read};
use crate::text::quote;
use crate::wildcard;

/// The result of the evaluation of a statement.
#[derive(Debug)]
pub(super) struct StatementResult {
    /// `None` if the effect is unknown; the statement may then allow or deny.
    effect: Option<Effect>,
    /// True if the statement names every principal.
    pub anyone: bool,
    /// The certain mismatches. The statement does not apply if there is any.
    pub mismatches: Vec<Mismatch>,
    /// The unknown parts, each as the end of a sentence that begins with the name of the statement.
    unknowns: Vec<String>,
}

/// A part of a statement that does not fit the request.
#[derive(Debug)]
pub(super) enum Mismatch {
    Principal,
    Action,
    Test(Test),
}

impl StatementResult {
    pub fn may_be(&self, effect: Effect) -> bool {
        self.effect.is_none_or(|own| own == effect)
    }

    /// Returns true if the statement certainly applies.
    pub fn applies(&self) -> bool {
        self.mismatches.is_empty() && self.unknowns.is_empty()
    }

    /// The reason why it is unknown if the statement applies. Returns `None` if the result is certain.
    pub fn unknown(&self) -> Option<&str> {
        if self.mismatches.is_empty() {
            self.unknowns.first().map(String::as_str)
        } else {
            None
        }
    }
}

/// Evaluates one statement. `variables` is true if the version of the document supports `${...}`.
pub(super) fn evaluate_statement(
    statement: &Statement,
    request: &TrustRequest,
    action: &str,
    variables: bool,
) -> StatementResult {
    let reading = match read(statement.value()) {
        Ok(reading) => reading,
        Err(reason) => return not_understood(statement, reason),
    };
    let mut result = StatementResult {
        effect: Some(reading.effect),
        anyone: false,
        mismatches: Vec::new(),
        unknowns: Vec::new(),
    };
    match_principal(&reading, request, &mut result);
    if !covers(&reading.action, action) {
        result.mismatches.push(Mismatch::Action);
    }
    if reading.resource.is_some() {
        result
            .unknowns
            .push("has a `Resource`, which a trust policy may not have".to_owned());
    }
    for test in reading.tests {
        match evaluate_test(&test, request, variables) {
            Truth::Yes => {}
            Truth::No => result.mismatches.push(Mismatch::Test(test)),
            Truth::Unknown => result.unknowns.push(format!(
                "has a condition that cannot be evaluated: `{}` on `{}`",
                test.operator,
                quote(&test.key)
            )),
        }
    }
    result
}

fn not_understood(statement: &Statement, reason: String) -> StatementResult {
    let effect = match statement.element("Effect").and_then(|effect| effect.as_str()) {
        Some("Allow") => Some(Effect::Allow),
        Some("Deny") => Some(Effect::Deny),
        _ => None,
    };
    StatementResult {
        effect,
        anyone: false,
        mismatches: Vec::new(),
        unknowns: vec![reason],
    }
}

fn match_principal(reading: &Reading, request: &TrustRequest, result: &mut StatementResult) {
    let principal = request.principal();
    let types = match &reading.principal {
        Some(Sided::These(types)) => types,
        Some(Sided::AllBut(_)) => {
            result
                .unknowns
                .push("has a `NotPrincipal`, which a trust policy may not have".to_owned());
            return;
        }
        None => {
            result.unknowns.push("has no `Principal`".to_owned());
            return;
        }
    };
    result.anyone = types.get("AWS").is_some_and(|ids| ids.contains("*"));
    let named = types.get(principal.kind());
    if result.anyone || named.is_some_and(|ids| ids.contains(principal.name())) {
        return;
    }
    // IAM does not support such patterns, so their effect is not documented.
    if named.is_some_and(|ids| ids.iter().any(|id| wildcard::is_pattern(id))) {
        result
            .unknowns
            .push("has a wildcard in the name of its principal".to_owned());
        return;
    }
    result.mismatches.push(Mismatch::Principal);
}

/// Returns true if an `Action` or `NotAction` covers an action, ignoring case.
fn covers(actions: &Sided<std::collections::BTreeSet<String>>, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let fits = |pattern: &String| wildcard::matches(&pattern.to_ascii_lowercase(), &action);
    match actions {
        Sided::These(patterns) => patterns.iter().any(fits),
        Sided::AllBut(patterns) => !patterns.iter().any(fits),
    }
}
