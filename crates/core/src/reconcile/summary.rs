//! Summarise: what was thought and what became of it go in; the status, the events and the next look come out.
//! Pure: the clock is an argument. Nothing that changes by itself reaches the status.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::condition::{Condition, ConditionStatus, ConditionType};
use crate::model::fact::{Fact, ReadError};
use crate::model::from_class::FromClass;
use crate::model::observed::Observed;
use crate::model::reason::Reason;
use crate::model::status::{PodsStatus, RoleStatus, Status};
use crate::model::timings::Timings;
use crate::ownership::{Ownership, current_role_ownership};
use crate::reconcile::decide::{Decision, compare};
use crate::reconcile::desired::{Desired, DesiredRole, DesiredState};
use crate::reconcile::diff::Drift;
use crate::reconcile::gate::WriteGate;
use crate::reconcile::outcome::{Disposition, Outcome};
use crate::reconcile::plan::WaitReason;
use crate::reconcile::transition::{Phase, Transition, TransitionState};

mod agent;
mod bindings;
mod conditions;
mod drift;
mod events;
mod last_applied;
mod readiness;
mod recount;
mod recreated;
mod refused;
mod role;
mod transition;

pub(crate) use drift::items_of;
pub use events::{Event, EventKind};
pub use recount::recount;
pub use refused::{invalid, refused, undecodable};
pub(crate) use role::{Basis, role as role_verdict, trust as trust_verdict};

/// What a look that came to its end gives to the outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The status to write, if it differs from the one that is there.
    pub status: Status,
    /// What to tell people.
    pub events: Vec<Event>,
    /// When to look again.
    pub next: Next,
    /// The keys of the aspects that this look put back after somebody had changed them.
    pub corrected: Vec<String>,
}

/// When to look again, changes of the object and of what is watched aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// With the next resync.
    Resync,
    /// After a time.
    After(Duration),
    /// When a change of ours has reached everybody, after this time. Nothing needs to be read again for it.
    Settled(Duration),
    /// Soon, with the object's own backoff.
    Backoff,
}

/// Everything that `summarise` reads.
#[derive(Debug, Clone, Copy)]
pub struct SummaryInput<'a> {
    /// The generation of the spec that was looked at.
    pub generation: i64,
    /// What was thought.
    pub decision: &'a Decision,
    /// What became of the plan.
    pub outcome: &'a Outcome,
    /// The facts after the done steps.
    pub after: &'a Observed,
    /// The status before.
    pub previous: &'a Status,
    /// What the gate permitted.
    pub gate: WriteGate,
    /// How long things take.
    pub timings: &'a Timings,
    /// The time of this look.
    pub now: Timestamp,
}

impl SummaryInput<'_> {
    /// What should be, where that is known and something should be.
    fn wanted(&self) -> Option<&DesiredState> {
        match (&self.decision.desired, &self.decision.stage) {
            (Desired::Absent(_), _) | (_, TransitionState::Unknown(..)) => None,
            (Desired::Present(wanted), _) => Some(wanted),
        }
    }
}

/// Makes status, events and next look of one pass.
#[must_use]
pub fn summarise(input: &SummaryInput<'_>) -> Summary {
    let drift = compare(
        &input.decision.stage,
        &input.decision.desired,
        input.previous,
        input.after,
    )
    .with_contested(&input.decision.contested);
    let ready_inputs = readiness::judge(input, &drift);
    let found = drift::found(input, &drift);
    let conditions = conditions::of(input, &drift, &ready_inputs, &found);
    let status = Status {
        observed_generation: Some(input.generation),
        class_name: class_name(input),
        applied_from_class: from_class(input),
        role: role(input),
        bindings: bindings::of(input, &ready_inputs),
        oidc_provider_arn: provider(input),
        last_applied_hashes: last_applied::of(input, &drift),
        pods: PodsStatus { stale: stale(input) },
        transition: transition::record(input),
        drift: found.status.clone(),
        conditions,
    };
    let events = events::of(input, &found, &status);
    Summary {
        next: next(input, &drift, &ready_inputs),
        corrected: found.fields,
        status,
        events,
    }
}

/// The class that is followed: once on record it stays.
fn class_name(input: &SummaryInput<'_>) -> Option<String> {
    let chosen = input.wanted().and_then(|wanted| wanted.inventory.class.clone());
    chosen.or_else(|| input.previous.class_name.clone())
}

/// What the class put in, once all of it is there. A frozen identity learns nothing new of it either.
fn from_class(input: &SummaryInput<'_>) -> Option<FromClass> {
    let free = input.wanted().is_some() && input.decision.frozen.is_none();
    let learns = free && input.gate == WriteGate::Open && input.outcome.all_done();
    let known = if learns {
        &input.decision.from_class
    } else {
        &input.previous.applied_from_class
    };
    known.clone()
}

/// The role, with its id only where it is ours: the id is what later tells that it is.
fn role(input: &SummaryInput<'_>) -> Option<RoleStatus> {
    let Some(wanted) = input.wanted() else {
        return input.previous.role.clone();
    };
    let arn = wanted.binding.role_arn.clone();
    let facts = input.after.role(&arn);
    if facts.id.unreadable().is_some() {
        return input.previous.role.clone().or(Some(RoleStatus {
            arn,
            id: None,
            adopted: false,
        }));
    }
    let was = input.previous.role.as_ref().filter(|known| known.arn == arn);
    if let (DesiredRole::Held, Some(was)) = (&wanted.role, was.filter(|known| known.adopted)) {
        // That others made it is not forgotten while the spec already names another.
        return Some(was.clone());
    }
    let managed = matches!(wanted.role, DesiredRole::Managed(_) | DesiredRole::Adopted(..));
    let ownership = match managed {
        true => current_role_ownership(&wanted.subject, input.previous, &arn, &facts),
        false => Ownership::Foreign,
    };
    let adopted = match &facts.id {
        Fact::Present(_) => ownership.is_adopted(),
        // Remembered like its id: Lanyard makes no other in its place.
        Fact::Absent | Fact::Unreadable(_) => managed && was.is_some_and(|known| known.adopted),
    };
    let id = match facts.id {
        Fact::Present(id) => Some(id).filter(|_| ownership.is_owned()),
        // Remembered until there is another one: it tells that the role was created again.
        Fact::Absent if managed => recreated::known_id(input.previous, &arn).cloned(),
        Fact::Absent | Fact::Unreadable(_) => None,
    };
    Some(RoleStatus { arn, id, adopted })
}

fn provider(input: &SummaryInput<'_>) -> Option<String> {
    let Some(wanted) = input.wanted() else {
        return input.previous.oidc_provider_arn.clone();
    };
    wanted.provider.as_ref().map(|provider| provider.arn.clone())
}

/// Holders without the credentials that the spec asks for; what could not be counted stays as it was.
fn stale(input: &SummaryInput<'_>) -> i64 {
    let (Some(pods), Desired::Present(wanted)) = (input.after.pods.present(), &input.decision.desired) else {
        return input.previous.pods.stale;
    };
    let moving = transition::under_way(input);
    // While a change runs, those count that do not carry what the spec asks for.
    let asked = moving.map_or(&wanted.binding, |transition| &transition.wanted);
    let stale = pods.stale(asked, moving.and_then(|transition| transition.made_before));
    i64::try_from(stale).unwrap_or(i64::MAX)
}

fn next(input: &SummaryInput<'_>, drift: &Drift, ready_inputs: &readiness::ReadyInputs) -> Next {
    if input.outcome.waiting().is_some() {
        return Next::Backoff;
    }
    if let Some((_, trouble)) = input.outcome.failure() {
        return match trouble.disposition {
            Disposition::RetrySoon => Next::Backoff,
            Disposition::WaitForChange => Next::Resync,
        };
    }
    let unreadable = drift
        .differences
        .iter()
        .filter_map(|difference| match &difference.cause {
            crate::reconcile::diff::Cause::Unreadable(why) => Some(why),
            _ => None,
        });
    let mut next = Next::Resync;
    for why in unreadable {
        match why {
            ReadError::Throttled | ReadError::Failed(_) => return Next::Backoff,
            ReadError::Settling => next = Next::After(input.timings.read_consistency),
            ReadError::Denied(_) | ReadError::NotRead => {}
        }
    }
    if next == Next::Resync && input.decision.plan.waiting_for.contains(&WaitReason::Reading) {
        return Next::Backoff;
    }
    if let Some(transition) = transition::under_way(input) {
        return Next::After(next_stage(input, transition));
    }
    if let Some(settles) = ready_inputs.settles_in {
        return Next::Settled(settles);
    }
    if next == Next::Resync && !input.decision.plan.waiting_for.is_empty() {
        return Next::After(input.timings.waiting);
    }
    next
}

/// Whether this pass did what its stage asks for, and waits for nothing else.
fn goes_on(input: &SummaryInput<'_>) -> bool {
    let waits = input.decision.plan.waiting_for != [WaitReason::Transition];
    input.gate == WriteGate::Open && input.outcome.all_done() && !waits
}

/// When a change of the binding is to be looked at again: what it does by itself goes on at once.
fn next_stage(input: &SummaryInput<'_>, transition: &Transition) -> Duration {
    let timings = input.timings;
    match &transition.phase {
        Phase::Preparing | Phase::Switching | Phase::Unbinding if goes_on(input) => timings.step,
        phase => phase
            .left()
            .map_or(timings.waiting, |left| left.max(timings.step)),
    }
}

/// One verdict: whether something holds, the word and the sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub status: ConditionStatus,
    pub reason: Reason,
    pub message: String,
}

impl Verdict {
    pub(crate) fn holds(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::True,
            reason,
            message: message.into(),
        }
    }

    pub(crate) fn fails(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::False,
            reason,
            message: message.into(),
        }
    }

    pub(crate) fn unknown(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            status: ConditionStatus::Unknown,
            reason,
            message: message.into(),
        }
    }

    /// What stood before, or Unknown when it was never judged: an outage does not turn the fleet red.
    pub(crate) fn as_before(previous: &Status, kind: ConditionType, what: &str, why: &ReadError) -> Self {
        match previous.condition(kind) {
            Some(before) if before.status != ConditionStatus::Unknown => Self {
                status: before.status,
                reason: before.reason,
                message: before.message.clone(),
            },
            Some(_) | None => Self::unknown(Reason::Unreadable, format!("{what} could not be read: {why}")),
        }
    }

    /// The condition as it will be written; its time moves only when its status does.
    pub(crate) fn into_condition(
        self,
        kind: ConditionType,
        previous: &Status,
        generation: i64,
        now: Timestamp,
    ) -> Condition {
        let since = previous
            .condition(kind)
            .filter(|before| before.status == self.status)
            .map_or(now, |before| before.last_transition_time);
        Condition {
            kind,
            status: self.status,
            reason: self.reason,
            message: crate::model::text::message(&self.message),
            observed_generation: generation,
            last_transition_time: since,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::decide;
    use crate::example::{applied, rendered, spec};
    use crate::model::fact::Fact;
    use crate::model::observed::Agent;
    use crate::model::spec::Method;

    #[test]
    fn an_outage_is_written_down_once_however_aws_words_it() {
        let (identity, mut world, before) = applied(&spec(Method::PodIdentity));
        let mut decision = |why: ReadError, previous: &Status| {
            world.association = Fact::Unreadable(why);
            let decision = decide(&identity, previous, &world);
            rendered(&decision, previous, &world, &Outcome::default()).status
        };
        let first = decision(
            ReadError::Failed("IAM does not answer as it should".to_owned()),
            &before,
        );
        let since = first.drift.items.first().unwrap().since;
        let second = decision(ReadError::Throttled, &first);
        assert_eq!((second.drift.items.len(), second.drift.count), (1, 1));
        assert_eq!(second.drift.items.first().unwrap().since, since);
        assert_eq!(
            decision(ReadError::Throttled, &second),
            second,
            "nothing new is nothing to write"
        );
    }

    #[test]
    fn an_association_without_its_agent_is_looked_at_again_soon() {
        let (identity, mut world, status) = applied(&spec(Method::PodIdentity));
        world.agent = Fact::Present(Agent {
            ready: false,
            found: "add-on v1.3.8 DEGRADED".to_owned(),
        });
        let decision = decide(&identity, &status, &world);
        let summary = rendered(&decision, &status, &world, &Outcome::default());
        let ready = summary.status.condition(ConditionType::Ready).unwrap();
        assert_eq!(ready.reason, Reason::AgentNotReady);
        assert_eq!(summary.next, Next::After(Timings::default().waiting));
    }
}
