//! `PlanBuilder`: collects the steps of a plan. Drift and facts in, an ordered plan out; no I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::wait_reason::WaitReason;
use super::waves::{Plan, in_waves};
use crate::model::field::Field;
use crate::model::observed::Observed;
use crate::model::spec::DriftPolicy;
use crate::reconcile::diff::{Cause, Difference, Drift};
use crate::reconcile::step::{Needs, Step};

/// The steps collected so far.
pub(super) struct PlanBuilder<'a> {
    pub(super) drift: &'a Drift,
    pub(super) observed: &'a Observed,
    policy: DriftPolicy,
    pub(super) steps: Vec<Step>,
    pub(super) waiting_for: BTreeSet<WaitReason>,
}

impl<'a> PlanBuilder<'a> {
    pub(super) fn new(drift: &'a Drift, observed: &'a Observed, policy: DriftPolicy) -> Self {
        Self {
            drift,
            observed,
            policy,
            steps: Vec::new(),
            waiting_for: BTreeSet::new(),
        }
    }

    /// Returns whether Lanyard removes a difference in this reconcile.
    pub(super) fn acts_on(&self, difference: &Difference) -> bool {
        match difference.cause {
            Cause::Spec => true,
            Cause::OutOfBand => self.policy == DriftPolicy::Correct,
            Cause::Frozen | Cause::Contested | Cause::Unmanaged | Cause::Adopted | Cause::Unreadable(_) => {
                false
            }
        }
    }

    /// Returns the difference of a field that Lanyard removes in this reconcile, or `None` if there is none.
    pub(super) fn to_do(&self, field: &Field) -> Option<&Difference> {
        self.drift.of(field).filter(|difference| self.acts_on(difference))
    }

    /// The tags to set and the tags to remove.
    pub(super) fn tag_changes(
        &self,
        desired: &BTreeMap<String, String>,
        field: fn(String) -> Field,
    ) -> (BTreeMap<String, String>, BTreeSet<String>) {
        let set = desired
            .iter()
            .filter(|(key, _)| self.to_do(&field((*key).clone())).is_some())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let removed = self
            .drift
            .differences
            .iter()
            .filter(|difference| difference.desired.is_none() && self.acts_on(difference))
            .filter_map(|difference| match &difference.field {
                Field::RoleTag(key) | Field::AssociationTag(key)
                    if difference.field == field(key.clone()) =>
                {
                    Some(key.clone())
                }
                _ => None,
            })
            .collect();
        (set, removed)
    }

    /// Orders the steps, and drops the steps that need an unreadable fact.
    pub(super) fn finish(mut self, is_unreadable: impl Fn(&Step, Needs) -> bool) -> Plan {
        let before = self.steps.len();
        self.steps
            .retain(|step| !step.requires().iter().any(|needs| is_unreadable(step, *needs)));
        if self.steps.len() < before {
            self.waiting_for.insert(WaitReason::Reading);
        }
        Plan {
            waves: in_waves(self.steps),
            waiting_for: self.waiting_for.into_iter().collect(),
        }
    }
}
