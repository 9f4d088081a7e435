//! `Plan`: steps in waves that run one after the other. Steps in, ordered waves out; no I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::wait_reason::WaitReason;
use crate::reconcile::step::Step;
use crate::reconcile::transition::Restarts;

/// The ordered steps of one reconcile.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The waves run one after the other, and the steps of a wave in their order. A step whose dependencies did not
    /// take effect is not tried, see [`Step::depends_on`].
    pub waves: Vec<Vec<Step>>,
    /// The events for which the plan waits, and that no step of it causes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting_for: Vec<WaitReason>,
}

impl Plan {
    /// Adds an event for which the plan waits.
    pub(crate) fn waiting_for(mut self, reason: WaitReason) -> Self {
        if !self.waiting_for.contains(&reason) {
            self.waiting_for.push(reason);
        }
        self
    }

    /// Adds the restarts that the binding requires.
    pub(crate) fn restarting(mut self, restarts: &Restarts) -> Self {
        let steps: Vec<Step> = restarts
            .due
            .iter()
            .map(|(owner, mark)| Step::RestartWorkload {
                owner: owner.clone(),
                mark: mark.clone(),
            })
            .collect();
        self.waves.extend((!steps.is_empty()).then_some(steps));
        self
    }

    /// All steps in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.waves.iter().flatten()
    }

    /// Returns whether the plan has no steps.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waves.is_empty()
    }
}

/// Orders steps by rank: the steps of one rank form a wave.
pub(super) fn in_waves(steps: Vec<Step>) -> Vec<Vec<Step>> {
    let mut by_rank: BTreeMap<u8, Vec<Step>> = BTreeMap::new();
    for step in steps {
        by_rank.entry(step.rank()).or_default().push(step);
    }
    by_rank.into_values().collect()
}
