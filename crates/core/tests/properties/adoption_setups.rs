//! Generates foreign roles with any content, and objects that request their adoption. Inputs are random choices; the output
//! is an operator model to run. No I/O.

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

use crate::operator_model::Model;
use crate::out_of_band_edits::statement;
use crate::setups::{Recorded, Setup, setup};
use crate::specs::{BOUNDARIES, INLINE, POLICIES, denies, grants, identity, same_binding};

type Tags = BTreeMap<String, String>;

/// A foreign role, with the tags of its owner.
fn foreign_role() -> impl Strategy<Value = RoleFacts> {
    let tags = select(vec![
        Tags::new(),
        Tags::from([("managed-by".to_owned(), "terraform".to_owned())]),
        Tags::from([("team".to_owned(), "shop".to_owned())]),
        Tags::from([("team".to_owned(), "x".to_owned())]),
        Tags::from([(TAG_RETAINED.to_owned(), "true".to_owned())]),
        // An interrupted release.
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
                    modified_at: None,
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

/// An object that requests the adoption of a foreign role with the name of its own role.
#[derive(Debug, Clone)]
pub struct Adoption {
    pub first: Spec,
    pub second: Spec,
    pub role: RoleFacts,
    recorded: Recorded,
    /// True if the object existed, and wrote its status, before it requested the adoption.
    late: bool,
}

pub fn adoption() -> impl Strategy<Value = Adoption> {
    let recorded = select(vec![
        Recorded::Complete,
        Recorded::Complete,
        Recorded::WithoutHashes,
        Recorded::WithoutStatus,
        Recorded::WithoutInventory,
    ]);
    (setup(), setup(), foreign_role(), recorded, any::<bool>()).prop_filter_map(
        "an existing role is not adopted",
        |(first, second, role, recorded, late)| {
            let first = requesting(first)?;
            let second = requesting(Setup {
                spec: same_binding(&first, &second.spec),
                ..second
            })?;
            Some(Adoption {
                first,
                second,
                role,
                recorded,
                late,
            })
        },
    )
}

fn requesting(setup: Setup) -> Option<Spec> {
    let mut spec = setup.spec;
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
        let mut world = crate::fake_world::empty();
        world.service_account = Fact::Present(ServiceAccount::default());
        world
            .roles
            .insert(self.identity().role_arn().clone(), self.role.clone());
        let mut model = Model::new(world);
        if self.late {
            let mut without = self.first.clone();
            without.adopt.clear();
            model.settle(&identity(&without))?;
        }
        Ok(model)
    }

    pub fn lose_records(&self, model: &mut Model) {
        match self.recorded {
            Recorded::Complete => {}
            Recorded::WithoutHashes => model.status.last_applied_hashes.clear(),
            Recorded::WithoutStatus => model.status = Status::default(),
            Recorded::WithoutInventory => model.world.object.inventory = None,
        }
    }
}
