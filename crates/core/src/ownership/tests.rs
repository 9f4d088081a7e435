//! Tests of the ownership that follows from tags, status and adoption request.

use super::*;
use crate::example::{applied, identity, spec, subject};
use crate::model::arn::RoleArn;
use crate::model::fact::Fact;
use crate::model::observed::Observed;
use crate::model::spec::{Method, Spec};
use crate::model::subject::{TAG_CLUSTER, TAG_NAME};

type Tags = BTreeMap<String, String>;

fn tagged(world: &Observed, arn: &RoleArn, tags: Tags) -> RoleFacts {
    RoleFacts {
        tags: Fact::Present(tags),
        ..world.role(arn)
    }
}

fn tag(key: &str, value: &str) -> Tags {
    Tags::from([(key.to_owned(), value.to_owned())])
}

fn adopted_tags() -> Tags {
    subject()
        .ownership_tags()
        .into_iter()
        .chain(tag(TAG_ADOPTED, "true"))
        .collect()
}

#[test]
fn association_of_add_on_is_foreign_and_never_adopted() {
    let (_, mut world, status) = applied(&spec(Method::PodIdentity));
    let association = world.association.present_mut().unwrap();
    assert!(current_association_ownership(&subject(), &status, association).is_owned());
    association.owner_arn = Some("arn:aws:eks:eu-west-1:111122223333:addon/prod/ebs/1".to_owned());
    association.arn = "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-1".to_owned();
    let mut requested = spec(Method::PodIdentity);
    requested.adopt = vec![association.arn.clone()];
    let ownership = ownership_of_association(&identity(&requested), &Status::default(), association);
    assert_eq!(ownership, Ownership::Foreign);
    assert!(!current_association_ownership(&subject(), &status, association).is_owned());
}

#[test]
fn untagged_role_is_owned_by_recorded_id_until_released() {
    let (identity, world, status) = applied(&spec(Method::Irsa));
    let arn = identity.role_arn();
    let is_owned = |status: &Status, tags| {
        current_role_ownership(&subject(), status, arn, &tagged(&world, arn, tags)).is_owned()
    };
    assert!(is_owned(&status, Tags::new()));
    assert!(!is_owned(&status, tag(TAG_RETAINED, "true")));
    assert!(!is_owned(&Status::default(), Tags::new()));
    let mut foreign = subject().ownership_tags();
    foreign.extend(tag(TAG_CLUSTER, "green"));
    assert!(
        !is_owned(&status, foreign),
        "a restored status does not regain a role"
    );
    let mut incomplete = subject().ownership_tags();
    incomplete.extend(tag(TAG_RETAINED, "true"));
    assert!(is_owned(&Status::default(), incomplete));
}

#[test]
fn recorded_adoption_applies_if_ownership_tags_are_gone() {
    let (identity, world, mut status) = applied(&spec(Method::Irsa));
    let arn = identity.role_arn();
    status.role.as_mut().unwrap().adopted = true;
    let ownership = |tags| ownership_of_role(&identity, &status, &tagged(&world, arn, tags));
    assert_eq!(ownership(adopted_tags()), Ownership::Adopted);
    assert_eq!(ownership(Tags::new()), Ownership::Adopted);
    assert_eq!(ownership(tag(TAG_NAME, "orders")), Ownership::Adopted);
    assert_eq!(ownership(subject().ownership_tags()), Ownership::Managed);
    assert_eq!(ownership(tag(TAG_RETAINED, "true")), Ownership::Foreign);
}

#[test]
fn concurrent_adoption_last_tags_win() {
    let (identity, world, mut status) = applied(&spec(Method::Irsa));
    let arn = identity.role_arn();
    status.role.as_mut().unwrap().adopted = true;
    let mut tags = adopted_tags();
    tags.extend(tag(TAG_CLUSTER, "green"));
    assert_eq!(
        ownership_of_role(&identity, &status, &tagged(&world, arn, tags)),
        Ownership::Foreign
    );
}

#[test]
fn adoption_requires_exact_arn_and_no_other_identity() {
    let (managed, world, _) = applied(&spec(Method::Irsa));
    let arn = managed.role_arn().to_string();
    let requesting = |adopt: &[&str]| Spec {
        adopt: adopt.iter().map(|arn| (*arn).to_owned()).collect(),
        ..spec(Method::Irsa)
    };
    let ownership = |spec: &Spec, tags| {
        let identity = identity(spec);
        let facts = tagged(&world, identity.role_arn(), tags);
        ownership_of_role(&identity, &Status::default(), &facts)
    };
    for (tags, adopted) in [
        (Tags::new(), Ownership::Adopting),
        (tag("managed-by", "terraform"), Ownership::Adopting),
        (tag(TAG_RETAINED, "true"), Ownership::Adopting),
        (tag(TAG_CLUSTER, "green"), Ownership::Foreign),
    ] {
        assert_eq!(ownership(&requesting(&[&arn]), tags.clone()), adopted, "{tags:?}");
        assert_eq!(ownership(&requesting(&[]), tags), Ownership::Foreign);
    }
}
