//! One judgement each: what a page shows against what the status tells.

use super::*;
use crate::example::{applied, carry_out, decide, spec};
use crate::model::arn::PolicyArn;
use crate::model::observed::{Agent, Provider, RoleFacts};
use crate::model::spec::{ManagedRoleSpec, Method, Spec};
use crate::reconcile::gate::Reporting;
use lanyard_iam_policy::Document;

/// An identity that rests, with the world around it.
struct Scene {
    identity: Identity,
    world: Observed,
    status: Status,
}

impl Scene {
    fn of(spec: &Spec) -> Self {
        let (identity, mut world, status) = applied(spec);
        if let Fact::Present(association) = &mut world.association {
            association.id = "a-1".to_owned();
        }
        let decision = decide(&identity, &status, &world);
        let status = carry_out(&decision, &status, &mut world).status;
        Self {
            identity,
            world,
            status,
        }
    }

    fn known(&self) -> Known<'_> {
        Known {
            identity: &self.identity,
            status: &self.status,
            generation: 1,
            gate: WriteGate::Open,
        }
    }

    /// What a page of the account shows of the role.
    fn page(&self) -> Observed {
        let arn = self.identity.role_arn();
        let not_read = RoleFacts::unreadable(&ReadError::NotRead);
        let facts = RoleFacts {
            description: not_read.description,
            max_session: not_read.max_session,
            ..self.world.role(arn)
        };
        Observed {
            roles: [(arn.clone(), facts)].into(),
            ..Observed::unread()
        }
    }

    fn role(&self, edit: impl FnOnce(&mut RoleFacts)) -> Judgement {
        let mut page = self.page();
        edit(page.roles.values_mut().next().unwrap());
        judge(Part::Role, &self.known(), page)
    }

    fn cluster(&self, edit: impl FnOnce(&mut Observed)) -> Judgement {
        let mut facts = Observed {
            service_account: self.world.service_account.clone(),
            provider: self.world.provider.clone(),
            agent: self.world.agent.clone(),
            ..Observed::unread()
        };
        edit(&mut facts);
        judge(Part::Cluster, &self.known(), facts)
    }
}

fn policy() -> PolicyArn {
    PolicyArn::parse("arn:aws:iam::aws:policy/AdministratorAccess").unwrap()
}

#[test]
fn what_was_carried_out_rests_until_anything_about_it_waits() {
    let scene = Scene::of(&spec(Method::PodIdentity));
    let control = &scene.world.object;
    assert!(is_steady(&scene.known(), control));
    let edited = Known {
        generation: 2,
        ..scene.known()
    };
    assert!(!is_steady(&edited, control), "the spec has changed");
    let unheld = ControlMetadata {
        finalizer: false,
        ..control.clone()
    };
    assert!(!is_steady(&scene.known(), &unheld));
    let left = ControlMetadata {
        inventory: Some(Inventory::new(scene.identity.deletion_policy, Vec::new())),
        ..control.clone()
    };
    assert!(
        !is_steady(&scene.known(), &left),
        "inventory does not name the role"
    );
}

#[test]
fn a_page_of_the_account_as_it_was_left_is_as_told() {
    for method in [Method::Irsa, Method::PodIdentity] {
        let scene = Scene::of(&spec(method));
        assert_eq!(scene.role(|_| {}), Judgement::InSync);
        assert_eq!(scene.cluster(|_| {}), Judgement::InSync);
    }
}

#[test]
fn what_others_did_to_a_role_deviates() {
    let scene = Scene::of(&spec(Method::Irsa));
    let open = || Fact::Present(Document::parse(r#"{"Statement": []}"#).unwrap());
    let attach = |role: &mut RoleFacts| {
        let unread = Fact::Unreadable(ReadError::NotRead);
        drop(role.attached.present_mut().unwrap().insert(policy(), unread));
    };
    assert_eq!(scene.role(attach), Judgement::Drifted);
    assert_eq!(scene.role(|role| role.trust = open()), Judgement::Drifted);
    assert_eq!(scene.role(|role| *role = RoleFacts::absent()), Judgement::Drifted);
    let untagged = |role: &mut RoleFacts| role.tags.present_mut().unwrap().clear();
    assert_eq!(scene.role(untagged), Judgement::Drifted);
}

#[test]
fn what_cannot_be_read_neither_deviates_nor_is_as_told() {
    let scene = Scene::of(&spec(Method::Irsa));
    let failed = || ReadError::Failed("IAM does not answer as it should".to_owned());
    assert_eq!(
        scene.role(|role| role.trust = Fact::Unreadable(failed())),
        Judgement::Unknown
    );
    assert_eq!(
        scene.role(|role| *role = RoleFacts::unreadable(&failed())),
        Judgement::Unknown
    );
    assert_eq!(
        scene.cluster(|facts| facts.provider = Fact::Unreadable(failed())),
        Judgement::Unknown
    );
}

#[test]
fn the_two_settings_are_judged_by_the_other_read_alone() {
    let described = Spec {
        managed: Some(ManagedRoleSpec {
            description: Some("takes orders".to_owned()),
            ..ManagedRoleSpec::default()
        }),
        ..spec(Method::Irsa)
    };
    let scene = Scene::of(&described);
    let settings = |text: &str, id: &str| {
        let arn = scene.identity.role_arn();
        let facts = RoleFacts {
            id: Fact::Present(id.to_owned()),
            trust: scene.world.role(arn).trust,
            description: Fact::Present(text.to_owned()),
            max_session: Fact::Present(3600),
            ..RoleFacts::unreadable(&ReadError::NotRead)
        };
        let page = Observed {
            roles: [(arn.clone(), facts)].into(),
            ..Observed::unread()
        };
        judge(Part::Settings, &scene.known(), page)
    };
    let id = scene.world.role(scene.identity.role_arn()).id;
    let id = id.present().unwrap();
    assert_eq!(settings("takes orders", id), Judgement::InSync);
    assert_eq!(settings("by hand", id), Judgement::Drifted);
    // The list has no tags: whose another role of that name is, it does not tell.
    assert_eq!(settings("by hand", "AROAOTHER"), Judgement::Unknown);
    assert_eq!(scene.role(|_| {}), Judgement::InSync, "and not by the first");
}

#[test]
fn an_association_is_known_by_its_id() {
    let scene = Scene::of(&spec(Method::PodIdentity));
    assert_eq!(judge_listed(&scene.known(), Some("a-1")), Judgement::InSync);
    assert_eq!(judge_listed(&scene.known(), Some("a-2")), Judgement::Drifted);
    assert_eq!(judge_listed(&scene.known(), None), Judgement::Drifted);
    let irsa = Scene::of(&spec(Method::Irsa));
    assert_eq!(judge_listed(&irsa.known(), None), Judgement::InSync);
    assert_eq!(judge_listed(&irsa.known(), Some("a-1")), Judgement::Drifted);
}

#[test]
fn what_all_share_is_judged_by_each_that_needs_it() {
    let pods = Scene::of(&spec(Method::PodIdentity));
    let gone = |facts: &mut Observed| {
        facts.agent = Fact::Present(Agent {
            ready: false,
            found: "add-on: DEGRADED".to_owned(),
        });
    };
    assert_eq!(pods.cluster(gone), Judgement::Drifted);
    assert_eq!(
        pods.cluster(|facts| facts.provider = Fact::Absent),
        Judgement::InSync
    );
    let irsa = Scene::of(&spec(Method::Irsa));
    let emptied = |facts: &mut Observed| {
        facts.provider = Fact::Present(Provider {
            client_ids: [].into(),
        })
    };
    assert_eq!(irsa.cluster(emptied), Judgement::Drifted);
    assert_eq!(irsa.cluster(gone), Judgement::InSync);
    assert_eq!(
        irsa.cluster(|facts| facts.service_account = Fact::Absent),
        Judgement::Drifted
    );
}

#[test]
fn drift_that_stands_is_told_and_drift_that_went_is_news() {
    let reporting = Spec {
        drift_policy: Some(DriftPolicy::Report),
        ..spec(Method::Irsa)
    };
    let mut scene = Scene::of(&reporting);
    let arn = scene.identity.role_arn().clone();
    let before = scene.world.clone();
    let role = scene.world.roles.get_mut(&arn).unwrap();
    role.attached
        .present_mut()
        .unwrap()
        .insert(policy(), Fact::Present(Effect::Grants));
    let decision = decide(&scene.identity, &scene.status, &scene.world);
    scene.status = carry_out(&decision, &scene.status, &mut scene.world).status;
    assert_eq!(scene.status.drift.count, 1);
    assert!(is_steady(&scene.known(), &scene.world.object));
    assert_eq!(scene.role(|_| {}), Judgement::InSync);
    scene.world = before;
    assert_eq!(scene.role(|_| {}), Judgement::Drifted);
}

#[test]
fn what_stands_only_because_nobody_was_to_repair_it_is_for_whoever_may() {
    let mut scene = Scene::of(&spec(Method::Irsa));
    let arn = scene.identity.role_arn().clone();
    let attached = scene.world.roles.get_mut(&arn).unwrap();
    let grants = Fact::Present(Effect::Grants);
    attached.attached.present_mut().unwrap().insert(policy(), grants);
    let reporting = Identity {
        drift_policy: DriftPolicy::Report,
        ..scene.identity.clone()
    };
    let decision = decide(&reporting, &scene.status, &scene.world);
    scene.status = carry_out(&decision, &scene.status, &mut scene.world).status;
    assert!(is_steady(&scene.known(), &scene.world.object));
    assert_eq!(scene.role(|_| {}), Judgement::Drifted);
    let read_only = Known {
        gate: WriteGate::ReportOnly(Reporting::ReadOnly),
        ..scene.known()
    };
    assert_eq!(judge(Part::Role, &read_only, scene.page()), Judgement::InSync);
    scene.status.drift.items[0].reason = Some(DriftReason::Contested);
    assert!(
        !is_steady(&scene.known(), &scene.world.object),
        "only decisions know when its time has come"
    );
}

#[test]
fn a_policy_that_stands_because_it_only_denies_is_for_a_look() {
    let mut scene = Scene::of(&spec(Method::Irsa));
    let arn = scene.identity.role_arn().clone();
    let role = scene.world.roles.get_mut(&arn).unwrap();
    role.attached
        .present_mut()
        .unwrap()
        .insert(policy(), Fact::Present(Effect::OnlyDenies));
    let decision = decide(&scene.identity, &scene.status, &scene.world);
    scene.status = carry_out(&decision, &scene.status, &mut scene.world).status;
    let unread = |role: &mut RoleFacts| {
        let attached = role.attached.present_mut().unwrap();
        attached.insert(policy(), Fact::Unreadable(ReadError::NotRead));
    };
    assert_eq!(scene.role(unread), Judgement::Unknown);
}

#[test]
fn a_role_that_took_the_place_of_the_old_is_news_once() {
    let mut scene = Scene::of(&spec(Method::Irsa));
    let arn = scene.identity.role_arn().clone();
    scene.world.roles.get_mut(&arn).unwrap().id = Fact::Present("AROA2".to_owned());
    assert_eq!(scene.role(|_| {}), Judgement::Drifted);
    let decision = decide(&scene.identity, &scene.status, &scene.world);
    scene.status = carry_out(&decision, &scene.status, &mut scene.world).status;
    assert_eq!(scene.role(|_| {}), Judgement::InSync);
}

#[test]
fn an_account_is_read_whole_while_that_is_cheaper_than_role_by_role() {
    assert!(!costs_more_than_single_reads(25, 0));
    assert!(costs_more_than_single_reads(26, 8));
    assert!(!costs_more_than_single_reads(26, 9));
}

/// More stands than the status has room for, and one policy of it only denies.
#[test]
fn what_may_stand_beyond_what_was_told_is_for_a_look() {
    let mut scene = Scene::of(&spec(Method::Irsa));
    let arn = scene.identity.role_arn().clone();
    let role = scene.world.roles.get_mut(&arn).unwrap();
    let tags = role.tags.present_mut().unwrap();
    tags.extend((0..25).map(|number| (format!("cost-{number:02}"), "shop".to_owned())));
    let denies = Fact::Present(Effect::OnlyDenies);
    role.attached.present_mut().unwrap().insert(policy(), denies);
    let decision = decide(&scene.identity, &scene.status, &scene.world);
    scene.status = carry_out(&decision, &scene.status, &mut scene.world).status;
    assert!(scene.status.drift.items.len() < usize::try_from(scene.status.drift.count).unwrap());
    assert!(is_steady(&scene.known(), &scene.world.object));
    let unread = |role: &mut RoleFacts| {
        let attached = role.attached.present_mut().unwrap();
        attached.insert(policy(), Fact::Unreadable(ReadError::NotRead));
    };
    assert_eq!(scene.role(unread), Judgement::Unknown);
    let opened = |role: &mut RoleFacts| {
        unread(role);
        role.trust = Fact::Present(Document::parse(r#"{"Statement": []}"#).unwrap());
    };
    assert_eq!(scene.role(opened), Judgement::Drifted);
}
