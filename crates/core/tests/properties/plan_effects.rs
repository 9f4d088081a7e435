//! Splits the steps of a plan into single effects, so that two plans can be compared effect by effect. Input is a plan; the
//! output is the set of its effects as text. No I/O.

use std::collections::BTreeSet;

use lanyard_core::reconcile::plan::Plan;
use lanyard_core::reconcile::step::Step;

/// The effects of a plan. Each names the step, the resource and the value.
pub fn effects(plan: &Plan) -> BTreeSet<String> {
    plan.steps().flat_map(effects_of).collect()
}

fn effects_of(step: &Step) -> Vec<String> {
    let name = step.as_str();
    match step {
        Step::UpdateRole {
            role,
            description,
            max_session,
        } => {
            let description = description
                .iter()
                .map(|text| format!("{name} {role} description {text}"));
            let session = max_session
                .iter()
                .map(|seconds| format!("{name} {role} session {seconds}"));
            description.chain(session).collect()
        }
        Step::TagRole { role, tags } => tags
            .iter()
            .map(|(key, value)| format!("{name} {role} {key}={value}"))
            .collect(),
        Step::UntagRole { role, keys } => keys.iter().map(|key| format!("{name} {role} {key}")).collect(),
        Step::CreateProvider { client_id, .. } | Step::AddClientId { client_id, .. } => {
            vec![format!("provide {client_id}")]
        }
        Step::TagAssociation { tags } => tags
            .iter()
            .map(|(key, value)| format!("{name} {key}={value}"))
            .collect(),
        Step::UntagAssociation { keys } => keys.iter().map(|key| format!("{name} {key}")).collect(),
        // The entries of the inventory depend on unreadable facts, so they are not compared.
        Step::RecordInventory { .. } => vec![name.to_owned()],
        other => vec![serde_json::to_string(other).unwrap()],
    }
}
