//! Plan of a deletion: unbind, then delete in the order that AWS requires, then release the object
//! (docs/dev/aws-behaviour.md#role-deletion). A resource that could not be read is not deleted. Differences
//! in, steps out; no I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::readable::is_unreadable;
use super::shared_trust;
use super::wait_reason::WaitReason;
use super::waves::{Plan, in_waves};
use crate::model::arn::RoleArn;
use crate::model::fact::Fact;
use crate::model::field::{Field, Resource, Value};
use crate::model::observed::Observed;
use crate::reconcile::deletion_mode::DeletionMode;
use crate::reconcile::desired::{AssociationRemoval, Removal};
use crate::reconcile::diff::{Cause, Drift};
use crate::reconcile::step::Step;

pub(super) fn plan(removal: &Removal, drift: &Drift, observed: &Observed) -> Plan {
    match removal.mode {
        DeletionMode::Release => return release(removal, drift, observed),
        DeletionMode::RemoveWhenUnused => {
            // If there is nothing to remove, pods cannot lose anything.
            if let Some(reason) = in_use(observed).filter(|_| !drift.differences.is_empty()) {
                return Plan::default().waiting_for(reason);
            }
        }
        DeletionMode::Remove => {}
    }
    let mut steps = unbinding_steps(removal, drift);
    let (role_steps, waiting_for) = role_steps(removal, drift, observed);
    steps.extend(role_steps);
    if waiting_for.is_empty() && observed.object.finalizer {
        steps.push(Step::ReleaseObject { regardless: false });
    }
    Plan {
        waves: in_waves(steps),
        waiting_for,
    }
}

/// The steps on roles, and the events for which the release of the object waits.
fn role_steps(removal: &Removal, drift: &Drift, observed: &Observed) -> (Vec<Step>, Vec<WaitReason>) {
    let mut steps = Vec::new();
    let is_unreadable_cause = |cause: &Cause| matches!(cause, Cause::Unreadable(_));
    let may_be_bound = removal.association == AssociationRemoval::Unknown;
    let mut is_blocked = may_be_bound
        || drift
            .differences
            .iter()
            .any(|difference| is_unreadable_cause(&difference.cause));
    // A role is not deleted while a binding to it may exist.
    let is_unbound = !may_be_bound
        && !drift.differences.iter().any(|difference| {
            difference.field.resource() != Resource::Role && is_unreadable_cause(&difference.cause)
        });
    for role in removed_roles(removal, drift).filter(|_| is_unbound) {
        let of_role = match removal.adopted.contains(role) {
            true => vec![Step::ReleaseRole { role: role.clone() }],
            false => deletion_steps(role, observed),
        };
        let needs_unreadable = |step: &Step| {
            let mut needs = step.requires().iter();
            needs.any(|needs| is_unreadable(observed, role, *needs))
        };
        if of_role.iter().any(needs_unreadable) {
            is_blocked = true;
        } else {
            steps.extend(of_role);
        }
    }
    steps.extend(shared_trust::removal_steps(removal, observed).filter(|_| is_unbound));
    let waits = [
        (is_blocked, WaitReason::Reading),
        // An edited statement whose subjects cannot be determined may still admit the subject.
        (!drift.conflicts.is_empty(), WaitReason::Conflict),
    ];
    let waiting_for = waits
        .into_iter()
        .filter_map(|(waits, reason)| waits.then_some(reason))
        .collect();
    (steps, waiting_for)
}

/// Returns the event for which a removal of unused resources waits, or `None` if no pod uses them.
fn in_use(observed: &Observed) -> Option<WaitReason> {
    match &observed.pods {
        Fact::Present(pods) if pods.total() == 0 => None,
        Fact::Present(_) => Some(WaitReason::Pods),
        Fact::Absent | Fact::Unreadable(_) => Some(WaitReason::Reading),
    }
}

/// Releases everything. A resource that cannot be read or written keeps its tags; the object is released in
/// any case.
fn release(removal: &Removal, drift: &Drift, observed: &Observed) -> Plan {
    let mut steps: Vec<Step> = removed_roles(removal, drift)
        .map(|role| Step::ReleaseRole { role: role.clone() })
        .collect();
    if drift
        .of(&Field::Association)
        .is_some_and(|difference| difference.cause == Cause::Spec)
    {
        steps.push(Step::ReleaseAssociation {});
    }
    if observed.object.finalizer {
        steps.push(Step::ReleaseObject { regardless: true });
    }
    Plan {
        waves: in_waves(steps),
        waiting_for: Vec::new(),
    }
}

fn unbinding_steps(removal: &Removal, drift: &Drift) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut annotations = BTreeSet::new();
    let mut deletes_account = false;
    for difference in drift
        .differences
        .iter()
        .filter(|difference| difference.cause == Cause::Spec)
    {
        match &difference.field {
            Field::Association => steps.extend(match removal.association {
                AssociationRemoval::Delete => Some(Step::DeleteAssociation { repairs: false }),
                AssociationRemoval::Release => Some(Step::ReleaseAssociation {}),
                AssociationRemoval::Unknown => None,
            }),
            Field::Annotation(key) => drop(annotations.insert(key.clone())),
            Field::ServiceAccount => deletes_account = true,
            _ => {}
        }
    }
    if deletes_account {
        steps.push(Step::DeleteServiceAccount {});
    } else if !annotations.is_empty() {
        steps.push(Step::Annotate {
            set: BTreeMap::new(),
            remove: annotations,
            create: false,
            repairs: false,
        });
    }
    steps
}

/// The existing roles that are Lanyard's. Each role of the inventory is judged by its own tags.
fn removed_roles<'a>(removal: &'a Removal, drift: &'a Drift) -> impl Iterator<Item = &'a RoleArn> {
    removal.roles.keys().filter(|arn| {
        let digest = Value::role(arn).digest;
        drift.differences.iter().any(|difference| {
            difference.field == Field::Role
                && difference.cause == Cause::Spec
                && difference
                    .observed
                    .as_ref()
                    .is_some_and(|observed| observed.digest == digest)
        })
    })
}

pub(super) fn deletion_steps(role: &RoleArn, observed: &Observed) -> Vec<Step> {
    let facts = observed.role(role);
    let mut steps: Vec<Step> = facts
        .attached_arns()
        .into_iter()
        .map(|policy| Step::DetachPolicy {
            role: role.clone(),
            policy: policy.clone(),
            first: false,
        })
        .collect();
    steps.extend(
        facts
            .inline
            .present()
            .into_iter()
            .flatten()
            .map(|(name, _)| Step::DeleteInlinePolicy {
                role: role.clone(),
                name: name.clone(),
                first: false,
            }),
    );
    steps.push(Step::LeaveInstanceProfiles { role: role.clone() });
    steps.push(Step::DeleteRole { role: role.clone() });
    steps
}
