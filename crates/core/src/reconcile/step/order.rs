//! The tables of steps: the facts that a step needs, its place in the order, and the resource that it changes.
//! A step in, table entries out; no I/O.

use super::kind::Step;
use crate::model::field::Resource;

/// A fact that a step needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// The IAM OIDC provider.
    Provider,
    /// The existence of the role, and its tags, which name its owner.
    Role,
    /// The role's trust policy.
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
    /// The EKS Pod Identity Agent.
    Agent,
}

impl Step {
    /// The facts that must be readable before the step runs. This is the only table of its kind.
    #[must_use]
    pub fn requires(&self) -> &'static [Needs] {
        match self {
            Self::RecordInventory { .. } | Self::ReleaseObject { .. } | Self::RestartWorkload { .. } => &[],
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
            | Self::DeleteAssociation { .. }
            | Self::ReleaseAssociation {} => &[Needs::Association],
            Self::Annotate { .. } => &[Needs::ServiceAccount, Needs::Association],
            Self::DeleteServiceAccount {} => &[Needs::ServiceAccount],
        }
    }

    /// The place of the step in the order: every step of a lower rank is tried before a step of a higher rank
    /// begins. `depends_on` says which of them must have taken effect.
    ///
    /// The order is: inventory; provider, agent and adoption; boundary; removal of out-of-band policies;
    /// role; new policies; trust; association; ServiceAccount; removal of the old binding; removal of
    /// obsolete trust and policies; deletion; restarts; release.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::RecordInventory { .. } => 0,
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
            // After the association: pods that wait for the ServiceAccount start as soon as it exists, and an
            // annotation may only be removed when its replacement, the association, exists.
            Self::Annotate { .. } => 8,
            Self::DeleteAssociation { .. } | Self::ReleaseAssociation {} => 9,
            Self::DeleteServiceAccount {} => 10,
            // After the removal of the binding: pods that still use the role would lose the permissions.
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

    /// Returns the resource that the step changes, or `None` for the object itself and for resources without
    /// drift.
    #[must_use]
    pub fn resource(&self) -> Option<Resource> {
        match self {
            Self::RecordInventory { .. }
            | Self::ReleaseObject { .. }
            | Self::RestartWorkload { .. }
            | Self::InstallAgent {} => None,
            Self::CreateProvider { .. } | Self::AddClientId { .. } => Some(Resource::Provider),
            Self::AdoptAssociation { .. }
            | Self::CreateAssociation { .. }
            | Self::UpdateAssociation { .. }
            | Self::TagAssociation { .. }
            | Self::UntagAssociation { .. }
            | Self::DeleteAssociation { .. }
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

    /// Returns whether the step only releases a resource. Such steps run for a suspended object too.
    #[must_use]
    pub fn only_releases(&self) -> bool {
        matches!(
            self,
            Self::ReleaseRole { .. } | Self::ReleaseAssociation {} | Self::ReleaseObject { regardless: true }
        )
    }
}
