//! `Step`: the closed set of changes that Lanyard makes in AWS and in the cluster, as data for users and machines.
//! A step carries natural keys, never ids that a server assigns. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::identity::ManagedRole;
use crate::model::arn::{Issuer, PolicyArn, RoleArn};
use crate::model::inventory::Inventory;
use crate::model::name::{Audience, PolicyName};
use crate::model::workload::{RestartedFor, WorkloadRef};
use crate::reconcile::desired::DesiredAssociation;
use lanyard_iam_policy::membership::Membership;
use lanyard_iam_policy::{Document, Statement};

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all_fields = "camelCase")]
#[allow(
    missing_docs,
    reason = "the fields are named after the fields that the step sets"
)]
pub enum Step {
    /// Write inventory annotation and finalizer, in one patch, before any other change.
    RecordInventory { inventory: Inventory },
    /// Create the IAM OIDC provider for the cluster's issuer.
    CreateProvider {
        arn: String,
        issuer: Issuer,
        client_id: Audience,
    },
    /// Add an audience to the provider.
    AddClientId { arn: String, client_id: Audience },
    /// Install the EKS Pod Identity Agent as an EKS add-on.
    InstallAgent {},
    /// Adopt a role that Lanyard did not create: set Lanyard's tags and the adoption tag, in place of those
    /// `replaced`.
    AdoptRole {
        role: RoleArn,
        tags: BTreeMap<String, String>,
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        replaced: BTreeSet<String>,
    },
    /// Adopt an association in the same way, if its ARN is still this one.
    AdoptAssociation {
        arn: String,
        tags: BTreeMap<String, String>,
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        replaced: BTreeSet<String>,
    },
    /// Set the permissions boundary.
    SetBoundary { role: RoleArn, boundary: PolicyArn },
    /// Remove the permissions boundary.
    RemoveBoundary { role: RoleArn },
    /// Create the role with its trust policy, settings, boundary and tags.
    CreateRole {
        role: RoleArn,
        desired: Box<ManagedRole>,
        trust: Document,
    },
    /// Change description and maximum session duration; an absent value stays as it is.
    UpdateRole {
        role: RoleArn,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_session: Option<u32>,
    },
    /// Set tags of the role.
    TagRole {
        role: RoleArn,
        tags: BTreeMap<String, String>,
    },
    /// Remove tags of the role.
    UntagRole { role: RoleArn, keys: BTreeSet<String> },
    /// Attach a managed policy.
    AttachPolicy { role: RoleArn, policy: PolicyArn },
    /// Put an inline policy. `narrows`: the policy grants no more than the one that it replaces.
    PutInlinePolicy {
        role: RoleArn,
        name: PolicyName,
        document: Document,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        narrows: bool,
    },
    /// Add the subject to Lanyard's statement in the trust policy of an existing role. The rest of the policy
    /// is kept as read at that moment. `alone` is the statement for this subject only.
    PutSubject {
        role: RoleArn,
        membership: Membership,
        alone: Statement,
    },
    /// Remove the subject from that statement. The statement is removed with its last subject.
    RemoveSubject { role: RoleArn, membership: Membership },
    /// Detach a managed policy. `first`: before policies are added, since it was attached out of band or a
    /// quota is used up.
    DetachPolicy {
        role: RoleArn,
        policy: PolicyArn,
        first: bool,
    },
    /// Delete an inline policy. `first` as above.
    DeleteInlinePolicy {
        role: RoleArn,
        name: PolicyName,
        first: bool,
    },
    /// Set the trust policy. `narrows`: it only removes statements that no binding needs any longer. `admits`: it sets a
    /// statement of a binding, which has to propagate.
    SetTrust {
        role: RoleArn,
        document: Document,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        narrows: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        admits: bool,
    },
    /// Create the association. `repairs`: it restores the binding that was applied before.
    CreateAssociation {
        desired: Box<DesiredAssociation>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        repairs: bool,
    },
    /// Change the association in place. `repairs`: roles and session tags become those that were applied before,
    /// or stay.
    UpdateAssociation {
        desired: Box<DesiredAssociation>,
        clear_policy: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        repairs: bool,
    },
    /// Set tags of the association.
    TagAssociation { tags: BTreeMap<String, String> },
    /// Remove tags of the association.
    UntagAssociation { keys: BTreeSet<String> },
    /// Apply Lanyard's annotations to the ServiceAccount, remove obsolete ones, and create it if `create` is set.
    /// `repairs`: the binding becomes the one that was applied before, or stays.
    Annotate {
        set: BTreeMap<String, String>,
        remove: BTreeSet<String>,
        create: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        repairs: bool,
    },
    /// Restart a workload, as `kubectl rollout restart` does. The mark prevents a second restart.
    RestartWorkload { owner: WorkloadRef, mark: RestartedFor },
    /// Delete the association. `repairs`: it was created out of band.
    DeleteAssociation {
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        repairs: bool,
    },
    /// Delete the ServiceAccount that Lanyard created.
    DeleteServiceAccount {},
    /// Remove the role from instance profiles, which AWS requires before it deletes the role.
    LeaveInstanceProfiles { role: RoleArn },
    /// Delete the role.
    DeleteRole { role: RoleArn },
    /// Release the role: its ownership tags are replaced by `lanyard.dev/retained`.
    ReleaseRole { role: RoleArn },
    /// Release the association in the same way.
    ReleaseAssociation {},
    /// Remove finalizer and inventory annotation. `regardless`: even if an earlier step failed.
    ReleaseObject { regardless: bool },
}

impl Step {
    /// Returns the role that the step changes, or `None` if it does not change a role.
    #[must_use]
    pub fn role(&self) -> Option<&RoleArn> {
        match self {
            Self::AdoptRole { role, .. }
            | Self::SetBoundary { role, .. }
            | Self::RemoveBoundary { role }
            | Self::CreateRole { role, .. }
            | Self::UpdateRole { role, .. }
            | Self::TagRole { role, .. }
            | Self::UntagRole { role, .. }
            | Self::AttachPolicy { role, .. }
            | Self::PutInlinePolicy { role, .. }
            | Self::DetachPolicy { role, .. }
            | Self::DeleteInlinePolicy { role, .. }
            | Self::SetTrust { role, .. }
            | Self::PutSubject { role, .. }
            | Self::RemoveSubject { role, .. }
            | Self::LeaveInstanceProfiles { role }
            | Self::DeleteRole { role }
            | Self::ReleaseRole { role } => Some(role),
            _ => None,
        }
    }

    /// The name of the step, as a metric label.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::RecordInventory { .. } => "RecordInventory",
            Self::CreateProvider { .. } => "CreateProvider",
            Self::AddClientId { .. } => "AddClientId",
            Self::InstallAgent {} => "InstallAgent",
            Self::AdoptRole { .. } => "AdoptRole",
            Self::AdoptAssociation { .. } => "AdoptAssociation",
            Self::SetBoundary { .. } => "SetBoundary",
            Self::RemoveBoundary { .. } => "RemoveBoundary",
            Self::CreateRole { .. } => "CreateRole",
            Self::UpdateRole { .. } => "UpdateRole",
            Self::TagRole { .. } => "TagRole",
            Self::UntagRole { .. } => "UntagRole",
            Self::AttachPolicy { .. } => "AttachPolicy",
            Self::PutInlinePolicy { .. } => "PutInlinePolicy",
            Self::DetachPolicy { .. } => "DetachPolicy",
            Self::DeleteInlinePolicy { .. } => "DeleteInlinePolicy",
            Self::SetTrust { .. } => "SetTrust",
            Self::PutSubject { .. } => "PutSubject",
            Self::RemoveSubject { .. } => "RemoveSubject",
            Self::CreateAssociation { .. } => "CreateAssociation",
            Self::UpdateAssociation { .. } => "UpdateAssociation",
            Self::TagAssociation { .. } => "TagAssociation",
            Self::UntagAssociation { .. } => "UntagAssociation",
            Self::Annotate { .. } => "Annotate",
            Self::RestartWorkload { .. } => "RestartWorkload",
            Self::DeleteAssociation { .. } => "DeleteAssociation",
            Self::DeleteServiceAccount {} => "DeleteServiceAccount",
            Self::LeaveInstanceProfiles { .. } => "LeaveInstanceProfiles",
            Self::DeleteRole { .. } => "DeleteRole",
            Self::ReleaseRole { .. } => "ReleaseRole",
            Self::ReleaseAssociation {} => "ReleaseAssociation",
            Self::ReleaseObject { .. } => "ReleaseObject",
        }
    }
}
