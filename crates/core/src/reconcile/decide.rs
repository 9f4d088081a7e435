//! A look: one pass over one object, as a value that holds everything that was thought on the way.
//! `decide` is the pure middle of a pass, the same for the operator and the command line. No I/O.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::identity::{Freeze, Identity};
use crate::model::arn::RoleArn;
use crate::model::from_class::FromClass;
use crate::model::inventory::Inventory;
use crate::model::observed::Observed;
use crate::model::spec::Method;
use crate::model::status::Status;
use crate::model::subject::Subject;
use crate::model::timings::Timings;
use crate::reconcile::deletion_mode::DeletionMode;
use crate::reconcile::desired::Desired;
use crate::reconcile::diff::{Drift, diff};
use crate::reconcile::plan::{Plan, WaitReason, plan};
use crate::reconcile::transition::{TransitionState, transition_state};

/// What was thought about one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Where it stands between the binding in effect and the one wanted.
    pub stage: TransitionState,
    /// What should be.
    pub desired: Desired,
    /// What differs.
    pub drift: Drift,
    /// What is to be done about it.
    pub plan: Plan,
    /// Why nothing new is applied, when that is so.
    pub frozen: Option<Freeze>,
    /// The keys of the aspects that are left alone for a while, as somebody else changes them again each time.
    pub contested: BTreeSet<String>,
    /// The method that its class asks for, where it has to wait for its turn.
    pub queued_for: Option<Method>,
    /// What its class puts in.
    pub from_class: Option<FromClass>,
}

/// Thinks about an object that stays.
#[must_use]
pub fn decide(
    identity: &Identity,
    previous: &Status,
    observed: &Observed,
    timings: &Timings,
    now: Timestamp,
) -> Decision {
    let stage = transition_state(identity, previous, observed, timings, now);
    let desired = Desired::present(identity, &stage, previous, observed);
    let drift = compare(&stage, &desired, previous, observed).with_contested(&identity.contested);
    let plan = match &stage {
        TransitionState::Settled => plan(&desired, &drift, observed, identity.drift_policy),
        TransitionState::Moving(transition) if transition.is_adrift() => Plan::default(),
        TransitionState::Moving(transition) => {
            let plan = plan(&desired, &drift, observed, identity.drift_policy);
            plan.restarting(&transition.phase)
        }
        TransitionState::Unknown(..) => Plan::default().waiting_for(WaitReason::Reading),
    };
    let plan = match &stage {
        TransitionState::Moving(_) => plan.waiting_for(WaitReason::Transition),
        TransitionState::Settled | TransitionState::Unknown(..) => plan,
    };
    Decision {
        stage,
        desired,
        drift,
        plan,
        frozen: identity.frozen.clone(),
        contested: identity.contested.clone(),
        queued_for: identity.queued_for,
        from_class: identity.from_class.clone(),
    }
}

/// What differs. Where nobody knows which binding is in effect, nobody knows what anything should be.
pub(crate) fn compare(
    stage: &TransitionState,
    desired: &Desired,
    previous: &Status,
    observed: &Observed,
) -> Drift {
    match stage {
        TransitionState::Moving(transition) if transition.is_adrift() => Drift::default(),
        TransitionState::Settled | TransitionState::Moving(_) => diff(desired, previous, observed),
        TransitionState::Unknown(field, why) => Drift::unknown(field.clone(), why),
    }
}

/// Thinks about an object that goes.
#[must_use]
pub fn decide_deletion(
    subject: &Subject,
    previous: &Status,
    observed: &Observed,
    leaving: DeletionMode,
) -> Decision {
    let desired = Desired::absent(subject, previous, observed, leaving);
    let drift = diff(&desired, previous, observed);
    let plan = plan(
        &desired,
        &drift,
        observed,
        crate::model::spec::DriftPolicy::Correct,
    );
    Decision {
        stage: TransitionState::Settled,
        desired,
        drift,
        plan,
        frozen: None,
        contested: BTreeSet::new(),
        queued_for: None,
        from_class: None,
    }
}

/// The roles that a look at an object that stays has to read: that of the binding asked for, those of the bindings on
/// record, in effect or not, and those that Lanyard made before or has a statement in, and has not removed yet.
#[must_use]
pub fn roles_of(identity: &Identity, previous: &Status, inventory: Option<&Inventory>) -> Vec<RoleArn> {
    let recorded = previous
        .bindings
        .iter()
        .map(|known| Some(&known.binding.role_arn));
    let made = inventory.into_iter().flat_map(|inventory| &inventory.roles);
    let made = made
        .filter(|entry| entry.may_be_owned())
        .map(|entry| Some(&entry.arn));
    distinct(
        [Some(identity.role_arn())]
            .into_iter()
            .chain(recorded)
            .chain(made),
    )
}

/// The roles that a look at an object that goes has to read: those in custody, then that of the status, and the one
/// that the spec or the subject alone would give, for when both are lost. Somebody else's are not looked at, unless
/// Lanyard has a statement in their trust policy.
#[must_use]
pub fn roles_to_remove(
    previous: &Status,
    inventory: Option<&Inventory>,
    derived: Option<&RoleArn>,
) -> Vec<RoleArn> {
    let entry = inventory
        .map(|inventory| inventory.roles.as_slice())
        .unwrap_or_default();
    let managed = entry
        .iter()
        .filter(|entry| entry.may_be_owned())
        .map(|entry| Some(&entry.arn));
    let recorded = previous.role.as_ref().map(|role| &role.arn);
    distinct(managed.chain([recorded, derived]))
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
    fn the_role_in_effect_is_read_beside_the_one_asked_for() {
        let (before, _, status) = applied(&spec(Method::Irsa));
        let mut spec = spec(Method::Irsa);
        spec.managed.as_mut().unwrap().name = Some("orders-b".to_owned());
        let after = identity(&spec);
        let both = vec![after.role_arn().clone(), before.role_arn().clone()];
        assert_eq!(roles_of(&after, &status, None), both);
    }

    #[test]
    fn a_removal_looks_where_custody_status_or_spec_point_and_each_role_once() {
        let (identity, world, status) = applied(&spec(Method::Irsa));
        let arn = identity.role_arn();
        let inventory = world.object.inventory.as_ref();
        let ours = vec![arn.clone()];
        assert_eq!(roles_to_remove(&status, inventory, Some(arn)), ours);
        assert_eq!(roles_to_remove(&status, None, None), ours);
        assert_eq!(roles_to_remove(&Status::default(), inventory, None), ours);
        assert_eq!(roles_to_remove(&Status::default(), None, Some(arn)), ours);
    }
}
