//! The table of dependencies between steps: which steps of a plan must have taken effect before another one runs.
//! Two steps in, a decision out; no I/O.
//!
//! The rank orders all steps. A dependency is stronger: if the earlier step did not take effect, the later one is not
//! tried. A step that narrows access or repairs an out-of-band change depends on as little as possible, so that a
//! grant that cannot be made never keeps an opening in place.

use super::kind::Step;
use crate::model::annotation::ANNOTATION_ROLE_ARN;
use crate::model::arn::RoleArn;

impl Step {
    /// Returns whether this step must not run unless the earlier step took effect. This is the only table of its
    /// kind.
    #[must_use]
    pub fn depends_on(&self, earlier: &Self) -> bool {
        if matches!(earlier, Self::RecordInventory { .. }) {
            // A deletion finds only what the inventory names.
            return !matches!(
                self,
                Self::RecordInventory { .. } | Self::ReleaseObject { regardless: true }
            );
        }
        match self {
            Self::RecordInventory { .. }
            | Self::CreateProvider { .. }
            | Self::AddClientId { .. }
            | Self::InstallAgent {}
            | Self::AdoptRole { .. }
            | Self::AdoptAssociation { .. }
            | Self::ReleaseAssociation {}
            | Self::DeleteServiceAccount {} => false,
            Self::CreateRole { .. } => earlier.is_provider(),
            Self::SetBoundary { role, .. }
            | Self::RemoveBoundary { role }
            | Self::UpdateRole { role, .. }
            | Self::TagRole { role, .. }
            | Self::UntagRole { role, .. }
            | Self::SetTrust {
                role, narrows: false, ..
            }
            | Self::PutSubject { role, .. }
            | Self::PutInlinePolicy {
                role, narrows: true, ..
            } => earlier.makes_own(role),
            // The boundary limits the permissions that a policy grants.
            Self::AttachPolicy { role, .. } | Self::PutInlinePolicy { role, .. } => {
                earlier.makes_own(role) || earlier.bounds(role)
            }
            Self::DetachPolicy { role, .. }
            | Self::DeleteInlinePolicy { role, .. }
            | Self::LeaveInstanceProfiles { role } => earlier.makes_own(role) || earlier.binds_besides(role),
            Self::SetTrust {
                role, narrows: true, ..
            }
            | Self::RemoveSubject { role, .. } => earlier.opens_trust(role) || earlier.replaces_binding(),
            Self::CreateAssociation { .. }
            | Self::UpdateAssociation { .. }
            | Self::TagAssociation { .. }
            | Self::UntagAssociation { .. }
            | Self::Annotate { .. }
            | Self::DeleteAssociation { .. } => self.binding_depends_on(earlier),
            Self::DeleteRole { role } | Self::ReleaseRole { role } => {
                earlier.is_binding() || earlier.empties(role)
            }
            // Pods restart for a binding that is in place and usable.
            Self::RestartWorkload { .. } => earlier.is_binding() || earlier.grants(None),
            Self::ReleaseObject { regardless } => !regardless,
        }
    }

    /// A repair restores the binding that pods had before, so it needs only what the call itself needs. A new
    /// binding needs a role that is complete.
    fn binding_depends_on(&self, earlier: &Self) -> bool {
        match self {
            Self::CreateAssociation { desired, repairs } => {
                let role = &desired.role_arn;
                let is_ready = match repairs {
                    true => earlier.bounds(role) || earlier.opens_trust(role),
                    false => earlier.grants(Some(role)),
                };
                let installs_agent = matches!(earlier, Self::InstallAgent {});
                installs_agent || earlier.adopts_association() || earlier.makes_own(role) || is_ready
            }
            Self::UpdateAssociation { desired, repairs, .. } => {
                let role = &desired.role_arn;
                let is_ready = !repairs && earlier.grants(Some(role));
                earlier.adopts_association() || earlier.makes_own(role) || is_ready
            }
            Self::TagAssociation { .. } | Self::UntagAssociation { .. } => earlier.adopts_association(),
            Self::Annotate { repairs: true, .. } | Self::DeleteAssociation { repairs: true } => false,
            Self::Annotate { .. } => {
                earlier.is_provider() || earlier.grants(None) || earlier.sets_association()
            }
            Self::DeleteAssociation { .. } => {
                let is_replacement = matches!(earlier, Self::Annotate { set, .. } if !set.is_empty());
                is_replacement || earlier.is_provider() || earlier.grants(None)
            }
            _ => false,
        }
    }

    fn is_provider(&self) -> bool {
        matches!(self, Self::CreateProvider { .. } | Self::AddClientId { .. })
    }

    fn adopts_association(&self) -> bool {
        matches!(self, Self::AdoptAssociation { .. })
    }

    fn sets_association(&self) -> bool {
        matches!(
            self,
            Self::CreateAssociation { .. } | Self::UpdateAssociation { .. }
        )
    }

    /// Returns whether the role is Lanyard's only after this step.
    fn makes_own(&self, role: &RoleArn) -> bool {
        matches!(self, Self::AdoptRole { role: own, .. } | Self::CreateRole { role: own, .. } if own == role)
    }

    fn bounds(&self, role: &RoleArn) -> bool {
        matches!(self, Self::SetBoundary { role: bounded, .. } if bounded == role)
    }

    fn opens_trust(&self, role: &RoleArn) -> bool {
        let opens = matches!(
            self,
            Self::SetTrust { narrows: false, .. } | Self::PutSubject { .. }
        );
        opens && self.role() == Some(role)
    }

    /// Returns whether a role, or this one, lacks something that pods need until this step took effect.
    fn grants(&self, role: Option<&RoleArn>) -> bool {
        let completes = matches!(
            self,
            Self::AdoptRole { .. }
                | Self::CreateRole { .. }
                | Self::SetBoundary { .. }
                | Self::AttachPolicy { .. }
                | Self::PutInlinePolicy { .. }
                | Self::SetTrust { narrows: false, .. }
                | Self::PutSubject { .. }
        );
        completes && role.is_none_or(|role| self.role() == Some(role))
    }

    /// Returns whether the step changes the binding in any way.
    fn is_binding(&self) -> bool {
        matches!(
            self,
            Self::CreateAssociation { .. }
                | Self::UpdateAssociation { .. }
                | Self::Annotate { .. }
                | Self::DeleteAssociation { .. }
        )
    }

    /// Returns whether pods depend on another binding after this step than before it.
    fn replaces_binding(&self) -> bool {
        matches!(
            self,
            Self::CreateAssociation { repairs: false, .. }
                | Self::UpdateAssociation { repairs: false, .. }
                | Self::Annotate { repairs: false, .. }
                | Self::DeleteAssociation { repairs: false }
        )
    }

    /// Returns whether the step moves pods to another role than this one, which they need until then.
    fn binds_besides(&self, role: &RoleArn) -> bool {
        match self {
            Self::CreateAssociation {
                desired,
                repairs: false,
            }
            | Self::UpdateAssociation {
                desired,
                repairs: false,
                ..
            } => desired.role_arn != *role,
            Self::Annotate {
                set, repairs: false, ..
            } => set
                .get(ANNOTATION_ROLE_ARN)
                .is_some_and(|bound| *bound != role.to_string()),
            _ => false,
        }
    }

    /// Returns whether IAM deletes the role only after this step.
    fn empties(&self, role: &RoleArn) -> bool {
        let empties = matches!(
            self,
            Self::DetachPolicy { .. }
                | Self::DeleteInlinePolicy { .. }
                | Self::LeaveInstanceProfiles { .. }
                | Self::RemoveSubject { .. }
        );
        empties && self.role() == Some(role)
    }
}
