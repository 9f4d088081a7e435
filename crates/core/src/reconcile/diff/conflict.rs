//! Diff, conflicts: whose a role or an association is that stands in the way, and the next thing to do about it.
//! What is wanted and what was found in, sentences out; no I/O. Called by `diff` only.
//!
//! A tenant reads them: they name the owner, and nothing of what the role may do.

use crate::model::annotation::ANNOTATION_ADOPT;
use crate::model::arn::RoleArn;
use crate::model::observed::Association;
use crate::model::text::quote;
use crate::ownership::tags::TaggedOwner;
use crate::reconcile::desired::DesiredState;

/// A role of the wanted name that is not this subject's. `elsewhere`: where it really is, when that is another path.
pub(super) fn role(wanted: &DesiredState, owner: &TaggedOwner, elsewhere: Option<&RoleArn>) -> String {
    let asked = &wanted.binding.role_arn;
    let found = elsewhere.unwrap_or(asked);
    let what = match elsewhere {
        Some(found) => format!(
            "Role {asked} is really {found}, since names are unique in an account whatever their path, and"
        ),
        None => format!("Role {asked} exists and"),
    };
    let otherwise = "choose another role.managed.name";
    if found.is_reserved() {
        return format!("{what} belongs to AWS itself, which nobody may change: {otherwise}.");
    }
    let otherwise = match owner {
        TaggedOwner::OtherIdentity(_) | TaggedOwner::Subject => otherwise.to_owned(),
        TaggedOwner::Released | TaggedOwner::Tool(_) | TaggedOwner::Untagged => {
            format!("{otherwise}, or name the role under role.existing")
        }
    };
    let annotation = wanted.adoption.with_role(found);
    let next = next_step(wanted, owner, &found.to_string(), &annotation, &otherwise);
    format!("{what} {owner}. {next}")
}

/// The association of the ServiceAccount, when it is not this subject's.
pub(super) fn association(wanted: &DesiredState, found: &Association) -> String {
    let (id, subject) = (quote(&found.id), &wanted.subject);
    let what = format!("Association {id} for ServiceAccount {subject} exists and");
    let gives = format!("it gives new pods {}", found.role_arn);
    if let Some(addon) = &found.owner_arn {
        let addon = quote(addon);
        return format!(
            "{what} belongs to the EKS add-on {addon}, whose things are never changed; {gives}. Set the role on the add-on, or leave this ServiceAccount to it."
        );
    }
    let owner = TaggedOwner::of(subject, &found.tags);
    let annotation = wanted.adoption.with_association(&found.arn);
    let otherwise = "delete it, or leave this ServiceAccount to its owner";
    let next = next_step(wanted, &owner, &found.arn, &annotation, otherwise);
    format!("{what} {owner}; {gives}. {next}")
}

fn next_step(
    wanted: &DesiredState,
    owner: &TaggedOwner,
    arn: &str,
    annotation: &str,
    otherwise: &str,
) -> String {
    let subject = &wanted.subject;
    let annotate = format!(
        "kubectl annotate --overwrite -n {} workloadidentity {} {ANNOTATION_ADOPT}={annotation}",
        subject.namespace, subject.name
    );
    let asked = wanted.adoption.requests(arn);
    let allowed = wanted.adoption.allowed.allows(arn) && !wanted.frozen;
    match owner {
        TaggedOwner::OtherIdentity(_) if allowed && asked => format!(
            "What another WorkloadIdentity holds is not taken from it: delete that one with deletionPolicy: Retain, then this one adopts it. Or {otherwise}."
        ),
        TaggedOwner::OtherIdentity(_) if allowed => format!(
            "What another WorkloadIdentity holds is not taken from it. To hand it over, delete that one with deletionPolicy: Retain, and here: {annotate}. Or {otherwise}."
        ),
        TaggedOwner::OtherIdentity(_) => format!(
            "What another WorkloadIdentity holds is not taken from it. Wait until that one is deleted, or {otherwise}."
        ),
        TaggedOwner::Tool(_) if allowed => {
            format!("To adopt it: {annotate}, and keep its owner from changing it back. Or {otherwise}.")
        }
        TaggedOwner::Subject | TaggedOwner::Released | TaggedOwner::Untagged if allowed => {
            format!("To adopt it: {annotate}. Or {otherwise}.")
        }
        TaggedOwner::Subject | TaggedOwner::Released | TaggedOwner::Untagged | TaggedOwner::Tool(_) => {
            let class = "guardrails.adopt of its class does not let this object adopt it";
            let mut otherwise = otherwise.chars();
            let first = otherwise.next().map(|first| first.to_ascii_uppercase());
            let otherwise: String = first.into_iter().chain(otherwise).collect();
            format!("{otherwise}; {class}.")
        }
    }
}
