//! Plan, the policies of a managed role: what comes on, what goes off, and what has to go off before anything comes on.
//! Differences in, steps into the draft; no I/O. Called by `plan::role` only.

use super::Draft;
use crate::arn::{PolicyArn, RoleArn};
use crate::aspect::Aspect;
use crate::drift::{Cause, Difference};
use crate::identity::ManagedRole;
use crate::name::PolicyName;
use crate::observed::RoleFacts;
use crate::policy::Document;
use crate::step::Step;
use crate::validate::INLINE_LIMIT;

/// Managed policies on one role before an account asks for more (IAM quotas, `L-0DA4ABF3`).
const ATTACHED_QUOTA: usize = 10;

pub(super) fn plan(draft: &mut Draft<'_>, role: &RoleArn, managed: &ManagedRole, facts: &RoleFacts) {
    let drift = draft.drift;
    let to_do: Vec<&Difference> = drift
        .differences
        .iter()
        .filter(|difference| draft.acts_on(difference))
        .collect();
    let crowded = Crowded {
        attached: attached_meanwhile(&to_do, facts) > ATTACHED_QUOTA,
        inline: inline_meanwhile(&to_do, managed, facts) > INLINE_LIMIT,
    };
    for difference in to_do {
        let others_did = difference.cause == Cause::OutOfBand;
        draft.steps.extend(match &difference.aspect {
            Aspect::Attached(policy) => Some(attachment(
                role,
                policy,
                difference,
                others_did || crowded.attached,
            )),
            Aspect::Inline(name) => Some(inline(role, name, managed, others_did || crowded.inline)),
            _ => None,
        });
    }
}

/// Whether a quota leaves no room for the new beside what the spec left off.
struct Crowded {
    attached: bool,
    inline: bool,
}

fn attachment(role: &RoleArn, policy: &PolicyArn, difference: &Difference, first: bool) -> Step {
    let (role, policy) = (role.clone(), policy.clone());
    match difference.wanted {
        Some(_) => Step::AttachPolicy { role, policy },
        None => Step::DetachPolicy { role, policy, first },
    }
}

fn inline(role: &RoleArn, name: &PolicyName, managed: &ManagedRole, first: bool) -> Step {
    let (role, name) = (role.clone(), name.clone());
    match managed.inline.get(&name) {
        Some(document) => Step::PutInlinePolicy {
            role,
            document: document.clone(),
            name,
        },
        None => Step::DeleteInlinePolicy { role, name, first },
    }
}

/// How many policies are attached once the new ones are and before what the spec left off goes.
fn attached_meanwhile(to_do: &[&Difference], facts: &RoleFacts) -> usize {
    let comes = |difference: &&&Difference| {
        matches!(difference.aspect, Aspect::Attached(_)) && difference.wanted.is_some()
    };
    let goes_first = |difference: &&&Difference| {
        matches!(difference.aspect, Aspect::Attached(_))
            && difference.wanted.is_none()
            && difference.cause == Cause::OutOfBand
    };
    let there = facts.attached_arns().len() + to_do.iter().filter(comes).count();
    there.saturating_sub(to_do.iter().filter(goes_first).count())
}

/// The characters of all inline policies at that moment.
fn inline_meanwhile(to_do: &[&Difference], managed: &ManagedRole, facts: &RoleFacts) -> usize {
    let put = |name: &PolicyName| {
        let aspect = Aspect::Inline(name.clone());
        let changes = to_do.iter().any(|difference| difference.aspect == aspect);
        managed.inline.get(name).filter(|_| changes)
    };
    let goes_first = |name: &PolicyName| {
        let aspect = Aspect::Inline(name.clone());
        to_do.iter().any(|difference| {
            difference.aspect == aspect && difference.wanted.is_none() && difference.cause == Cause::OutOfBand
        })
    };
    let found = || facts.inline.present().into_iter().flatten();
    let kept = found().filter(|(name, _)| put(name).is_none() && !goes_first(name));
    let kept: usize = kept.map(|(_, document)| document.size()).sum();
    let put: usize = managed.inline.keys().filter_map(put).map(Document::size).sum();
    kept + put
}
