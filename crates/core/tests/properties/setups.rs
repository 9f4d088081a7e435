//! Generates setups: the spec that was applied before, the current spec, and the changes to the world and to the recorded
//! state in between. Inputs are random choices; the output is an operator model to run. No I/O.

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

use crate::fake_world::{World, empty, provider};
use crate::operator_model::Model;
use crate::out_of_band_edits::{Edit, apply_edit, edit, statement};
use crate::shared_trust::{foreign_statements, with_neighbour};
use crate::specs::{FOREIGN_ROLE, identity, spec};

/// The state of the foreign role and whether its trust policy admits the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignRole {
    Missing,
    Admits,
    DoesNotAdmit,
}

/// The parts of the recorded state that remain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    Complete,
    WithoutHashes,
    WithoutStatus,
    WithoutInventory,
}

#[derive(Debug, Clone)]
pub struct Setup {
    /// The spec that was applied before. `None` if nothing was applied.
    pub before: Option<Spec>,
    /// The current spec.
    pub spec: Spec,
    pub foreign_role: ForeignRole,
    /// The client IDs of the provider. `None` if there is no provider.
    pub provider: Option<Vec<&'static str>>,
    /// True if the ServiceAccount exists from the start.
    pub service_account: bool,
    pub pods: usize,
    pub edits: Vec<Edit>,
    pub recorded: Recorded,
}

fn surroundings() -> impl Strategy<Value = (ForeignRole, Option<Vec<&'static str>>, bool, usize)> {
    (
        select(vec![
            ForeignRole::Missing,
            ForeignRole::Admits,
            ForeignRole::Admits,
            ForeignRole::DoesNotAdmit,
        ]),
        option::of(select(vec![vec![], vec!["sts.amazonaws.com"], vec!["other"]])),
        any::<bool>(),
        0..3usize,
    )
}

/// Any setup.
pub fn setup() -> impl Strategy<Value = Setup> {
    let recorded = select(vec![
        Recorded::Complete,
        Recorded::Complete,
        Recorded::WithoutHashes,
        Recorded::WithoutStatus,
        Recorded::WithoutInventory,
    ]);
    let specs = (spec(), spec(), 0..4u8).prop_map(|(before, after, relation)| match relation {
        0 => (None, after),
        1 => (Some(after.clone()), after),
        2 => (Some(before.clone()), crate::specs::same_binding(&before, &after)),
        _ => (Some(before), after),
    });
    (specs, surroundings(), vec(edit(), 0..5), recorded).prop_map(
        |((before, spec), (foreign_role, provider, service_account, pods), edits, recorded)| Setup {
            before,
            spec,
            foreign_role,
            provider,
            service_account,
            pods,
            edits,
            recorded,
        },
    )
}

/// A pod that is older than the setup and carries Pod Identity.
pub fn old_pod() -> PodCredentials {
    PodCredentials {
        overridden_by: None,
        loads_variables: false,
        skips_webhook: false,
        credentials: [Credential::PodIdentity].into(),
        token_volume: None,
        created: "2026-03-01T11:00:00Z".parse().unwrap(),
        owner: None,
        place: Place::Reached,
    }
}

impl Setup {
    pub fn correcting(mut self) -> Self {
        self.spec.drift_policy = Some(DriftPolicy::Correct);
        self
    }

    pub fn reporting(mut self) -> Self {
        self.spec.drift_policy = Some(DriftPolicy::Report);
        self
    }

    /// The setup without edits and with the whole recorded state.
    pub fn untouched(mut self) -> Self {
        self.edits.clear();
        self.recorded = Recorded::Complete;
        self
    }

    pub fn identity(&self) -> Identity {
        identity(&self.spec)
    }

    /// The world before any spec was applied.
    fn start(&self) -> World {
        let mut world = empty();
        world.provider = self.provider.as_deref().map(provider).into();
        world.service_account = self.service_account.then(ServiceAccount::default).into();
        world.pods = Fact::Present(PodList {
            items: vec![old_pod(); self.pods],
            fresh: true,
        });
        let arn = RoleArn::parse(FOREIGN_ROLE).unwrap();
        if self.foreign_role != ForeignRole::Missing {
            world.roles.insert(arn, self.foreign_role_facts());
        }
        world
    }

    fn foreign_role_facts(&self) -> RoleFacts {
        let mut statements = vec![statement("Allow", "root")];
        let specs = || self.before.iter().chain([&self.spec]);
        if self.foreign_role == ForeignRole::Admits {
            statements.extend(specs().flat_map(foreign_statements));
        }
        statements.dedup();
        let trust = specs().fold(Document::of(statements), with_neighbour);
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

    /// The model before the next reconcile.
    pub fn model(&self) -> Result<Model, TestCaseError> {
        self.model_under(identity)
    }

    /// The same model, with another function from specs to identities.
    pub fn model_under(&self, identity: impl Fn(&Spec) -> Identity) -> Result<Model, TestCaseError> {
        let mut model = Model::new(self.start());
        if let Some(before) = &self.before {
            let before = identity(before);
            model.settle(&before)?;
            // Reconcile once more, since the binding takes a minute to propagate.
            model.reconcile(&before)?;
        }
        let role = identity(&self.spec).role_arn().clone();
        for edit in &self.edits {
            apply_edit(&mut model.world, &role, edit);
        }
        match self.recorded {
            Recorded::Complete => {}
            Recorded::WithoutHashes => model.status.last_applied_hashes.clear(),
            Recorded::WithoutStatus => model.status = Status::default(),
            Recorded::WithoutInventory => model.world.object.inventory = None,
        }
        Ok(model)
    }
}
