//! What tags, the record and the annotation say together of whose a thing is.

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

fn marked() -> Tags {
    subject()
        .ownership_tags()
        .into_iter()
        .chain(tag(TAG_ADOPTED, "true"))
        .collect()
}

#[test]
fn what_an_add_on_owns_is_never_ours_and_never_adopted() {
    let (_, mut world, status) = applied(&spec(Method::PodIdentity));
    let association = world.association.present_mut().unwrap();
    assert!(found_association(&subject(), &status, association).is_ours());
    association.owner_arn = Some("arn:aws:eks:eu-west-1:111122223333:addon/prod/ebs/1".to_owned());
    association.arn = "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-1".to_owned();
    let mut asked = spec(Method::PodIdentity);
    asked.adopt = vec![association.arn.clone()];
    let ownership = ownership_of_association(&identity(&asked), &Status::default(), association);
    assert_eq!(ownership, Ownership::Foreign);
    assert!(!found_association(&subject(), &status, association).is_ours());
}

#[test]
fn a_role_without_our_tags_is_ours_by_its_recorded_id_until_it_is_released() {
    let (identity, world, status) = applied(&spec(Method::Irsa));
    let arn = identity.role_arn();
    let is_ours =
        |status: &Status, tags| found_role(&subject(), status, arn, &tagged(&world, arn, tags)).is_ours();
    assert!(is_ours(&status, Tags::new()));
    assert!(!is_ours(&status, tag(TAG_RETAINED, "true")));
    assert!(!is_ours(&Status::default(), Tags::new()));
    let mut anothers = subject().ownership_tags();
    anothers.extend(tag(TAG_CLUSTER, "green"));
    assert!(
        !is_ours(&status, anothers),
        "a restored status takes nothing back"
    );
    let mut stopped = subject().ownership_tags();
    stopped.extend(tag(TAG_RETAINED, "true"));
    assert!(is_ours(&Status::default(), stopped));
}

#[test]
fn the_mark_is_remembered_where_all_tags_went_and_forgotten_where_it_alone_went() {
    let (identity, world, mut status) = applied(&spec(Method::Irsa));
    let arn = identity.role_arn();
    status.role.as_mut().unwrap().adopted = true;
    let ownership = |tags| ownership_of_role(&identity, &status, &tagged(&world, arn, tags));
    assert_eq!(ownership(marked()), Ownership::Adopted);
    assert_eq!(ownership(Tags::new()), Ownership::Adopted);
    assert_eq!(ownership(tag(TAG_NAME, "orders")), Ownership::Adopted);
    assert_eq!(ownership(subject().ownership_tags()), Ownership::Own);
    assert_eq!(ownership(tag(TAG_RETAINED, "true")), Ownership::Foreign);
}

#[test]
fn of_two_that_adopt_at_once_the_one_that_came_first_stands_back() {
    let (identity, world, mut status) = applied(&spec(Method::Irsa));
    let arn = identity.role_arn();
    status.role.as_mut().unwrap().adopted = true;
    let mut tags = marked();
    tags.extend(tag(TAG_CLUSTER, "green"));
    assert_eq!(
        ownership_of_role(&identity, &status, &tagged(&world, arn, tags)),
        Ownership::Foreign
    );
}

#[test]
fn only_what_is_asked_for_by_its_exact_arn_and_nobody_of_lanyards_holds_is_adopted() {
    let (made, world, _) = applied(&spec(Method::Irsa));
    let arn = made.role_arn().to_string();
    let asking = |adopt: &[&str]| Spec {
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
        assert_eq!(ownership(&asking(&[&arn]), tags.clone()), adopted, "{tags:?}");
        assert_eq!(ownership(&asking(&[]), tags), Ownership::Foreign);
    }
}
