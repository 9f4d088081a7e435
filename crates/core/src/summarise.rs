//! Summarise: what was thought and what became of it go in; the status, the events and the next look come out.
//! Pure: the clock is an argument. Nothing that changes by itself reaches the status.

use std::time::Duration;

use jiff::Timestamp;

use crate::class::FromClass;
use crate::condition::{Condition, ConditionStatus, ConditionType};
use crate::desired::{Desired, Wanted, WantedRole};
use crate::drift::Drift;
use crate::fact::{Fact, Why};
use crate::gate::Gate;
use crate::look::{Look, compare};
use crate::observed::Observed;
use crate::outcome::{Disposition, Outcome};
use crate::ownership::{Holding, found_role};
use crate::plan::Await;
use crate::reason::Reason;
use crate::stage::{Phase, Stage, Transition};
use crate::status::{PodsStatus, RoleStatus, Status};
use crate::timings::Timings;

mod agent;
mod applied;
mod bindings;
mod conditions;
mod events;
mod found;
mod recount;
mod recreated;
mod refused;
mod role;
mod three;
mod transition;

pub use events::{Event, EventKind};
pub(crate) use found::items_of;
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
pub struct Told<'a> {
    /// The generation of the spec that was looked at.
    pub generation: i64,
    /// What was thought.
    pub look: &'a Look,
    /// What became of the plan.
    pub outcome: &'a Outcome,
    /// The facts after the done steps.
    pub after: &'a Observed,
    /// The status before.
    pub previous: &'a Status,
    /// What the gate permitted.
    pub gate: Gate,
    /// How long things take.
    pub timings: &'a Timings,
    /// The time of this look.
    pub now: Timestamp,
}

impl Told<'_> {
    /// What should be, where that is known and something should be.
    fn wanted(&self) -> Option<&Wanted> {
        match (&self.look.desired, &self.look.stage) {
            (Desired::Absent(_), _) | (_, Stage::Unknown(..)) => None,
            (Desired::Present(wanted), _) => Some(wanted),
        }
    }
}

/// Makes status, events and next look of one pass.
#[must_use]
pub fn summarise(told: &Told<'_>) -> Summary {
    let drift = compare(&told.look.stage, &told.look.desired, told.previous, told.after)
        .leaving_alone(&told.look.contested);
    let three = three::judge(told, &drift);
    let found = found::found(told, &drift);
    let conditions = conditions::of(told, &drift, &three, &found);
    let status = Status {
        observed_generation: Some(told.generation),
        class_name: class_name(told),
        from_class: from_class(told),
        role: role(told),
        bindings: bindings::of(told, &three),
        oidc_provider_arn: provider(told),
        applied: applied::of(told, &drift),
        pods: PodsStatus { stale: stale(told) },
        transition: transition::record(told),
        drift: found.status.clone(),
        conditions,
    };
    let events = events::of(told, &found, &status);
    Summary {
        next: next(told, &drift, &three),
        corrected: found.aspects,
        status,
        events,
    }
}

/// The class that is followed: once on record it stays.
fn class_name(told: &Told<'_>) -> Option<String> {
    let chosen = told.wanted().and_then(|wanted| wanted.custody.class.clone());
    chosen.or_else(|| told.previous.class_name.clone())
}

/// What the class put in, once all of it is there. A frozen identity learns nothing new of it either.
fn from_class(told: &Told<'_>) -> Option<FromClass> {
    let free = told.wanted().is_some() && told.look.frozen.is_none();
    let learns = free && told.gate == Gate::Open && told.outcome.all_done();
    let known = if learns {
        &told.look.from_class
    } else {
        &told.previous.from_class
    };
    known.clone()
}

/// The role, with its id only where it is ours: the id is what later tells that it is.
fn role(told: &Told<'_>) -> Option<RoleStatus> {
    let Some(wanted) = told.wanted() else {
        return told.previous.role.clone();
    };
    let arn = wanted.binding.role_arn.clone();
    let facts = told.after.role(&arn);
    if facts.id.unreadable().is_some() {
        return told.previous.role.clone().or(Some(RoleStatus {
            arn,
            id: None,
            adopted: false,
        }));
    }
    let was = told.previous.role.as_ref().filter(|known| known.arn == arn);
    if let (WantedRole::Held, Some(was)) = (&wanted.role, was.filter(|known| known.adopted)) {
        // That others made it is not forgotten while the spec already names another.
        return Some(was.clone());
    }
    let managed = matches!(wanted.role, WantedRole::Managed(_) | WantedRole::Adopted(..));
    let holding = match managed {
        true => found_role(&wanted.subject, told.previous, &arn, &facts),
        false => Holding::Foreign,
    };
    let adopted = match &facts.id {
        Fact::Present(_) => holding.is_adopted(),
        // Remembered like its id: Lanyard makes no other in its place.
        Fact::Absent | Fact::Unreadable(_) => managed && was.is_some_and(|known| known.adopted),
    };
    let id = match facts.id {
        Fact::Present(id) => Some(id).filter(|_| holding.is_ours()),
        // Remembered until there is another one: it tells that the role was created again.
        Fact::Absent if managed => recreated::known_id(told.previous, &arn).cloned(),
        Fact::Absent | Fact::Unreadable(_) => None,
    };
    Some(RoleStatus { arn, id, adopted })
}

fn provider(told: &Told<'_>) -> Option<String> {
    let Some(wanted) = told.wanted() else {
        return told.previous.oidc_provider_arn.clone();
    };
    wanted.provider.as_ref().map(|provider| provider.arn.clone())
}

/// Holders without the credentials that the spec asks for; what could not be counted stays as it was.
fn stale(told: &Told<'_>) -> i64 {
    let (Some(pods), Desired::Present(wanted)) = (told.after.pods.present(), &told.look.desired) else {
        return told.previous.pods.stale;
    };
    let moving = transition::under_way(told);
    // While a change runs, those count that do not carry what the spec asks for.
    let asked = moving.map_or(&wanted.binding, |transition| &transition.wanted);
    let stale = pods.stale(asked, moving.and_then(|transition| transition.made_before));
    i64::try_from(stale).unwrap_or(i64::MAX)
}

fn next(told: &Told<'_>, drift: &Drift, three: &three::Three) -> Next {
    if told.outcome.waiting().is_some() {
        return Next::Backoff;
    }
    if let Some((_, trouble)) = told.outcome.failure() {
        return match trouble.disposition {
            Disposition::RetrySoon => Next::Backoff,
            Disposition::WaitForChange => Next::Resync,
        };
    }
    let unreadable = drift
        .differences
        .iter()
        .filter_map(|difference| match &difference.cause {
            crate::drift::Cause::Unreadable(why) => Some(why),
            _ => None,
        });
    let mut next = Next::Resync;
    for why in unreadable {
        match why {
            Why::Throttled | Why::Failed(_) => return Next::Backoff,
            Why::Settling => next = Next::After(told.timings.settling),
            Why::Denied(_) | Why::NotRead => {}
        }
    }
    if next == Next::Resync && told.look.plan.then.contains(&Await::Reading) {
        return Next::Backoff;
    }
    if let Some(transition) = transition::under_way(told) {
        return Next::After(next_stage(told, transition));
    }
    if let Some(settles) = three.settles_in {
        return Next::Settled(settles);
    }
    if next == Next::Resync && !told.look.plan.then.is_empty() {
        return Next::After(told.timings.waiting);
    }
    next
}

/// Whether this pass did what its stage asks for, and waits for nothing else.
fn goes_on(told: &Told<'_>) -> bool {
    let waits = told.look.plan.then != [Await::Transition];
    told.gate == Gate::Open && told.outcome.all_done() && !waits
}

/// When a change of the binding is to be looked at again: what it does by itself goes on at once.
fn next_stage(told: &Told<'_>, transition: &Transition) -> Duration {
    let timings = told.timings;
    match &transition.phase {
        Phase::Preparing | Phase::Switching | Phase::Unbinding if goes_on(told) => timings.step,
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
    pub(crate) fn as_before(previous: &Status, kind: ConditionType, what: &str, why: &Why) -> Self {
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
            message: crate::text::message(&self.message),
            observed_generation: generation,
            last_transition_time: since,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::think;
    use crate::example::{carried_out, spec, told};
    use crate::fact::Fact;
    use crate::observed::Agent;
    use crate::spec::Method;

    #[test]
    fn an_outage_is_written_down_once_however_aws_words_it() {
        let (identity, mut world, before) = carried_out(&spec(Method::PodIdentity));
        let mut look = |why: Why, previous: &Status| {
            world.association = Fact::Unreadable(why);
            let look = think(&identity, previous, &world);
            told(&look, previous, &world, &Outcome::default()).status
        };
        let first = look(
            Why::Failed("IAM does not answer as it should".to_owned()),
            &before,
        );
        let since = first.drift.items.first().unwrap().since;
        let second = look(Why::Throttled, &first);
        assert_eq!((second.drift.items.len(), second.drift.count), (1, 1));
        assert_eq!(second.drift.items.first().unwrap().since, since);
        assert_eq!(
            look(Why::Throttled, &second),
            second,
            "nothing new is nothing to write"
        );
    }

    #[test]
    fn an_association_without_its_agent_is_looked_at_again_soon() {
        let (identity, mut world, status) = carried_out(&spec(Method::PodIdentity));
        world.agent = Fact::Present(Agent {
            ready: false,
            found: "add-on v1.3.8 DEGRADED".to_owned(),
        });
        let look = think(&identity, &status, &world);
        let summary = told(&look, &status, &world, &Outcome::default());
        let ready = summary.status.condition(ConditionType::Ready).unwrap();
        assert_eq!(ready.reason, Reason::AgentNotReady);
        assert_eq!(summary.next, Next::After(Timings::default().waiting));
    }
}
