//! Steps: the closed set of things Lanyard ever does to the world, as data for people and machines.
//! A step carries natural keys, never ids from the server. What it rests on and when it runs stand here as two tables.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::identity::ManagedRole;
use crate::model::arn::{Issuer, PolicyArn, RoleArn};
use crate::model::field::Resource;
use crate::model::inventory::Inventory;
use crate::model::name::{Audience, PolicyName};
use crate::model::workload::{RestartedFor, WorkloadRef};
use crate::reconcile::desired::DesiredAssociation;
use lanyard_iam_policy::membership::Membership;
use lanyard_iam_policy::{Document, Statement};

mod message;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all_fields = "camelCase")]
#[allow(
    missing_docs,
    reason = "the fields are the words of the fields that the step sets"
)]
pub enum Step {
    /// Write custody and finalizer, in one patch, before anything is touched.
    TakeCustody { inventory: Inventory },
    /// Create the IAM OIDC provider for the cluster's issuer.
    CreateProvider {
        arn: String,
        issuer: Issuer,
        client_id: Audience,
    },
    /// Give the provider one more audience.
    AddClientId { arn: String, client_id: Audience },
    /// Install the EKS Pod Identity Agent as an EKS add-on.
    InstallAgent {},
    /// Adopt a role that somebody else made: Lanyard's tags and the mark are set, in place of those `replaced`.
    AdoptRole {
        role: RoleArn,
        tags: BTreeMap<String, String>,
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        replaced: BTreeSet<String>,
    },
    /// Adopt an association in the same way, if it is still the one of this ARN.
    AdoptAssociation {
        arn: String,
        tags: BTreeMap<String, String>,
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        replaced: BTreeSet<String>,
    },
    /// Put the permissions boundary on.
    SetBoundary { role: RoleArn, boundary: PolicyArn },
    /// Take the permissions boundary off.
    RemoveBoundary { role: RoleArn },
    /// Create the role with its trust, settings, boundary and tags.
    CreateRole {
        role: RoleArn,
        wanted: Box<ManagedRole>,
        trust: Document,
    },
    /// Change description and longest session; what is absent stays as it is.
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
    /// Put an inline policy.
    PutInlinePolicy {
        role: RoleArn,
        name: PolicyName,
        document: Document,
    },
    /// Put the subject into Lanyard's statement in the trust policy of somebody else's role; the rest of the policy is
    /// taken as it is at that moment. `alone`: the statement as it is for this subject alone.
    PutSubject {
        role: RoleArn,
        membership: Membership,
        alone: Statement,
    },
    /// Take the subject out of that statement, which goes with the last of its subjects.
    RemoveSubject { role: RoleArn, membership: Membership },
    /// Detach a managed policy; `first`: before anything is added, since others put it there or a quota leaves no room.
    DetachPolicy {
        role: RoleArn,
        policy: PolicyArn,
        first: bool,
    },
    /// Delete an inline policy; `first` as above.
    DeleteInlinePolicy {
        role: RoleArn,
        name: PolicyName,
        first: bool,
    },
    /// Set the trust policy; `narrows`: it only leaves statements off, which no binding needs any more.
    SetTrust {
        role: RoleArn,
        document: Document,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        narrows: bool,
    },
    /// Create the association.
    CreateAssociation { wanted: Box<DesiredAssociation> },
    /// Change the association in place.
    UpdateAssociation {
        wanted: Box<DesiredAssociation>,
        clear_policy: bool,
    },
    /// Set tags of the association.
    TagAssociation { tags: BTreeMap<String, String> },
    /// Remove tags of the association.
    UntagAssociation { keys: BTreeSet<String> },
    /// Apply our annotations to the ServiceAccount, remove others that were ours, and create it when asked.
    Annotate {
        set: BTreeMap<String, String>,
        remove: BTreeSet<String>,
        create: bool,
    },
    /// Restart a workload, as `kubectl rollout restart` does; the mark keeps it from being restarted twice.
    RestartWorkload { owner: WorkloadRef, mark: RestartedFor },
    /// Delete the association.
    DeleteAssociation {},
    /// Delete the ServiceAccount that Lanyard created.
    DeleteServiceAccount {},
    /// Take the role out of instance profiles, without which AWS does not delete it.
    LeaveInstanceProfiles { role: RoleArn },
    /// Delete the role.
    DeleteRole { role: RoleArn },
    /// Let the role go: its ownership tags become `lanyard.dev/retained`.
    ReleaseRole { role: RoleArn },
    /// Let the association go in the same way.
    ReleaseAssociation {},
    /// Remove finalizer and custody; `regardless`: even if a step before it failed.
    ReleaseObject { regardless: bool },
}

/// A fact that a step rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// The IAM OIDC provider.
    Provider,
    /// That the role exists or not, and its tags, which say whose it is.
    Role,
    /// The role's trust.
    Trust,
    /// The role's attached policies.
    Attached,
    /// The role's inline policies.
    Inline,
    /// The role's permissions boundary.
    Boundary,
    /// The association.
    Association,
    /// The ServiceAccount.
    ServiceAccount,
    /// The agent.
    Agent,
}

impl Step {
    /// The facts that have to be known before this may be done. The one table of its kind.
    #[must_use]
    pub fn requires(&self) -> &'static [Needs] {
        match self {
            Self::TakeCustody { .. } | Self::ReleaseObject { .. } | Self::RestartWorkload { .. } => &[],
            Self::CreateProvider { .. } | Self::AddClientId { .. } => &[Needs::Provider],
            Self::AdoptRole { .. }
            | Self::CreateRole { .. }
            | Self::UpdateRole { .. }
            | Self::TagRole { .. }
            | Self::UntagRole { .. }
            | Self::ReleaseRole { .. }
            | Self::LeaveInstanceProfiles { .. } => &[Needs::Role],
            Self::InstallAgent {} => &[Needs::Agent],
            Self::SetBoundary { .. } | Self::RemoveBoundary { .. } => &[Needs::Role, Needs::Boundary],
            Self::AttachPolicy { .. } | Self::DetachPolicy { .. } => &[Needs::Role, Needs::Attached],
            Self::PutInlinePolicy { .. } | Self::DeleteInlinePolicy { .. } => &[Needs::Role, Needs::Inline],
            Self::SetTrust { .. } => &[Needs::Role, Needs::Trust],
            Self::PutSubject { .. } => &[Needs::Role, Needs::Trust],
            Self::RemoveSubject { .. } => &[Needs::Trust],
            Self::DeleteRole { .. } => &[Needs::Role, Needs::Attached, Needs::Inline],
            Self::CreateAssociation { .. } => &[Needs::Association, Needs::Role, Needs::Agent],
            Self::UpdateAssociation { .. } => &[Needs::Association, Needs::Role],
            Self::AdoptAssociation { .. }
            | Self::TagAssociation { .. }
            | Self::UntagAssociation { .. }
            | Self::DeleteAssociation {}
            | Self::ReleaseAssociation {} => &[Needs::Association],
            Self::Annotate { .. } => &[Needs::ServiceAccount, Needs::Association],
            Self::DeleteServiceAccount {} => &[Needs::ServiceAccount],
        }
    }

    /// When it runs: all of a lower rank are done before any of a higher one begins. The one order there is: custody,
    /// provider, agent and adoption, boundary, extras off, role, policies on, trust, association, ServiceAccount, unbind, trust and policies
    /// off, delete, restarts, release.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::TakeCustody { .. } => 0,
            Self::CreateProvider { .. }
            | Self::AddClientId { .. }
            | Self::InstallAgent {}
            | Self::AdoptRole { .. }
            | Self::AdoptAssociation { .. } => 1,
            Self::SetBoundary { .. } | Self::RemoveBoundary { .. } => 2,
            Self::DetachPolicy { first: true, .. } | Self::DeleteInlinePolicy { first: true, .. } => 3,
            Self::CreateRole { .. }
            | Self::UpdateRole { .. }
            | Self::TagRole { .. }
            | Self::UntagRole { .. } => 4,
            Self::AttachPolicy { .. } | Self::PutInlinePolicy { .. } => 5,
            Self::SetTrust { narrows: false, .. } | Self::PutSubject { .. } => 6,
            Self::CreateAssociation { .. }
            | Self::UpdateAssociation { .. }
            | Self::TagAssociation { .. }
            | Self::UntagAssociation { .. } => 7,
            // After the association: pods that wait for the ServiceAccount start the moment it is there, and an
            // annotation that goes is only replaced by an association that is in place.
            Self::Annotate { .. } => 8,
            Self::DeleteAssociation {} | Self::ReleaseAssociation {} => 9,
            Self::DeleteServiceAccount {} => 10,
            // After the binding is gone: a policy taken off a role that pods still get would break them.
            Self::SetTrust { narrows: true, .. }
            | Self::RemoveSubject { .. }
            | Self::DetachPolicy { .. }
            | Self::DeleteInlinePolicy { .. }
            | Self::LeaveInstanceProfiles { .. } => 11,
            Self::DeleteRole { .. } | Self::ReleaseRole { .. } => 12,
            Self::RestartWorkload { .. } => 13,
            Self::ReleaseObject { .. } => 14,
        }
    }

    /// What of the subject's it changes; `None`: the object itself, or what has no drift.
    #[must_use]
    pub fn resource(&self) -> Option<Resource> {
        match self {
            Self::TakeCustody { .. }
            | Self::ReleaseObject { .. }
            | Self::RestartWorkload { .. }
            | Self::InstallAgent {} => None,
            Self::CreateProvider { .. } | Self::AddClientId { .. } => Some(Resource::Provider),
            Self::AdoptAssociation { .. }
            | Self::CreateAssociation { .. }
            | Self::UpdateAssociation { .. }
            | Self::TagAssociation { .. }
            | Self::UntagAssociation { .. }
            | Self::DeleteAssociation {}
            | Self::ReleaseAssociation {} => Some(Resource::Association),
            Self::Annotate { .. } | Self::DeleteServiceAccount {} => Some(Resource::ServiceAccount),
            Self::AdoptRole { .. }
            | Self::SetBoundary { .. }
            | Self::RemoveBoundary { .. }
            | Self::CreateRole { .. }
            | Self::UpdateRole { .. }
            | Self::TagRole { .. }
            | Self::UntagRole { .. }
            | Self::AttachPolicy { .. }
            | Self::PutInlinePolicy { .. }
            | Self::DetachPolicy { .. }
            | Self::DeleteInlinePolicy { .. }
            | Self::SetTrust { .. }
            | Self::PutSubject { .. }
            | Self::RemoveSubject { .. }
            | Self::LeaveInstanceProfiles { .. }
            | Self::DeleteRole { .. }
            | Self::ReleaseRole { .. } => Some(Resource::Role),
        }
    }

    /// The role it changes, for a step on a role.
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

    /// Whether it only lets go: such steps are taken even where nothing else may be written.
    #[must_use]
    pub fn only_releases(&self) -> bool {
        matches!(
            self,
            Self::ReleaseRole { .. } | Self::ReleaseAssociation {} | Self::ReleaseObject { regardless: true }
        )
    }

    /// The word for it, as a metric label.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TakeCustody { .. } => "TakeCustody",
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
            Self::DeleteAssociation {} => "DeleteAssociation",
            Self::DeleteServiceAccount {} => "DeleteServiceAccount",
            Self::LeaveInstanceProfiles { .. } => "LeaveInstanceProfiles",
            Self::DeleteRole { .. } => "DeleteRole",
            Self::ReleaseRole { .. } => "ReleaseRole",
            Self::ReleaseAssociation {} => "ReleaseAssociation",
            Self::ReleaseObject { .. } => "ReleaseObject",
        }
    }
}
