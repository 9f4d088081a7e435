//! Plan of the inventory annotation and the finalizer, which precede every other change. Facts in, at most
//! one step out; no I/O.

use super::builder::PlanBuilder;
use crate::model::observed::ControlMetadata;
use crate::reconcile::desired::DesiredState;
use crate::reconcile::step::Step;

impl PlanBuilder<'_> {
    pub(super) fn inventory(&mut self, desired: &DesiredState, control: &ControlMetadata) {
        let is_recorded = match &control.inventory {
            Some(inventory) => desired.frozen || *inventory == desired.inventory,
            None => false,
        };
        if !control.finalizer || !is_recorded {
            self.steps.push(Step::RecordInventory {
                inventory: desired.inventory.clone(),
            });
        }
    }
}
