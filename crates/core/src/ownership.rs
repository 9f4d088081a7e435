//! Ownership: whether an association or a role in AWS is this subject's, by its tags or by what the status recorded.
//! Facts and the status in, yes or no out; no I/O. What is not ours is never changed.

use std::collections::BTreeMap;

use crate::arn::RoleArn;
use crate::observed::{Association, RoleFacts};
use crate::status::Status;
use crate::subject::{Subject, TAG_RETAINED};

/// Whether the status or the tags say that an association is this subject's.
#[must_use]
pub fn is_our_association(subject: &Subject, previous: &Status, association: &Association) -> bool {
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
fn is_tagged_ours(subject: &Subject, association: &Association) -> bool {
    association.owner_arn.is_none() && subject.owns(&association.tags)
}

/// Whether the status or the tags say that a role is this subject's to manage.
#[must_use]
pub fn is_our_role(subject: &Subject, previous: &Status, arn: &RoleArn, facts: &RoleFacts) -> bool {
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
    use crate::example::{carried_out, spec, subject};
    use crate::fact::Fact;
    use crate::spec::Method;

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
