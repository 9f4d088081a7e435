//! Conflict messages: the owner of a role or an association that blocks a step, and the next action. The
//! desired and the observed state in, sentences out; no I/O.
//!
//! Tenants read these messages: they name the owner, and nothing about the permissions of the role.

use crate::model::annotation::ANNOTATION_ADOPT;
use crate::model::arn::RoleArn;
use crate::model::observed::Association;
use crate::model::text::quote;
use crate::ownership::tags::TaggedOwner;
use crate::reconcile::desired::DesiredState;

/// The message for a role of the desired name that has another owner. `elsewhere` is its ARN if its path differs.
pub(super) fn role(desired: &DesiredState, owner: &TaggedOwner, elsewhere: Option<&RoleArn>) -> String {
    let requested = &desired.binding.role_arn;
    let arn = elsewhere.unwrap_or(requested);
    let what = match elsewhere {
        Some(arn) => format!(
            "Role {requested} exists as {arn}, since role names are unique in an account whatever their path, and"
        ),
        None => format!("Role {requested} exists and"),
    };
    let alternative = "choose another role.managed.name";
    if arn.is_reserved() {
        return format!(
            "{what} is reserved by AWS and cannot be changed. {}.",
            capitalised(alternative)
        );
    }
    let alternative = match owner {
        TaggedOwner::OtherIdentity(_) | TaggedOwner::Subject => alternative.to_owned(),
        TaggedOwner::Released | TaggedOwner::Tool(_) | TaggedOwner::Untagged => {
            format!("{alternative}, or name the role under role.existing")
        }
    };
    let annotation = desired.adoption.with_role(arn);
    let next = next_action(desired, owner, &arn.to_string(), &annotation, &alternative);
    format!("{what} {owner}. {next}")
}

/// The message for an association of the ServiceAccount that has another owner.
pub(super) fn association(desired: &DesiredState, observed: &Association) -> String {
    let (id, subject) = (quote(&observed.id), &desired.subject);
    let role = &observed.role_arn;
    if let Some(addon) = &observed.owner_arn {
        let addon = quote(addon);
        return format!(
            "Association {id} maps ServiceAccount {subject} to role {role} and belongs to the EKS add-on {addon}. Lanyard never changes resources of add-ons. Set the role on the add-on, or delete this WorkloadIdentity."
        );
    }
    let owner = TaggedOwner::of(subject, &observed.tags);
    let annotation = desired.adoption.with_association(&observed.arn);
    let alternative = "delete the association, or delete this WorkloadIdentity";
    let next = next_action(desired, &owner, &observed.arn, &annotation, alternative);
    format!("Association {id} maps ServiceAccount {subject} to role {role} and {owner}. {next}")
}

/// The message for a ServiceAccount of an EKS add-on without an association.
pub(super) fn add_on_account(desired: &DesiredState) -> String {
    let subject = &desired.subject;
    format!(
        "An EKS add-on owns ServiceAccount {subject}. The add-on cannot take over an association that it did not create, so its next update could fail. Set the role on the add-on (aws eks update-addon --pod-identity-associations), and delete this WorkloadIdentity."
    )
}

fn next_action(
    desired: &DesiredState,
    owner: &TaggedOwner,
    arn: &str,
    annotation: &str,
    alternative: &str,
) -> String {
    let subject = &desired.subject;
    let annotate = format!(
        "kubectl annotate --overwrite -n {} workloadidentity {} {ANNOTATION_ADOPT}={annotation}",
        subject.namespace, subject.name
    );
    let is_requested = desired.adoption.requests(arn);
    let is_allowed = desired.adoption.allowed.allows(arn) && !desired.frozen;
    match owner {
        TaggedOwner::OtherIdentity(_) if is_allowed && is_requested => format!(
            "Delete that WorkloadIdentity with deletionPolicy: Retain, and this one adopts it. Or {alternative}."
        ),
        TaggedOwner::OtherIdentity(_) if is_allowed => format!(
            "To take it over, delete that WorkloadIdentity with deletionPolicy: Retain, then run: {annotate}. Or {alternative}."
        ),
        TaggedOwner::OtherIdentity(_) => {
            format!("Wait until that WorkloadIdentity is deleted, or {alternative}.")
        }
        TaggedOwner::Tool(_) if is_allowed => {
            format!("To adopt it, run: {annotate}, and stop that tool from managing it. Or {alternative}.")
        }
        TaggedOwner::Subject | TaggedOwner::Released | TaggedOwner::Untagged if is_allowed => {
            format!("To adopt it, run: {annotate}. Or {alternative}.")
        }
        TaggedOwner::Subject | TaggedOwner::Released | TaggedOwner::Untagged | TaggedOwner::Tool(_) => {
            let class = "guardrails.adopt of the class does not allow this object to adopt it";
            format!("{}; {class}.", capitalised(alternative))
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}
