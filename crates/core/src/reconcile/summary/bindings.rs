//! The bindings of the status: the current one, and every other one that a pod may depend on. Transition
//! stage and facts after the steps in, bindings out; no I/O.

use super::input::SummaryInput;
use super::readiness::ReadyInputs;
use super::transition;
use crate::model::binding::Binding;
use crate::model::fact::Fact;
use crate::model::spec::Method;
use crate::model::status::{AssociationStatus, BindingState, BindingStatus};
use crate::ownership::current_association_ownership;
use crate::reconcile::desired::DesiredState;

pub(super) fn bindings(input: &SummaryInput<'_>, ready_inputs: &ReadyInputs) -> Vec<BindingStatus> {
    let Some(desired) = input.desired() else {
        return input.previous.bindings.clone();
    };
    let previous = input.previous.active_binding();
    let transition = transition::in_progress(input);
    // A binding in effect stays recorded as such: an outage or drift does not make it another binding.
    let is_active = match transition {
        Some(transition) => desired.held || transition.in_effect,
        None => ready_inputs.is_ready() || previous.is_some_and(|active| active.binding == desired.binding),
    };
    let state = if is_active {
        BindingState::Active
    } else {
        BindingState::Pending
    };
    let others = match transition {
        Some(transition) => transition::other_bindings(transition, &desired.binding),
        None => draining(input, &desired.binding),
    };
    let mut bindings = vec![(desired.binding.clone(), state)];
    bindings.extend(others);
    // The first binding is the one that new pods get.
    bindings.sort_by_key(|(_, state)| *state != BindingState::Active);
    let association = association(input, desired);
    let status = |(binding, state): (Binding, BindingState)| BindingStatus {
        association: association
            .clone()
            .filter(|_| binding.method() == Method::PodIdentity),
        binding,
        state,
    };
    bindings.into_iter().map(status).collect()
}

/// The old bindings of which something could not be removed in this reconcile.
fn draining(input: &SummaryInput<'_>, desired: &Binding) -> Vec<(Binding, BindingState)> {
    if input.previous.transition.is_none() || transition::is_retired(input) {
        return Vec::new();
    }
    let others = input.previous.bindings.iter().map(|known| &known.binding);
    others
        .filter(|binding| *binding != desired)
        .map(|binding| (binding.clone(), BindingState::Draining))
        .collect()
}

fn association(input: &SummaryInput<'_>, desired: &DesiredState) -> Option<AssociationStatus> {
    match &input.after.association {
        Fact::Present(observed) => {
            let ownership = current_association_ownership(&desired.subject, input.previous, observed);
            ownership.is_owned().then(|| AssociationStatus {
                id: observed.id.clone(),
                arn: observed.arn.clone(),
                external_id: observed.external_id.clone(),
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
