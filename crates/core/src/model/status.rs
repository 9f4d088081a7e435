//! The status of a WorkloadIdentity as a value. `summarise` creates it, the api crate writes it, and the next
//! reconciliation reads it as the previous status. Pure data; no part of it changes without a change of state.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::arn::RoleArn;
use crate::model::binding::Binding;
use crate::model::condition::{Condition, ConditionType};
use crate::model::from_class::FromClass;
use crate::model::reason::Reason;
use crate::model::workload::WorkloadRef;

/// The maximum number of drift items in the status; `count` includes all.
pub const DRIFT_ITEMS_LIMIT: usize = 20;

/// The content of `status`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// The generation of the spec that was last reconciled; absent or -1: none yet.
    pub observed_generation: Option<i64>,
    /// The value of `lanyard.dev/reconcile-requested-at` that was last handled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// All conditions that Lanyard sets.
    pub conditions: Vec<Condition>,
    /// The class that the object follows, as first selected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
    /// The values that the class contributed at the last apply. They replace the class while nothing new is applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_from_class: Option<FromClass>,
    /// The role, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleStatus>,
    /// The bindings in effect: one, or two while a transition runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bindings: Vec<BindingStatus>,
    /// The IAM OIDC provider in use (IRSA).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oidc_provider_arn: Option<String>,
    /// One short hash per field of the state that Lanyard last applied.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub last_applied_hashes: BTreeMap<String, String>,
    /// The current drift and the last correction.
    pub drift: DriftStatus,
    /// The pods of the subject.
    pub pods: PodsStatus,
    /// The transition in progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition: Option<TransitionStatus>,
    /// The restarts that Lanyard made for the desired binding, one entry for each workload. Their loss permits one more
    /// restart of each workload.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restarts: Vec<RestartStatus>,
}

/// The transition in the status. Its times may delay a change but never permit one: without them, every observation
/// counts as the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransitionStatus {
    /// The stage of the transition.
    pub stage: Reason,
    /// The time when the stage was entered.
    pub stage_transition_time: Timestamp,
    /// The time when the transition was first observed.
    pub start_time: Timestamp,
    /// The time when the desired binding was first observed in place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound_time: Option<Timestamp>,
    /// The time when new pods were first known to get the desired binding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_time: Option<Timestamp>,
    /// A short hash of the desired binding.
    pub target_hash: String,
    /// The value of the annotation `lanyard.dev/approve` that the transition waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_token: Option<String>,
}

/// The maximum number of workloads in [`Status::restarts`].
pub const RESTARTS_LIMIT: usize = 100;

/// The restarts of one workload for one binding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartStatus {
    /// The workload.
    pub owner: WorkloadRef,
    /// A short hash of the binding for which it was restarted.
    pub target_hash: String,
    /// The time of the last restart.
    pub time: Timestamp,
    /// The number of restarts for this binding.
    pub count: u32,
    /// The creation time of the youngest pod that the last restart replaces.
    pub created_until: Timestamp,
    /// The largest number of its pods that carried the desired binding.
    pub current_pods: u32,
    /// The time when that number last increased, or of the last restart.
    pub progress_time: Timestamp,
    /// True if the rollout was observed complete and every new pod carried the desired binding.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verified: bool,
}

/// The role in the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleStatus {
    /// The ARN.
    pub arn: RoleArn,
    /// The unique ID (`AROA...`), recorded when Lanyard created or adopted the role. It identifies a recreated role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// True if Lanyard adopted the role.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
}

/// Roles that the status proves to be Lanyard's for a subject, or to have been in use. Tenants cannot write the
/// status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordedRoles {
    /// The roles.
    pub roles: Vec<RoleArn>,
    /// The adopted role, which may have a path outside the path of Lanyard.
    pub adopted: Option<RoleArn>,
}

/// One binding in the status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BindingStatus {
    /// The binding.
    #[serde(flatten)]
    pub binding: Binding,
    /// The state of the binding.
    pub state: BindingState,
    /// The association behind a Pod Identity binding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub association: Option<AssociationStatus>,
}

/// The state of a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BindingState {
    /// New pods get it.
    Active,
    /// New pods will get it.
    Pending,
    /// Only old pods still use it.
    Draining,
}

/// The association in the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociationStatus {
    /// The ID in EKS (`a-...`).
    pub id: String,
    /// The ARN.
    pub arn: String,
    /// The external ID that the trust policy of a target role can require.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// True if Lanyard adopted the association.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
}

/// Drift in the status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DriftStatus {
    /// The number of drift items.
    pub count: i64,
    /// The first items, at most [`DRIFT_ITEMS_LIMIT`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<DriftItem>,
    /// The number of fields of others that stay and are no drift.
    #[serde(skip_serializing_if = "is_zero")]
    pub unmanaged_count: i64,
    /// The first of these fields, at most [`DRIFT_ITEMS_LIMIT`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmanaged: Vec<DriftItem>,
    /// The last correction; replaced only by the next correction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_correction: Option<Correction>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &i64) -> bool {
    *count == 0
}

impl DriftStatus {
    /// The listed items, and the listed fields of others.
    pub fn listed(&self) -> impl Iterator<Item = &DriftItem> {
        self.items.iter().chain(&self.unmanaged)
    }

    /// Returns true if the status lists everything that it counts.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let lists_all = |count: i64, listed: &[DriftItem]| {
            usize::try_from(count).is_ok_and(|count| count <= listed.len())
        };
        lists_all(self.count, &self.items) && lists_all(self.unmanaged_count, &self.unmanaged)
    }
}

/// One difference that exists or was corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftItem {
    /// `Role`, `Provider`, `Association` or `ServiceAccount`.
    pub resource: String,
    /// The field, such as `trustPolicy.Statement[Sid=Lanyard...]`.
    pub field: String,
    /// The desired value; absent if the field must not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<String>,
    /// The observed value; absent if the field does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// The reason why it is not corrected; absent in corrections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<DriftReason>,
    /// The time when it was first observed; absent in corrections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// The reason why a difference is not corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DriftReason {
    /// The drift policy is `Report`, or the operator may not write.
    Reported,
    /// Another tool changes it again after each correction; Lanyard does not correct it for a while.
    Contested,
    /// The field could not be read.
    Unreadable,
    /// Lanyard does not own the field, so it is no drift.
    Unmanaged,
    /// The field was on the role before Lanyard adopted it, so it is no drift.
    Adopted,
}

/// A correction of drift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Correction {
    /// The time of the correction.
    pub at: Timestamp,
    /// The corrected items.
    pub items: Vec<DriftItem>,
}

/// The pods of the subject in the status. No totals, since they change constantly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodsStatus {
    /// The number of pods without the credentials of the spec.
    pub stale: i64,
}

impl Status {
    /// The condition of a type. Returns `None` if the status has no such condition.
    #[must_use]
    pub fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// The recorded roles. Tenants cannot write the status, so these are roles that Lanyard created, adopted or used.
    /// A role without an ID is only requested or foreign, and a tenant controls its ARN.
    #[must_use]
    pub fn recorded_roles(&self) -> RecordedRoles {
        let role = self.role.as_ref().filter(|role| role.id.is_some());
        let in_use = self
            .bindings
            .iter()
            .filter(|known| known.state != BindingState::Pending);
        let bound = in_use.map(|known| &known.binding.role_arn);
        RecordedRoles {
            roles: role
                .map(|role| &role.arn)
                .into_iter()
                .chain(bound)
                .cloned()
                .collect(),
            adopted: role.filter(|role| role.adopted).map(|role| role.arn.clone()),
        }
    }

    /// The last recorded binding that new pods get.
    #[must_use]
    pub fn active_binding(&self) -> Option<&BindingStatus> {
        self.bindings
            .iter()
            .find(|binding| binding.state == BindingState::Active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{applied, spec};
    use crate::model::spec::Method;

    #[test]
    fn role_without_id_is_not_recorded() {
        let (identity, _, mut status) = applied(&spec(Method::PodIdentity));
        let arn = identity.role_arn().clone();
        status.role.as_mut().unwrap().adopted = true;
        assert_eq!(status.recorded_roles().adopted.as_ref(), Some(&arn));
        assert!(status.recorded_roles().roles.contains(&arn));
        status.role.as_mut().unwrap().id = None;
        status
            .bindings
            .iter_mut()
            .for_each(|known| known.state = BindingState::Pending);
        assert_eq!(status.recorded_roles(), RecordedRoles::default());
    }
}
