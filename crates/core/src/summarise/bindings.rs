//! Summarise, the bindings: the one that is driven, and beside it every other that a pod may depend on.
//! The stage and the facts after the pass in, the bindings of the status out; no I/O.

use super::{Told, three, transition};
use crate::binding::Binding;
use crate::desired::Wanted;
use crate::fact::Fact;
use crate::ownership::found_association;
use crate::spec::Method;
use crate::status::{AssociationStatus, BindingState, BindingStatus};

pub(super) fn of(told: &Told<'_>, three: &three::Three) -> Vec<BindingStatus> {
    let Some(wanted) = told.wanted() else {
        return told.previous.bindings.clone();
    };
    let previous = told.previous.active_binding();
    let moving = transition::under_way(told);
    // Once in effect, a binding stays recorded as such: an outage or a drift does not make it another binding.
    let active = match moving {
        Some(transition) => wanted.held || transition.in_effect,
        None => three.ready() || previous.is_some_and(|active| active.binding == wanted.binding),
    };
    let state = if active {
        BindingState::Active
    } else {
        BindingState::Pending
    };
    let others = match moving {
        Some(transition) => transition::others(transition, &wanted.binding),
        None => left(told, &wanted.binding),
    };
    let mut bindings = vec![(wanted.binding.clone(), state)];
    bindings.extend(others);
    // New pods get what stands first.
    bindings.sort_by_key(|(_, state)| *state != BindingState::Active);
    let association = association(told, wanted);
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
fn left(told: &Told<'_>, wanted: &Binding) -> Vec<(Binding, BindingState)> {
    if told.previous.transition.is_none() || transition::retired(told) {
        return Vec::new();
    }
    let others = told.previous.bindings.iter().map(|known| &known.binding);
    others
        .filter(|binding| *binding != wanted)
        .map(|binding| (binding.clone(), BindingState::Draining))
        .collect()
}

fn association(told: &Told<'_>, wanted: &Wanted) -> Option<AssociationStatus> {
    match &told.after.association {
        Fact::Present(found) => {
            let holding = found_association(&wanted.subject, told.previous, found);
            holding.is_ours().then(|| AssociationStatus {
                id: found.id.clone(),
                arn: found.arn.clone(),
                external_id: found.external_id.clone(),
                adopted: holding.is_adopted(),
            })
        }
        Fact::Unreadable(_) => {
            let mut bindings = told.previous.bindings.iter();
            bindings.find_map(|binding| binding.association.clone())
        }
        Fact::Absent => None,
    }
}
