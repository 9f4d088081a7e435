//! Scenes: what was asked for before, what is asked for now, and what happened to the world and to our memory between.
//! Random choices in, a model to run out. Called by every property.

use std::collections::BTreeMap;

use lanyard_core::identity::Identity;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::{RoleFacts, ServiceAccount};
use lanyard_core::model::pods::{Credential, Place, PodCredentials, PodList};
use lanyard_core::model::spec::{DriftPolicy, Spec};
use lanyard_core::model::status::Status;
use lanyard_iam_policy::Document;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::edits::{Edit, edit, make, statement};
use crate::model::Model;
use crate::shares::{with_a_neighbour, written_by_others};
use crate::specs::{THEIRS, identity, spec};
use crate::world::{Truth, empty, provider};

/// Whether somebody else's role lets the subject in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theirs {
    Missing,
    LetsIn,
    KeepsOut,
}

/// What is left of our memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    Whole,
    WithoutApplied,
    WithoutStatus,
    WithoutCustody,
}

#[derive(Debug, Clone)]
pub struct Scene {
    /// What was carried out before; `None`: nothing yet.
    pub before: Option<Spec>,
    /// What is asked for now.
    pub spec: Spec,
    pub theirs: Theirs,
    /// The client IDs of the provider; `None`: no provider.
    pub provider: Option<Vec<&'static str>>,
    /// Whether the ServiceAccount is there from the start.
    pub account: bool,
    pub pods: usize,
    pub edits: Vec<Edit>,
    pub memory: Memory,
}

fn around() -> impl Strategy<Value = (Theirs, Option<Vec<&'static str>>, bool, usize)> {
    (
        select(vec![
            Theirs::Missing,
            Theirs::LetsIn,
            Theirs::LetsIn,
            Theirs::KeepsOut,
        ]),
        option::of(select(vec![vec![], vec!["sts.amazonaws.com"], vec!["other"]])),
        any::<bool>(),
        0..3usize,
    )
}

/// Anything that can come to be.
pub fn scene() -> impl Strategy<Value = Scene> {
    let memory = select(vec![
        Memory::Whole,
        Memory::Whole,
        Memory::WithoutApplied,
        Memory::WithoutStatus,
        Memory::WithoutCustody,
    ]);
    let specs = (spec(), spec(), 0..4u8).prop_map(|(before, after, how)| match how {
        0 => (None, after),
        1 => (Some(after.clone()), after),
        2 => (Some(before.clone()), crate::specs::same_binding(&before, &after)),
        _ => (Some(before), after),
    });
    (specs, around(), vec(edit(), 0..5), memory).prop_map(
        |((before, spec), (theirs, provider, account, pods), edits, memory)| Scene {
            before,
            spec,
            theirs,
            provider,
            account,
            pods,
            edits,
            memory,
        },
    )
}

/// A pod that was there before anything and carries Pod Identity.
pub fn old_pod() -> PodCredentials {
    PodCredentials {
        credentials: [Credential::PodIdentity].into(),
        created: "2026-03-01T11:00:00Z".parse().unwrap(),
        owner: None,
        place: Place::Reached,
    }
}

impl Scene {
    pub fn correcting(mut self) -> Self {
        self.spec.drift_policy = Some(DriftPolicy::Correct);
        self
    }

    pub fn reporting(mut self) -> Self {
        self.spec.drift_policy = Some(DriftPolicy::Report);
        self
    }

    /// Nothing happened between.
    pub fn untouched(mut self) -> Self {
        self.edits.clear();
        self.memory = Memory::Whole;
        self
    }

    pub fn identity(&self) -> Identity {
        identity(&self.spec)
    }

    /// The world before anything was asked for.
    fn start(&self) -> Truth {
        let mut truth = empty();
        truth.provider = self.provider.as_deref().map(provider).into();
        truth.service_account = self.account.then(ServiceAccount::default).into();
        truth.pods = Fact::Present(PodList {
            items: vec![old_pod(); self.pods],
            fresh: true,
        });
        let arn = RoleArn::parse(THEIRS).unwrap();
        if self.theirs != Theirs::Missing {
            truth.roles.insert(arn, self.their_role());
        }
        truth
    }

    fn their_role(&self) -> RoleFacts {
        let mut statements = vec![statement("Allow", "root")];
        let specs = || self.before.iter().chain([&self.spec]);
        if self.theirs == Theirs::LetsIn {
            statements.extend(specs().flat_map(written_by_others));
        }
        statements.dedup();
        let trust = specs().fold(Document::of(statements), with_a_neighbour);
        RoleFacts {
            id: Fact::Present("AROATHEIRS".to_owned()),
            trust: Fact::Present(trust),
            max_session: Fact::Present(3600),
            tags: Fact::Present(BTreeMap::new()),
            attached: Fact::Present(BTreeMap::new()),
            inline: Fact::Present(BTreeMap::new()),
            ..RoleFacts::absent()
        }
    }

    /// The world as the next look finds it.
    pub fn model(&self) -> Result<Model, TestCaseError> {
        self.model_under(identity)
    }

    /// The same where specs come to identities in a way of their own.
    pub fn model_under(&self, identity: impl Fn(&Spec) -> Identity) -> Result<Model, TestCaseError> {
        let mut model = Model::new(self.start());
        if let Some(before) = &self.before {
            let before = identity(before);
            model.settle(&before)?;
            // Once more, for what takes a minute to reach new pods.
            model.pass(&before)?;
        }
        let role = identity(&self.spec).role_arn().clone();
        for edit in &self.edits {
            make(&mut model.truth, &role, edit);
        }
        match self.memory {
            Memory::Whole => {}
            Memory::WithoutApplied => model.status.last_applied_hashes.clear(),
            Memory::WithoutStatus => model.status = Status::default(),
            Memory::WithoutCustody => model.truth.object.inventory = None,
        }
        Ok(model)
    }
}
