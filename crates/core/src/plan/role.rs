//! Plan, the managed role's part: create it whole, or change what differs.
//! Differences in, steps into the draft; no I/O. Called by `plan` only.

use super::{Draft, adopt, policies, trust_to_write};
use crate::arn::RoleArn;
use crate::aspect::Aspect;
use crate::desired::Wanted;
use crate::drift::Cause;
use crate::fact::Fact;
use crate::identity::ManagedRole;
use crate::observed::RoleFacts;
use crate::share::Entry;
use crate::step::Step;

pub(super) fn plan(draft: &mut Draft<'_>, wanted: &Wanted, managed: &ManagedRole) {
    let role = &wanted.binding.role_arn;
    let facts = draft.observed.role(role);
    if draft.to_do(&Aspect::Role).is_some() {
        return create(draft, wanted, managed);
    }
    if facts.id.present().is_none() {
        return;
    }
    settings(draft, role, managed);
    boundary(draft, role, managed);
    tags(draft, wanted, managed);
    policies::plan(draft, role, managed, &facts);
    trust(draft, wanted, &facts);
}

/// A role that others made gets what it lacks.
pub(super) fn adopted(draft: &mut Draft<'_>, wanted: &Wanted, managed: &ManagedRole, entries: &[Entry]) {
    let role = &wanted.binding.role_arn;
    let facts = draft.observed.role(role);
    if facts.id.present().is_none() {
        return;
    }
    draft.adopt_role(wanted, &facts);
    settings(draft, role, managed);
    boundary(draft, role, managed);
    tags(draft, wanted, managed);
    policies::plan(draft, role, managed, &facts);
    draft.entries(role, entries);
}

fn create(draft: &mut Draft<'_>, wanted: &Wanted, managed: &ManagedRole) {
    let role = wanted.binding.role_arn.clone();
    draft.steps.push(Step::CreateRole {
        role: role.clone(),
        wanted: Box::new(managed.clone()),
        trust: wanted.trust.clone(),
    });
    let attach = |policy: &_| Step::AttachPolicy {
        role: role.clone(),
        policy: Clone::clone(policy),
    };
    draft.steps.extend(managed.attached.iter().map(attach));
    draft.steps.extend(
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

fn settings(draft: &mut Draft<'_>, role: &RoleArn, managed: &ManagedRole) {
    // An empty text clears the description; leaving it out would keep it.
    let description = draft
        .to_do(&Aspect::Description)
        .map(|_| managed.description.clone().unwrap_or_default());
    let max_session = draft.to_do(&Aspect::MaxSession).map(|_| managed.max_session);
    if description.is_some() || max_session.is_some() {
        draft.steps.push(Step::UpdateRole {
            role: role.clone(),
            description,
            max_session,
        });
    }
}

fn boundary(draft: &mut Draft<'_>, role: &RoleArn, managed: &ManagedRole) {
    if draft.to_do(&Aspect::Boundary).is_none() {
        return;
    }
    let role = role.clone();
    draft.steps.push(match &managed.boundary {
        Some(boundary) => Step::SetBoundary {
            role,
            boundary: boundary.clone(),
        },
        None => Step::RemoveBoundary { role },
    });
}

fn tags(draft: &mut Draft<'_>, wanted: &Wanted, managed: &ManagedRole) {
    let role = &wanted.binding.role_arn;
    let changes = draft.tag_changes(&managed.tags, Aspect::RoleTag);
    let (tags, keys) = adopt::besides_adopting(wanted.holds.role, changes);
    if !tags.is_empty() {
        draft.steps.push(Step::TagRole {
            role: role.clone(),
            tags,
        });
    }
    if !keys.is_empty() {
        draft.steps.push(Step::UntagRole {
            role: role.clone(),
            keys,
        });
    }
}

fn trust(draft: &mut Draft<'_>, wanted: &Wanted, facts: &RoleFacts) {
    let Some(difference) = draft.to_do(&Aspect::Trust) else {
        return;
    };
    if matches!(facts.trust, Fact::Unreadable(_)) {
        return;
    }
    // What the spec no longer asks for goes last: pods may get it until the binding that needs it is gone.
    let only_extras = difference.parts.iter().all(|(_, wanted, _)| wanted.is_none());
    draft.steps.push(Step::SetTrust {
        role: wanted.binding.role_arn.clone(),
        document: trust_to_write(&wanted.trust, facts),
        narrows: difference.cause == Cause::Spec && only_extras && !difference.parts.is_empty(),
    });
}
