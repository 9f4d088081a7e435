//! Summarise, the bindings: the one that is driven, and beside it every other that a pod may depend on.
//! The stage and the facts after the pass in, the bindings of the status out; no I/O.

use super::{SummaryInput, readiness, transition};
use crate::model::binding::Binding;
use crate::model::fact::Fact;
use crate::model::spec::Method;
use crate::model::status::{AssociationStatus, BindingState, BindingStatus};
use crate::ownership::current_association_ownership;
use crate::reconcile::desired::DesiredState;

pub(super) fn of(input: &SummaryInput<'_>, ready_inputs: &readiness::ReadyInputs) -> Vec<BindingStatus> {
    let Some(wanted) = input.wanted() else {
        return input.previous.bindings.clone();
    };
    let previous = input.previous.active_binding();
    let moving = transition::under_way(input);
    // Once in effect, a binding stays recorded as such: an outage or a drift does not make it another binding.
    let active = match moving {
        Some(transition) => wanted.held || transition.in_effect,
        None => ready_inputs.ready() || previous.is_some_and(|active| active.binding == wanted.binding),
    };
    let state = if active {
        BindingState::Active
    } else {
        BindingState::Pending
    };
    let others = match moving {
        Some(transition) => transition::others(transition, &wanted.binding),
        None => left(input, &wanted.binding),
    };
    let mut bindings = vec![(wanted.binding.clone(), state)];
    bindings.extend(others);
    // New pods get what stands first.
    bindings.sort_by_key(|(_, state)| *state != BindingState::Active);
    let association = association(input, wanted);
    let status = |(binding, state): (Binding, BindingState)| BindingStatus {
        association: association
            .clone()
            .filter(|_| binding.method() == Method::PodIdentity),
        binding,
        state,
    };
    bindings.into_iter().map(status).collect()
}

/// The bindings whose last traces could not be removed in this pass.
fn left(input: &SummaryInput<'_>, wanted: &Binding) -> Vec<(Binding, BindingState)> {
    if input.previous.transition.is_none() || transition::retired(input) {
        return Vec::new();
    }
    let others = input.previous.bindings.iter().map(|known| &known.binding);
    others
        .filter(|binding| *binding != wanted)
        .map(|binding| (binding.clone(), BindingState::Draining))
        .collect()
}

fn association(input: &SummaryInput<'_>, wanted: &DesiredState) -> Option<AssociationStatus> {
    match &input.after.association {
        Fact::Present(found) => {
            let ownership = current_association_ownership(&wanted.subject, input.previous, found);
            ownership.is_owned().then(|| AssociationStatus {
                id: found.id.clone(),
                arn: found.arn.clone(),
                external_id: found.external_id.clone(),
                adopted: ownership.is_adopted(),
            })
        }
        Fact::Unreadable(_) => {
            let mut bindings = input.previous.bindings.iter();
            bindings.find_map(|binding| binding.association.clone())
        }
        Fact::Absent => None,
    }
}
