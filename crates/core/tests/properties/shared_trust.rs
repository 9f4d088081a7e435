//! Properties of shared trust policies: foreign roles in which Lanyard maintains statements. The helpers split a trust policy
//! into its foreign part and Lanyard's entries, by statement IDs and names alone. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::name::Audience;
use lanyard_core::model::observed::RoleFacts;
use lanyard_core::model::shared_trust::StatementKey;
use lanyard_core::model::spec::{DriftPolicy, ExistingTrust, Spec};
use lanyard_core::model::status::Status;
use lanyard_core::model::subject::Subject;
use lanyard_core::model::timings::Timings;
use lanyard_core::reconcile::decide::decide;
use lanyard_core::reconcile::desired::{Desired, DesiredRole};
use lanyard_iam_policy::{Document, Statement};
use proptest::prelude::*;

use crate::fake_world::{World, empty};
use crate::operator_model::Model;
use crate::out_of_band_edits::{Edit, is_ours};
use crate::setups::{ForeignRole, Setup, setup};
use crate::specs::{FOREIGN_ROLE, cluster, identity_of, neighbour, subject};

/// The desired trust policy and the desired role of a spec, for this subject.
fn desired(spec: &Spec, subject: &Subject) -> (Document, DesiredRole) {
    let identity = identity_of(spec, subject);
    let (none, now) = (Status::default(), Timestamp::UNIX_EPOCH);
    match decide(&identity, &none, &empty(), &Timings::default(), now).desired {
        Desired::Present(state) => (state.trust, state.role),
        Desired::Absent(_) => unreachable!("the object is live"),
    }
}

/// The statements that admit the subject, as the owner of the role would write them.
pub fn foreign_statements(spec: &Spec) -> Vec<Statement> {
    let (trust, _) = desired(spec, &subject());
    let statements = trust.statements().iter();
    statements.map(|statement| statement.without("Sid")).collect()
}

/// The trust policy with another subject of the namespace in each statement that the spec shares.
pub fn with_neighbour(trust: Document, spec: &Spec) -> Document {
    match desired(spec, &neighbour()).1 {
        DesiredRole::Shared(entries) => entries.iter().fold(trust, |trust, entry| {
            entry.membership.put(&trust, &entry.statement)
        }),
        _ => trust,
    }
}

/// The foreign part of a trust policy: whole statements, and the other subjects of the statements that Lanyard shares.
pub fn foreign_part(trust: &Document) -> (Vec<Statement>, BTreeMap<String, BTreeSet<String>>) {
    let listed = |statement: &Statement| {
        let equals = statement.element("Condition")?.get("StringEquals")?.as_object()?;
        let (_, names) = equals
            .iter()
            .find(|(key, _)| key.ends_with(":sub") || key.ends_with("/kubernetes-service-account"))?;
        let names = names.as_array().cloned().unwrap_or_else(|| vec![names.clone()]);
        names
            .iter()
            .map(|name| name.as_str().map(str::to_owned))
            .collect::<Option<BTreeSet<_>>>()
    };
    let own = StatementKey::PodIdentityUntagged.membership(&subject()).sid;
    let mut whole = Vec::new();
    let mut lists = BTreeMap::new();
    for statement in trust.statements() {
        match (is_ours(statement), listed(statement)) {
            (true, _) if statement.sid() == Some(own.as_str()) => {}
            (true, Some(mut names)) => {
                for name in ["orders", "system:serviceaccount:shop:orders", "-"] {
                    names.remove(name);
                }
                if !names.is_empty() {
                    lists.insert(statement.sid().unwrap().to_owned(), names);
                }
            }
            _ => whole.push(statement.clone()),
        }
    }
    (whole, lists)
}

/// The statements of the foreign role that list the subject, as text.
pub fn memberships(world: &World) -> Vec<String> {
    let token = |audience| StatementKey::Irsa {
        issuer: cluster().issuer,
        audience: Audience::parse(audience).unwrap(),
    };
    let keys = [
        token("sts.amazonaws.com"),
        token("vault"),
        StatementKey::PodIdentityTagged,
        StatementKey::PodIdentityUntagged,
    ];
    let foreign_role = RoleArn::parse(FOREIGN_ROLE).unwrap();
    let trust = world
        .roles
        .get(&foreign_role)
        .and_then(|role| role.trust.present());
    let listed = |trust: &Document| {
        let is_listed = |key: &&StatementKey| key.membership(&subject()).is_listed(trust) == Some(true);
        keys.iter()
            .filter(is_listed)
            .map(|key| format!("the membership {key:?}"))
            .collect()
    };
    trust.map(listed).unwrap_or_default()
}

/// The setup in which the owner never takes over the trust policy, and no edit makes it ambiguous.
pub fn keeping_trust(mut setup: Setup) -> Setup {
    let checks = |spec: &Spec| {
        spec.existing
            .as_ref()
            .is_some_and(|role| role.trust == ExistingTrust::Check)
    };
    if checks(&setup.spec)
        && let Some(before) = setup.before.as_mut().and_then(|before| before.existing.as_mut())
    {
        before.trust = ExistingTrust::Check;
    }
    setup.edits.retain(|edit| *edit != Edit::StatementOpened);
    setup
}

/// The setup in which Lanyard maintains the trust policy. Returns `None` if the spec does not ask for it.
fn managing(mut setup: Setup) -> Option<Setup> {
    let manages = |spec: &Spec| {
        spec.existing
            .as_ref()
            .is_some_and(|role| role.trust == ExistingTrust::Manage)
    };
    setup.foreign_role = ForeignRole::DoesNotAdmit;
    setup.spec.drift_policy = Some(DriftPolicy::Correct);
    manages(&setup.spec).then_some(setup)
}

fn trust(model: &Model, arn: &RoleArn) -> Document {
    let facts = model
        .world
        .roles
        .get(arn)
        .cloned()
        .unwrap_or_else(RoleFacts::absent);
    facts
        .trust
        .present()
        .cloned()
        .unwrap_or_else(|| Document::of(Vec::new()))
}

proptest! {
    #![proptest_config(crate::cases())]

    #[test]
    fn role_with_checked_trust_is_never_changed(setup in setup()) {
        let checks = |spec: &Spec| spec.existing.as_ref().is_some_and(|role| role.trust == ExistingTrust::Check);
        let before_checks = setup.before.as_ref().is_none_or(checks);
        if !checks(&setup.spec) || !before_checks {
            return Ok(());
        }
        let identity = setup.identity();
        let mut model = setup.model()?;
        let before = model.world.roles.get(identity.role_arn()).cloned();
        model.settle(&identity)?;
        model.delete(Some(&identity), false)?;
        prop_assert_eq!(model.world.roles.get(identity.role_arn()).cloned(), before);
    }

    /// Whatever existed before, the subject is finally listed in the statement of its binding alone.
    #[test]
    fn subject_is_listed_in_one_statement(setup in setup()) {
        let Some(setup) = managing(keeping_trust(setup)) else { return Ok(()) };
        let identity = setup.identity();
        let mut model = setup.model()?;
        let last = model.settle(&identity)?;
        let is_blocked = !last.decision.drift.conflicts.is_empty() || !last.decision.plan.waiting_for.is_empty();
        let exists = model.world.roles.get(identity.role_arn()).is_some_and(|role| role.id.present().is_some());
        if is_blocked || !exists {
            return Ok(());
        }
        let expected = StatementKey::of(&identity.binding);
        prop_assert_eq!(memberships(&model.world), vec![format!("the membership {expected:?}")]);
    }

    /// When the owner takes over the trust policy, its statements stay: pods keep their access, and Lanyard owns nothing.
    #[test]
    fn trust_policy_taken_over_by_owner_stays(setup in setup()) {
        let Some(mut setup) = managing(keeping_trust(setup).untouched()) else { return Ok(()) };
        setup.before = Some(setup.spec.clone());
        let mut model = setup.model()?;
        let arn = setup.identity().role_arn().clone();
        let before = trust(&model, &arn);
        if let Some(role) = &mut setup.spec.existing {
            role.trust = ExistingTrust::Check;
        }
        let identity = setup.identity();
        model.settle(&identity)?;
        model.delete(Some(&identity), false)?;
        prop_assert_eq!(trust(&model, &arn), before);
    }

    #[test]
    fn ambiguous_statement_blocks_deletion(setup in setup()) {
        let Some(mut setup) = managing(keeping_trust(setup).untouched()) else { return Ok(()) };
        setup.spec.deletion_policy = Some(lanyard_core::model::spec::DeletionPolicy::Delete);
        setup.before = Some(setup.spec.clone());
        let identity = setup.identity();
        let mut model = setup.model()?;
        let key = StatementKey::of(&identity.binding);
        if key == StatementKey::PodIdentityUntagged || memberships(&model.world).is_empty() {
            return Ok(());
        }
        crate::out_of_band_edits::apply_edit(&mut model.world, identity.role_arn(), &Edit::StatementOpened);
        model.delete(Some(&identity), false)?;
        prop_assert!(model.world.object.finalizer);
        let role = model.world.roles.get_mut(identity.role_arn()).unwrap();
        let Fact::Present(trust) = &mut role.trust else { unreachable!() };
        trust.retain(|statement| !is_ours(statement));
        model.delete(Some(&identity), false)?;
        prop_assert!(!model.world.object.finalizer);
    }
}
