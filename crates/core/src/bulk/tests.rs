//! Tests of the comparison: one changed fact of a page each, compared with the status of a reconcile.

use super::*;
use crate::example::{applied, carry_out, decide, spec};
use crate::identity::Identity;
use crate::model::arn::PolicyArn;
use crate::model::fact::{Fact, ReadError};
use crate::model::inventory::Inventory;
use crate::model::observed::{Agent, ControlMetadata, Effect, Observed, Provider, RoleFacts};
use crate::model::spec::{DriftPolicy, ManagedRoleSpec, Method, Spec};
use crate::model::status::{DriftReason, Status};
use crate::reconcile::gate::{Reporting, WriteGate};
use lanyard_iam_policy::Document;

/// A steady identity and the facts that its last reconcile observed.
struct Fixture {
    identity: Identity,
    observed: Observed,
    status: Status,
}

impl Fixture {
    fn of(spec: &Spec) -> Self {
        let (identity, mut observed, status) = applied(spec);
        if let Fact::Present(association) = &mut observed.association {
            association.id = "a-1".to_owned();
        }
        let decision = decide(&identity, &status, &observed);
        let status = carry_out(&decision, &status, &mut observed).status;
        Self {
            identity,
            observed,
            status,
        }
    }

    fn known(&self) -> Known<'_> {
        Known {
            identity: &self.identity,
            status: &self.status,
            generation: 1,
            gate: WriteGate::Open,
            verified_trust: None,
        }
    }

    /// The facts of the role that a page of the account has.
    fn page(&self) -> Observed {
        let arn = self.identity.role_arn();
        let not_read = RoleFacts::unreadable(&ReadError::NotRead);
        let facts = RoleFacts {
            description: not_read.description,
            max_session: not_read.max_session,
            ..self.observed.role(arn)
        };
        Observed {
            roles: [(arn.clone(), facts)].into(),
            ..Observed::unread()
        }
    }

    fn role(&self, edit: impl FnOnce(&mut RoleFacts)) -> Judgement {
        let mut page = self.page();
        edit(page.roles.values_mut().next().unwrap());
        compare(Part::Role, &self.known(), page)
    }

    fn cluster(&self, edit: impl FnOnce(&mut Observed)) -> Judgement {
        let mut facts = Observed {
            service_account: self.observed.service_account.clone(),
            provider: self.observed.provider.clone(),
            agent: self.observed.agent.clone(),
            ..Observed::unread()
        };
        edit(&mut facts);
        compare(Part::Cluster, &self.known(), facts)
    }
}

fn policy() -> PolicyArn {
    PolicyArn::parse("arn:aws:iam::aws:policy/AdministratorAccess").unwrap()
}

#[test]
fn applied_identity_is_steady_until_work_is_pending() {
    let fixture = Fixture::of(&spec(Method::PodIdentity));
    let control = &fixture.observed.object;
    assert!(is_steady(&fixture.known(), control));
    let edited = Known {
        generation: 2,
        ..fixture.known()
    };
    assert!(!is_steady(&edited, control), "the spec has a new generation");
    let without_finalizer = ControlMetadata {
        finalizer: false,
        ..control.clone()
    };
    assert!(!is_steady(&fixture.known(), &without_finalizer));
    let empty_inventory = ControlMetadata {
        inventory: Some(Inventory::new(fixture.identity.deletion_policy, Vec::new())),
        ..control.clone()
    };
    assert!(
        !is_steady(&fixture.known(), &empty_inventory),
        "the inventory lacks the role"
    );
}

#[test]
fn unchanged_page_is_in_sync() {
    for method in [Method::Irsa, Method::PodIdentity] {
        let fixture = Fixture::of(&spec(method));
        assert_eq!(fixture.role(|_| {}), Judgement::InSync);
        assert_eq!(fixture.cluster(|_| {}), Judgement::InSync);
    }
}

#[test]
fn out_of_band_change_of_role_is_drift() {
    let fixture = Fixture::of(&spec(Method::Irsa));
    let open = || Fact::Present(Document::parse(r#"{"Statement": []}"#).unwrap());
    let attach = |role: &mut RoleFacts| {
        let unread = Fact::Unreadable(ReadError::NotRead);
        drop(role.attached.present_mut().unwrap().insert(policy(), unread));
    };
    assert_eq!(fixture.role(attach), Judgement::Drifted);
    assert_eq!(fixture.role(|role| role.trust = open()), Judgement::Drifted);
    assert_eq!(
        fixture.role(|role| *role = RoleFacts::absent()),
        Judgement::Drifted
    );
    let untagged = |role: &mut RoleFacts| role.tags.present_mut().unwrap().clear();
    assert_eq!(fixture.role(untagged), Judgement::Drifted);
}

#[test]
fn unreadable_fact_is_unknown() {
    let fixture = Fixture::of(&spec(Method::Irsa));
    let failed = || ReadError::Failed("unexpected response from IAM".to_owned());
    assert_eq!(
        fixture.role(|role| role.trust = Fact::Unreadable(failed())),
        Judgement::Unknown
    );
    assert_eq!(
        fixture.role(|role| *role = RoleFacts::unreadable(&failed())),
        Judgement::Unknown
    );
    assert_eq!(
        fixture.cluster(|facts| facts.provider = Fact::Unreadable(failed())),
        Judgement::Unknown
    );
}

#[test]
fn settings_are_compared_by_the_settings_read_only() {
    let described = Spec {
        managed: Some(ManagedRoleSpec {
            description: Some("takes orders".to_owned()),
            ..ManagedRoleSpec::default()
        }),
        ..spec(Method::Irsa)
    };
    let fixture = Fixture::of(&described);
    let settings = |text: &str, id: &str| {
        let arn = fixture.identity.role_arn();
        let facts = RoleFacts {
            id: Fact::Present(id.to_owned()),
            trust: fixture.observed.role(arn).trust,
            description: Fact::Present(text.to_owned()),
            max_session: Fact::Present(3600),
            ..RoleFacts::unreadable(&ReadError::NotRead)
        };
        let page = Observed {
            roles: [(arn.clone(), facts)].into(),
            ..Observed::unread()
        };
        compare(Part::Settings, &fixture.known(), page)
    };
    let id = fixture.observed.role(fixture.identity.role_arn()).id;
    let id = id.present().unwrap();
    assert_eq!(settings("takes orders", id), Judgement::InSync);
    assert_eq!(settings("by hand", id), Judgement::Drifted);
    // The list has no tags: the owner of a replaced role is unknown.
    assert_eq!(settings("by hand", "AROAOTHER"), Judgement::Unknown);
    assert_eq!(
        fixture.role(|_| {}),
        Judgement::InSync,
        "the role read ignores settings"
    );
}

#[test]
fn association_is_compared_by_id() {
    let fixture = Fixture::of(&spec(Method::PodIdentity));
    assert_eq!(compare_listed(&fixture.known(), Some("a-1")), Judgement::InSync);
    assert_eq!(compare_listed(&fixture.known(), Some("a-2")), Judgement::Drifted);
    assert_eq!(compare_listed(&fixture.known(), None), Judgement::Drifted);
    let irsa = Fixture::of(&spec(Method::Irsa));
    assert_eq!(compare_listed(&irsa.known(), None), Judgement::InSync);
    assert_eq!(compare_listed(&irsa.known(), Some("a-1")), Judgement::Drifted);
}

#[test]
fn shared_object_is_compared_for_its_users_only() {
    let pods = Fixture::of(&spec(Method::PodIdentity));
    let degraded = |facts: &mut Observed| {
        facts.agent = Fact::Present(Agent {
            ready: false,
            found: "add-on: DEGRADED".to_owned(),
        });
    };
    assert_eq!(pods.cluster(degraded), Judgement::Drifted);
    assert_eq!(
        pods.cluster(|facts| facts.provider = Fact::Absent),
        Judgement::InSync
    );
    let irsa = Fixture::of(&spec(Method::Irsa));
    let emptied = |facts: &mut Observed| {
        facts.provider = Fact::Present(Provider {
            client_ids: [].into(),
            modified_at: None,
        })
    };
    assert_eq!(irsa.cluster(emptied), Judgement::Drifted);
    assert_eq!(irsa.cluster(degraded), Judgement::InSync);
    assert_eq!(
        irsa.cluster(|facts| facts.service_account = Fact::Absent),
        Judgement::Drifted
    );
}

#[test]
fn reported_drift_is_in_sync_until_it_is_resolved() {
    let reporting = Spec {
        drift_policy: Some(DriftPolicy::Report),
        ..spec(Method::Irsa)
    };
    let mut fixture = Fixture::of(&reporting);
    let arn = fixture.identity.role_arn().clone();
    let before = fixture.observed.clone();
    let role = fixture.observed.roles.get_mut(&arn).unwrap();
    role.attached
        .present_mut()
        .unwrap()
        .insert(policy(), Fact::Present(Effect::Grants));
    let decision = decide(&fixture.identity, &fixture.status, &fixture.observed);
    fixture.status = carry_out(&decision, &fixture.status, &mut fixture.observed).status;
    assert_eq!(fixture.status.drift.count, 1);
    assert!(is_steady(&fixture.known(), &fixture.observed.object));
    assert_eq!(fixture.role(|_| {}), Judgement::InSync);
    fixture.observed = before;
    assert_eq!(fixture.role(|_| {}), Judgement::Drifted);
}

#[test]
fn reported_drift_is_drifted_once_it_may_be_corrected() {
    let mut fixture = Fixture::of(&spec(Method::Irsa));
    let arn = fixture.identity.role_arn().clone();
    let attached = fixture.observed.roles.get_mut(&arn).unwrap();
    let grants = Fact::Present(Effect::Grants);
    attached.attached.present_mut().unwrap().insert(policy(), grants);
    let reporting = Identity {
        drift_policy: DriftPolicy::Report,
        ..fixture.identity.clone()
    };
    let decision = decide(&reporting, &fixture.status, &fixture.observed);
    fixture.status = carry_out(&decision, &fixture.status, &mut fixture.observed).status;
    assert!(is_steady(&fixture.known(), &fixture.observed.object));
    assert_eq!(fixture.role(|_| {}), Judgement::Drifted);
    let read_only = Known {
        gate: WriteGate::ReportOnly(Reporting::ReadOnly),
        ..fixture.known()
    };
    assert_eq!(compare(Part::Role, &read_only, fixture.page()), Judgement::InSync);
    fixture.status.drift.items[0].reason = Some(DriftReason::Contested);
    assert!(
        !is_steady(&fixture.known(), &fixture.observed.object),
        "only reconciles know the correction backoff"
    );
}

#[test]
fn deny_only_policy_is_unknown() {
    let mut fixture = Fixture::of(&spec(Method::Irsa));
    let arn = fixture.identity.role_arn().clone();
    let role = fixture.observed.roles.get_mut(&arn).unwrap();
    role.attached
        .present_mut()
        .unwrap()
        .insert(policy(), Fact::Present(Effect::OnlyDenies));
    let decision = decide(&fixture.identity, &fixture.status, &fixture.observed);
    fixture.status = carry_out(&decision, &fixture.status, &mut fixture.observed).status;
    let unread = |role: &mut RoleFacts| {
        let attached = role.attached.present_mut().unwrap();
        attached.insert(policy(), Fact::Unreadable(ReadError::NotRead));
    };
    assert_eq!(fixture.role(unread), Judgement::Unknown);
}

#[test]
fn replaced_role_is_drift_until_the_next_reconcile() {
    let mut fixture = Fixture::of(&spec(Method::Irsa));
    let arn = fixture.identity.role_arn().clone();
    fixture.observed.roles.get_mut(&arn).unwrap().id = Fact::Present("AROA2".to_owned());
    assert_eq!(fixture.role(|_| {}), Judgement::Drifted);
    let decision = decide(&fixture.identity, &fixture.status, &fixture.observed);
    fixture.status = carry_out(&decision, &fixture.status, &mut fixture.observed).status;
    assert_eq!(fixture.role(|_| {}), Judgement::InSync);
}

#[test]
fn account_is_read_in_bulk_while_cheaper_than_single_reads() {
    assert!(!costs_more_than_single_reads(25, 0));
    assert!(costs_more_than_single_reads(26, 8));
    assert!(!costs_more_than_single_reads(26, 9));
}

/// The identity has more drift than the status has room for, including a policy that only denies.
#[test]
fn drift_beyond_the_reported_items_is_unknown() {
    let mut fixture = Fixture::of(&spec(Method::Irsa));
    let arn = fixture.identity.role_arn().clone();
    let role = fixture.observed.roles.get_mut(&arn).unwrap();
    let tags = role.tags.present_mut().unwrap();
    tags.extend((0..25).map(|number| (format!("cost-{number:02}"), "shop".to_owned())));
    let denies = Fact::Present(Effect::OnlyDenies);
    role.attached.present_mut().unwrap().insert(policy(), denies);
    let decision = decide(&fixture.identity, &fixture.status, &fixture.observed);
    fixture.status = carry_out(&decision, &fixture.status, &mut fixture.observed).status;
    assert!(!fixture.status.drift.is_complete());
    assert!(is_steady(&fixture.known(), &fixture.observed.object));
    let unread = |role: &mut RoleFacts| {
        let attached = role.attached.present_mut().unwrap();
        attached.insert(policy(), Fact::Unreadable(ReadError::NotRead));
    };
    assert_eq!(fixture.role(unread), Judgement::Unknown);
    let opened = |role: &mut RoleFacts| {
        unread(role);
        role.trust = Fact::Present(Document::parse(r#"{"Statement": []}"#).unwrap());
    };
    assert_eq!(fixture.role(opened), Judgement::Drifted);
}
