//! Roles that others made, with whatever may stand on one, and objects that ask to adopt them.
//! Random choices in, a model to run out. Called by the properties of adoption.

use std::collections::BTreeMap;

use lanyard_core::identity::Identity;
use lanyard_core::model::arn::PolicyArn;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::name::PolicyName;
use lanyard_core::model::observed::{Effect, RoleFacts, ServiceAccount};
use lanyard_core::model::spec::{DeletionPolicy, Spec};
use lanyard_core::model::status::Status;
use lanyard_core::model::subject::{TAG_CLUSTER, TAG_RETAINED};
use lanyard_iam_policy::Document;
use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::edits::statement;
use crate::model::Model;
use crate::scenes::{Memory, Scene, scene};
use crate::specs::{BOUNDARIES, INLINE, POLICIES, denies, grants, identity, same_binding};

type Tags = BTreeMap<String, String>;

/// A role that others made, and who they say they are.
fn role_of_others() -> impl Strategy<Value = RoleFacts> {
    let tags = select(vec![
        Tags::new(),
        Tags::from([("managed-by".to_owned(), "terraform".to_owned())]),
        Tags::from([("team".to_owned(), "shop".to_owned())]),
        Tags::from([("team".to_owned(), "x".to_owned())]),
        Tags::from([(TAG_RETAINED.to_owned(), "true".to_owned())]),
        // A release that was stopped half way.
        Tags::from([
            (TAG_RETAINED.to_owned(), "true".to_owned()),
            (TAG_CLUSTER.to_owned(), "blue".to_owned()),
        ]),
    ]);
    let inline = btree_map(select(&INLINE[..]), option::of(0..3u8), 0..3);
    (
        tags,
        subsequence(POLICIES.to_vec(), 0..=3),
        inline,
        option::of(select(&BOUNDARIES[..])),
        select(vec![3600, 7200, 43_200]),
        option::of(Just("by hand".to_owned())),
        any::<bool>(),
    )
        .prop_map(
            |(tags, attached, inline, boundary, session, description, denial)| {
                let mut trust = vec![statement("Allow", "root")];
                trust.extend(denial.then(|| statement("Deny", "user/leaver")));
                let policy =
                    |number: Option<u8>| Document::from_value(number.map_or_else(denies, grants)).unwrap();
                let attached = attached.into_iter().map(|arn| PolicyArn::parse(arn).unwrap());
                RoleFacts {
                    id: Fact::Present("AROAOTHERS".to_owned()),
                    elsewhere: None,
                    trust: Fact::Present(Document::of(trust)),
                    description: description.into(),
                    max_session: Fact::Present(session),
                    boundary: boundary.map(|arn| PolicyArn::parse(arn).unwrap()).into(),
                    tags: Fact::Present(tags),
                    attached: Fact::Present(
                        attached.map(|arn| (arn, Fact::Present(Effect::Grants))).collect(),
                    ),
                    inline: Fact::Present(
                        inline
                            .into_iter()
                            .map(|(name, number)| (PolicyName::parse(name).unwrap(), policy(number)))
                            .collect(),
                    ),
                }
            },
        )
}

/// An object that asks to adopt the role of others that stands where its own would be.
#[derive(Debug, Clone)]
pub struct Adoption {
    pub first: Spec,
    pub then: Spec,
    pub role: RoleFacts,
    forgets: Memory,
    /// Whether the object was there, and wrote its status, before it asked to adopt.
    late: bool,
}

pub fn adoption() -> impl Strategy<Value = Adoption> {
    let forgets = select(vec![
        Memory::Whole,
        Memory::Whole,
        Memory::WithoutApplied,
        Memory::WithoutStatus,
        Memory::WithoutCustody,
    ]);
    (scene(), scene(), role_of_others(), forgets, any::<bool>()).prop_filter_map(
        "somebody else's role is not adopted",
        |(first, then, role, forgets, late)| {
            let first = asking(first)?;
            let then = asking(Scene {
                spec: same_binding(&first, &then.spec),
                ..then
            })?;
            Some(Adoption {
                first,
                then,
                role,
                forgets,
                late,
            })
        },
    )
}

fn asking(scene: Scene) -> Option<Spec> {
    let mut spec = scene.spec;
    spec.managed.as_ref()?;
    spec.deletion_policy = Some(DeletionPolicy::Delete);
    spec.adopt = vec![identity(&spec).role_arn().to_string()];
    Some(spec)
}

impl Adoption {
    pub fn identity(&self) -> Identity {
        identity(&self.first)
    }

    pub fn model(&self) -> Result<Model, TestCaseError> {
        let mut truth = crate::world::empty();
        truth.service_account = Fact::Present(ServiceAccount::default());
        truth
            .roles
            .insert(self.identity().role_arn().clone(), self.role.clone());
        let mut model = Model::new(truth);
        if self.late {
            let mut without = self.first.clone();
            without.adopt.clear();
            model.settle(&identity(&without))?;
        }
        Ok(model)
    }

    pub fn forget(&self, model: &mut Model) {
        match self.forgets {
            Memory::Whole => {}
            Memory::WithoutApplied => model.status.last_applied_hashes.clear(),
            Memory::WithoutStatus => model.status = Status::default(),
            Memory::WithoutCustody => model.truth.object.inventory = None,
        }
    }
}
