//! Decides whether a class accepts a spec. Inputs are the spec, the selected class and the recorded state of the object; the
//! output is an identity, free or frozen, or the reason for which there is none. The operator and the command line share
//! this code. No I/O.

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

/// The decision of a class about a spec.
#[derive(Debug, Clone, PartialEq)]
pub enum ClassDecision {
    /// The spec is applied. It is frozen if the class does not accept it and some of it was applied before.
    Accepted(Box<Identity>),
    /// Nothing of the spec was ever applied, and the class does not accept it.
    Rejected(Freeze),
    /// The spec has defects by itself, or under a class of which nothing was applied. The list has every defect.
    Invalid(Vec<Invalid>),
}

/// The recorded state of an object.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The status.
    pub status: &'a Status,
    /// The inventory, which a tenant can write.
    pub inventory: Option<&'a Inventory>,
}

impl<'a> Record<'a> {
    /// Returns true if something was ever applied. Only records that no tenant can write count.
    fn was_applied(self) -> bool {
        let status = self.status;
        status.role.is_some() || !status.bindings.is_empty() || !status.last_applied_hashes.is_empty()
    }

    /// The class that was selected before. If the status is lost, the inventory names it.
    #[must_use]
    pub fn pinned(self) -> Option<&'a str> {
        let inventory = self.inventory.and_then(|inventory| inventory.class.as_deref());
        self.status.class_name.as_deref().or(inventory)
    }
}

/// The subject of a spec and its cluster.
#[derive(Debug, Clone, Copy)]
pub struct SpecContext<'a> {
    /// The subject that gets the role.
    pub subject: &'a Subject,
    /// The cluster of the subject.
    pub cluster: &'a Cluster,
}

/// Decides about a spec. `may_begin` is called only if the class alone changed the method of a settled identity. It returns
/// true if the identity has a rollout slot; without one, the identity keeps its current method.
#[must_use]
pub fn decide_class(
    spec: &Spec,
    context: SpecContext<'_>,
    selection: &Selection<'_>,
    record: Record<'_>,
    may_begin: impl FnOnce(&Class) -> bool,
) -> ClassDecision {
    let created = record.status.recorded_roles();
    let validate_under = |class: &Class| validate(spec, context.subject, context.cluster, class, &created);
    let frozen =
        |class: Option<&Class>, cause: FreezeCause| match validate_under(&as_last_applied(class, record)) {
            Ok(_) if !record.was_applied() => ClassDecision::Rejected(cause.into_freeze(false)),
            Ok(validated) => {
                ClassDecision::Accepted(Box::new(validated.identity.with_freeze(cause.into_freeze(true))))
            }
            Err(defects) => ClassDecision::Invalid(defects),
        };
    let Some(class) = selection.class() else {
        return frozen(None, FreezeCause::no_class(selection));
    };
    let validated = match validate_under(&class) {
        Ok(validated) => validated,
        Err(defects) if record.was_applied() && class.name.is_some() => {
            return frozen(Some(&class), FreezeCause::incompatible(&class, spec, &defects));
        }
        Err(defects) => return ClassDecision::Invalid(defects),
    };
    if let Some(cause) = FreezeCause::forbidden(&validated.forbidden, &class) {
        return frozen(Some(&class), cause);
    }
    let identity = validated.identity;
    let Some(method) = method_before_class_change(spec, &identity, record.status) else {
        return ClassDecision::Accepted(Box::new(identity));
    };
    // A suspended or paused identity would not use a rollout slot.
    let is_stopped = spec.suspend || spec.transition_paused;
    if !is_stopped && may_begin(&class) {
        return ClassDecision::Accepted(Box::new(identity));
    }
    let mut before = class.into_owned();
    before.defaults.method = Some(method);
    match validate_under(&before) {
        Ok(waiting) => ClassDecision::Accepted(Box::new(
            waiting.identity.with_queued_method(identity.binding.method()),
        )),
        Err(defects) => ClassDecision::Invalid(defects),
    }
}

/// The effective method, if the class and not the spec asks a settled identity for another one. Otherwise returns `None`.
fn method_before_class_change(spec: &Spec, identity: &Identity, status: &Status) -> Option<Method> {
    let active = status.active_binding()?.binding.method();
    let by_class = spec.method.is_none() && status.transition.is_none();
    (by_class && active != identity.binding.method()).then_some(active)
}

/// The class as last applied according to the record, which counts while nothing new is applied. A running transition keeps
/// its target.
fn as_last_applied(class: Option<&Class>, record: Record<'_>) -> Class {
    let status = record.status;
    let last = status.applied_from_class.clone().unwrap_or_default();
    let mut applied = last.applied_to(class.cloned());
    let transition = status.transition.as_ref();
    let is_target =
        |known: &&BindingStatus| transition.is_some_and(|record| record.target_hash == known.binding.token());
    let target = status.bindings.iter().find(is_target);
    // A first binding is pending until it has reached new pods.
    let binding = target
        .or_else(|| status.active_binding())
        .or_else(|| status.bindings.first());
    let binding = binding.map(|status| &status.binding);
    applied.defaults.method = binding.map(Binding::method).or(applied.defaults.method);
    if class.is_none() {
        applied.name = record.pinned().map(str::to_owned);
        // The record shows only the account of the roles. Only the class itself knows how to get access to the account.
        applied.aws.assume_role_arn = binding.map(|binding| binding.role_arn.clone());
    }
    applied
}

/// The end of the message about an identity that was applied before, after a sentence and after a list.
const KEPT: &str =
    " The operator keeps the previously applied configuration in sync and applies nothing new.";
const KEPT_AFTER_LIST: &str =
    "; the operator keeps the previously applied configuration in sync and applies nothing new";

/// The cause for which nothing new is applied.
struct FreezeCause {
    reason: Reason,
    lines: Vec<String>,
    kept: &'static str,
    /// See [`Freeze::bounds`].
    bounds: bool,
}

impl FreezeCause {
    fn no_class(selection: &Selection<'_>) -> Self {
        Self {
            reason: selection.reason().unwrap_or(Reason::ClassMissing),
            lines: vec![selection.to_string()],
            kept: KEPT,
            bounds: false,
        }
    }

    /// Returns `None` if the class forbids nothing.
    fn forbidden(forbidden: &[Forbidden], class: &Class) -> Option<Self> {
        let lines: Vec<String> = forbidden
            .iter()
            .map(|line| text::field(&line.to_string()))
            .collect();
        (!lines.is_empty()).then(|| Self {
            reason: Reason::Forbidden,
            lines,
            kept: KEPT_AFTER_LIST,
            bounds: sets_boundary(class),
        })
    }

    /// The class causes the defects, since the same spec was applied before.
    fn incompatible(class: &Class, spec: &Spec, defects: &[Invalid]) -> Self {
        let line = |Invalid { field, problem, .. }: &Invalid| match field.as_str() {
            "method" if spec.method.is_none() => format!("class field defaults.method: {problem}"),
            "role.managed.tags" => format!("class field enforcedTags: spec.{field} {problem}"),
            _ => text::field(&format!("{field}: {problem}")),
        };
        let mut lines: Vec<String> = defects.iter().map(line).collect();
        if let Some(first) = lines.first_mut() {
            *first = format!("The {class} is incompatible with the applied configuration: {first}");
        }
        Self {
            reason: Reason::ClassIncompatible,
            lines,
            kept: KEPT_AFTER_LIST,
            bounds: sets_boundary(class),
        }
    }

    /// The freeze of this cause. If something was applied before, the message always ends with that fact, even if the list is
    /// cut.
    fn into_freeze(self, was_applied: bool) -> Freeze {
        let end = if was_applied { self.kept } else { "" };
        Freeze {
            reason: self.reason,
            message: text::joined(&self.lines, end),
            bounds: self.bounds,
        }
    }
}

fn sets_boundary(class: &Class) -> bool {
    class
        .guardrails()
        .is_some_and(|guardrails| guardrails.permissions_boundary_arn.is_some())
}

#[cfg(test)]
mod tests;
