//! The world as it is, of which a look reads a part; and what AWS and the API server would refuse to do to it.
//! Steps in, the changed world or the refusal out. The steps take effect through `Observed::assume`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::observed::{Agent, Association, Observed, Provider, RoleFacts};
use lanyard_core::model::pods::PodList;
use lanyard_core::reconcile::outcome::Answer;
use lanyard_core::reconcile::step::Step;

use crate::edits::subject_of_others;
use crate::specs::subject;

/// Everything there is. Roles that it does not name do not exist.
pub type Truth = Observed;

/// A world in which nothing is there but a ready agent.
pub fn empty() -> Truth {
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
        ..Observed::unread()
    }
}

pub fn provider(client_ids: &[&str]) -> Provider {
    Provider {
        client_ids: client_ids
            .iter()
            .map(|id| (*id).to_owned())
            .collect::<BTreeSet<_>>(),
    }
}

pub fn association_of_others(owner_arn: Option<&str>) -> Association {
    Association {
        id: "a-others".to_owned(),
        arn: "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-others".to_owned(),
        role_arn: RoleArn::parse("arn:aws:iam::111122223333:role/other").unwrap(),
        target_role_arn: None,
        session_tags: true,
        policy: None,
        tags: subject_of_others(),
        owner_arn: owner_arn.map(str::to_owned),
        external_id: None,
        modified_at: None,
    }
}

/// An association with our tags that no status knows of: left by a pass whose answer was lost.
pub fn association_of_ours(role: &RoleArn) -> Association {
    Association {
        id: "a-ours".to_owned(),
        role_arn: role.clone(),
        tags: subject().ownership_tags(),
        ..association_of_others(None)
    }
}

/// The part of the world that a look at these roles reads.
pub fn read(truth: &Truth, roles: &[RoleArn]) -> Observed {
    let facts = |arn: &RoleArn| truth.roles.get(arn).cloned().unwrap_or_else(RoleFacts::absent);
    Observed {
        roles: roles.iter().map(|arn| (arn.clone(), facts(arn))).collect(),
        confirmed: BTreeSet::new(),
        ..truth.clone()
    }
}

/// Takes a step on the world.
///
/// # Errors
/// What AWS or the API server would say when it refused the step.
pub fn take(truth: &mut Truth, step: &Step, now: Timestamp) -> Result<Answer, String> {
    refusal(truth, step).map_or(Ok(()), |why| Err(format!("{step}: {why}")))?;
    let answer = answer(truth, step, now);
    truth.assume(step, &answer);
    Ok(answer)
}

/// What the server tells: ids follow from names here, so that two ways to one world end in equal worlds.
fn answer(truth: &Truth, step: &Step, now: Timestamp) -> Answer {
    match step {
        Step::CreateRole { role, .. } => Answer::RoleId(format!("AROA{}", role.name)),
        Step::CreateAssociation { .. } | Step::UpdateAssociation { .. } => {
            let mut after = truth.clone();
            after.assume(step, &Answer::Nothing);
            let mut made = after.association.present().unwrap().clone();
            made.id = "a-made".to_owned();
            made.arn = "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-made".to_owned();
            made.modified_at = Some(now);
            Answer::Association(Box::new(made))
        }
        _ => Answer::Nothing,
    }
}

fn refusal(truth: &Truth, step: &Step) -> Option<&'static str> {
    role_refusal(truth, step).or_else(|| other_refusal(truth, step))
}

fn role_refusal(truth: &Truth, step: &Step) -> Option<&'static str> {
    let there = |arn: &RoleArn| {
        truth
            .roles
            .get(arn)
            .is_some_and(|role| role.id.present().is_some())
    };
    let facts = |arn: &RoleArn| truth.roles.get(arn).cloned().unwrap_or_else(RoleFacts::absent);
    let filled = |fact: Option<usize>| fact.is_some_and(|count| count > 0);
    match step {
        Step::CreateRole { role, .. } if there(role) => Some("EntityAlreadyExists"),
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
            if !there(role) =>
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
            Some("MalformedPolicyDocument: no statement is left")
        }
        Step::DeleteRole { role } if filled(facts(role).attached.present().map(BTreeMap::len)) => {
            Some("DeleteConflict: attached policies")
        }
        Step::DeleteRole { role } if filled(facts(role).inline.present().map(BTreeMap::len)) => {
            Some("DeleteConflict: inline policies")
        }
        _ => None,
    }
}

fn other_refusal(truth: &Truth, step: &Step) -> Option<&'static str> {
    let association = truth.association.present();
    match step {
        Step::CreateProvider { .. } if truth.provider.present().is_some() => Some("EntityAlreadyExists"),
        Step::AddClientId { .. } if truth.provider.present().is_none() => Some("NoSuchEntity"),
        Step::CreateAssociation { .. } if association.is_some() => Some("ResourceInUseException"),
        Step::CreateAssociation { wanted } | Step::UpdateAssociation { wanted, .. }
            if wanted.session_tags && wanted.policy.is_some() =>
        {
            Some("InvalidParameterException: a session policy needs session tags disabled")
        }
        Step::CreateAssociation { wanted } | Step::UpdateAssociation { wanted, .. }
            if !trusts_pods(truth, &wanted.role_arn) =>
        {
            Some("InvalidParameterException: the role does not trust pods.eks.amazonaws.com")
        }
        Step::AdoptAssociation { .. }
        | Step::UpdateAssociation { .. }
        | Step::TagAssociation { .. }
        | Step::UntagAssociation { .. }
        | Step::DeleteAssociation {}
        | Step::ReleaseAssociation {}
            if association.is_none() =>
        {
            Some("ResourceNotFoundException")
        }
        Step::Annotate { create: false, .. } | Step::DeleteServiceAccount {}
            if truth.service_account.is_absent() =>
        {
            Some("404 Not Found")
        }
        _ => None,
    }
}

/// EKS looks at the trust policy when it associates (docs/dev/aws-behaviour.md#association-errors). A role nobody generated is taken to be fine.
fn trusts_pods(truth: &Truth, arn: &RoleArn) -> bool {
    truth.roles.get(arn).is_none_or(|role| {
        role.trust
            .present()
            .is_some_and(|trust| trust.to_json().contains("pods.eks.amazonaws.com"))
    })
}
