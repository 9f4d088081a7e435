//! Plan of the role: create it, or change the fields that differ. Differences in, steps out; no I/O.

use super::adopt::besides_adopting;
use super::builder::PlanBuilder;
use super::policies;
use super::wait_reason::WaitReason;
use crate::identity::ManagedRole;
use crate::model::arn::RoleArn;
use crate::model::fact::Fact;
use crate::model::field::{Field, Resource};
use crate::model::observed::RoleFacts;
use crate::model::shared_trust::SharedStatement;
use crate::reconcile::desired::{DesiredRole, DesiredState};
use crate::reconcile::diff::{Cause, split_denials};
use crate::reconcile::step::Step;
use lanyard_iam_policy::Document;
use lanyard_iam_policy::principal::without_deleted_principals;

impl PlanBuilder<'_> {
    pub(super) fn role(&mut self, desired: &DesiredState) {
        match &desired.role {
            DesiredRole::Managed(_) | DesiredRole::Adopted(..)
                if self.drift.conflict_on(Resource::Role).is_some() =>
            {
                self.waiting_for.insert(WaitReason::Conflict);
            }
            DesiredRole::Managed(managed) => managed_role(self, desired, managed),
            DesiredRole::Adopted(managed, entries) => adopted_role(self, desired, managed, entries),
            DesiredRole::Shared(entries) => self.entries(&desired.binding.role_arn, entries),
            DesiredRole::Existing | DesiredRole::Unchanged => {}
        }
    }
}

fn managed_role(builder: &mut PlanBuilder<'_>, desired: &DesiredState, managed: &ManagedRole) {
    let role = &desired.binding.role_arn;
    let facts = builder.observed.role(role);
    if builder.to_do(&Field::Role).is_some() {
        return create(builder, desired, managed);
    }
    if facts.id.present().is_none() {
        return;
    }
    settings(builder, role, managed);
    boundary(builder, role, managed);
    tags(builder, desired, managed);
    policies::plan(builder, role, managed, &facts);
    trust(builder, desired, &facts);
}

/// Adds to an adopted role what it lacks.
fn adopted_role(
    builder: &mut PlanBuilder<'_>,
    desired: &DesiredState,
    managed: &ManagedRole,
    entries: &[SharedStatement],
) {
    let role = &desired.binding.role_arn;
    let facts = builder.observed.role(role);
    if facts.id.present().is_none() {
        return;
    }
    builder.adopt_role(desired, &facts);
    settings(builder, role, managed);
    boundary(builder, role, managed);
    tags(builder, desired, managed);
    policies::plan(builder, role, managed, &facts);
    builder.entries(role, entries);
}

fn create(builder: &mut PlanBuilder<'_>, desired: &DesiredState, managed: &ManagedRole) {
    let role = desired.binding.role_arn.clone();
    builder.steps.push(Step::CreateRole {
        role: role.clone(),
        desired: Box::new(managed.clone()),
        trust: desired.trust.clone(),
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
                narrows: false,
            }),
    );
}

fn settings(builder: &mut PlanBuilder<'_>, role: &RoleArn, managed: &ManagedRole) {
    // An empty text clears the description; an absent one would keep it.
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

fn tags(builder: &mut PlanBuilder<'_>, desired: &DesiredState, managed: &ManagedRole) {
    let role = &desired.binding.role_arn;
    let changes = builder.tag_changes(&managed.tags, Field::RoleTag);
    let (tags, keys) = besides_adopting(desired.ownership.role, changes);
    // First the removal: it makes room for the additions.
    if !keys.is_empty() {
        builder.steps.push(Step::UntagRole {
            role: role.clone(),
            keys,
        });
    }
    if !tags.is_empty() {
        builder.steps.push(Step::TagRole {
            role: role.clone(),
            tags,
        });
    }
}

fn trust(builder: &mut PlanBuilder<'_>, desired: &DesiredState, facts: &RoleFacts) {
    let Some(difference) = builder.to_do(&Field::Trust) else {
        return;
    };
    if matches!(facts.trust, Fact::Unreadable(_)) {
        return;
    }
    // A statement that the spec no longer includes is removed last: pods may need it until the old binding is
    // removed.
    let only_extras = difference.parts.iter().all(|(_, desired, _)| desired.is_none());
    builder.steps.push(Step::SetTrust {
        role: desired.binding.role_arn.clone(),
        document: trust_to_write(&desired.trust, facts),
        narrows: difference.cause == Cause::Spec && only_extras && !difference.parts.is_empty(),
        admits: !only_extras || difference.parts.is_empty(),
    });
}

/// The trust policy to write: the desired statements, and every observed foreign statement that only denies.
fn trust_to_write(desired: &Document, facts: &RoleFacts) -> Document {
    let denials = facts
        .trust
        .present()
        .map(|observed| split_denials(desired, observed).1)
        .unwrap_or_default();
    Document::of(
        desired
            .statements()
            .iter()
            .cloned()
            // IAM accepts no document with a deleted principal, and a Deny of it denies nothing.
            .chain(
                denials
                    .iter()
                    .filter_map(|(_, denial)| without_deleted_principals(denial)),
            )
            .collect(),
    )
}
