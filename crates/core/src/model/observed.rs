//! The observed state of one WorkloadIdentity, each part a fact. The engine fills it with reads only; the decision
//! and the summary use it. Pure values; no I/O.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::arn::{PolicyArn, RoleArn};
use crate::model::cluster_object::TokenClientFacts;
use crate::model::fact::{Fact, ReadError};
use crate::model::inventory::Inventory;
use crate::model::name::PolicyName;
use crate::model::network_policy::EgressFacts;
use crate::model::pods::PodList;
use crate::model::shared_trust::RoleMembership;
use crate::model::workload::Workload;
use lanyard_iam_policy::Document;

/// The observed state of one WorkloadIdentity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// The control metadata of the object, known from the watch.
    #[serde(default)]
    pub object: ControlMetadata,
    /// The roles that the object uses, by ARN.
    pub roles: BTreeMap<RoleArn, RoleFacts>,
    /// The IAM OIDC provider of the cluster's issuer.
    pub provider: Fact<Provider>,
    /// The association of the subject.
    pub association: Fact<Association>,
    /// The ServiceAccount of the subject.
    pub service_account: Fact<ServiceAccount>,
    /// The EKS Pod Identity Agent.
    pub agent: Fact<Agent>,
    /// The name of the pod identity webhook's registration. Read only on non-EKS clusters, since EKS hides its own
    /// webhook.
    #[serde(default = "not_read")]
    pub webhook: Fact<String>,
    /// The pods of the subject.
    pub pods: Fact<PodList>,
    /// The workloads of these pods. Read only while a transition may restart workloads.
    #[serde(default = "not_read")]
    pub workloads: Fact<Vec<Workload>>,
    /// The NetworkPolicies that may keep the pods from the agent. Read only before a transition takes pods from IRSA to Pod
    /// Identity.
    #[serde(default = "not_read")]
    pub egress: Fact<EgressFacts>,
    /// The objects of other controllers that may create tokens of the ServiceAccount. Read like [`egress`](Self::egress).
    #[serde(default = "not_read")]
    pub token_clients: Fact<TokenClientFacts>,
    /// The shared-statement entries that a step of this reconciliation confirmed by reading the policy back. A single
    /// read does not confirm an entry: another writer may have read the policy before the entry was added and be
    /// about to overwrite it.
    #[serde(skip)]
    pub confirmed: BTreeSet<RoleMembership>,
}

fn not_read<T>() -> Fact<T> {
    Fact::Unreadable(ReadError::NotRead)
}

/// The metadata by which Lanyard controls an object: finalizer, inventory, approval and verified trust policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ControlMetadata {
    /// True if the object has the finalizer of Lanyard.
    pub finalizer: bool,
    /// The inventory annotation. `None` if it is missing or invalid.
    pub inventory: Option<Inventory>,
    /// The value of the approval annotation: the token of the single change that the user approves.
    pub approval: Option<String>,
    /// The value of the annotation for a verified trust policy: its digest.
    pub verified_trust: Option<String>,
}

/// The facts of a role. They come from different calls, and a bulk read lacks some of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleFacts {
    /// The unique ID of the role; absent if the role does not exist.
    pub id: Fact<String>,
    /// The actual ARN, if a role of this name exists under another path. Role names are unique in an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<RoleArn>,
    /// The last known change for which pods may have to wait: its creation, or a later change of its trust policy by
    /// the operator. `None` if the read does not show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
    /// The trust policy.
    pub trust: Fact<Document>,
    /// The description; absent if the role has none.
    pub description: Fact<String>,
    /// The maximum session duration in seconds.
    pub max_session: Fact<u32>,
    /// The permissions boundary; absent if the role has none.
    pub boundary: Fact<PolicyArn>,
    /// The tags.
    pub tags: Fact<BTreeMap<String, String>>,
    /// The attached managed policies.
    pub attached: Fact<BTreeMap<PolicyArn, Fact<Effect>>>,
    /// The inline policies.
    pub inline: Fact<BTreeMap<PolicyName, Document>>,
}

/// The effect of a managed policy. Read only if a decision needs it: before a policy is detached, and before sessions
/// get tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// It grants permissions, but not to assume roles.
    Grants,
    /// It grants permission to assume roles.
    Chains,
    /// It only denies: an emergency measure that Lanyard never removes.
    OnlyDenies,
}

impl RoleFacts {
    /// The facts of a role that does not exist.
    #[must_use]
    pub fn absent() -> Self {
        Self {
            id: Fact::Absent,
            elsewhere: None,
            modified_at: None,
            trust: Fact::Absent,
            description: Fact::Absent,
            max_session: Fact::Absent,
            boundary: Fact::Absent,
            tags: Fact::Absent,
            attached: Fact::Absent,
            inline: Fact::Absent,
        }
    }

    /// The facts of a role that could not be read.
    #[must_use]
    pub fn unreadable(error: &ReadError) -> Self {
        Self {
            id: Fact::Unreadable(error.clone()),
            elsewhere: None,
            modified_at: None,
            trust: Fact::Unreadable(error.clone()),
            description: Fact::Unreadable(error.clone()),
            max_session: Fact::Unreadable(error.clone()),
            boundary: Fact::Unreadable(error.clone()),
            tags: Fact::Unreadable(error.clone()),
            attached: Fact::Unreadable(error.clone()),
            inline: Fact::Unreadable(error.clone()),
        }
    }

    /// The trust policy of the role with the requested ARN. A role of the same name under another path is a different
    /// role.
    #[must_use]
    pub fn own_trust(&self) -> Fact<&Document> {
        match self.elsewhere {
            Some(_) => Fact::Absent,
            None => self.trust.as_ref(),
        }
    }

    /// The ARNs of the attached policies.
    #[must_use]
    pub fn attached_arns(&self) -> BTreeSet<&PolicyArn> {
        self.attached
            .present()
            .into_iter()
            .flat_map(BTreeMap::keys)
            .collect()
    }
}

/// The IAM OIDC provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    /// The audiences it accepts.
    pub client_ids: BTreeSet<String>,
    /// The last known change: its creation, or a later addition of an audience by the operator. `None` if the read
    /// does not show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
}

/// A Pod Identity association.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Association {
    /// Its id (`a-...`).
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// The role of the association.
    pub role_arn: RoleArn,
    /// The target role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_role_arn: Option<RoleArn>,
    /// True if sessions carry tags.
    pub session_tags: bool,
    /// The session policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Document>,
    /// Its tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The EKS add-on that owns it, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_arn: Option<String>,
    /// The external ID for the trust policy of the target role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The time of the last change; absent if the API response does not include it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
}

/// The ServiceAccount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceAccount {
    /// Its `eks.amazonaws.com/` annotations.
    pub annotations: BTreeMap<String, Annotation>,
    /// True if Lanyard created it.
    pub created_by_us: bool,
    /// The time of the last change by the field manager of Lanyard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<Timestamp>,
    /// True if an EKS add-on owns it. EKS may reset its fields at any time.
    pub of_add_on: bool,
}

/// One annotation of the ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotation {
    /// Its value.
    pub value: String,
    /// True if the field manager of Lanyard owns the value.
    #[serde(default)]
    pub ours: bool,
    /// The first other field manager that owns the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
}

/// The availability of the EKS Pod Identity Agent on the nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// True if pods on the nodes of the cluster can reach it.
    pub ready: bool,
    /// The source and the state of the agent, for messages.
    pub found: String,
}

impl Observed {
    /// An observed state in which nothing was read yet.
    #[must_use]
    pub fn unread() -> Self {
        Self {
            object: ControlMetadata::default(),
            roles: BTreeMap::new(),
            provider: not_read(),
            association: not_read(),
            service_account: not_read(),
            agent: not_read(),
            webhook: not_read(),
            pods: not_read(),
            workloads: not_read(),
            egress: not_read(),
            token_clients: not_read(),
            confirmed: BTreeSet::new(),
        }
    }

    /// The facts of one role. All are unreadable if this reconciliation did not read the role.
    #[must_use]
    pub fn role(&self, arn: &RoleArn) -> RoleFacts {
        self.roles
            .get(arn)
            .cloned()
            .unwrap_or_else(|| RoleFacts::unreadable(&ReadError::NotRead))
    }
}
