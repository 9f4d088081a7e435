//! One statement against one request: does it apply, and if not or if in doubt, because of what.
//! A statement, a request and an action in, a [`Judged`] out; no I/O. Called by `evaluate`.

use super::condition::{Truth, holds};
use super::request::TrustRequest;
use crate::document::Statement;
use crate::reading::{Effect, Reading, Sided, Test, read};
use crate::text::quote;
use crate::wildcard;

/// A statement, judged.
#[derive(Debug)]
pub(super) struct Judged {
    /// `None` when the effect itself is not understood: then the statement may do either.
    effect: Option<Effect>,
    /// Whether the statement names everyone.
    pub anyone: bool,
    /// What certainly does not fit; one such thing is enough for the statement not to apply.
    pub misfits: Vec<Misfit>,
    /// What can't be known, each as the end of a sentence that begins with the statement's name.
    doubts: Vec<String>,
}

/// A part of a statement that does not fit the request.
#[derive(Debug)]
pub(super) enum Misfit {
    Principal,
    Action,
    Test(Test),
}

impl Judged {
    pub fn may_be(&self, effect: Effect) -> bool {
        self.effect.is_none_or(|own| own == effect)
    }

    /// Whether the statement certainly applies.
    pub fn applies(&self) -> bool {
        self.misfits.is_empty() && self.doubts.is_empty()
    }

    /// Why the statement may apply or not.
    pub fn doubt(&self) -> Option<&str> {
        if self.misfits.is_empty() {
            self.doubts.first().map(String::as_str)
        } else {
            None
        }
    }
}

/// Judges one statement. `variables` tells whether the document's version gives `${...}` a meaning.
pub(super) fn judge(statement: &Statement, request: &TrustRequest, action: &str, variables: bool) -> Judged {
    let reading = match read(statement.value()) {
        Ok(reading) => reading,
        Err(why) => return not_understood(statement, why),
    };
    let mut judged = Judged {
        effect: Some(reading.effect),
        anyone: false,
        misfits: Vec::new(),
        doubts: Vec::new(),
    };
    judge_principal(&reading, request, &mut judged);
    if !covers(&reading.action, action) {
        judged.misfits.push(Misfit::Action);
    }
    if reading.resource.is_some() {
        judged
            .doubts
            .push("has a `Resource`, which a trust policy may not have".to_owned());
    }
    for test in reading.tests {
        match holds(&test, request, variables) {
            Truth::Yes => {}
            Truth::No => judged.misfits.push(Misfit::Test(test)),
            Truth::Unknown => judged.doubts.push(format!(
                "has a condition that can't be judged from here: `{}` on `{}`",
                test.operator,
                quote(&test.key)
            )),
        }
    }
    judged
}

fn not_understood(statement: &Statement, why: String) -> Judged {
    let effect = match statement.element("Effect").and_then(|effect| effect.as_str()) {
        Some("Allow") => Some(Effect::Allow),
        Some("Deny") => Some(Effect::Deny),
        _ => None,
    };
    Judged {
        effect,
        anyone: false,
        misfits: Vec::new(),
        doubts: vec![why],
    }
}

fn judge_principal(reading: &Reading, request: &TrustRequest, judged: &mut Judged) {
    let ours = request.principal();
    let types = match &reading.principal {
        Some(Sided::These(types)) => types,
        Some(Sided::AllBut(_)) => {
            judged
                .doubts
                .push("has a `NotPrincipal`, which a trust policy may not have".to_owned());
            return;
        }
        None => {
            judged.doubts.push("has no `Principal`".to_owned());
            return;
        }
    };
    judged.anyone = types.get("AWS").is_some_and(|ids| ids.contains("*"));
    let named = types.get(ours.kind());
    if judged.anyone || named.is_some_and(|ids| ids.contains(ours.name())) {
        return;
    }
    // IAM knows no such pattern, so what one would do is not documented.
    if named.is_some_and(|ids| ids.iter().any(|id| wildcard::is_pattern(id))) {
        judged
            .doubts
            .push("has a wildcard in the name of its principal".to_owned());
        return;
    }
    judged.misfits.push(Misfit::Principal);
}

/// Whether an `Action` or `NotAction` covers an action, ignoring case.
fn covers(actions: &Sided<std::collections::BTreeSet<String>>, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let fits = |pattern: &String| wildcard::matches(&pattern.to_ascii_lowercase(), &action);
    match actions {
        Sided::These(patterns) => patterns.iter().any(fits),
        Sided::AllBut(patterns) => !patterns.iter().any(fits),
    }
}
