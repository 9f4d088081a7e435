//! A fake of AWS and of the API server. Inputs are steps; the output is the changed world, or the error with which AWS or
//! the API server would refuse a step. Steps take effect through `Observed::assume`. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::cluster_object::TokenClientFacts;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::network_policy::EgressFacts;
use lanyard_core::model::observed::{Agent, Association, Observed, Provider, RoleFacts};
use lanyard_core::model::pods::PodList;
use lanyard_core::reconcile::outcome::Answer;
use lanyard_core::reconcile::step::Step;

use crate::out_of_band_edits::tags_of_another_subject;
use crate::specs::subject;

/// The whole world. A role that it does not name does not exist.
pub type World = Observed;

/// A world with a ready agent and nothing else.
pub fn empty() -> World {
    Observed {
        provider: Fact::Absent,
        association: Fact::Absent,
        service_account: Fact::Absent,
        agent: Fact::Present(Agent {
            ready: true,
            found: "add-on eks-pod-identity-agent v1.3.8: ACTIVE".to_owned(),
        }),
        pods: Fact::Present(PodList {
            fresh: true,
            ..PodList::default()
        }),
        egress: Fact::Present(EgressFacts::default()),
        token_clients: Fact::Present(TokenClientFacts::default()),
        ..Observed::unread()
    }
}

pub fn provider(client_ids: &[&str]) -> Provider {
    Provider {
        client_ids: client_ids
            .iter()
            .map(|id| (*id).to_owned())
            .collect::<BTreeSet<_>>(),
        modified_at: None,
    }
}

pub fn foreign_association(owner_arn: Option<&str>) -> Association {
    Association {
        id: "a-foreign".to_owned(),
        arn: "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-foreign".to_owned(),
        role_arn: RoleArn::parse("arn:aws:iam::111122223333:role/other").unwrap(),
        target_role_arn: None,
        session_tags: true,
        policy: None,
        tags: tags_of_another_subject(),
        owner_arn: owner_arn.map(str::to_owned),
        external_id: None,
        modified_at: None,
    }
}

/// An association with the ownership tags of the subject that no status records, left by a reconcile whose answer was lost.
pub fn unrecorded_association(role: &RoleArn) -> Association {
    Association {
        id: "a-ours".to_owned(),
        role_arn: role.clone(),
        tags: subject().ownership_tags(),
        ..foreign_association(None)
    }
}

/// The part of the world that a reconcile with these roles reads.
pub fn observe(world: &World, roles: &[RoleArn]) -> Observed {
    let facts = |arn: &RoleArn| world.roles.get(arn).cloned().unwrap_or_else(RoleFacts::absent);
    Observed {
        roles: roles.iter().map(|arn| (arn.clone(), facts(arn))).collect(),
        confirmed: BTreeSet::new(),
        ..world.clone()
    }
}

/// Applies a step to the world.
///
/// # Errors
/// Returns the error with which AWS or the API server would refuse the step.
pub fn apply_step(world: &mut World, step: &Step, now: Timestamp) -> Result<Answer, String> {
    refusal(world, step).map_or(Ok(()), |error| Err(format!("{step}: {error}")))?;
    let answer = answer(world, step, now);
    world.assume(step, &answer);
    Ok(answer)
}

/// The answer of the server. IDs derive from names, so that two paths to one world end in equal worlds.
fn answer(world: &World, step: &Step, now: Timestamp) -> Answer {
    match step {
        Step::CreateRole { role, .. } => Answer::RoleId(format!("AROA{}", role.name)),
        Step::CreateAssociation { .. } | Step::UpdateAssociation { .. } => {
            let mut after = world.clone();
            after.assume(step, &Answer::Nothing);
            let mut created = after.association.present().unwrap().clone();
            created.id = "a-created".to_owned();
            created.arn =
                "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-created".to_owned();
            created.modified_at = Some(now);
            Answer::Association(Box::new(created))
        }
        _ => Answer::Nothing,
    }
}

fn refusal(world: &World, step: &Step) -> Option<&'static str> {
    role_refusal(world, step).or_else(|| other_refusal(world, step))
}

fn role_refusal(world: &World, step: &Step) -> Option<&'static str> {
    let exists = |arn: &RoleArn| {
        world
            .roles
            .get(arn)
            .is_some_and(|role| role.id.present().is_some())
    };
    let facts = |arn: &RoleArn| world.roles.get(arn).cloned().unwrap_or_else(RoleFacts::absent);
    let has_any = |count: Option<usize>| count.is_some_and(|count| count > 0);
    match step {
        Step::CreateRole { role, .. } if exists(role) => Some("EntityAlreadyExists"),
        Step::AdoptRole { role, .. }
        | Step::SetBoundary { role, .. }
        | Step::RemoveBoundary { role }
        | Step::UpdateRole { role, .. }
        | Step::TagRole { role, .. }
        | Step::UntagRole { role, .. }
        | Step::AttachPolicy { role, .. }
        | Step::PutInlinePolicy { role, .. }
        | Step::SetTrust { role, .. }
        | Step::PutSubject { role, .. }
        | Step::RemoveSubject { role, .. }
        | Step::DetachPolicy { role, .. }
        | Step::DeleteInlinePolicy { role, .. }
        | Step::LeaveInstanceProfiles { role }
        | Step::DeleteRole { role }
        | Step::ReleaseRole { role }
            if !exists(role) =>
        {
            Some("NoSuchEntity: the role")
        }
        Step::DetachPolicy { role, policy, .. }
            if !facts(role)
                .attached
                .present()
                .is_some_and(|attached| attached.contains_key(policy)) =>
        {
            Some("NoSuchEntity: the policy")
        }
        Step::RemoveSubject { role, membership }
            if facts(role)
                .trust
                .present()
                .is_some_and(|trust| membership.remove(trust).statements().is_empty()) =>
        {
            Some("MalformedPolicyDocument: no statement remains")
        }
        Step::DeleteRole { role } if has_any(facts(role).attached.present().map(BTreeMap::len)) => {
            Some("DeleteConflict: attached policies")
        }
        Step::DeleteRole { role } if has_any(facts(role).inline.present().map(BTreeMap::len)) => {
            Some("DeleteConflict: inline policies")
        }
        _ => None,
    }
}

fn other_refusal(world: &World, step: &Step) -> Option<&'static str> {
    let association = world.association.present();
    match step {
        Step::CreateProvider { .. } if world.provider.present().is_some() => Some("EntityAlreadyExists"),
        Step::AddClientId { .. } if world.provider.present().is_none() => Some("NoSuchEntity"),
        Step::CreateAssociation { .. } if association.is_some() => Some("ResourceInUseException"),
        Step::CreateAssociation { desired, .. } | Step::UpdateAssociation { desired, .. }
            if desired.session_tags && desired.policy.is_some() =>
        {
            Some("InvalidParameterException: a session policy needs session tags disabled")
        }
        Step::CreateAssociation { desired, .. } | Step::UpdateAssociation { desired, .. }
            if !trusts_pods(world, &desired.role_arn) =>
        {
            Some("InvalidParameterException: the role does not trust pods.eks.amazonaws.com")
        }
        Step::AdoptAssociation { .. }
        | Step::UpdateAssociation { .. }
        | Step::TagAssociation { .. }
        | Step::UntagAssociation { .. }
        | Step::DeleteAssociation { .. }
        | Step::ReleaseAssociation {}
            if association.is_none() =>
        {
            Some("ResourceNotFoundException")
        }
        Step::Annotate { create: false, .. } | Step::DeleteServiceAccount {}
            if world.service_account.is_absent() =>
        {
            Some("404 Not Found")
        }
        _ => None,
    }
}

/// EKS checks the trust policy when it creates an association (docs/dev/aws-behaviour.md#association-errors). A role that
/// the fake world does not contain counts as valid.
fn trusts_pods(world: &World, arn: &RoleArn) -> bool {
    world.roles.get(arn).is_none_or(|role| {
        role.trust
            .present()
            .is_some_and(|trust| trust.to_json().contains("pods.eks.amazonaws.com"))
    })
}
