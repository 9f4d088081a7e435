//! What others do to the world behind Lanyard's back, one edit at a time.
//! An edit and a world in, the edited world out. Called by the scenes.

use std::collections::BTreeMap;

use lanyard_core::model::annotation::{
    ANNOTATION_AUDIENCE, ANNOTATION_ROLE_ARN, ANNOTATION_STS_REGIONAL, ANNOTATION_TOKEN_EXPIRATION,
};
use lanyard_core::model::arn::{PolicyArn, RoleArn};
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::name::PolicyName;
use lanyard_core::model::observed::{Agent, Annotation, Effect, RoleFacts, ServiceAccount};
use lanyard_core::model::subject::{TAG_NAME, TAG_NAMESPACE};
use lanyard_iam_policy::{Document, Statement};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::specs::{BOUNDARIES, INLINE, POLICIES, TARGET, denies, grants, subject};
use crate::world::{Truth, association_of_others, association_of_ours};

#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    RoleGone,
    RoleOfOthers,
    RoleTag(&'static str, &'static str),
    RoleTagGone(&'static str),
    TrustReplaced,
    TrustAllowAdded,
    TrustDenyAdded,
    /// Our own statement, beside its list.
    StatementEdited,
    /// Our own statement, so that nobody can tell whom it lets in.
    StatementOpened,
    StatementGone,
    Description(Option<&'static str>),
    MaxSession(u32),
    Boundary(Option<&'static str>),
    Attached(&'static str, Can),
    Detached(&'static str),
    Inline(&'static str, u8),
    InlineDeny(&'static str),
    InlineGone(&'static str),
    AssociationGone,
    AssociationOfOthers,
    AssociationOfAddOn,
    AssociationOfOurs,
    AssociationRole,
    AssociationTarget(Option<&'static str>),
    AssociationSessionTags(bool),
    AssociationPolicy(Option<u8>),
    AssociationTag(&'static str, &'static str),
    AssociationTagGone(&'static str),
    AccountGone,
    Annotated(&'static str, &'static str),
    AnnotationGone(&'static str),
    ProviderGone,
    ClientIdsGone,
    AgentGone,
}

/// What an attached policy can do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Can {
    Grant,
    OnlyDeny,
    Unknown,
}

pub const ANNOTATIONS: [&str; 4] = [
    ANNOTATION_ROLE_ARN,
    ANNOTATION_AUDIENCE,
    ANNOTATION_TOKEN_EXPIRATION,
    ANNOTATION_STS_REGIONAL,
];

/// The role of an edited association.
pub const OTHER_ROLE: &str = "arn:aws:iam::111122223333:role/other";

fn of_role() -> impl Strategy<Value = Edit> {
    let tag = || select(vec!["team", "cost-center", TAG_NAME]);
    let can = select(vec![Can::Grant, Can::OnlyDeny, Can::Unknown]);
    prop_oneof![
        Just(Edit::RoleGone),
        Just(Edit::RoleOfOthers),
        (tag(), select(vec!["shop", "x"])).prop_map(|(key, value)| Edit::RoleTag(key, value)),
        tag().prop_map(Edit::RoleTagGone),
        Just(Edit::TrustReplaced),
        Just(Edit::TrustAllowAdded),
        Just(Edit::TrustDenyAdded),
        Just(Edit::StatementEdited),
        Just(Edit::StatementOpened),
        Just(Edit::StatementGone),
        option::of(Just("by hand")).prop_map(Edit::Description),
        select(vec![3600, 43200]).prop_map(Edit::MaxSession),
        option::of(select(&BOUNDARIES[..])).prop_map(Edit::Boundary),
        (select(&POLICIES[..]), can).prop_map(|(arn, can)| Edit::Attached(arn, can)),
        select(&POLICIES[..]).prop_map(Edit::Detached),
        (select(&INLINE[..]), 0..3u8).prop_map(|(name, number)| Edit::Inline(name, number)),
        select(&INLINE[..]).prop_map(Edit::InlineDeny),
        select(&INLINE[..]).prop_map(Edit::InlineGone),
    ]
}

fn of_binding() -> impl Strategy<Value = Edit> {
    let tag = || select(vec!["team", TAG_NAMESPACE]);
    prop_oneof![
        Just(Edit::AssociationGone),
        Just(Edit::AssociationOfOthers),
        Just(Edit::AssociationOfAddOn),
        Just(Edit::AssociationOfOurs),
        Just(Edit::AssociationRole),
        option::of(Just(TARGET)).prop_map(Edit::AssociationTarget),
        any::<bool>().prop_map(Edit::AssociationSessionTags),
        option::of(0..3u8).prop_map(Edit::AssociationPolicy),
        (tag(), select(vec!["shop", "x"])).prop_map(|(key, value)| Edit::AssociationTag(key, value)),
        tag().prop_map(Edit::AssociationTagGone),
        Just(Edit::AccountGone),
        (
            select(&ANNOTATIONS[..]),
            select(vec![OTHER_ROLE, "vault", "3600"])
        )
            .prop_map(|(key, value)| Edit::Annotated(key, value)),
        select(&ANNOTATIONS[..]).prop_map(Edit::AnnotationGone),
        Just(Edit::ProviderGone),
        Just(Edit::ClientIdsGone),
        Just(Edit::AgentGone),
    ]
}

pub fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![of_role(), of_binding()]
}

/// Makes an edit; one that finds nothing to edit changes nothing.
pub fn make(truth: &mut Truth, role: &RoleArn, edit: &Edit) {
    make_on_role(truth, role, edit);
    make_on_association(truth, role, edit);
    make_elsewhere(truth, edit);
}

fn make_on_role(truth: &mut Truth, arn: &RoleArn, edit: &Edit) {
    if *edit == Edit::RoleOfOthers {
        truth.roles.insert(arn.clone(), role_of_others());
    }
    let Some(role) = truth
        .roles
        .get_mut(arn)
        .filter(|role| role.id.present().is_some())
    else {
        return;
    };
    let inline = |name: &str| PolicyName::parse(name).unwrap();
    match edit {
        Edit::RoleGone => *role = RoleFacts::absent(),
        Edit::RoleTag(key, value) => drop(map(&mut role.tags).insert((*key).to_owned(), (*value).to_owned())),
        Edit::RoleTagGone(key) => drop(map(&mut role.tags).remove(*key)),
        Edit::TrustReplaced => role.trust = Fact::Present(Document::of(vec![statement("Allow", "root")])),
        Edit::TrustAllowAdded => add_statement(role, statement("Allow", "root")),
        Edit::TrustDenyAdded => add_statement(role, statement("Deny", "user/leaver")),
        Edit::StatementEdited => edit_ours(role, |elements| {
            drop(elements.insert("Action".to_owned(), json!("sts:*")));
        }),
        Edit::StatementOpened => edit_ours(role, |elements| drop(elements.remove("Condition"))),
        Edit::StatementGone => {
            if let Fact::Present(trust) = &mut role.trust {
                trust.retain(|statement| !is_ours(statement));
            }
        }
        Edit::Description(text) => role.description = text.map(str::to_owned).into(),
        Edit::MaxSession(seconds) => role.max_session = Fact::Present(*seconds),
        Edit::Boundary(arn) => role.boundary = arn.map(|arn| PolicyArn::parse(arn).unwrap()).into(),
        Edit::Attached(arn, can) => {
            drop(map(&mut role.attached).insert(PolicyArn::parse(*arn).unwrap(), effect(*can)))
        }
        Edit::Detached(arn) => drop(map(&mut role.attached).remove(&PolicyArn::parse(*arn).unwrap())),
        Edit::Inline(name, number) => {
            let document = Document::from_value(grants(*number)).unwrap();
            drop(map(&mut role.inline).insert(inline(name), document));
        }
        Edit::InlineDeny(name) => {
            let document = Document::from_value(denies()).unwrap();
            drop(map(&mut role.inline).insert(inline(name), document));
        }
        Edit::InlineGone(name) => drop(map(&mut role.inline).remove(&inline(name))),
        _ => {}
    }
}

fn make_on_association(truth: &mut Truth, role: &RoleArn, edit: &Edit) {
    match edit {
        Edit::AssociationGone => truth.association = Fact::Absent,
        Edit::AssociationOfOthers => truth.association = Fact::Present(association_of_others(None)),
        Edit::AssociationOfAddOn => {
            let addon = "arn:aws:eks:eu-west-1:111122223333:addon/prod/ebs/1";
            truth.association = Fact::Present(association_of_others(Some(addon)));
        }
        Edit::AssociationOfOurs if truth.association.is_absent() => {
            truth.association = Fact::Present(association_of_ours(role));
        }
        _ => {}
    }
    let Fact::Present(found) = &mut truth.association else {
        return;
    };
    match edit {
        Edit::AssociationRole => found.role_arn = RoleArn::parse(OTHER_ROLE).unwrap(),
        Edit::AssociationTarget(arn) => found.target_role_arn = arn.map(|arn| RoleArn::parse(arn).unwrap()),
        Edit::AssociationSessionTags(on) if found.policy.is_none() => found.session_tags = *on,
        Edit::AssociationPolicy(number) if !found.session_tags => {
            found.policy = number.map(|number| Document::from_value(grants(number)).unwrap());
        }
        Edit::AssociationTag(key, value) => drop(found.tags.insert((*key).to_owned(), (*value).to_owned())),
        Edit::AssociationTagGone(key) => drop(found.tags.remove(*key)),
        _ => {}
    }
}

fn make_elsewhere(truth: &mut Truth, edit: &Edit) {
    match edit {
        Edit::AccountGone => truth.service_account = Fact::Absent,
        Edit::Annotated(key, value) => annotate(truth, key, value),
        Edit::AnnotationGone(key) => {
            if let Fact::Present(account) = &mut truth.service_account {
                account.annotations.remove(*key);
            }
        }
        Edit::ProviderGone => truth.provider = Fact::Absent,
        Edit::ClientIdsGone => {
            if let Fact::Present(provider) = &mut truth.provider {
                provider.client_ids.clear();
            }
        }
        Edit::AgentGone => {
            truth.agent = Fact::Present(Agent {
                ready: false,
                found: "DaemonSet kube-system/eks-pod-identity-agent: 0 of 3 ready".to_owned(),
            });
        }
        _ => {}
    }
}

/// Somebody annotates by hand: the field is then theirs alone.
fn annotate(truth: &mut Truth, key: &str, value: &str) {
    if truth.service_account.is_absent() {
        truth.service_account = Fact::Present(ServiceAccount::default());
    }
    let Fact::Present(account) = &mut truth.service_account else {
        return;
    };
    let same = account
        .annotations
        .get(key)
        .is_some_and(|found| found.value == value);
    if !same {
        let annotation = Annotation {
            value: value.to_owned(),
            ours: false,
            manager: Some("kubectl-annotate".to_owned()),
        };
        account.annotations.insert(key.to_owned(), annotation);
    }
}

fn map<K: Ord, V>(fact: &mut Fact<BTreeMap<K, V>>) -> &mut BTreeMap<K, V> {
    fact.present_mut().unwrap()
}

fn effect(can: Can) -> Fact<Effect> {
    match can {
        Can::Grant => Fact::Present(Effect::Grants),
        Can::OnlyDeny => Fact::Present(Effect::OnlyDenies),
        Can::Unknown => Fact::Unreadable(ReadError::Denied("iam:GetPolicyVersion".to_owned())),
    }
}

pub fn statement(effect: &str, who: &str) -> Statement {
    let value = json!({
        "Sid": format!("{effect}{}", who.len()),
        "Effect": effect,
        "Principal": {"AWS": format!("arn:aws:iam::111122223333:{who}")},
        "Action": "sts:AssumeRole",
    });
    Statement::new(value.as_object().unwrap().clone())
}

fn add_statement(role: &mut RoleFacts, statement: Statement) {
    let Fact::Present(trust) = &mut role.trust else {
        return;
    };
    *trust = trust.clone().with_statement(statement);
}

/// Whether a statement carries an id as Lanyard's do.
pub fn is_ours(statement: &Statement) -> bool {
    statement.sid().is_some_and(|sid| sid.starts_with("Lanyard"))
}

fn edit_ours(role: &mut RoleFacts, change: impl Fn(&mut serde_json::Map<String, serde_json::Value>)) {
    let Fact::Present(trust) = &mut role.trust else {
        return;
    };
    let edited = |statement: &Statement| {
        let mut elements = statement.value().as_object().unwrap().clone();
        if is_ours(statement) {
            change(&mut elements);
        }
        Statement::new(elements)
    };
    *trust = Document::of(trust.statements().iter().map(edited).collect());
}

fn role_of_others() -> RoleFacts {
    RoleFacts {
        id: Fact::Present("AROAOTHERS".to_owned()),
        trust: Fact::Present(Document::of(vec![statement("Allow", "root")])),
        description: Fact::Absent,
        max_session: Fact::Present(3600),
        boundary: Fact::Absent,
        tags: Fact::Present(subject_of_others()),
        attached: Fact::Present(BTreeMap::from([(
            PolicyArn::parse(POLICIES[2]).unwrap(),
            Fact::Present(Effect::Grants),
        )])),
        inline: Fact::Present(BTreeMap::new()),
        elsewhere: None,
    }
}

/// The tags of another subject of the same cluster.
pub fn subject_of_others() -> BTreeMap<String, String> {
    let mut tags = subject().ownership_tags();
    tags.insert(TAG_NAME.to_owned(), "basket".to_owned());
    tags
}
