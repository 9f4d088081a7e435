//! A validated WorkloadIdentity: everything that can be wrong with it has been checked.
//! Comes out of `validate`, goes into `stage` and `desired`. Pure values.

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

/// A WorkloadIdentity whose spec can be carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// Who gets the role.
    pub subject: Subject,
    /// Where.
    pub cluster: Cluster,
    /// The class that it follows.
    pub class: Option<String>,
    /// What its class puts in, to be remembered for when that is away.
    pub from_class: Option<FromClass>,
    /// Whether Lanyard may create the OIDC provider and add an audience to it.
    pub provider: ProviderPolicy,
    /// The binding asked for.
    pub binding: Binding,
    /// The role's own side, when Lanyard makes it; `None`: somebody else's role.
    pub managed: Option<ManagedRole>,
    /// Whether Lanyard keeps statements of its own in somebody else's role.
    pub shares_trust: bool,
    /// What it asks to adopt, and what its class lets it adopt.
    pub adoption: Adoption,
    /// A policy that narrows each Pod Identity session.
    pub session_policy: Option<Document>,
    /// The lifetime of IRSA tokens in seconds.
    pub token_expiration: Option<u32>,
    /// Whether SDKs call the regional STS endpoint.
    pub sts_regional_endpoints: Option<bool>,
    /// Whether Lanyard creates the ServiceAccount.
    pub create_service_account: bool,
    /// What becomes of drift.
    pub drift_policy: DriftPolicy,
    /// What a deletion removes.
    pub deletion_policy: DeletionPolicy,
    /// Whether a change of the binding may restart workloads.
    pub pod_restart: PodRestart,
    /// Whether a change of the binding stops where it is.
    pub paused: bool,
    /// Why nothing new may be applied, when that is so: what was applied before is kept true.
    pub frozen: Option<Freeze>,
    /// The keys of the aspects that somebody else changes again each time, and that are left alone for a while.
    pub contested: BTreeSet<String>,
    /// The method that its class asks for, where the identity has to wait for its turn to change to it.
    pub queued_for: Option<Method>,
    /// How its class has identities change their binding.
    pub queue: Option<RolloutPolicy>,
}

/// Why an identity is frozen: its class is not there, or no longer allows what the spec asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// The word for it.
    pub reason: Reason,
    /// What stands against the spec, and what to do.
    pub message: String,
    /// Whether the boundary that the class puts on every role is put on all the same: nobody escapes it by asking for what
    /// is forbidden.
    pub bounds: bool,
}

/// What a managed role is to be, apart from its trust.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedRole {
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its longest session in seconds.
    pub max_session: u32,
    /// Its permissions boundary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<PolicyArn>,
    /// Its managed policies.
    pub attached: BTreeSet<PolicyArn>,
    /// Its inline policies.
    pub inline: BTreeMap<PolicyName, Document>,
    /// Its tags, the ownership tags among them.
    pub tags: BTreeMap<String, String>,
}

impl Identity {
    /// What custody has to say before anything is touched.
    #[must_use]
    pub fn touches(&self) -> InventoryEntry {
        InventoryEntry {
            arn: self.binding.role_arn.clone(),
            managed: self.managed.is_some(),
            method: self.binding.method(),
            share: self.shares_trust.then(|| StatementKey::of(&self.binding)),
        }
    }

    /// The same identity, frozen.
    #[must_use]
    pub fn frozen_for(self, freeze: Freeze) -> Self {
        Self {
            frozen: Some(freeze),
            ..self
        }
    }

    /// The same identity, with aspects that are left alone for a while.
    #[must_use]
    pub fn leaving_alone(self, contested: BTreeSet<String>) -> Self {
        Self { contested, ..self }
    }

    /// The same identity, waiting for its turn to change to another method.
    #[must_use]
    pub fn queued(self, method: Method) -> Self {
        Self {
            queued_for: Some(method),
            ..self
        }
    }

    /// Whether a change of the binding stops where it is.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.paused || self.frozen.is_some()
    }

    /// Custody as the spec alone would have it: where custody is lost, it still tells where to look.
    #[must_use]
    pub fn inventory(&self) -> Inventory {
        Inventory::new(self.deletion_policy, vec![self.touches()])
    }

    /// The role of the binding asked for.
    #[must_use]
    pub fn role_arn(&self) -> &RoleArn {
        &self.binding.role_arn
    }
}
