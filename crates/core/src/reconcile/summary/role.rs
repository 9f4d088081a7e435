//! The verdicts on the role: its existence, and the admission of the subject by its trust policy. Facts of a
//! reconcile or of a page of the drift scan in, verdicts out; no I/O. A role that could not be read keeps its
//! previous verdict.

use super::basis::Basis;
use super::recreated;
use super::verdict::Verdict;
use crate::model::annotation::ANNOTATION_VERIFIED_TRUST;
use crate::model::condition::ConditionType;
use crate::model::fact::{Fact, ReadError};
use crate::model::field::{Field, Resource};
use crate::model::observed::RoleFacts;
use crate::model::reason::Reason;
use crate::model::text;
use crate::ownership::Ownership;
use crate::reconcile::admission;
use crate::reconcile::desired::{DesiredRole, DesiredState};
use crate::reconcile::diff::{Cause, Conflict, Drift};
use lanyard_iam_policy::{Admission, Document, Statement};

/// The verdict on the existence of the role.
pub(crate) fn role(basis: &Basis<'_>, drift: &Drift, desired: &DesiredState) -> Verdict {
    let arn = &desired.binding.role_arn;
    if let Some(conflict) = ownership_conflict(drift, desired) {
        return Verdict::unmet(conflict.reason, conflict.message.clone());
    }
    let facts = basis.after.role(arn);
    if let Some(actual) = &facts.elsewhere {
        let message =
            format!("Role {arn} does not exist. The role of that name is {actual}. Correct the ARN.");
        return Verdict::unmet(Reason::RoleNotFound, message);
    }
    match (&facts.id, &desired.role, &facts.tags) {
        // The owner of a role is named in its tags.
        (Fact::Unreadable(error), _, _)
        | (Fact::Present(_), DesiredRole::Shared(_), Fact::Unreadable(error)) => {
            as_before(basis, ConditionType::RoleReady, &format!("Role {arn}"), error)
        }
        (Fact::Absent, DesiredRole::Managed(_) | DesiredRole::Adopted(..) | DesiredRole::Unchanged, _) => {
            Verdict::unmet(Reason::RoleMissing, missing_message(drift, desired))
        }
        (Fact::Absent, DesiredRole::Existing | DesiredRole::Shared(_), _) => Verdict::unmet(
            Reason::RoleNotFound,
            format!("Role {arn} does not exist. Create it, or correct the ARN in spec.role.existing."),
        ),
        (Fact::Present(_), _, _) => role_in_place(basis, drift, desired, &facts),
    }
}

/// The message about a managed role that does not exist: who creates it, and where to look if it stays missing.
fn missing_message(drift: &Drift, desired: &DesiredState) -> String {
    let arn = &desired.binding.role_arn;
    let cause = drift.of(&Field::Role).map(|difference| &difference.cause);
    match cause {
        Some(Cause::OutOfBand | Cause::Contested) => format!(
            "Role {arn} was deleted out of band. Lanyard creates it again under driftPolicy: Correct; with Report, revert the deletion or change the policy."
        ),
        Some(Cause::Frozen) => format!("Role {arn} does not exist, and the identity is frozen. See Stalled."),
        _ => format!(
            "Role {arn} does not exist yet. Lanyard creates it next; if it stays missing, Stalled or Reconciling names the cause."
        ),
    }
}

fn as_before(basis: &Basis<'_>, kind: ConditionType, what: &str, error: &ReadError) -> Verdict {
    Verdict::as_before(basis.previous, kind, what, error, basis.consistency)
}

/// Returns the conflict over the ownership of the role, or `None` if there is none. A conflict over one
/// statement of the trust policy, or over additions to a role that is already adopted, is judged by its
/// effect instead.
fn ownership_conflict<'a>(drift: &'a Drift, desired: &DesiredState) -> Option<&'a Conflict> {
    let conflict = drift.conflict_on(Resource::Role)?;
    let is_judged_by_effect = match conflict.reason {
        Reason::StatementConflict => true,
        Reason::BoundaryMissing => desired.ownership.role == Ownership::Adopted,
        _ => false,
    };
    (!is_judged_by_effect).then_some(conflict)
}

/// An existing role is in place if no change of the spec is pending, as far as the role could be read.
fn role_in_place(basis: &Basis<'_>, drift: &Drift, desired: &DesiredState, facts: &RoleFacts) -> Verdict {
    let arn = &desired.binding.role_arn;
    if let Some(field) = pending_field(drift) {
        return Verdict::unmet(
            Reason::Progressing,
            format!("Role {arn}: {field} does not match the spec yet."),
        );
    }
    if let Some((field, error)) = unreadable_field(drift) {
        let what = format!("{field} of role {arn}");
        return as_before(basis, ConditionType::RoleReady, &what, error);
    }
    let adopted = match desired.role {
        DesiredRole::Adopted(..) => "adopted and ",
        _ => "",
    };
    let in_place = || Verdict::met(Reason::RoleInPlace, format!("Role {arn} is {adopted}in place."));
    recreated::verdict(basis, &desired.subject, arn, facts).unwrap_or_else(in_place)
}

/// Returns the first field of the role that the spec sets and that could not be read, or `None` if all could
/// be read.
fn unreadable_field(drift: &Drift) -> Option<(String, &ReadError)> {
    drift.differences.iter().find_map(|difference| {
        let is_in_spec = difference.field.resource() == Resource::Role
            && !difference.field.is_trust()
            && difference.desired.is_some();
        match &difference.cause {
            Cause::Unreadable(error) if is_in_spec => Some((difference.field.to_string(), error)),
            _ => None,
        }
    })
}

/// Returns the first field of the role with a change of the spec that is not applied yet, or `None` if there
/// is none. Drift does not count: a pod still gets the role.
fn pending_field(drift: &Drift) -> Option<String> {
    drift
        .differences
        .iter()
        .filter(|difference| difference.field.resource() == Resource::Role && !difference.field.is_trust())
        .find(|difference| difference.cause == Cause::Spec)
        .map(|difference| difference.field.to_string())
}

/// The verdict on the admission of the subject by the role's trust policy.
pub(crate) fn trust(basis: &Basis<'_>, drift: &Drift, desired: &DesiredState) -> Verdict {
    let arn = &desired.binding.role_arn;
    let subject = &desired.subject;
    if let Some(conflict) = ownership_conflict(drift, desired) {
        return Verdict::unmet(
            conflict.reason,
            format!("Lanyard does not manage the trust policy of role {arn}. See RoleReady."),
        );
    }
    match basis.after.role(arn).trust {
        Fact::Present(policy) => admission_verdict(basis, desired, &policy),
        Fact::Absent => Verdict::unmet(
            Reason::TrustMissing,
            format!("Role {arn} does not exist, so no trust policy admits {subject}."),
        ),
        Fact::Unreadable(error) => {
            let what = format!("The trust policy of {arn}");
            as_before(basis, ConditionType::TrustReady, &what, &error)
        }
    }
}

/// The verdict on a trust policy that only AWS can evaluate: a user can state that it admits the subject.
fn undecided(basis: &Basis<'_>, desired: &DesiredState, policy: &Document, reason: &str) -> Verdict {
    let (arn, subject) = (&desired.binding.role_arn, &desired.subject);
    let digest = admission::trust_digest(policy);
    if basis.after.object.verified_trust.as_ref() == Some(&digest) {
        let message = format!(
            "The annotation {ANNOTATION_VERIFIED_TRUST} states that the trust policy of {arn} admits {subject}. Lanyard cannot verify it. {reason}"
        );
        return Verdict::met(Reason::TrustVerified, message);
    }
    let message = format!(
        "Lanyard cannot verify that the trust policy of {arn} admits {subject}. {reason} If it does, run: kubectl annotate --overwrite -n {} workloadidentity {} {ANNOTATION_VERIFIED_TRUST}={digest}",
        subject.namespace, subject.name
    );
    Verdict::unknown(Reason::TrustNotVerifiable, message)
}

fn admission_verdict(basis: &Basis<'_>, desired: &DesiredState, policy: &Document) -> Verdict {
    let arn = &desired.binding.role_arn;
    let subject = &desired.subject;
    match admission::admission(policy, desired.request()) {
        Admission::Undecided { reason } => undecided(basis, desired, policy, &reason),
        Admission::Admitted { wider, .. } => {
            let wider = match wider.is_empty() {
                true => String::new(),
                false => format!(" It also admits {}.", text::list(&wider)),
            };
            Verdict::met(
                Reason::TrustInPlace,
                format!("The trust policy of {arn} admits {subject}.{wider}"),
            )
        }
        Admission::Denied { statement, reason } => Verdict::unmet(
            Reason::TrustDenied,
            format!(
                "{statement} of the trust policy of {arn} denies {subject}. {reason} Remove or narrow the statement."
            ),
        ),
        Admission::NotAdmitted { nearest } => {
            let statement = desired
                .trust
                .statements()
                .first()
                .map(Statement::to_json)
                .unwrap_or_default();
            let nearest = nearest.map(|hint| format!(" {hint}")).unwrap_or_default();
            Verdict::unmet(
                Reason::TrustMissing,
                format!(
                    "The trust policy of {arn} does not admit {subject}.{nearest} Add this statement: {statement}"
                ),
            )
        }
    }
}
