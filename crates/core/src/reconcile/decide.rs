//! Decides what to do about one object: derives its transition state, its desired state, the drift and the plan.
//! Inputs are the identity, or the subject of a deleted object, with the status, the observed state and the time; the
//! output is a [`Decision`]. The operator and the command line share this code. No I/O.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::identity::{Freeze, Identity};
use crate::model::arn::RoleArn;
use crate::model::from_class::FromClass;
use crate::model::inventory::Inventory;
use crate::model::observed::Observed;
use crate::model::spec::{DriftPolicy, Method};
use crate::model::status::Status;
use crate::model::subject::Subject;
use crate::model::timings::Timings;
use crate::reconcile::deletion_mode::DeletionMode;
use crate::reconcile::desired::Desired;
use crate::reconcile::diff::{Drift, diff};
use crate::reconcile::plan::{Plan, WaitReason, plan};
use crate::reconcile::propagation::propagates_in;
use crate::reconcile::transition::{Restarts, TransitionState, restarts_at_rest, transition_state};

/// The decision about one object, with every intermediate result.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The position between the effective binding and the desired one.
    pub transition: TransitionState,
    /// The restarts that the binding requires, moving or at rest.
    pub restarts: Restarts,
    /// The desired state.
    pub desired: Desired,
    /// The differences between the desired and the observed state.
    pub drift: Drift,
    /// The steps that remove the drift.
    pub plan: Plan,
    /// The reason for which nothing new is applied. `None` if the identity is not frozen.
    pub frozen: Option<Freeze>,
    /// The keys of the fields that the operator does not correct for a while, since another tool reverts each correction.
    pub contested: BTreeSet<String>,
    /// The method that the class asks for while the identity waits for its rollout slot.
    pub queued_for: Option<Method>,
    /// The values that the class sets.
    pub from_class: Option<FromClass>,
}

/// Decides about a live object.
#[must_use]
pub fn decide(
    identity: &Identity,
    previous: &Status,
    observed: &Observed,
    timings: &Timings,
    now: Timestamp,
) -> Decision {
    let transition = transition_state(identity, previous, observed, timings, now);
    let mut desired = Desired::present(identity, &transition, previous, observed);
    if let Desired::Present(desired) = &mut desired {
        desired.propagates = propagates_in(desired, previous, observed, timings, now).is_some();
    }
    let drift = compute_drift(&transition, &desired, &identity.contested, previous, observed);
    let restarts = match &transition {
        TransitionState::Settled => restarts_at_rest(identity, previous, observed, timings, now),
        TransitionState::Moving(transition) => transition.phase.restarts(),
        TransitionState::Unknown(..) => Restarts::default(),
    };
    let plan = plan_transition(&transition, &desired, &drift, observed, identity.drift_policy);
    let plan = plan.restarting(&restarts);
    Decision {
        transition,
        restarts,
        desired,
        drift,
        plan,
        frozen: identity.frozen.clone(),
        contested: identity.contested.clone(),
        queued_for: identity.queued_for,
        from_class: identity.from_class.clone(),
    }
}

/// Decides about an object that is being deleted.
#[must_use]
pub fn decide_deletion(
    subject: &Subject,
    previous: &Status,
    observed: &Observed,
    mode: DeletionMode,
) -> Decision {
    let desired = Desired::absent(subject, previous, observed, mode);
    let drift = diff(&desired, previous, observed);
    let plan = plan(&desired, &drift, observed, DriftPolicy::Correct);
    Decision {
        transition: TransitionState::Settled,
        restarts: Restarts::default(),
        desired,
        drift,
        plan,
        frozen: None,
        contested: BTreeSet::new(),
        queued_for: None,
        from_class: None,
    }
}

/// Compares the desired with the observed state. While the effective binding is unknown, so is the desired state.
pub(crate) fn compute_drift(
    transition: &TransitionState,
    desired: &Desired,
    contested: &BTreeSet<String>,
    previous: &Status,
    observed: &Observed,
) -> Drift {
    let drift = match transition {
        TransitionState::Moving(transition) if transition.changes_nothing() => Drift::default(),
        TransitionState::Settled | TransitionState::Moving(_) => diff(desired, previous, observed),
        TransitionState::Unknown(field, error) => Drift::unknown(field.clone(), error),
    };
    drift.with_contested(contested)
}

/// Plans the steps that the transition state permits.
fn plan_transition(
    transition: &TransitionState,
    desired: &Desired,
    drift: &Drift,
    observed: &Observed,
    drift_policy: DriftPolicy,
) -> Plan {
    let unrestricted = || plan(desired, drift, observed, drift_policy);
    match transition {
        TransitionState::Settled => unrestricted(),
        TransitionState::Moving(transition) if transition.changes_nothing() => {
            Plan::default().waiting_for(WaitReason::Transition)
        }
        TransitionState::Moving(_) => unrestricted().waiting_for(WaitReason::Transition),
        TransitionState::Unknown(..) => Plan::default().waiting_for(WaitReason::Reading),
    }
}

/// The roles to read for a live object: the role of the desired binding, those of the recorded bindings, and those that
/// Lanyard created, or in whose trust policy it has a statement, and has not removed yet.
#[must_use]
pub fn roles_to_read(identity: &Identity, previous: &Status, inventory: Option<&Inventory>) -> Vec<RoleArn> {
    let desired = Some(identity.role_arn());
    let recorded = previous
        .bindings
        .iter()
        .map(|known| Some(&known.binding.role_arn));
    distinct([desired].into_iter().chain(recorded).chain(removable(inventory)))
}

/// The roles to read for an object that is being deleted: those of the inventory, that of the status, and the one that the
/// spec or the subject derives, in case both are lost. A foreign role is read only if Lanyard has a statement in its trust
/// policy.
#[must_use]
pub fn roles_to_read_on_deletion(
    previous: &Status,
    inventory: Option<&Inventory>,
    derived: Option<&RoleArn>,
) -> Vec<RoleArn> {
    let recorded = previous.role.as_ref().map(|role| &role.arn);
    distinct(removable(inventory).chain([recorded, derived]))
}

/// The roles of the inventory that Lanyard has to remove, or from whose trust policy it has to remove a statement.
fn removable(inventory: Option<&Inventory>) -> impl Iterator<Item = Option<&RoleArn>> {
    let entries = inventory.into_iter().flat_map(|inventory| &inventory.roles);
    entries
        .filter(|entry| entry.may_be_owned())
        .map(|entry| Some(&entry.arn))
}

fn distinct<'a>(arns: impl IntoIterator<Item = Option<&'a RoleArn>>) -> Vec<RoleArn> {
    let mut distinct: Vec<RoleArn> = Vec::new();
    for arn in arns.into_iter().flatten() {
        if !distinct.contains(arn) {
            distinct.push(arn.clone());
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{applied, identity, spec};
    use crate::model::spec::Method;

    #[test]
    fn effective_role_is_read_beside_desired_role() {
        let (before, _, status) = applied(&spec(Method::Irsa));
        let mut spec = spec(Method::Irsa);
        spec.managed.as_mut().unwrap().name = Some("orders-b".to_owned());
        let after = identity(&spec);
        let both = vec![after.role_arn().clone(), before.role_arn().clone()];
        assert_eq!(roles_to_read(&after, &status, None), both);
    }

    #[test]
    fn deletion_reads_each_role_of_inventory_status_and_spec_once() {
        let (identity, world, status) = applied(&spec(Method::Irsa));
        let arn = identity.role_arn();
        let inventory = world.object.inventory.as_ref();
        let ours = vec![arn.clone()];
        assert_eq!(roles_to_read_on_deletion(&status, inventory, Some(arn)), ours);
        assert_eq!(roles_to_read_on_deletion(&status, None, None), ours);
        assert_eq!(
            roles_to_read_on_deletion(&Status::default(), inventory, None),
            ours
        );
        assert_eq!(
            roles_to_read_on_deletion(&Status::default(), None, Some(arn)),
            ours
        );
    }
}
