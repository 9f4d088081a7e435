//! Plan: the differences in, the ordered steps that remove them out. No I/O; the operator and the command
//! line share it. No step depends on an unreadable fact, changes a resource with another owner, or corrects
//! drift that is only reported.

use crate::model::observed::Observed;
use crate::model::spec::DriftPolicy;
use crate::reconcile::desired::{Desired, DesiredState};
use crate::reconcile::diff::Drift;

mod adopt;
mod agent;
mod binding;
mod builder;
mod inventory;
mod obsolete_roles;
mod policies;
mod provider;
mod readable;
mod removal;
mod role;
mod shared_trust;
mod wait_reason;
mod waves;

pub use wait_reason::WaitReason;
pub use waves::Plan;

use builder::PlanBuilder;
use readable::is_unreadable;

/// Plans the steps that remove the differences.
#[must_use]
pub fn plan(desired: &Desired, drift: &Drift, observed: &Observed, policy: DriftPolicy) -> Plan {
    match desired {
        Desired::Present(desired) => plan_state(desired, drift, observed, policy),
        Desired::Absent(removal) => removal::plan(removal, drift, observed),
    }
}

fn plan_state(desired: &DesiredState, drift: &Drift, observed: &Observed, policy: DriftPolicy) -> Plan {
    let mut builder = PlanBuilder::new(drift, observed, policy);
    builder.inventory(desired, &observed.object);
    builder.provider(desired);
    builder.agent(desired);
    builder.role(desired);
    builder.adopt_association(desired);
    builder.bind(desired);
    if !desired.frozen {
        builder.obsolete_roles(desired);
    }
    builder.finish(|step, needs| {
        let role = step.role().unwrap_or(&desired.binding.role_arn);
        is_unreadable(observed, role, needs)
    })
}
