//! The status of a WorkloadIdentity as a value: what `summarise` makes and the api crate writes, and what the next
//! look reads back as the previous status. Pure data; nothing in it changes by itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::arn::RoleArn;
use crate::model::binding::Binding;
use crate::model::condition::{Condition, ConditionType};
use crate::model::from_class::FromClass;
use crate::model::reason::Reason;

/// At most so many drift items stand in the status; `count` tells of all.
pub const DRIFT_ITEMS_LIMIT: usize = 20;

/// What stands in `status`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// The generation of the spec that was last looked at; absent or -1: none yet.
    pub observed_generation: Option<i64>,
    /// The value of `lanyard.dev/reconcile-requested-at` that was last handled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// All conditions Lanyard owns.
    pub conditions: Vec<Condition>,
    /// The class that is followed, as it was first chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
    /// What the class put in when the object was last carried out: it stands for the class while nothing new is applied.
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
    /// One short digest for each aspect, of what Lanyard last applied.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub last_applied_hashes: BTreeMap<String, String>,
    /// What differs and stands, and what was corrected last.
    pub drift: DriftStatus,
    /// The pods of the subject.
    pub pods: PodsStatus,
    /// The change of the binding that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition: Option<TransitionStatus>,
}

/// A change of the binding in the status. What it says may delay a change and never permit one: without it, everything
/// counts as seen for the first time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransitionStatus {
    /// How far it has come.
    pub stage: Reason,
    /// Since when it stands there.
    pub stage_transition_time: Timestamp,
    /// When it was first seen.
    pub start_time: Timestamp,
    /// When the wanted binding was first seen in place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound_time: Option<Timestamp>,
    /// When new pods were first known to get the wanted binding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_time: Option<Timestamp>,
    /// A short name of the binding that it leads to.
    pub target_hash: String,
    /// The value of the annotation `lanyard.dev/approve` that it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_token: Option<String>,
}

/// The role in the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleStatus {
    /// The role's ARN.
    pub arn: RoleArn,
    /// The role's unique id (`AROA...`), recorded when Lanyard created or adopted it; it tells a re-created role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether somebody else made it and Lanyard adopted it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
}

/// Roles that are known to be Lanyard's for a subject, or to have been in use, by what no tenant can write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// Each of them.
    pub roles: Vec<RoleArn>,
    /// The one that was adopted: it may have another path than Lanyard's.
    pub adopted: Option<RoleArn>,
}

/// One binding in the status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BindingStatus {
    /// The binding itself.
    #[serde(flatten)]
    pub binding: Binding,
    /// Whether new pods get it, will get it, or only old pods still hold it.
    pub state: BindingState,
    /// The association behind a Pod Identity binding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub association: Option<AssociationStatus>,
}

/// What a binding is to new pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BindingState {
    /// New pods get it.
    Active,
    /// New pods will get it.
    Pending,
    /// Only old pods still hold it.
    Draining,
}

/// The association in the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssociationStatus {
    /// Its id in EKS (`a-...`).
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// The external id that a target role's trust can demand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Whether somebody else made it and Lanyard adopted it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
}

/// Drift in the status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DriftStatus {
    /// How many items stand.
    pub count: i64,
    /// The first of them, at most [`DRIFT_ITEMS_LIMIT`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<DriftItem>,
    /// What was corrected last; replaced only by the next correction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_correction: Option<Correction>,
}

/// One difference that stands or was corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftItem {
    /// `Role`, `Provider`, `Association` or `ServiceAccount`.
    pub resource: String,
    /// The field, such as `trustPolicy.Statement[Sid=Lanyard...]`.
    pub field: String,
    /// What was wanted; absent: that it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<String>,
    /// What was found; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// Why it stands; absent in corrections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<DriftReason>,
    /// When it was first seen; absent in corrections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// Why a difference stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DriftReason {
    /// The drift policy is `Report`, or the operator may not write.
    Reported,
    /// Somebody changes it again each time that it is put back: it is left alone for a while.
    Contested,
    /// It could not be read.
    Unreadable,
    /// It is somebody else's to change.
    Unmanaged,
}

/// A correction that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Correction {
    /// When.
    pub at: Timestamp,
    /// What.
    pub items: Vec<DriftItem>,
}

/// The pods of the subject in the status. No totals: they churn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodsStatus {
    /// Holders without the credentials that the spec asks for.
    pub stale: i64,
}

impl Status {
    /// The condition of a type, when it is there.
    #[must_use]
    pub fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// The roles on record. No tenant can write a status, so they are known to be where Lanyard put or found them. A role
    /// without an id is only asked for, or another's, and where it would be is a tenant's word.
    #[must_use]
    pub fn made(&self) -> Made {
        let role = self.role.as_ref().filter(|role| role.id.is_some());
        let in_use = self
            .bindings
            .iter()
            .filter(|known| known.state != BindingState::Pending);
        let bound = in_use.map(|known| &known.binding.role_arn);
        Made {
            roles: role
                .map(|role| &role.arn)
                .into_iter()
                .chain(bound)
                .cloned()
                .collect(),
            adopted: role.filter(|role| role.adopted).map(|role| role.arn.clone()),
        }
    }

    /// The binding that new pods get, as last recorded.
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
    fn a_role_that_is_only_asked_for_is_not_on_record() {
        let (identity, _, mut status) = applied(&spec(Method::PodIdentity));
        let arn = identity.role_arn().clone();
        status.role.as_mut().unwrap().adopted = true;
        assert_eq!(status.made().adopted.as_ref(), Some(&arn));
        assert!(status.made().roles.contains(&arn));
        status.role.as_mut().unwrap().id = None;
        status
            .bindings
            .iter_mut()
            .for_each(|known| known.state = BindingState::Pending);
        assert_eq!(status.made(), Made::default());
    }
}
