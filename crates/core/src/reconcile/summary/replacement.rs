//! The next action for pods that have to be replaced. Kinds of replacement in, a sentence out; no I/O.

use std::collections::BTreeSet;

use crate::model::pods::Replacement;

/// The next action for pods that have to be replaced, without a full stop.
pub(super) fn replace_message(replacements: &BTreeSet<Replacement>, is_one: bool) -> String {
    let action = |replacement: &Replacement| match (replacement, is_one) {
        (Replacement::Restart, true) => "restart its workload",
        (Replacement::Restart, false) => "restart their workloads",
        (Replacement::Recreate, true) => "delete the pod and create it again, because no workload owns it",
        (Replacement::Recreate, false) => "delete the pods that no workload owns, and create them again",
        (Replacement::Job, true) => "wait for the end of its Job, or delete the Job and create it again",
        (Replacement::Job, false) => "wait for the end of Jobs, or delete them and create them again",
    };
    let actions: Vec<&str> = replacements.iter().map(action).collect();
    let text = actions.join("; ");
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}
