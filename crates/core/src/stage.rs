//! Stage: the binding wanted and the world in, the binding to keep true now out. Derived at every look, never stored.
//! Pure. Today a change of the binding is recognised and waits; the stages that carry it out belong here.

use crate::arn::RoleArn;
use crate::binding::{Binding, By};
use crate::fact::Fact;
use crate::identity::Identity;
use crate::name::Audience;
use crate::observed::{Observed, ServiceAccount};
use crate::status::Status;
use crate::subject::Subject;
use crate::validate::DEFAULT_AUDIENCE;

/// The annotation by which the pod webhook learns of an IRSA role [webhook `pkg/annotations.go`].
pub const ANNOTATION_ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
/// The annotation that names another audience than the default.
pub const ANNOTATION_AUDIENCE: &str = "eks.amazonaws.com/audience";
/// The annotation that sets the lifetime of the token, in seconds.
pub const ANNOTATION_TOKEN_EXPIRATION: &str = "eks.amazonaws.com/token-expiration";
/// The annotation that makes SDKs call the regional STS endpoint.
pub const ANNOTATION_STS_REGIONAL: &str = "eks.amazonaws.com/sts-regional-endpoints";

/// Where an identity stands between the binding in effect and the one wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// The binding wanted is the one in effect, or none is in effect yet.
    Settled,
    /// Another binding is in effect. It is kept as it is, and the change waits.
    Waiting {
        /// The binding in effect.
        held: Box<Binding>,
        /// What would change, in words.
        change: String,
    },
}

/// Judges where an identity stands.
#[must_use]
pub fn stage(identity: &Identity, previous: &Status, observed: &Observed) -> Stage {
    let recorded = previous.active_binding().map(|active| active.binding.clone());
    let in_effect = recorded.or_else(|| found_in_effect(identity, observed));
    match in_effect {
        Some(held) if held != identity.binding => {
            let change = held.change_to(&identity.binding);
            Stage::Waiting {
                held: Box::new(held),
                change,
            }
        }
        Some(_) | None => Stage::Settled,
    }
}

/// The binding that the world shows for a subject whose status is lost: only what is marked as ours counts.
fn found_in_effect(identity: &Identity, observed: &Observed) -> Option<Binding> {
    if let Fact::Present(association) = &observed.association {
        return identity.subject.owns(&association.tags).then(|| Binding {
            role_arn: association.role_arn.clone(),
            by: By::PodIdentity {
                target_role_arn: association.target_role_arn.clone(),
                session_tags: association.session_tags,
            },
        });
    }
    let account = observed.service_account.present()?;
    let role = account
        .annotations
        .get(ANNOTATION_ROLE_ARN)
        .filter(|annotation| annotation.ours)?;
    Some(Binding {
        role_arn: RoleArn::parse(&role.value).ok()?,
        by: By::Irsa {
            issuer: identity.cluster.issuer.clone(),
            audience: annotated_audience(account)?,
        },
    })
}

fn annotated_audience(account: &ServiceAccount) -> Option<Audience> {
    let text = account
        .annotations
        .get(ANNOTATION_AUDIENCE)
        .map_or(DEFAULT_AUDIENCE, |found| &found.value);
    Audience::parse(text).ok()
}

/// Whether the status or the tags say that an association is this subject's.
#[must_use]
pub fn is_our_association(
    subject: &Subject,
    previous: &Status,
    association: &crate::observed::Association,
) -> bool {
    let recorded = previous
        .bindings
        .iter()
        .filter_map(|binding| binding.association.as_ref())
        .any(|recorded| recorded.id == association.id);
    association.owner_arn.is_none() && (recorded || subject.owns(&association.tags))
}

/// Whether the status or the tags say that a role is this subject's to manage.
#[must_use]
pub fn is_our_role(
    subject: &Subject,
    previous: &Status,
    arn: &RoleArn,
    facts: &crate::observed::RoleFacts,
) -> bool {
    let recorded = previous
        .role
        .as_ref()
        .is_some_and(|role| role.arn == *arn && role.id.is_some() && role.id.as_ref() == facts.id.present());
    recorded || facts.tags.present().is_some_and(|tags| subject.owns(tags))
}
