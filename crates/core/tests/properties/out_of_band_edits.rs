//! Out-of-band edits of the world by users and other tools. Inputs are an edit and a world; the output is the edited world.
//! No I/O.

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

use crate::fake_world::{World, foreign_association, unrecorded_association};
use crate::specs::{BOUNDARIES, INLINE, POLICIES, TARGET, denies, grants, subject};

#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    RoleRemoved,
    RoleReplaced,
    RoleTag(&'static str, &'static str),
    RoleTagRemoved(&'static str),
    TrustReplaced,
    TrustAllowAdded,
    TrustDenyAdded,
    /// An edit of Lanyard's own statement outside its list of subjects.
    StatementEdited,
    /// An edit of Lanyard's own statement that makes the admitted subjects ambiguous.
    StatementOpened,
    StatementRemoved,
    Description(Option<&'static str>),
    MaxSession(u32),
    Boundary(Option<&'static str>),
    Attached(&'static str, PolicyEffect),
    Detached(&'static str),
    Inline(&'static str, u8),
    InlineDeny(&'static str),
    InlineRemoved(&'static str),
    AssociationRemoved,
    AssociationReplaced,
    AssociationByAddOn,
    AssociationUnrecorded,
    AssociationRole,
    AssociationTarget(Option<&'static str>),
    AssociationSessionTags(bool),
    AssociationPolicy(Option<u8>),
    AssociationTag(&'static str, &'static str),
    AssociationTagRemoved(&'static str),
    ServiceAccountRemoved,
    Annotated(&'static str, &'static str),
    AnnotationRemoved(&'static str),
    ProviderRemoved,
    ClientIdsRemoved,
    AgentRemoved,
}

/// The effect of an attached policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PolicyEffect {
    Grants,
    OnlyDenies,
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
    let effect = select(vec![
        PolicyEffect::Grants,
        PolicyEffect::OnlyDenies,
        PolicyEffect::Unknown,
    ]);
    prop_oneof![
        Just(Edit::RoleRemoved),
        Just(Edit::RoleReplaced),
        (tag(), select(vec!["shop", "x"])).prop_map(|(key, value)| Edit::RoleTag(key, value)),
        tag().prop_map(Edit::RoleTagRemoved),
        Just(Edit::TrustReplaced),
        Just(Edit::TrustAllowAdded),
        Just(Edit::TrustDenyAdded),
        Just(Edit::StatementEdited),
        Just(Edit::StatementOpened),
        Just(Edit::StatementRemoved),
        option::of(Just("by hand")).prop_map(Edit::Description),
        select(vec![3600, 43200]).prop_map(Edit::MaxSession),
        option::of(select(&BOUNDARIES[..])).prop_map(Edit::Boundary),
        (select(&POLICIES[..]), effect).prop_map(|(arn, effect)| Edit::Attached(arn, effect)),
        select(&POLICIES[..]).prop_map(Edit::Detached),
        (select(&INLINE[..]), 0..3u8).prop_map(|(name, number)| Edit::Inline(name, number)),
        select(&INLINE[..]).prop_map(Edit::InlineDeny),
        select(&INLINE[..]).prop_map(Edit::InlineRemoved),
    ]
}

fn of_binding() -> impl Strategy<Value = Edit> {
    let tag = || select(vec!["team", TAG_NAMESPACE]);
    prop_oneof![
        Just(Edit::AssociationRemoved),
        Just(Edit::AssociationReplaced),
        Just(Edit::AssociationByAddOn),
        Just(Edit::AssociationUnrecorded),
        Just(Edit::AssociationRole),
        option::of(Just(TARGET)).prop_map(Edit::AssociationTarget),
        any::<bool>().prop_map(Edit::AssociationSessionTags),
        option::of(0..3u8).prop_map(Edit::AssociationPolicy),
        (tag(), select(vec!["shop", "x"])).prop_map(|(key, value)| Edit::AssociationTag(key, value)),
        tag().prop_map(Edit::AssociationTagRemoved),
        Just(Edit::ServiceAccountRemoved),
        (
            select(&ANNOTATIONS[..]),
            select(vec![OTHER_ROLE, "vault", "3600"])
        )
            .prop_map(|(key, value)| Edit::Annotated(key, value)),
        select(&ANNOTATIONS[..]).prop_map(Edit::AnnotationRemoved),
        Just(Edit::ProviderRemoved),
        Just(Edit::ClientIdsRemoved),
        Just(Edit::AgentRemoved),
    ]
}

pub fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![of_role(), of_binding()]
}

/// Applies an edit. An edit without a target changes nothing.
pub fn apply_edit(world: &mut World, role: &RoleArn, edit: &Edit) {
    edit_role(world, role, edit);
    edit_association(world, role, edit);
    edit_cluster(world, edit);
}

fn edit_role(world: &mut World, arn: &RoleArn, edit: &Edit) {
    if *edit == Edit::RoleReplaced {
        world.roles.insert(arn.clone(), foreign_role());
    }
    let Some(role) = world
        .roles
        .get_mut(arn)
        .filter(|role| role.id.present().is_some())
    else {
        return;
    };
    let inline = |name: &str| PolicyName::parse(name).unwrap();
    match edit {
        Edit::RoleRemoved => *role = RoleFacts::absent(),
        Edit::RoleTag(key, value) => drop(map(&mut role.tags).insert((*key).to_owned(), (*value).to_owned())),
        Edit::RoleTagRemoved(key) => drop(map(&mut role.tags).remove(*key)),
        Edit::TrustReplaced => role.trust = Fact::Present(Document::of(vec![statement("Allow", "root")])),
        Edit::TrustAllowAdded => add_statement(role, statement("Allow", "root")),
        Edit::TrustDenyAdded => add_statement(role, statement("Deny", "user/leaver")),
        Edit::StatementEdited => edit_own_statement(role, |elements| {
            drop(elements.insert("Action".to_owned(), json!("sts:*")));
        }),
        Edit::StatementOpened => edit_own_statement(role, |elements| drop(elements.remove("Condition"))),
        Edit::StatementRemoved => {
            if let Fact::Present(trust) = &mut role.trust {
                trust.retain(|statement| !is_ours(statement));
            }
        }
        Edit::Description(text) => role.description = text.map(str::to_owned).into(),
        Edit::MaxSession(seconds) => role.max_session = Fact::Present(*seconds),
        Edit::Boundary(arn) => role.boundary = arn.map(|arn| PolicyArn::parse(arn).unwrap()).into(),
        Edit::Attached(arn, effect) => {
            drop(map(&mut role.attached).insert(PolicyArn::parse(*arn).unwrap(), effect_fact(*effect)))
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
        Edit::InlineRemoved(name) => drop(map(&mut role.inline).remove(&inline(name))),
        _ => {}
    }
}

fn edit_association(world: &mut World, role: &RoleArn, edit: &Edit) {
    match edit {
        Edit::AssociationRemoved => world.association = Fact::Absent,
        Edit::AssociationReplaced => world.association = Fact::Present(foreign_association(None)),
        Edit::AssociationByAddOn => {
            let addon = "arn:aws:eks:eu-west-1:111122223333:addon/prod/ebs/1";
            world.association = Fact::Present(foreign_association(Some(addon)));
        }
        Edit::AssociationUnrecorded if world.association.is_absent() => {
            world.association = Fact::Present(unrecorded_association(role));
        }
        _ => {}
    }
    let Fact::Present(association) = &mut world.association else {
        return;
    };
    match edit {
        Edit::AssociationRole => association.role_arn = RoleArn::parse(OTHER_ROLE).unwrap(),
        Edit::AssociationTarget(arn) => {
            association.target_role_arn = arn.map(|arn| RoleArn::parse(arn).unwrap())
        }
        Edit::AssociationSessionTags(on) if association.policy.is_none() => association.session_tags = *on,
        Edit::AssociationPolicy(number) if !association.session_tags => {
            association.policy = number.map(|number| Document::from_value(grants(number)).unwrap());
        }
        Edit::AssociationTag(key, value) => {
            drop(association.tags.insert((*key).to_owned(), (*value).to_owned()))
        }
        Edit::AssociationTagRemoved(key) => drop(association.tags.remove(*key)),
        _ => {}
    }
}

fn edit_cluster(world: &mut World, edit: &Edit) {
    match edit {
        Edit::ServiceAccountRemoved => world.service_account = Fact::Absent,
        Edit::Annotated(key, value) => annotate(world, key, value),
        Edit::AnnotationRemoved(key) => {
            if let Fact::Present(account) = &mut world.service_account {
                account.annotations.remove(*key);
            }
        }
        Edit::ProviderRemoved => world.provider = Fact::Absent,
        Edit::ClientIdsRemoved => {
            if let Fact::Present(provider) = &mut world.provider {
                provider.client_ids.clear();
            }
        }
        Edit::AgentRemoved => {
            world.agent = Fact::Present(Agent {
                ready: false,
                found: "DaemonSet kube-system/eks-pod-identity-agent: 0 of 3 ready".to_owned(),
            });
        }
        _ => {}
    }
}

/// Annotates as a user, who then is the only owner of the field.
fn annotate(world: &mut World, key: &str, value: &str) {
    if world.service_account.is_absent() {
        world.service_account = Fact::Present(ServiceAccount::default());
    }
    let Fact::Present(account) = &mut world.service_account else {
        return;
    };
    let is_unchanged = account
        .annotations
        .get(key)
        .is_some_and(|annotation| annotation.value == value);
    if !is_unchanged {
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

fn effect_fact(effect: PolicyEffect) -> Fact<Effect> {
    match effect {
        PolicyEffect::Grants => Fact::Present(Effect::Grants),
        PolicyEffect::OnlyDenies => Fact::Present(Effect::OnlyDenies),
        PolicyEffect::Unknown => Fact::Unreadable(ReadError::Denied("iam:GetPolicyVersion".to_owned())),
    }
}

pub fn statement(effect: &str, principal: &str) -> Statement {
    let value = json!({
        "Sid": format!("{effect}{}", principal.len()),
        "Effect": effect,
        "Principal": {"AWS": format!("arn:aws:iam::111122223333:{principal}")},
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

/// Returns true if a statement has a statement ID of Lanyard.
pub fn is_ours(statement: &Statement) -> bool {
    statement.sid().is_some_and(|sid| sid.starts_with("Lanyard"))
}

fn edit_own_statement(
    role: &mut RoleFacts,
    change: impl Fn(&mut serde_json::Map<String, serde_json::Value>),
) {
    let Fact::Present(trust) = &mut role.trust else {
        return;
    };
    let edit = |statement: &Statement| {
        let mut elements = statement.value().as_object().unwrap().clone();
        if is_ours(statement) {
            change(&mut elements);
        }
        Statement::new(elements)
    };
    *trust = Document::of(trust.statements().iter().map(edit).collect());
}

fn foreign_role() -> RoleFacts {
    RoleFacts {
        modified_at: None,
        id: Fact::Present("AROAOTHERS".to_owned()),
        trust: Fact::Present(Document::of(vec![statement("Allow", "root")])),
        description: Fact::Absent,
        max_session: Fact::Present(3600),
        boundary: Fact::Absent,
        tags: Fact::Present(tags_of_another_subject()),
        attached: Fact::Present(BTreeMap::from([(
            PolicyArn::parse(POLICIES[2]).unwrap(),
            Fact::Present(Effect::Grants),
        )])),
        inline: Fact::Present(BTreeMap::new()),
        elsewhere: None,
    }
}

/// The tags of another subject of the same cluster.
pub fn tags_of_another_subject() -> BTreeMap<String, String> {
    let mut tags = subject().ownership_tags();
    tags.insert(TAG_NAME.to_owned(), "basket".to_owned());
    tags
}
