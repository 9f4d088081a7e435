//! Propagation: the changes that AWS shows to new pods late. Steps, facts and the time in; the remaining wait out.
//! No I/O. A pod that is created earlier may fail to get credentials, and does not always try again
//! (docs/dev/aws-behaviour.md#iam-consistency).

use std::time::Duration;

use jiff::Timestamp;

use crate::model::condition::{ConditionStatus, ConditionType};
use crate::model::observed::Observed;
use crate::model::reason::Reason;
use crate::model::status::Status;
use crate::model::timings::{Timings, remaining};
use crate::reconcile::desired::DesiredState;
use crate::reconcile::step::Step;

impl Step {
    /// Returns true if new pods depend on the step and AWS shows its effect to them late.
    #[must_use]
    pub fn has_to_propagate(&self) -> bool {
        matches!(
            self,
            Self::CreateProvider { .. }
                | Self::AddClientId { .. }
                | Self::CreateRole { .. }
                | Self::SetTrust { admits: true, .. }
                | Self::PutSubject { .. }
                | Self::CreateAssociation { .. }
                | Self::UpdateAssociation { .. }
        )
    }
}

/// Returns the time until the observed changes of the binding have reached new pods, or `None` if they have.
pub(crate) fn propagates_in(
    desired: &DesiredState,
    previous: &Status,
    observed: &Observed,
    timings: &Timings,
    now: Timestamp,
) -> Option<Duration> {
    let role = observed.roles.get(&desired.binding.role_arn);
    let association = observed.association.present();
    let provider = observed.provider.present();
    let changes = [
        role.and_then(|role| role.modified_at),
        association.and_then(|association| association.modified_at),
        provider
            .filter(|_| desired.provider.is_some())
            .and_then(|provider| provider.modified_at),
        admitted_since(previous),
    ];
    let waits = changes.into_iter().flatten();
    waits
        .filter_map(|at| remaining(timings.propagation, at, now))
        .max()
}

/// The time at which the trust policy began to admit the subject. Returns `None` if that is not what the object waits
/// for: a trust policy that was right at the first reconcile may be old.
fn admitted_since(previous: &Status) -> Option<Timestamp> {
    let trust = previous.condition(ConditionType::TrustReady)?;
    let binding = previous.condition(ConditionType::BindingReady)?;
    let waits = trust.status == ConditionStatus::True && binding.reason == Reason::Propagating;
    waits.then_some(trust.last_transition_time)
}
