//! Steps taken apart into the smallest things they do, so that two plans can be compared thing by thing.
//! Steps in, atoms out; with each, what it is done to. Pure.

use std::collections::BTreeSet;

use lanyard_core::reconcile::plan::Plan;
use lanyard_core::reconcile::step::Step;

/// One thing done, as text: the step's word, what it is done to, and the value.
pub fn atoms(plan: &Plan) -> BTreeSet<String> {
    plan.steps().flat_map(atoms_of).collect()
}

fn atoms_of(step: &Step) -> Vec<String> {
    let word = step.as_str();
    match step {
        Step::UpdateRole {
            role,
            description,
            max_session,
        } => {
            let description = description
                .iter()
                .map(|text| format!("{word} {role} description {text}"));
            let session = max_session
                .iter()
                .map(|seconds| format!("{word} {role} session {seconds}"));
            description.chain(session).collect()
        }
        Step::TagRole { role, tags } => tags
            .iter()
            .map(|(key, value)| format!("{word} {role} {key}={value}"))
            .collect(),
        Step::UntagRole { role, keys } => keys.iter().map(|key| format!("{word} {role} {key}")).collect(),
        Step::CreateProvider { client_id, .. } | Step::AddClientId { client_id, .. } => {
            vec![format!("provide {client_id}")]
        }
        Step::TagAssociation { tags } => tags
            .iter()
            .map(|(key, value)| format!("{word} {key}={value}"))
            .collect(),
        Step::UntagAssociation { keys } => keys.iter().map(|key| format!("{word} {key}")).collect(),
        // Custody of what cannot be seen to be gone is kept.
        Step::RecordInventory { .. } => vec![word.to_owned()],
        other => vec![serde_json::to_string(other).unwrap()],
    }
}
