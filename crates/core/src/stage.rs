//! Stage: the binding wanted and the world in, the binding to keep true now out. Derived at every look, never stored.
//! Pure. Today a change of the binding is recognised and waits; the stages that carry it out belong here.

use std::collections::BTreeMap;

use crate::arn::RoleArn;
use crate::binding::{Binding, By};
use crate::fact::{Fact, Why};
use crate::identity::Identity;
use crate::name::Audience;
use crate::observed::{Observed, ServiceAccount};
use crate::status::Status;
use crate::subject::{Subject, TAG_RETAINED};
use crate::validate::DEFAULT_AUDIENCE;

/// The annotation by which the pod webhook learns of an IRSA role [webhook `pkg/annotations.go`].
pub const ANNOTATION_ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
/// The annotation that names another audience than the default.
pub const ANNOTATION_AUDIENCE: &str = "eks.amazonaws.com/audience";
/// The annotation that sets the lifetime of the token, in seconds.
pub const ANNOTATION_TOKEN_EXPIRATION: &str = "eks.amazonaws.com/token-expiration";
/// The annotation that makes SDKs call the regional STS endpoint.
pub const ANNOTATION_STS_REGIONAL: &str = "eks.amazonaws.com/sts-regional-endpoints";

/// Whether an annotation only shapes the token and is no part of the binding.
#[must_use]
pub fn is_token_setting(key: &str) -> bool {
    [ANNOTATION_TOKEN_EXPIRATION, ANNOTATION_STS_REGIONAL].contains(&key)
}

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
    /// Nothing is recorded, and what would show the binding in effect could not be read: nothing may be touched, or
    /// pods that hold another binding could lose it.
    Unknown(Why),
}

/// Judges where an identity stands.
#[must_use]
pub fn stage(identity: &Identity, previous: &Status, observed: &Observed) -> Stage {
    let recorded = previous.active_binding().map(|active| active.binding.clone());
    let in_effect = recorded.map_or_else(|| found_in_effect(identity, observed), Fact::Present);
    match in_effect {
        Fact::Present(held) if held != identity.binding => {
            let change = held.change_to(&identity.binding);
            Stage::Waiting {
                held: Box::new(held),
                change,
            }
        }
        Fact::Present(_) | Fact::Absent => Stage::Settled,
        Fact::Unreadable(why) => Stage::Unknown(why),
    }
}

/// The binding that the world shows for a subject whose status is lost or names none yet. An association goes before
/// an annotation, as it does for new pods.
fn found_in_effect(identity: &Identity, observed: &Observed) -> Fact<Binding> {
    match &observed.association {
        Fact::Unreadable(why) => return Fact::Unreadable(why.clone()),
        Fact::Present(association) if is_tagged_ours(&identity.subject, association) => {
            return Fact::Present(Binding {
                role_arn: association.role_arn.clone(),
                by: By::PodIdentity {
                    target_role_arn: association.target_role_arn.clone(),
                    session_tags: association.session_tags,
                },
            });
        }
        Fact::Present(_) | Fact::Absent => {}
    }
    match &observed.service_account {
        Fact::Unreadable(why) => Fact::Unreadable(why.clone()),
        Fact::Absent => Fact::Absent,
        Fact::Present(account) => annotated(identity, observed, account).into(),
    }
}

/// The binding that the annotations give. Only what we set counts, or what leads to the role that Lanyard manages:
/// its pods are ours to keep, whoever annotated.
fn annotated(identity: &Identity, observed: &Observed, account: &ServiceAccount) -> Option<Binding> {
    let found = account.annotations.get(ANNOTATION_ROLE_ARN)?;
    let role_arn = RoleArn::parse(&found.value).ok()?;
    let leads_to_ours = identity.managed.is_some()
        && role_arn == identity.binding.role_arn
        && observed.role(&role_arn).id.present().is_some();
    if !found.ours && !leads_to_ours {
        return None;
    }
    Some(Binding {
        role_arn,
        by: By::Irsa {
            issuer: identity.cluster.issuer.clone(),
            audience: annotated_audience(identity, account)?,
        },
    })
}

/// The audience in effect. One that somebody else annotated is in the way and tells nothing of what we set up.
fn annotated_audience(identity: &Identity, account: &ServiceAccount) -> Option<Audience> {
    match (account.annotations.get(ANNOTATION_AUDIENCE), &identity.binding.by) {
        (Some(found), By::Irsa { audience, .. }) if !found.ours => Some(audience.clone()),
        (Some(found), _) => Audience::parse(found.value.as_str()).ok(),
        (None, _) => Audience::parse(DEFAULT_AUDIENCE).ok(),
    }
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
    let kept = association.owner_arn.is_none() && recorded && !is_released(&association.tags);
    kept || is_tagged_ours(subject, association)
}

/// Whether Lanyard let a thing go: what the status recorded of it then no longer counts.
fn is_released(tags: &BTreeMap<String, String>) -> bool {
    tags.contains_key(TAG_RETAINED)
}

/// Whether the tags alone say so. What an EKS add-on owns is never ours, whatever its tags.
fn is_tagged_ours(subject: &Subject, association: &crate::observed::Association) -> bool {
    association.owner_arn.is_none() && subject.owns(&association.tags)
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
    let tags = facts.tags.present();
    (recorded && !tags.is_some_and(is_released)) || tags.is_some_and(|tags| subject.owns(tags))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{carried_out, identity, spec, subject, world};
    use crate::observed::{Annotation, RoleFacts};
    use crate::spec::Method;

    #[test]
    fn a_new_object_is_settled() {
        let identity = identity(&spec(Method::Irsa));
        assert_eq!(
            stage(&identity, &Status::default(), &world(&identity)),
            Stage::Settled
        );
    }

    #[test]
    fn the_binding_on_record_goes_before_what_the_world_shows() {
        let (_, mut world, status) = carried_out(&spec(Method::PodIdentity));
        world.association = Fact::Unreadable(Why::Throttled);
        let stage = stage(&identity(&spec(Method::Irsa)), &status, &world);
        assert!(matches!(stage, Stage::Waiting { change, .. } if change == "method PodIdentity to IRSA"));
    }

    #[test]
    fn without_a_status_our_tags_on_an_association_say_what_is_in_effect() {
        let (_, world, _) = carried_out(&spec(Method::PodIdentity));
        let irsa = identity(&spec(Method::Irsa));
        assert!(matches!(
            stage(&irsa, &Status::default(), &world),
            Stage::Waiting { .. }
        ));
    }

    #[test]
    fn without_a_status_what_cannot_be_read_leaves_the_stage_unknown() {
        let (_, mut world, _) = carried_out(&spec(Method::PodIdentity));
        world.association = Fact::Unreadable(Why::Throttled);
        let irsa = identity(&spec(Method::Irsa));
        assert_eq!(
            stage(&irsa, &Status::default(), &world),
            Stage::Unknown(Why::Throttled)
        );
    }

    #[test]
    fn an_annotation_by_hand_is_in_effect_only_where_it_leads_to_our_role() {
        let (_, mut world, _) = carried_out(&spec(Method::Irsa));
        for annotation in world
            .service_account
            .present_mut()
            .unwrap()
            .annotations
            .values_mut()
        {
            annotation.ours = false;
        }
        let pods = identity(&spec(Method::PodIdentity));
        assert!(matches!(
            stage(&pods, &Status::default(), &world),
            Stage::Waiting { .. }
        ));
        let other = Annotation {
            value: "arn:aws:iam::111122223333:role/other".to_owned(),
            ..Annotation::clone(&world.service_account.present().unwrap().annotations[ANNOTATION_ROLE_ARN])
        };
        let account = world.service_account.present_mut().unwrap();
        account.annotations.insert(ANNOTATION_ROLE_ARN.to_owned(), other);
        assert_eq!(stage(&pods, &Status::default(), &world), Stage::Settled);
    }

    #[test]
    fn what_an_add_on_owns_is_never_ours() {
        let (_, mut world, status) = carried_out(&spec(Method::PodIdentity));
        let association = world.association.present_mut().unwrap();
        assert!(is_our_association(&subject(), &status, association));
        association.owner_arn = Some("arn:aws:eks:eu-west-1:111122223333:addon/prod/ebs/1".to_owned());
        assert!(!is_our_association(&subject(), &status, association));
    }

    #[test]
    fn a_role_without_our_tags_is_ours_by_its_recorded_id_until_it_is_released() {
        let (identity, world, status) = carried_out(&spec(Method::Irsa));
        let arn = identity.role_arn();
        let with = |tags: BTreeMap<String, String>| RoleFacts {
            tags: Fact::Present(tags),
            ..world.role(arn)
        };
        let released = BTreeMap::from([(TAG_RETAINED.to_owned(), "true".to_owned())]);
        assert!(is_our_role(&subject(), &status, arn, &with(BTreeMap::new())));
        assert!(!is_our_role(&subject(), &status, arn, &with(released)));
        assert!(!is_our_role(
            &subject(),
            &Status::default(),
            arn,
            &with(BTreeMap::new())
        ));
    }
}
