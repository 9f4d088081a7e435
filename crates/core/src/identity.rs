//! `Identity`: a validated WorkloadIdentity. `validate` creates it from a spec, a class and a cluster; the transition
//! and the desired state are derived from it. Pure values; no I/O.

use std::collections::{BTreeMap, BTreeSet};

use crate::class::RolloutPolicy;
use crate::class::adoption::Adoption;
use crate::model::arn::{PolicyArn, RoleArn};
use crate::model::binding::Binding;
use crate::model::cluster::{Cluster, ProviderPolicy};
use crate::model::from_class::FromClass;
use crate::model::inventory::{Inventory, InventoryEntry};
use crate::model::name::PolicyName;
use crate::model::reason::Reason;
use crate::model::shared_trust::StatementKey;
use crate::model::spec::{DeletionPolicy, DriftPolicy, Method, PodRestart};
use crate::model::subject::Subject;
use lanyard_iam_policy::Document;

/// A WorkloadIdentity whose spec is valid.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The ServiceAccount that gets the role.
    pub subject: Subject,
    /// The cluster of the ServiceAccount.
    pub cluster: Cluster,
    /// The class that the identity follows.
    pub class: Option<String>,
    /// The values that the class contributes. The status records them for the time when the class does not exist.
    pub from_class: Option<FromClass>,
    /// The permission to create the OIDC provider and to add an audience to it.
    pub provider: ProviderPolicy,
    /// The desired binding.
    pub binding: Binding,
    /// The desired role without its trust policy. `None` if the role is an existing role.
    pub managed: Option<ManagedRole>,
    /// True if Lanyard manages its own statements in the trust policy of an existing role.
    pub shares_trust: bool,
    /// The requested adoptions, and the adoptions that the class allows.
    pub adoption: Adoption,
    /// A policy that narrows each Pod Identity session.
    pub session_policy: Option<Document>,
    /// The lifetime of IRSA tokens in seconds.
    pub token_expiration: Option<u32>,
    /// True if SDKs call the regional STS endpoint.
    pub sts_regional_endpoints: Option<bool>,
    /// True if Lanyard creates the ServiceAccount.
    pub create_service_account: bool,
    /// The handling of drift.
    pub drift_policy: DriftPolicy,
    /// The handling of AWS resources at deletion.
    pub deletion_policy: DeletionPolicy,
    /// The permission to restart workloads when the binding changes.
    pub pod_restart: PodRestart,
    /// True if a change of the binding is paused.
    pub paused: bool,
    /// Set if the identity is frozen: the last applied spec is kept in sync, and nothing new is applied.
    pub frozen: Option<Freeze>,
    /// The keys of the fields that another tool changes again after each correction. They are not corrected for a
    /// while.
    pub contested: BTreeSet<String>,
    /// The method that the class requests, if the identity waits for a rollout slot to change to it.
    pub queued_for: Option<Method>,
    /// The rollout policy of the class.
    pub queue: Option<RolloutPolicy>,
}

/// The cause of a freeze: the class does not exist, or no longer allows the spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// The reason of the condition.
    pub reason: Reason,
    /// The problem and the next action.
    pub message: String,
    /// True if the permissions boundary of the class is applied although the identity is frozen. Otherwise a tenant
    /// could avoid the boundary with a forbidden spec.
    pub bounds: bool,
}

/// The desired state of a managed role, without its trust policy.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedRole {
    /// The description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The maximum session duration in seconds.
    pub max_session: u32,
    /// The permissions boundary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<PolicyArn>,
    /// The managed policies.
    pub attached: BTreeSet<PolicyArn>,
    /// The inline policies.
    pub inline: BTreeMap<PolicyName, Document>,
    /// The tags, including the ownership tags.
    pub tags: BTreeMap<String, String>,
}

impl Identity {
    /// The inventory entry that must be recorded before any resource is changed.
    #[must_use]
    pub fn inventory_entry(&self) -> InventoryEntry {
        InventoryEntry {
            arn: self.binding.role_arn.clone(),
            managed: self.managed.is_some(),
            method: self.binding.method(),
            statement: self.shares_trust.then(|| StatementKey::of(&self.binding)),
        }
    }

    /// The same identity with a freeze.
    #[must_use]
    pub fn with_freeze(self, freeze: Freeze) -> Self {
        Self {
            frozen: Some(freeze),
            ..self
        }
    }

    /// The same identity with fields that are not corrected for a while.
    #[must_use]
    pub fn with_contested(self, contested: BTreeSet<String>) -> Self {
        Self { contested, ..self }
    }

    /// The same identity in the queue for a change to another method.
    #[must_use]
    pub fn with_queued_method(self, method: Method) -> Self {
        Self {
            queued_for: Some(method),
            ..self
        }
    }

    /// Returns true if a change of the binding must not continue.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.paused || self.frozen.is_some()
    }

    /// The inventory that the spec alone implies. It locates the resources if the annotation is lost.
    #[must_use]
    pub fn inventory(&self) -> Inventory {
        Inventory::new(self.deletion_policy, vec![self.inventory_entry()])
    }

    /// The role of the desired binding.
    #[must_use]
    pub fn role_arn(&self) -> &RoleArn {
        &self.binding.role_arn
    }
}
