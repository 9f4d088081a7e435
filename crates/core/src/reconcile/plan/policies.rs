//! Plan of a managed role's policies: policies to add, policies to remove, and removals that must precede
//! additions. Differences in, steps out; no I/O.

use super::builder::PlanBuilder;
use crate::identity::ManagedRole;
use crate::model::arn::{PolicyArn, RoleArn};
use crate::model::field::Field;
use crate::model::name::PolicyName;
use crate::model::observed::RoleFacts;
use crate::reconcile::diff::{Cause, Difference};
use crate::reconcile::step::Step;
use crate::reconcile::validate::INLINE_LIMIT;
use lanyard_iam_policy::{Document, grants_no_more};

/// The default quota of managed policies on one role (IAM quota `L-0DA4ABF3`).
const ATTACHED_QUOTA: usize = 10;

pub(super) fn plan(builder: &mut PlanBuilder<'_>, role: &RoleArn, managed: &ManagedRole, facts: &RoleFacts) {
    let drift = builder.drift;
    let to_do: Vec<&Difference> = drift
        .differences
        .iter()
        .filter(|difference| builder.acts_on(difference))
        .collect();
    let over_quota = OverQuota {
        attached: attached_meanwhile(&to_do, facts) > ATTACHED_QUOTA,
        inline: inline_meanwhile(&to_do, managed, facts) > INLINE_LIMIT,
    };
    // The boundary limits the permissions that a policy grants. Without it no policy is added.
    let is_bounded = builder
        .drift
        .of(&Field::Boundary)
        .is_none_or(|boundary| builder.acts_on(boundary));
    for difference in to_do {
        if difference.desired.is_some() && !is_bounded {
            continue;
        }
        let is_out_of_band = difference.cause == Cause::OutOfBand;
        builder.steps.extend(match &difference.field {
            Field::Attached(policy) => Some(attachment(
                role,
                policy,
                difference,
                is_out_of_band || over_quota.attached,
            )),
            Field::Inline(name) => Some(inline(
                role,
                name,
                managed,
                facts,
                is_out_of_band || over_quota.inline,
            )),
            _ => None,
        });
    }
    order_by_growth(&mut builder.steps, facts);
}

/// Orders the inline policies to put, so that the quota holds after each of them. If there is room, those that grow
/// go first, so that a permission that moves from one policy to another is never missing. Otherwise those that
/// shrink go first.
fn order_by_growth(steps: &mut [Step], facts: &RoleFacts) {
    let size_before = |name: &PolicyName| {
        let observed = facts.inline.present();
        observed
            .and_then(|inline| inline.get(name))
            .map_or(0, Document::size)
    };
    let mut puts: Vec<Step> = steps
        .iter()
        .filter(|step| matches!(step, Step::PutInlinePolicy { .. }))
        .cloned()
        .collect();
    let growth = |step: &Step| match step {
        Step::PutInlinePolicy { name, document, .. } => {
            document.size().cast_signed() - size_before(name).cast_signed()
        }
        _ => 0,
    };
    let kept: usize = facts
        .inline
        .present()
        .into_iter()
        .flatten()
        .map(|(_, document)| document.size())
        .sum();
    let grown: isize = puts.iter().map(growth).filter(|growth| *growth > 0).sum();
    let has_room = kept.cast_signed() + grown <= INLINE_LIMIT.cast_signed();
    puts.sort_by_key(|step| match has_room {
        true => -growth(step),
        false => growth(step),
    });
    let places = steps
        .iter_mut()
        .filter(|step| matches!(step, Step::PutInlinePolicy { .. }));
    for (place, put) in places.zip(puts) {
        *place = put;
    }
}

/// The quotas that have no room for new policies beside those that the spec no longer includes.
struct OverQuota {
    attached: bool,
    inline: bool,
}

fn attachment(role: &RoleArn, policy: &PolicyArn, difference: &Difference, first: bool) -> Step {
    let (role, policy) = (role.clone(), policy.clone());
    match difference.desired {
        Some(_) => Step::AttachPolicy { role, policy },
        None => Step::DetachPolicy { role, policy, first },
    }
}

fn inline(role: &RoleArn, name: &PolicyName, managed: &ManagedRole, facts: &RoleFacts, first: bool) -> Step {
    let observed = facts.inline.present().and_then(|inline| inline.get(name));
    let (role, name) = (role.clone(), name.clone());
    match managed.inline.get(&name) {
        Some(document) => Step::PutInlinePolicy {
            role,
            narrows: observed.is_some_and(|observed| grants_no_more(document, observed)),
            document: document.clone(),
            name,
        },
        None => Step::DeleteInlinePolicy { role, name, first },
    }
}

/// The number of attached policies after the additions and before the removals that the spec causes.
fn attached_meanwhile(to_do: &[&Difference], facts: &RoleFacts) -> usize {
    let is_added = |difference: &&&Difference| {
        matches!(difference.field, Field::Attached(_)) && difference.desired.is_some()
    };
    let is_removed_first = |difference: &&&Difference| {
        matches!(difference.field, Field::Attached(_))
            && difference.desired.is_none()
            && difference.cause == Cause::OutOfBand
    };
    let attached = facts.attached_arns().len() + to_do.iter().filter(is_added).count();
    attached.saturating_sub(to_do.iter().filter(is_removed_first).count())
}

/// The size of all inline policies at the same moment.
fn inline_meanwhile(to_do: &[&Difference], managed: &ManagedRole, facts: &RoleFacts) -> usize {
    let put = |name: &PolicyName| {
        let field = Field::Inline(name.clone());
        let is_changed = to_do.iter().any(|difference| difference.field == field);
        managed.inline.get(name).filter(|_| is_changed)
    };
    let is_removed_first = |name: &PolicyName| {
        let field = Field::Inline(name.clone());
        to_do.iter().any(|difference| {
            difference.field == field && difference.desired.is_none() && difference.cause == Cause::OutOfBand
        })
    };
    let observed = || facts.inline.present().into_iter().flatten();
    let kept = observed().filter(|(name, _)| put(name).is_none() && !is_removed_first(name));
    let kept: usize = kept.map(|(_, document)| document.size()).sum();
    let put: usize = managed.inline.keys().filter_map(put).map(Document::size).sum();
    kept + put
}

#[cfg(test)]
mod tests {
    use crate::example::{applied, decide, identity, spec};
    use crate::model::spec::{Method, Spec};
    use crate::reconcile::step::Step;

    fn with_policies(numbers: std::ops::Range<u8>) -> Spec {
        let mut spec = spec(Method::PodIdentity);
        let arn = |number| format!("arn:aws:iam::111122223333:policy/p{number}");
        spec.managed.as_mut().unwrap().policy_arns = numbers.map(arn).collect();
        spec
    }

    /// The waves in which attaching and detaching begin.
    fn waves(before: &Spec, after: &Spec) -> (Option<usize>, Option<usize>) {
        let (_, world, status) = applied(before);
        let plan = decide(&identity(after), &status, &world).plan;
        let first = |is: fn(&Step) -> bool| plan.waves.iter().position(|wave| wave.iter().any(is));
        (
            first(|step| matches!(step, Step::AttachPolicy { .. } | Step::PutInlinePolicy { .. })),
            first(|step| matches!(step, Step::DetachPolicy { .. } | Step::DeleteInlinePolicy { .. })),
        )
    }

    #[test]
    fn changed_policies_are_attached_before_detached() {
        let (attach, detach) = waves(&with_policies(0..2), &with_policies(1..3));
        assert!(attach.unwrap() < detach.unwrap());
    }

    #[test]
    fn changed_policies_over_quota_are_detached_first() {
        let (attach, detach) = waves(&with_policies(0..10), &with_policies(1..11));
        assert!(detach.unwrap() < attach.unwrap());
    }

    #[test]
    fn inline_policies_over_quota_are_deleted_first() {
        let big = |name: &str| {
            let resources: Vec<String> = (0..300).map(|at| format!("arn:aws:s3:::bucket-{at}")).collect();
            let statement =
                serde_json::json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": resources});
            let document = serde_json::json!({"Version": "2012-10-17", "Statement": [statement]});
            let mut spec = spec(Method::PodIdentity);
            spec.managed.as_mut().unwrap().inline_policies = vec![(name.to_owned(), document)];
            spec
        };
        let (attach, detach) = waves(&big("before"), &big("after"));
        assert!(detach.unwrap() < attach.unwrap());
    }

    /// The names of the inline policies to put, in order, if buckets move between two policies.
    fn puts(before: [u16; 2], after: [u16; 2]) -> Vec<String> {
        let with = |counts: [u16; 2]| {
            let mut spec = spec(Method::PodIdentity);
            spec.managed.as_mut().unwrap().inline_policies = ["a", "b"]
                .into_iter()
                .zip(counts)
                .map(|(name, count)| {
                    let resources: Vec<String> = (0..count).map(|at| format!("arn:aws:s3:::bucket-{at:03}")).collect();
                    let statement =
                        serde_json::json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": resources});
                    let document = serde_json::json!({"Version": "2012-10-17", "Statement": [statement]});
                    (name.to_owned(), document)
                })
                .collect();
            spec
        };
        let (_, world, status) = applied(&with(before));
        let plan = decide(&identity(&with(after)), &status, &world).plan;
        let name = |step: &Step| match step {
            Step::PutInlinePolicy { name, .. } => Some(name.to_string()),
            _ => None,
        };
        plan.steps().filter_map(name).collect()
    }

    #[test]
    fn moved_grants_without_room_shrink_first() {
        assert_eq!(puts([10, 340], [200, 150]), ["b", "a"]);
        assert_eq!(puts([340, 10], [150, 200]), ["a", "b"]);
    }

    #[test]
    fn moved_grants_with_room_grow_first() {
        assert_eq!(puts([10, 20], [20, 10]), ["a", "b"]);
        assert_eq!(puts([20, 10], [10, 20]), ["b", "a"]);
    }
}
