//! Rule: what becomes of a spec under the class that was chosen for it.
//! Spec, choice and what is on record in; an identity, free or frozen, or why there is none out. No I/O. Called by the
//! operator and by the command line.

use crate::class::guardrails::Forbidden;
use crate::class::{Class, Selection};
use crate::identity::{Freeze, Identity};
use crate::model::binding::Binding;
use crate::model::cluster::Cluster;
use crate::model::inventory::Inventory;
use crate::model::reason::Reason;
use crate::model::spec::{Method, Spec};
use crate::model::status::{BindingStatus, Status};
use crate::model::subject::Subject;
use crate::model::text;
use crate::reconcile::validate::{Invalid, validate};

/// What becomes of a spec.
#[derive(Debug, Clone, PartialEq)]
pub enum ClassDecision {
    /// It is carried out, or frozen if anything of it was carried out before.
    Accepted(Box<Identity>),
    /// Nothing of it was ever carried out, and nothing is.
    Rejected(Freeze),
    /// It is wrong by itself, or under its class and nothing of it was ever carried out: every fault.
    Invalid(Vec<Invalid>),
}

/// What is on record of an object.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its status.
    pub status: &'a Status,
    /// Its custody, which a tenant can write.
    pub inventory: Option<&'a Inventory>,
}

impl<'a> Record<'a> {
    /// Whether anything was ever carried out. Only what no tenant can write counts.
    fn was_applied(self) -> bool {
        let status = self.status;
        status.role.is_some() || !status.bindings.is_empty() || !status.last_applied_hashes.is_empty()
    }

    /// The class that was chosen before. Custody tells it where the status was lost; a tenant can write only that.
    #[must_use]
    pub fn pinned(self) -> Option<&'a str> {
        let inventory = self.inventory.and_then(|inventory| inventory.class.as_deref());
        self.status.class_name.as_deref().or(inventory)
    }
}

/// Whose a spec is.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// Who gets the role.
    pub subject: &'a Subject,
    /// Where.
    pub cluster: &'a Cluster,
}

/// Rules on a spec. `may_begin` is asked only where the class alone has changed the method of an identity that rests,
/// and says whether it is its turn: until then it keeps the method that it has.
#[must_use]
pub fn rule(
    spec: &Spec,
    whose: Whose<'_>,
    choice: &Selection<'_>,
    record: Record<'_>,
    may_begin: impl FnOnce(&Class) -> bool,
) -> ClassDecision {
    let made = record.status.recorded_roles();
    let under = |class: &Class| validate(spec, whose.subject, whose.cluster, class, &made);
    let held = |class: Option<&Class>, stop: Stop| match under(&as_carried_out(class, record)) {
        Ok(_) if !record.was_applied() => ClassDecision::Rejected(stop.told(false)),
        Ok(validated) => ClassDecision::Accepted(Box::new(validated.identity.with_freeze(stop.told(true)))),
        Err(wrong) => ClassDecision::Invalid(wrong),
    };
    let Some(class) = choice.class() else {
        return held(None, Stop::unchosen(choice));
    };
    let validated = match under(&class) {
        Ok(validated) => validated,
        Err(wrong) if record.was_applied() && class.name.is_some() => {
            return held(Some(&class), Stop::unfit(&class, spec, &wrong));
        }
        Err(wrong) => return ClassDecision::Invalid(wrong),
    };
    if let Some(stop) = Stop::forbidden(&validated.forbidden, &class) {
        return held(Some(&class), stop);
    }
    let identity = validated.identity;
    let Some(method) = flips_from(spec, &identity, record.status) else {
        return ClassDecision::Accepted(Box::new(identity));
    };
    // Who would only stand there takes no turn from others.
    let stands = spec.suspend || spec.transition_paused;
    if !stands && may_begin(&class) {
        return ClassDecision::Accepted(Box::new(identity));
    }
    let mut before = class.into_owned();
    before.defaults.method = Some(method);
    match under(&before) {
        Ok(held) => ClassDecision::Accepted(Box::new(
            held.identity.with_queued_method(identity.binding.method()),
        )),
        Err(wrong) => ClassDecision::Invalid(wrong),
    }
}

/// The method in effect, where an identity rests and its class, not its spec, asks for another.
fn flips_from(spec: &Spec, identity: &Identity, status: &Status) -> Option<Method> {
    let active = status.active_binding()?.binding.method();
    let by_class = spec.method.is_none() && status.transition.is_none();
    (by_class && active != identity.binding.method()).then_some(active)
}

/// A class as it counts while nothing new is applied: as it was last carried out, by what is on record. A change of the
/// binding that is under way still leads where it led.
fn as_carried_out(class: Option<&Class>, record: Record<'_>) -> Class {
    let status = record.status;
    let last = status.applied_from_class.clone().unwrap_or_default();
    let mut known = last.applied_to(class.cloned());
    let transition = status.transition.as_ref();
    let leads_to =
        |known: &&BindingStatus| transition.is_some_and(|record| record.target_hash == known.binding.token());
    let under_way = status.bindings.iter().find(leads_to);
    let binding = under_way.or_else(|| status.active_binding());
    let binding = binding.map(|status| &status.binding);
    known.defaults.method = binding.map(Binding::method).or(known.defaults.method);
    if class.is_none() {
        known.name = record.pinned().map(str::to_owned);
        // Only where roles are, and not how anybody gets there: that a class alone can say.
        known.aws.assume_role_arn = binding.map(|binding| binding.role_arn.clone());
    }
    known
}

/// The end of what is told of an identity that was carried out before, after a sentence and after a list.
const KEPT: &str = " What was applied before is kept true, and nothing new is applied.";
const KEPT_AFTER_LIST: &str = "; what was applied before is kept true, and nothing new is applied";

/// Why nothing new is applied.
struct Stop {
    reason: Reason,
    lines: Vec<String>,
    kept: &'static str,
    /// See [`Freeze::bounds`].
    bounds: bool,
}

impl Stop {
    fn unchosen(choice: &Selection<'_>) -> Self {
        Self {
            reason: choice.reason().unwrap_or(Reason::ClassMissing),
            lines: vec![choice.to_string()],
            kept: KEPT,
            bounds: false,
        }
    }

    fn forbidden(forbidden: &[Forbidden], class: &Class) -> Option<Self> {
        let lines: Vec<String> = forbidden
            .iter()
            .map(|line| text::field(&line.to_string()))
            .collect();
        (!lines.is_empty()).then(|| Self {
            reason: Reason::Forbidden,
            lines,
            kept: KEPT_AFTER_LIST,
            bounds: puts_boundary(class),
        })
    }

    /// What is wrong is wrong by the class: the same spec was carried out before.
    fn unfit(class: &Class, spec: &Spec, wrong: &[Invalid]) -> Self {
        let line = |Invalid { field, problem, .. }: &Invalid| match field.as_str() {
            "method" if spec.method.is_none() => format!("its defaults.method: {problem}"),
            "role.managed.tags" => format!("its enforcedTags: spec.{field} would have {problem}"),
            _ => text::field(&format!("{field}: {problem}")),
        };
        let mut lines: Vec<String> = wrong.iter().map(line).collect();
        if let Some(first) = lines.first_mut() {
            *first = format!("The {class} does not fit what is in place: {first}");
        }
        Self {
            reason: Reason::ClassIncompatible,
            lines,
            kept: KEPT_AFTER_LIST,
            bounds: puts_boundary(class),
        }
    }

    /// `kept`: whether there is anything that was applied before, which is said whatever else is cut off.
    fn told(self, kept: bool) -> Freeze {
        let end = if kept { self.kept } else { "" };
        Freeze {
            reason: self.reason,
            message: text::joined(&self.lines, end),
            bounds: self.bounds,
        }
    }
}

fn puts_boundary(class: &Class) -> bool {
    class
        .guardrails()
        .is_some_and(|guardrails| guardrails.permissions_boundary_arn.is_some())
}

#[cfg(test)]
mod tests;
