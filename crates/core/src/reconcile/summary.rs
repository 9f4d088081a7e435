//! Summarise: the decision of a reconcile and the results of its steps in; the status, the events and the
//! next requeue out. The clock is an argument; no I/O. Nothing that changes by itself, such as a remaining
//! time, is in the status.

use crate::model::status::Status;
use crate::reconcile::decide::compute_drift;

mod agent;
mod basis;
mod bindings;
mod conditions;
mod drift;
mod events;
mod in_sync;
mod input;
mod last_applied;
#[cfg(test)]
mod missing_policy_tests;
mod next;
mod output;
mod persistence;
mod pods;
mod readiness;
mod reconciling;
mod recount;
mod recreated;
mod refused;
mod replacement;
mod role;
mod stalled;
mod status_fields;
mod transition;
mod unreadable;
#[cfg(test)]
mod user_action_tests;
mod verdict;
#[cfg(test)]
mod wait_tests;

pub(crate) use basis::Basis;
pub(crate) use drift::drift_items;
pub use events::{Event, EventKind};
pub use input::SummaryInput;
pub use output::{Next, Summary};
pub use recount::recount;
pub use refused::{invalid, refused, undecodable};
pub(crate) use role::{role as role_verdict, trust as trust_verdict};
pub(crate) use verdict::Verdict;

/// Builds the status, the events and the next requeue of one reconcile.
#[must_use]
pub fn summarise(input: &SummaryInput<'_>) -> Summary {
    let drift = compute_drift(
        &input.decision.transition,
        &input.decision.desired,
        &input.decision.contested,
        input.previous,
        input.after,
    );
    let ready_inputs = readiness::ready_inputs(input, &drift);
    let report = drift::drift_report(input, &drift);
    let conditions = conditions::conditions(input, &drift, &ready_inputs, &report);
    let status = Status {
        observed_generation: Some(input.generation),
        last_handled_reconcile_at: input.previous.last_handled_reconcile_at.clone(),
        class_name: status_fields::class_name(input),
        applied_from_class: status_fields::applied_from_class(input),
        role: status_fields::role(input),
        bindings: bindings::bindings(input, &ready_inputs),
        oidc_provider_arn: status_fields::provider_arn(input),
        last_applied_hashes: last_applied::last_applied_hashes(input, &drift),
        pods: status_fields::pods(input),
        transition: transition::record(input),
        restarts: transition::restarts(input),
        drift: report.status.clone(),
        conditions,
    };
    let events = events::events(input, &report, &status);
    Summary {
        next: next::next(input, &drift, &ready_inputs),
        corrected: report.corrected_fields,
        status,
        events,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{applied, decide, rendered, spec};
    use crate::model::condition::ConditionType;
    use crate::model::fact::{Fact, ReadError};
    use crate::model::observed::Agent;
    use crate::model::reason::Reason;
    use crate::model::spec::Method;
    use crate::reconcile::outcome::Outcome;

    #[test]
    fn outage_with_changing_errors_is_written_once() {
        let (identity, mut world, before) = applied(&spec(Method::PodIdentity));
        let mut status_after = |error: ReadError, previous: &Status| {
            world.association = Fact::Unreadable(error);
            let decision = decide(&identity, previous, &world);
            rendered(&decision, previous, &world, &Outcome::default()).status
        };
        let first = status_after(
            ReadError::Failed("IAM does not answer as it should".to_owned()),
            &before,
        );
        let since = first.drift.items.first().unwrap().since;
        let second = status_after(ReadError::Throttled, &first);
        assert_eq!((second.drift.items.len(), second.drift.count), (1, 1));
        assert_eq!(second.drift.items.first().unwrap().since, since);
        assert_eq!(
            status_after(ReadError::Throttled, &second),
            second,
            "no change, no write"
        );
    }

    #[test]
    fn tag_of_another_owner_is_listed_and_no_drift() {
        let (identity, mut world, before) = applied(&spec(Method::PodIdentity));
        let role = world.roles.get_mut(identity.role_arn()).unwrap();
        let tags = role.tags.present_mut().unwrap();
        tags.insert("cost-center".to_owned(), "shop".to_owned());
        let decision = decide(&identity, &before, &world);
        let status = rendered(&decision, &before, &world, &Outcome::default()).status;
        let in_sync = status.condition(ConditionType::InSync).unwrap();
        assert_eq!(in_sync.reason, Reason::InSync, "{}", in_sync.message);
        assert!(
            in_sync.message.contains("status.drift.unmanaged"),
            "{}",
            in_sync.message
        );
        assert_eq!((status.drift.count, status.drift.unmanaged_count), (0, 1));
        let listed = status.drift.unmanaged.first().unwrap();
        assert_eq!(listed.field, "tags[cost-center]");
        world.roles.get_mut(identity.role_arn()).unwrap().tags = Fact::Unreadable(ReadError::Throttled);
        let decision = decide(&identity, &status, &world);
        let hidden = rendered(&decision, &status, &world, &Outcome::default()).status;
        assert_eq!(
            hidden.drift.unmanaged, status.drift.unmanaged,
            "an outage keeps the list"
        );
    }

    #[test]
    fn association_without_agent_waits_for_a_wake_up() {
        let (identity, mut world, status) = applied(&spec(Method::PodIdentity));
        world.agent = Fact::Present(Agent {
            ready: false,
            found: "add-on v1.3.8 DEGRADED".to_owned(),
        });
        let decision = decide(&identity, &status, &world);
        let summary = rendered(&decision, &status, &world, &Outcome::default());
        let ready = summary.status.condition(ConditionType::Ready).unwrap();
        assert_eq!(ready.reason, Reason::AgentNotReady);
        assert!(matches!(summary.next, Next::OnWake(_)), "{:?}", summary.next);
    }
}
