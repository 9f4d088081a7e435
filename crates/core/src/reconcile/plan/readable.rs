//! Unreadable facts that block steps. Facts and the need of a step in, a decision out; no I/O.

use crate::model::arn::RoleArn;
use crate::model::observed::Observed;
use crate::reconcile::step::Needs;

/// Returns whether a fact that a step on this role needs is unreadable.
pub(super) fn is_unreadable(observed: &Observed, role: &RoleArn, needs: Needs) -> bool {
    let facts = observed.role(role);
    match needs {
        Needs::Provider => observed.provider.unreadable().is_some(),
        Needs::Role => facts.id.unreadable().is_some() || facts.tags.unreadable().is_some(),
        Needs::Trust => facts.trust.unreadable().is_some(),
        Needs::Attached => facts.attached.unreadable().is_some(),
        Needs::Inline => facts.inline.unreadable().is_some(),
        Needs::Boundary => facts.boundary.unreadable().is_some(),
        Needs::Association => observed.association.unreadable().is_some(),
        Needs::ServiceAccount => observed.service_account.unreadable().is_some(),
        Needs::Agent => observed.agent.unreadable().is_some(),
    }
}
