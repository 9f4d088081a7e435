//! Plan, for an object that goes: unbind, waiting_for delete in the order AWS demands, waiting_for let the object go (docs/dev/aws-behaviour.md#role-deletion).
//! Differences in, steps out; no I/O. Called by `plan` only. Nothing is deleted that could not be read.

use std::collections::{BTreeMap, BTreeSet};

use super::{Plan, WaitReason, in_waves, shared_trust, unreadable};
use crate::model::arn::RoleArn;
use crate::model::fact::Fact;
use crate::model::field::{Field, Resource};
use crate::model::observed::Observed;
use crate::reconcile::deletion_mode::DeletionMode;
use crate::reconcile::desired::{AssociationRemoval, Removal};
use crate::reconcile::diff::{Cause, Drift};
use crate::reconcile::step::Step;

pub(super) fn plan(removal: &Removal, drift: &Drift, observed: &Observed) -> Plan {
    match removal.mode {
        DeletionMode::Release => return released(removal, drift, observed),
        DeletionMode::RemoveWhenUnused => {
            // Without anything to remove there is nothing that a pod could lose.
            if let Some(pods) = held_by(observed).filter(|_| !drift.differences.is_empty()) {
                return Plan::default().waiting_for(pods);
            }
        }
        DeletionMode::Remove => {}
    }
    let mut steps = unbinding(removal, drift);
    let is_bound = removal.association == AssociationRemoval::Unknown;
    let mut blocked = is_bound
        || drift
            .differences
            .iter()
            .any(|difference| matches!(difference.cause, Cause::Unreadable(_)));
    // A role is not taken from under a binding that may still be there.
    let unbound = !is_bound
        && !drift.differences.iter().any(|difference| {
            difference.field.resource() != Resource::Role && matches!(difference.cause, Cause::Unreadable(_))
        });
    for role in roles_to_go(removal, drift).filter(|_| unbound) {
        let of_role = match removal.adopted.contains(role) {
            true => vec![Step::ReleaseRole { role: role.clone() }],
            false => deleting(role, observed),
        };
        if of_role.iter().any(|step| {
            step.requires()
                .iter()
                .any(|needs| unreadable(observed, role, *needs))
        }) {
            blocked = true;
        } else {
            steps.extend(of_role);
        }
    }
    steps.extend(shared_trust::leaving(removal, observed).filter(|_| unbound));
    let waits = [
        (blocked, WaitReason::Reading),
        // A statement that others made illegible may still let the subject in.
        (!drift.conflicts.is_empty(), WaitReason::Conflict),
    ];
    let waiting_for: Vec<WaitReason> = waits
        .into_iter()
        .filter_map(|(waits, what)| waits.then_some(what))
        .collect();
    if !waiting_for.is_empty() {
        return Plan {
            waves: in_waves(steps),
            waiting_for,
        };
    }
    if observed.object.finalizer {
        steps.push(Step::ReleaseObject { regardless: false });
    }
    Plan {
        waves: in_waves(steps),
        waiting_for: Vec::new(),
    }
}

/// What keeps things that are only removed when unused: pods, or not knowing of any.
fn held_by(observed: &Observed) -> Option<WaitReason> {
    match &observed.pods {
        Fact::Present(pods) if pods.total() == 0 => None,
        Fact::Present(_) => Some(WaitReason::Holders),
        Fact::Absent | Fact::Unreadable(_) => Some(WaitReason::Reading),
    }
}

/// Letting go needs no luck: what cannot be read or written keeps its tags, and the object goes all the same.
fn released(removal: &Removal, drift: &Drift, observed: &Observed) -> Plan {
    let mut steps: Vec<Step> = roles_to_go(removal, drift)
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

fn unbinding(removal: &Removal, drift: &Drift) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut annotations = BTreeSet::new();
    let mut account = false;
    for difference in drift
        .differences
        .iter()
        .filter(|difference| difference.cause == Cause::Spec)
    {
        match &difference.field {
            Field::Association => steps.extend(match removal.association {
                AssociationRemoval::Delete => Some(Step::DeleteAssociation {}),
                AssociationRemoval::Release => Some(Step::ReleaseAssociation {}),
                AssociationRemoval::Unknown => None,
            }),
            Field::Annotation(key) => drop(annotations.insert(key.clone())),
            Field::ServiceAccount => account = true,
            _ => {}
        }
    }
    if account {
        steps.push(Step::DeleteServiceAccount {});
    } else if !annotations.is_empty() {
        steps.push(Step::Annotate {
            set: BTreeMap::new(),
            remove: annotations,
            create: false,
        });
    }
    steps
}

/// The roles that are ours and still there. With several roles in custody each is judged by its own tags.
fn roles_to_go<'a>(removal: &'a Removal, drift: &'a Drift) -> impl Iterator<Item = &'a RoleArn> {
    removal.roles.keys().filter(|arn| {
        let digest = crate::model::field::Value::role(arn).digest;
        drift.differences.iter().any(|difference| {
            difference.field == Field::Role
                && difference.cause == Cause::Spec
                && difference
                    .observed
                    .as_ref()
                    .is_some_and(|found| found.digest == digest)
        })
    })
}

pub(super) fn deleting(role: &RoleArn, observed: &Observed) -> Vec<Step> {
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
