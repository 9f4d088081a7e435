//! A role that was deleted out of band and created again: its name is the same, its unique id is not. The
//! recorded and the observed id in, a verdict out; no I/O.
//!
//! AWS stores a role that a policy names as principal by its unique id. Policies that named the old role no
//! longer match, and creating the name again does not repair them
//! (docs/dev/aws-behaviour.md#document-normalisation).

use super::basis::Basis;
use super::verdict::Verdict;
use crate::model::arn::RoleArn;
use crate::model::condition::ConditionType;
use crate::model::observed::RoleFacts;
use crate::model::reason::Reason;
use crate::model::status::Status;
use crate::model::subject::Subject;
use crate::ownership::current_role_ownership;

/// Returns the recorded id of a role, or `None` if there is none.
pub(super) fn known_id<'a>(previous: &'a Status, arn: &RoleArn) -> Option<&'a String> {
    let role = previous.role.as_ref().filter(|role| role.arn == *arn)?;
    role.id.as_ref()
}

/// Returns a verdict if the role has another id than the recorded one. The verdict stays until the spec
/// changes: by then a user has seen it.
pub(super) fn verdict(
    basis: &Basis<'_>,
    subject: &Subject,
    arn: &RoleArn,
    facts: &RoleFacts,
) -> Option<Verdict> {
    let known = known_id(basis.previous, arn)?;
    let id = facts.id.present()?;
    if known == id {
        return reported_before(basis);
    }
    let ownership = current_role_ownership(subject, basis.previous, arn, facts);
    ownership.is_owned().then(|| {
        Verdict::met(
            Reason::RoleRecreated,
            format!(
                "Role {arn} was deleted and created again: its id was {known} and is now {id}. Policies of other resources that name the role as principal refer to the old id. Save those policies again."
            ),
        )
    })
}

fn reported_before(basis: &Basis<'_>) -> Option<Verdict> {
    let before = basis.previous.condition(ConditionType::RoleReady)?;
    let is_current = before.reason == Reason::RoleRecreated && before.observed_generation == basis.generation;
    is_current.then(|| Verdict::met(Reason::RoleRecreated, before.message.clone()))
}

#[cfg(test)]
mod tests {
    use crate::example::{applied, decide, now, spec};
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

    /// One reconcile of an object of this generation. A role that it creates gets this id.
    fn reconcile(
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

    fn delete_role(world: &mut Observed, arn: &RoleArn) {
        world.roles.insert(arn.clone(), RoleFacts::absent());
    }

    fn role_ready(status: &Status) -> &Condition {
        status.condition(ConditionType::RoleReady).unwrap()
    }

    fn recreation_events(summary: &Summary) -> usize {
        let events = summary.events.iter();
        events
            .filter(|event| event.reason == Reason::RoleRecreated)
            .count()
    }

    #[test]
    fn recreated_role_is_reported_until_spec_changes() {
        let (identity, mut world, status) = applied(&spec(Method::PodIdentity));
        let arn = identity.role_arn().clone();
        delete_role(&mut world, &arn);
        let first = reconcile(&identity, &status, &mut world, 1, Some("AROA2"));
        assert_eq!(role_ready(&first.status).reason, Reason::RoleRecreated);
        assert!(role_ready(&first.status).message.contains("is now AROA2"));
        assert_eq!(recreation_events(&first), 1);

        let second = reconcile(&identity, &first.status, &mut world, 1, None);
        assert_eq!(
            (
                role_ready(&second.status) == role_ready(&first.status),
                recreation_events(&second)
            ),
            (true, 0),
            "no change"
        );

        let edited = reconcile(&identity, &second.status, &mut world, 2, None);
        assert_eq!(role_ready(&edited.status).reason, Reason::RoleInPlace);

        delete_role(&mut world, &arn);
        let again = reconcile(&identity, &first.status, &mut world, 1, Some("AROA3"));
        assert_eq!(
            recreation_events(&again),
            1,
            "a second recreation is reported again"
        );
    }

    #[test]
    fn interrupted_recreation_keeps_old_id() {
        let (identity, mut world, status) = applied(&spec(Method::PodIdentity));
        delete_role(&mut world, identity.role_arn());
        let stopped = reconcile(&identity, &status, &mut world, 1, None);
        assert_eq!(role_ready(&stopped.status).reason, Reason::RoleMissing);
        let created = reconcile(&identity, &stopped.status, &mut world, 1, Some("AROA2"));
        assert_eq!(role_ready(&created.status).reason, Reason::RoleRecreated);
    }

    #[test]
    fn unchanged_role_is_in_place() {
        let (_, _, status) = applied(&spec(Method::PodIdentity));
        assert_eq!(role_ready(&status).reason, Reason::RoleInPlace);
        let (identity, mut world, status) = applied(&spec(Method::PodIdentity));
        let next = reconcile(&identity, &status, &mut world, 1, None);
        assert_eq!(role_ready(&next.status).reason, Reason::RoleInPlace);
        assert!(matches!(world.role(identity.role_arn()).id, Fact::Present(_)));
    }
}
