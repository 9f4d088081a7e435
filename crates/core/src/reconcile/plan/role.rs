//! Plan, the managed role's part: create it whole, or change what differs.
//! Differences in, steps into the draft; no I/O. Called by `plan` only.

use super::{PlanBuilder, adopt, policies, trust_to_write};
use crate::identity::ManagedRole;
use crate::model::arn::RoleArn;
use crate::model::fact::Fact;
use crate::model::field::Field;
use crate::model::observed::RoleFacts;
use crate::model::shared_trust::SharedStatement;
use crate::reconcile::desired::DesiredState;
use crate::reconcile::diff::Cause;
use crate::reconcile::step::Step;

pub(super) fn plan(builder: &mut PlanBuilder<'_>, wanted: &DesiredState, managed: &ManagedRole) {
    let role = &wanted.binding.role_arn;
    let facts = builder.observed.role(role);
    if builder.to_do(&Field::Role).is_some() {
        return create(builder, wanted, managed);
    }
    if facts.id.present().is_none() {
        return;
    }
    settings(builder, role, managed);
    boundary(builder, role, managed);
    tags(builder, wanted, managed);
    policies::plan(builder, role, managed, &facts);
    trust(builder, wanted, &facts);
}

/// A role that others made gets what it lacks.
pub(super) fn adopted(
    builder: &mut PlanBuilder<'_>,
    wanted: &DesiredState,
    managed: &ManagedRole,
    entries: &[SharedStatement],
) {
    let role = &wanted.binding.role_arn;
    let facts = builder.observed.role(role);
    if facts.id.present().is_none() {
        return;
    }
    builder.adopt_role(wanted, &facts);
    settings(builder, role, managed);
    boundary(builder, role, managed);
    tags(builder, wanted, managed);
    policies::plan(builder, role, managed, &facts);
    builder.entries(role, entries);
}

fn create(builder: &mut PlanBuilder<'_>, wanted: &DesiredState, managed: &ManagedRole) {
    let role = wanted.binding.role_arn.clone();
    builder.steps.push(Step::CreateRole {
        role: role.clone(),
        wanted: Box::new(managed.clone()),
        trust: wanted.trust.clone(),
    });
    let attach = |policy: &_| Step::AttachPolicy {
        role: role.clone(),
        policy: Clone::clone(policy),
    };
    builder.steps.extend(managed.attached.iter().map(attach));
    builder.steps.extend(
        managed
            .inline
            .iter()
            .map(|(name, document)| Step::PutInlinePolicy {
                role: role.clone(),
                name: name.clone(),
                document: document.clone(),
            }),
    );
}

fn settings(builder: &mut PlanBuilder<'_>, role: &RoleArn, managed: &ManagedRole) {
    // An empty text clears the description; leaving it out would keep it.
    let description = builder
        .to_do(&Field::Description)
        .map(|_| managed.description.clone().unwrap_or_default());
    let max_session = builder.to_do(&Field::MaxSession).map(|_| managed.max_session);
    if description.is_some() || max_session.is_some() {
        builder.steps.push(Step::UpdateRole {
            role: role.clone(),
            description,
            max_session,
        });
    }
}

fn boundary(builder: &mut PlanBuilder<'_>, role: &RoleArn, managed: &ManagedRole) {
    if builder.to_do(&Field::Boundary).is_none() {
        return;
    }
    let role = role.clone();
    builder.steps.push(match &managed.boundary {
        Some(boundary) => Step::SetBoundary {
            role,
            boundary: boundary.clone(),
        },
        None => Step::RemoveBoundary { role },
    });
}

fn tags(builder: &mut PlanBuilder<'_>, wanted: &DesiredState, managed: &ManagedRole) {
    let role = &wanted.binding.role_arn;
    let changes = builder.tag_changes(&managed.tags, Field::RoleTag);
    let (tags, keys) = adopt::besides_adopting(wanted.holds.role, changes);
    if !tags.is_empty() {
        builder.steps.push(Step::TagRole {
            role: role.clone(),
            tags,
        });
    }
    if !keys.is_empty() {
        builder.steps.push(Step::UntagRole {
            role: role.clone(),
            keys,
        });
    }
}

fn trust(builder: &mut PlanBuilder<'_>, wanted: &DesiredState, facts: &RoleFacts) {
    let Some(difference) = builder.to_do(&Field::Trust) else {
        return;
    };
    if matches!(facts.trust, Fact::Unreadable(_)) {
        return;
    }
    // What the spec no longer asks for goes last: pods may get it until the binding that needs it is gone.
    let only_extras = difference.parts.iter().all(|(_, wanted, _)| wanted.is_none());
    builder.steps.push(Step::SetTrust {
        role: wanted.binding.role_arn.clone(),
        document: trust_to_write(&wanted.trust, facts),
        narrows: difference.cause == Cause::Spec && only_extras && !difference.parts.is_empty(),
    });
}
