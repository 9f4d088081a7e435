//! Summarise, a role that was deleted by somebody and created again: its name is the old one, its unique id is not.
//! What was recorded and what is there now in, the verdict to give out; no I/O.
//!
//! AWS stores a role that a policy names as principal by its unique id, so policies elsewhere that named the old role
//! are dead and creating the name again does not mend them (docs/dev/aws-behaviour.md#document-normalisation).

use super::{Basis, Verdict};
use crate::model::arn::RoleArn;
use crate::model::condition::ConditionType;
use crate::model::observed::RoleFacts;
use crate::model::reason::Reason;
use crate::model::status::Status;
use crate::model::subject::Subject;
use crate::ownership::current_role_ownership;

/// The id that is on record for a role.
pub(super) fn known_id<'a>(previous: &'a Status, arn: &RoleArn) -> Option<&'a String> {
    let role = previous.role.as_ref().filter(|role| role.arn == *arn)?;
    role.id.as_ref()
}

/// What to say of a role of ours that is not the one on record. It is said until the spec next changes: by then
/// somebody has looked at the object.
pub(super) fn verdict(
    basis: &Basis<'_>,
    subject: &Subject,
    arn: &RoleArn,
    facts: &RoleFacts,
) -> Option<Verdict> {
    let (known, id) = (known_id(basis.previous, arn)?, facts.id.present()?);
    if known == id {
        return said_before(basis);
    }
    let ownership = current_role_ownership(subject, basis.previous, arn, facts);
    ownership.is_owned().then(|| {
        Verdict::holds(
            Reason::RoleRecreated,
            format!(
                "Role {arn} was deleted and is created again: its id was {known} and is now {id}. Policies elsewhere that name it as principal still mean the old one: save them again."
            ),
        )
    })
}

fn said_before(basis: &Basis<'_>) -> Option<Verdict> {
    let before = basis.previous.condition(ConditionType::RoleReady)?;
    let stands = before.reason == Reason::RoleRecreated && before.observed_generation == basis.generation;
    stands.then(|| Verdict::holds(Reason::RoleRecreated, before.message.clone()))
}

#[cfg(test)]
mod tests {
    use crate::example::decide;
    use crate::example::{applied, now, spec};
    use crate::identity::Identity;
    use crate::model::arn::RoleArn;
    use crate::model::condition::{Condition, ConditionType};
    use crate::model::fact::Fact;
    use crate::model::observed::{Observed, RoleFacts};
    use crate::model::reason::Reason;
    use crate::model::spec::Method;
    use crate::model::status::Status;
    use crate::model::timings::Timings;
    use crate::reconcile::gate::WriteGate;
    use crate::reconcile::outcome::{Answer, Outcome, StepResult};
    use crate::reconcile::step::Step;
    use crate::reconcile::summary::{Summary, SummaryInput, summarise};

    /// One pass over an object of this generation; a role that it creates gets this id.
    fn pass(
        identity: &Identity,
        previous: &Status,
        world: &mut Observed,
        generation: i64,
        id: Option<&str>,
    ) -> Summary {
        let decision = decide(identity, previous, world);
        let mut outcome = Outcome::default();
        for step in decision.plan.steps() {
            let answer = match (step, id) {
                (Step::CreateRole { .. }, None) => break,
                (Step::CreateRole { .. }, Some(id)) => Answer::RoleId(id.to_owned()),
                _ => Answer::Nothing,
            };
            world.assume(step, &answer);
            outcome.steps.push((step.clone(), StepResult::Done(answer)));
        }
        summarise(&SummaryInput {
            generation,
            decision: &decision,
            outcome: &outcome,
            after: world,
            previous,
            gate: WriteGate::Open,
            timings: &Timings::default(),
            now: now(),
        })
    }

    fn lost(world: &mut Observed, arn: &RoleArn) {
        world.roles.insert(arn.clone(), RoleFacts::absent());
    }

    fn role_ready(status: &Status) -> &Condition {
        status.condition(ConditionType::RoleReady).unwrap()
    }

    fn told_of_it(summary: &Summary) -> usize {
        let events = summary.events.iter();
        events
            .filter(|event| event.reason == Reason::RoleRecreated)
            .count()
    }

    #[test]
    fn a_role_that_is_created_again_is_told_once_and_said_until_the_spec_changes() {
        let (identity, mut world, status) = applied(&spec(Method::PodIdentity));
        let arn = identity.role_arn().clone();
        lost(&mut world, &arn);
        let first = pass(&identity, &status, &mut world, 1, Some("AROA2"));
        assert_eq!(role_ready(&first.status).reason, Reason::RoleRecreated);
        assert!(role_ready(&first.status).message.contains("is now AROA2"));
        assert_eq!(told_of_it(&first), 1);

        let second = pass(&identity, &first.status, &mut world, 1, None);
        assert_eq!(
            (second.status == first.status, told_of_it(&second)),
            (true, 0),
            "it stands"
        );

        let edited = pass(&identity, &second.status, &mut world, 2, None);
        assert_eq!(role_ready(&edited.status).reason, Reason::RoleInPlace);

        lost(&mut world, &arn);
        let again = pass(&identity, &first.status, &mut world, 1, Some("AROA3"));
        assert_eq!(told_of_it(&again), 1, "another time is input again");
    }

    #[test]
    fn a_stop_on_the_way_does_not_forget_the_old_id() {
        let (identity, mut world, status) = applied(&spec(Method::PodIdentity));
        lost(&mut world, identity.role_arn());
        let stopped = pass(&identity, &status, &mut world, 1, None);
        assert_eq!(role_ready(&stopped.status).reason, Reason::RoleMissing);
        let created = pass(&identity, &stopped.status, &mut world, 1, Some("AROA2"));
        assert_eq!(role_ready(&created.status).reason, Reason::RoleRecreated);
    }

    #[test]
    fn a_first_role_and_one_that_stays_are_just_in_place() {
        let (_, _, status) = applied(&spec(Method::PodIdentity));
        assert_eq!(role_ready(&status).reason, Reason::RoleInPlace);
        let (identity, mut world, status) = applied(&spec(Method::PodIdentity));
        let next = pass(&identity, &status, &mut world, 1, None);
        assert_eq!(role_ready(&next.status).reason, Reason::RoleInPlace);
        assert!(matches!(world.role(identity.role_arn()).id, Fact::Present(_)));
    }
}
