//! Observed: everything that was read for one WorkloadIdentity, each thing a fact.
//! The engine fills it with reads only; `stage`, `diff`, `plan` and `summarise` read it. Pure values.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::arn::{PolicyArn, RoleArn};
use crate::model::fact::{Fact, ReadError};
use crate::model::inventory::Inventory;
use crate::model::name::PolicyName;
use crate::model::pods::Pods;
use crate::model::shared_trust::RoleMembership;
use crate::model::workload::Workload;
use lanyard_iam_policy::Document;

/// Everything that was read for one WorkloadIdentity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// The object's own marks, known from the watch.
    #[serde(default)]
    pub object: ControlMetadata,
    /// The roles that concern it, by their natural key.
    pub roles: BTreeMap<RoleArn, RoleFacts>,
    /// The IAM OIDC provider of the cluster's issuer.
    pub provider: Fact<Provider>,
    /// The association of the subject.
    pub association: Fact<Association>,
    /// The ServiceAccount of the subject.
    pub service_account: Fact<ServiceAccount>,
    /// The EKS Pod Identity Agent.
    pub agent: Fact<Agent>,
    /// AWS's pod identity webhook, by the name under which it is registered; read only off EKS, which hides its own.
    #[serde(default = "not_read")]
    pub webhook: Fact<String>,
    /// The pods of the subject.
    pub pods: Fact<Pods>,
    /// What restarts them; read only while a transition may restart something.
    #[serde(default = "not_read")]
    pub workloads: Fact<Vec<Workload>>,
    /// The seats in somebody else's role that a step of this pass has seen to last. No read alone shows that: another
    /// writer may have read the policy before the seat was taken, and be about to write.
    #[serde(skip)]
    pub confirmed: BTreeSet<RoleMembership>,
}

fn not_read<T>() -> Fact<T> {
    Fact::Unreadable(ReadError::NotRead)
}

/// The marks that Lanyard leaves on the object itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ControlMetadata {
    /// Whether our finalizer is on it.
    pub finalizer: bool,
    /// The custody annotation, when it is there and can be read.
    pub inventory: Option<Inventory>,
    /// The consent that somebody annotated: the token of the one change that it allows.
    pub consent: Option<String>,
}

/// A role, fact by fact: they come from different calls, and a bulk read lacks some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleFacts {
    /// That it exists, and its unique id.
    pub id: Fact<String>,
    /// Where it really is, when a role of this name was found under another path: names are unique in an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<RoleArn>,
    /// Its trust policy.
    pub trust: Fact<Document>,
    /// Its description; absent when it has none.
    pub description: Fact<String>,
    /// Its longest session in seconds.
    pub max_session: Fact<u32>,
    /// Its permissions boundary; absent when it has none.
    pub boundary: Fact<PolicyArn>,
    /// Its tags.
    pub tags: Fact<BTreeMap<String, String>>,
    /// The managed policies attached to it.
    pub attached: Fact<BTreeMap<PolicyArn, Fact<Effect>>>,
    /// Its inline policies.
    pub inline: Fact<BTreeMap<PolicyName, Document>>,
}

/// What a managed policy can do, read only where it matters: before it would be detached, and before sessions get tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// It grants something, and nothing of what follows.
    Grants,
    /// It grants to assume other roles, among other things or alone.
    Chains,
    /// It only denies: an emergency measure that is never undone by Lanyard.
    OnlyDenies,
}

impl RoleFacts {
    /// A role that was looked for and is not there.
    #[must_use]
    pub fn absent() -> Self {
        Self {
            id: Fact::Absent,
            elsewhere: None,
            trust: Fact::Absent,
            description: Fact::Absent,
            max_session: Fact::Absent,
            boundary: Fact::Absent,
            tags: Fact::Absent,
            attached: Fact::Absent,
            inline: Fact::Absent,
        }
    }

    /// A role of which nothing is known.
    #[must_use]
    pub fn unreadable(why: &ReadError) -> Self {
        Self {
            id: Fact::Unreadable(why.clone()),
            elsewhere: None,
            trust: Fact::Unreadable(why.clone()),
            description: Fact::Unreadable(why.clone()),
            max_session: Fact::Unreadable(why.clone()),
            boundary: Fact::Unreadable(why.clone()),
            tags: Fact::Unreadable(why.clone()),
            attached: Fact::Unreadable(why.clone()),
            inline: Fact::Unreadable(why.clone()),
        }
    }

    /// The trust policy of the role that was asked for: one of the same name elsewhere is another role.
    #[must_use]
    pub fn trust_here(&self) -> Fact<&Document> {
        match self.elsewhere {
            Some(_) => Fact::Absent,
            None => self.trust.as_ref(),
        }
    }

    /// The policies attached, without what they can do.
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
}

/// A Pod Identity association.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Association {
    /// Its id (`a-...`).
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// The role it gives.
    pub role_arn: RoleArn,
    /// The role it chains to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_role_arn: Option<RoleArn>,
    /// Whether sessions carry tags.
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
    /// The external id for the trust of a target role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// When it last changed; absent in answers that do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
}

/// The ServiceAccount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceAccount {
    /// Its `eks.amazonaws.com/` annotations.
    pub annotations: BTreeMap<String, Annotation>,
    /// Whether Lanyard created it.
    pub created_by_us: bool,
    /// When our field manager last changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<Timestamp>,
    /// Whether an EKS add-on brings it: EKS sets its fields again as it likes.
    pub of_add_on: bool,
}

/// One annotation of the ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotation {
    /// Its value.
    pub value: String,
    /// Whether our field manager is among those that set it.
    #[serde(default)]
    pub ours: bool,
    /// The first other field manager that set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
}

/// How the EKS Pod Identity Agent comes to the nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// Whether pods on the cluster's nodes can reach it.
    pub ready: bool,
    /// Where it was found and what state it is in, for messages.
    pub found: String,
}

impl Observed {
    /// An observation in which nothing was read yet.
    #[must_use]
    pub fn nothing() -> Self {
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
            confirmed: BTreeSet::new(),
        }
    }

    /// The facts of one role; all unreadable when this look did not include it.
    #[must_use]
    pub fn role(&self, arn: &RoleArn) -> RoleFacts {
        self.roles
            .get(arn)
            .cloned()
            .unwrap_or_else(|| RoleFacts::unreadable(&ReadError::NotRead))
    }
}
