//! Plan of the IAM OIDC provider. Differences in, at most one step or a wait reason out; no I/O.

use super::builder::PlanBuilder;
use super::wait_reason::WaitReason;
use crate::model::fact::Fact;
use crate::model::field::Field;
use crate::reconcile::desired::DesiredState;
use crate::reconcile::step::Step;

impl PlanBuilder<'_> {
    pub(super) fn provider(&mut self, desired: &DesiredState) {
        let Some(provider) = &desired.provider else { return };
        if self.to_do(&Field::Provider).is_none() {
            return;
        }
        if !provider.ensure {
            self.waiting_for.insert(WaitReason::Provider);
            return;
        }
        let (arn, client_id) = (provider.arn.clone(), provider.client_id.clone());
        self.steps.push(match &self.observed.provider {
            Fact::Present(_) => Step::AddClientId { arn, client_id },
            Fact::Absent | Fact::Unreadable(_) => Step::CreateProvider {
                arn,
                issuer: provider.issuer.clone(),
                client_id,
            },
        });
    }
}
