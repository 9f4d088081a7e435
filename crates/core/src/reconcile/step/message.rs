//! Steps as text for events, logs and the command line. A step in, a short phrase out; no I/O.

use std::fmt;

use super::kind::Step;
use crate::model::field::Resource;
use crate::model::text::quote;

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.resource() {
            Some(Resource::Role) => self.fmt_role(f),
            Some(Resource::Provider | Resource::Association | Resource::ServiceAccount | Resource::Pods)
            | None => self.fmt_other(f),
        }
    }
}

impl Step {
    fn fmt_role(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AdoptRole { role, .. } => {
                write!(f, "adopt role {role}: tag it as owned by Lanyard and as adopted")
            }
            Self::SetBoundary { role, boundary } => {
                write!(f, "set the boundary of {} to {boundary}", role.name)
            }
            Self::RemoveBoundary { role } => write!(f, "remove the boundary of {}", role.name),
            Self::CreateRole { role, .. } => write!(f, "create role {role}"),
            Self::UpdateRole {
                role,
                description,
                max_session,
            } => {
                let settings = match (description, max_session) {
                    (Some(_), Some(_)) => "description and session duration",
                    (Some(_), None) => "the description",
                    (None, Some(_) | None) => "the session duration",
                };
                write!(f, "update {settings} of {}", role.name)
            }
            Self::TagRole { role, tags } => write!(f, "set tags of {}: {}", role.name, listed(tags.keys())),
            Self::UntagRole { role, keys } => write!(f, "remove tags of {}: {}", role.name, listed(keys)),
            Self::AttachPolicy { role, policy } => write!(f, "attach {policy} to {}", role.name),
            Self::PutInlinePolicy { role, name, .. } => {
                write!(f, "put inline policy {name} of {}", role.name)
            }
            Self::DetachPolicy { role, policy, .. } => write!(f, "detach {policy} from {}", role.name),
            Self::DeleteInlinePolicy { role, name, .. } => {
                write!(f, "delete inline policy {name} of {}", role.name)
            }
            Self::SetTrust {
                role, narrows: true, ..
            } => write!(
                f,
                "remove obsolete statements from the trust policy of {}",
                role.name
            ),
            Self::SetTrust { role, .. } => write!(f, "set the trust policy of {}", role.name),
            Self::PutSubject { role, membership, .. } => write!(
                f,
                "add {} to the trust policy of {}",
                membership.member, role.name
            ),
            Self::RemoveSubject { role, membership } => write!(
                f,
                "remove {} from the trust policy of {}",
                membership.member, role.name
            ),
            Self::LeaveInstanceProfiles { role } => write!(f, "remove {} from instance profiles", role.name),
            Self::DeleteRole { role } => write!(f, "delete role {role}"),
            Self::ReleaseRole { role } => write!(
                f,
                "release role {role}: replace its ownership tags by lanyard.dev/retained"
            ),
            _ => f.write_str(self.as_str()),
        }
    }

    fn fmt_other(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RecordInventory { .. } => f.write_str("add the finalizer and the inventory annotation"),
            Self::CreateProvider {
                issuer, client_id, ..
            } => {
                write!(
                    f,
                    "create the OIDC provider for {issuer} with audience {client_id}"
                )
            }
            Self::AddClientId { client_id, .. } => write!(f, "add audience {client_id} to the OIDC provider"),
            Self::InstallAgent {} => f.write_str("install the EKS add-on eks-pod-identity-agent"),
            Self::AdoptAssociation { arn, .. } => write!(
                f,
                "adopt association {}: tag it as owned by Lanyard and as adopted",
                quote(arn)
            ),
            Self::CreateAssociation { desired, .. } => {
                write!(f, "create the association with role {}", desired.role_arn)
            }
            Self::UpdateAssociation { desired, .. } => {
                write!(f, "update the association with role {}", desired.role_arn)
            }
            Self::TagAssociation { tags } => {
                write!(f, "set tags of the association: {}", listed(tags.keys()))
            }
            Self::UntagAssociation { keys } => write!(f, "remove tags of the association: {}", listed(keys)),
            Self::Annotate { set, remove, .. } => fmt_annotate(f, &listed(set.keys()), &listed(remove)),
            Self::RestartWorkload { owner, .. } => write!(f, "restart {owner}"),
            Self::DeleteAssociation { .. } => f.write_str("delete the association"),
            Self::DeleteServiceAccount {} => f.write_str("delete the ServiceAccount that Lanyard created"),
            Self::ReleaseAssociation {} => {
                f.write_str("release the association: replace its ownership tags by lanyard.dev/retained")
            }
            Self::ReleaseObject { .. } => {
                f.write_str("release the object: remove the finalizer and the inventory annotation")
            }
            _ => f.write_str(self.as_str()),
        }
    }
}

fn fmt_annotate(f: &mut fmt::Formatter<'_>, set: &str, remove: &str) -> fmt::Result {
    match (set, remove) {
        ("", "") => f.write_str("create the ServiceAccount"),
        (set, "") => write!(f, "annotate the ServiceAccount: {set}"),
        ("", remove) => write!(f, "remove annotations of the ServiceAccount: {remove}"),
        (set, remove) => write!(f, "annotate the ServiceAccount: {set}; and remove {remove}"),
    }
}

fn listed<'a>(keys: impl IntoIterator<Item = &'a String>) -> String {
    keys.into_iter()
        .map(|key| quote(key))
        .collect::<Vec<_>>()
        .join(", ")
}
