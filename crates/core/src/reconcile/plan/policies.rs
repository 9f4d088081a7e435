//! Plan, the policies of a managed role: what comes on, what goes off, and what has to go off before anything comes on.
//! Differences in, steps into the draft; no I/O. Called by `plan::role` only.

use super::PlanBuilder;
use crate::identity::ManagedRole;
use crate::model::arn::{PolicyArn, RoleArn};
use crate::model::field::Field;
use crate::model::name::PolicyName;
use crate::model::observed::RoleFacts;
use crate::reconcile::diff::{Cause, Difference};
use crate::reconcile::step::Step;
use crate::reconcile::validate::INLINE_LIMIT;
use lanyard_iam_policy::Document;

/// Managed policies on one role before an account asks for more (IAM quotas, `L-0DA4ABF3`).
const ATTACHED_QUOTA: usize = 10;

pub(super) fn plan(builder: &mut PlanBuilder<'_>, role: &RoleArn, managed: &ManagedRole, facts: &RoleFacts) {
    let drift = builder.drift;
    let to_do: Vec<&Difference> = drift
        .differences
        .iter()
        .filter(|difference| builder.acts_on(difference))
        .collect();
    let crowded = Crowded {
        attached: attached_meanwhile(&to_do, facts) > ATTACHED_QUOTA,
        inline: inline_meanwhile(&to_do, managed, facts) > INLINE_LIMIT,
    };
    // The boundary is what keeps a policy from granting more than it should: without it nothing is added.
    let bounded = builder
        .drift
        .of(&Field::Boundary)
        .is_none_or(|boundary| builder.acts_on(boundary));
    for difference in to_do {
        if difference.desired.is_some() && !bounded {
            continue;
        }
        let others_did = difference.cause == Cause::OutOfBand;
        builder.steps.extend(match &difference.field {
            Field::Attached(policy) => Some(attachment(
                role,
                policy,
                difference,
                others_did || crowded.attached,
            )),
            Field::Inline(name) => Some(inline(role, name, managed, others_did || crowded.inline)),
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
    match difference.desired {
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
        matches!(difference.field, Field::Attached(_)) && difference.desired.is_some()
    };
    let goes_first = |difference: &&&Difference| {
        matches!(difference.field, Field::Attached(_))
            && difference.desired.is_none()
            && difference.cause == Cause::OutOfBand
    };
    let there = facts.attached_arns().len() + to_do.iter().filter(comes).count();
    there.saturating_sub(to_do.iter().filter(goes_first).count())
}

/// The characters of all inline policies at that moment.
fn inline_meanwhile(to_do: &[&Difference], managed: &ManagedRole, facts: &RoleFacts) -> usize {
    let put = |name: &PolicyName| {
        let field = Field::Inline(name.clone());
        let changes = to_do.iter().any(|difference| difference.field == field);
        managed.inline.get(name).filter(|_| changes)
    };
    let goes_first = |name: &PolicyName| {
        let field = Field::Inline(name.clone());
        to_do.iter().any(|difference| {
            difference.field == field && difference.desired.is_none() && difference.cause == Cause::OutOfBand
        })
    };
    let found = || facts.inline.present().into_iter().flatten();
    let kept = found().filter(|(name, _)| put(name).is_none() && !goes_first(name));
    let kept: usize = kept.map(|(_, document)| document.size()).sum();
    let put: usize = managed.inline.keys().filter_map(put).map(Document::size).sum();
    kept + put
}

#[cfg(test)]
mod tests {
    use crate::example::decide;
    use crate::example::{applied, identity, spec};
    use crate::model::spec::{Method, Spec};
    use crate::reconcile::step::Step;

    fn with_policies(numbers: std::ops::Range<u8>) -> Spec {
        let mut spec = spec(Method::PodIdentity);
        let arn = |number| format!("arn:aws:iam::111122223333:policy/p{number}");
        spec.managed.as_mut().unwrap().policy_arns = numbers.map(arn).collect();
        spec
    }

    /// Where attaching begins and where detaching does, by stage.
    fn stages(before: &Spec, after: &Spec) -> (Option<usize>, Option<usize>) {
        let (_, world, status) = applied(before);
        let plan = decide(&identity(after), &status, &world).plan;
        let first = |is: fn(&Step) -> bool| plan.waves.iter().position(|stage| stage.iter().any(is));
        (
            first(|step| matches!(step, Step::AttachPolicy { .. } | Step::PutInlinePolicy { .. })),
            first(|step| matches!(step, Step::DetachPolicy { .. } | Step::DeleteInlinePolicy { .. })),
        )
    }

    #[test]
    fn policies_come_on_before_those_go_off_that_the_spec_left_off() {
        let (on, off) = stages(&with_policies(0..2), &with_policies(1..3));
        assert!(on.unwrap() < off.unwrap());
    }

    #[test]
    fn where_the_quota_leaves_no_room_the_old_go_off_first() {
        let (on, off) = stages(&with_policies(0..10), &with_policies(1..11));
        assert!(off.unwrap() < on.unwrap());
    }

    #[test]
    fn inline_policies_make_room_too() {
        let big = |name: &str| {
            let resources: Vec<String> = (0..300).map(|at| format!("arn:aws:s3:::bucket-{at}")).collect();
            let statement =
                serde_json::json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": resources});
            let document = serde_json::json!({"Version": "2012-10-17", "Statement": [statement]});
            let mut spec = spec(Method::PodIdentity);
            spec.managed.as_mut().unwrap().inline_policies = vec![(name.to_owned(), document)];
            spec
        };
        let (on, off) = stages(&big("before"), &big("after"));
        assert!(off.unwrap() < on.unwrap());
    }
}
