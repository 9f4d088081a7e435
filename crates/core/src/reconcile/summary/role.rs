//! Summarise, the role: whether it is in place and whether its trust lets the subject in. Facts of a look, or of a page of
//! a sweep, in; verdicts out; no I/O. What could not be read leaves its verdict as it was.

use super::{SummaryInput, Verdict, recreated};
use crate::model::condition::ConditionType;
use crate::model::fact::{Fact, ReadError};
use crate::model::field::Resource;
use crate::model::observed::{Observed, RoleFacts};
use crate::model::reason::Reason;
use crate::model::status::Status;
use crate::model::text;
use crate::ownership::Ownership;
use crate::reconcile::admission;
use crate::reconcile::desired::{DesiredRole, DesiredState};
use crate::reconcile::diff::{Cause, Conflict, Drift};
use lanyard_iam_policy::{Admission, Statement};

/// What the verdicts on a role rest on, whether a look or a page of a sweep shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Basis<'a> {
    pub after: &'a Observed,
    pub previous: &'a Status,
    pub generation: i64,
}

impl<'a> Basis<'a> {
    pub(super) fn of(input: &SummaryInput<'a>) -> Self {
        Self {
            after: input.after,
            previous: input.previous,
            generation: input.generation,
        }
    }
}

/// Whether the role is in place.
pub(crate) fn role(basis: &Basis<'_>, drift: &Drift, wanted: &DesiredState) -> Verdict {
    let arn = &wanted.binding.role_arn;
    if let Some(conflict) = others_role(drift, wanted) {
        return Verdict::fails(conflict.reason, conflict.message.clone());
    }
    let facts = basis.after.role(arn);
    if let Some(found) = &facts.elsewhere {
        let message = format!("There is no role {arn}; the role of that name is {found}. Correct the ARN.");
        return Verdict::fails(Reason::RoleNotFound, message);
    }
    match (&facts.id, &wanted.role, &facts.tags) {
        // Whose a role is stands in its tags.
        (Fact::Unreadable(why), _, _) | (Fact::Present(_), DesiredRole::Shared(_), Fact::Unreadable(why)) => {
            Verdict::as_before(
                basis.previous,
                ConditionType::RoleReady,
                &format!("Role {arn}"),
                why,
            )
        }
        (Fact::Absent, DesiredRole::Managed(_) | DesiredRole::Adopted(..) | DesiredRole::Held, _) => {
            Verdict::fails(
                Reason::RoleMissing,
                format!("Role {arn} is wanted and not there yet."),
            )
        }
        (Fact::Absent, DesiredRole::Existing | DesiredRole::Shared(_), _) => Verdict::fails(
            Reason::RoleNotFound,
            format!("spec.role.existing names {arn}, which does not exist. Create it, or correct the ARN."),
        ),
        (Fact::Present(_), _, _) => role_in_place(basis, drift, wanted, &facts),
    }
}

/// What keeps the role from being Lanyard's. What stands against a statement of its trust alone, or against adding to a
/// role that is adopted already, is judged by its effect.
fn others_role<'a>(drift: &'a Drift, wanted: &DesiredState) -> Option<&'a Conflict> {
    let conflict = drift.conflict_on(Resource::Role)?;
    let by_effect = match conflict.reason {
        Reason::StatementConflict => true,
        Reason::BoundaryMissing => wanted.holds.role == Ownership::Adopted,
        _ => false,
    };
    (!by_effect).then_some(conflict)
}

/// A role that is there is in place when nothing of it waits to be applied, as far as it could be read.
fn role_in_place(basis: &Basis<'_>, drift: &Drift, wanted: &DesiredState, facts: &RoleFacts) -> Verdict {
    let arn = &wanted.binding.role_arn;
    if let Some(field) = unfinished_role(drift) {
        return Verdict::fails(
            Reason::Progressing,
            format!("Role {arn}: {field} is not yet as the spec asks."),
        );
    }
    if let Some((field, why)) = unknown_of_role(drift) {
        let what = format!("{field} of role {arn}");
        return Verdict::as_before(basis.previous, ConditionType::RoleReady, &what, why);
    }
    let adopted = match wanted.role {
        DesiredRole::Adopted(..) => "adopted and ",
        _ => "",
    };
    let in_place = || Verdict::holds(Reason::RoleInPlace, format!("Role {arn} is {adopted}in place."));
    recreated::verdict(basis, &wanted.subject, arn, facts).unwrap_or_else(in_place)
}

/// The first field of the role that the spec asks for and that could not be read.
fn unknown_of_role(drift: &Drift) -> Option<(String, &ReadError)> {
    drift.differences.iter().find_map(|difference| {
        let asked = difference.field.resource() == Resource::Role
            && !difference.field.is_trust()
            && difference.desired.is_some();
        match &difference.cause {
            Cause::Unreadable(why) if asked => Some((difference.field.to_string(), why)),
            _ => None,
        }
    })
}

/// The first field of the role that the spec has changed and that is not applied yet. Drift does not count: a pod
/// still gets the role.
fn unfinished_role(drift: &Drift) -> Option<String> {
    drift
        .differences
        .iter()
        .filter(|difference| difference.field.resource() == Resource::Role && !difference.field.is_trust())
        .find(|difference| difference.cause == Cause::Spec)
        .map(|difference| difference.field.to_string())
}

/// Whether the role's trust lets the subject in.
pub(crate) fn trust(basis: &Basis<'_>, drift: &Drift, wanted: &DesiredState) -> Verdict {
    let arn = &wanted.binding.role_arn;
    let subject = &wanted.subject;
    if let Some(conflict) = others_role(drift, wanted) {
        return Verdict::fails(
            conflict.reason,
            format!("Role {arn} is not Lanyard's, so its trust is left alone."),
        );
    }
    let found = match basis.after.role(arn).trust {
        Fact::Present(found) => found,
        Fact::Absent => {
            return Verdict::fails(
                Reason::TrustMissing,
                format!("Role {arn} is not there, so nothing trusts {subject}."),
            );
        }
        Fact::Unreadable(why) => {
            let what = format!("The trust policy of {arn}");
            return Verdict::as_before(basis.previous, ConditionType::TrustReady, &what, &why);
        }
    };
    match admission::admission(&found, wanted.request()) {
        Admission::Admitted { wider, .. } if wider.is_empty() => Verdict::holds(
            Reason::TrustInPlace,
            format!("The trust policy of {arn} lets {subject} in."),
        ),
        Admission::Admitted { wider, .. } => Verdict::holds(
            Reason::TrustInPlace,
            format!(
                "The trust policy of {arn} lets {subject} in; beside it, it admits {}.",
                text::list(&wider)
            ),
        ),
        Admission::Denied { statement, reason } => Verdict::fails(
            Reason::TrustDenied,
            format!("{statement} of the trust policy of {arn} shuts {subject} out. {reason}"),
        ),
        Admission::Undecided { reason } => Verdict::unknown(
            Reason::TrustNotVerifiable,
            format!("Whether the trust policy of {arn} lets {subject} in cannot be evaluated. {reason}"),
        ),
        Admission::NotAdmitted { nearest } => {
            let statement = wanted
                .trust
                .statements()
                .first()
                .map(Statement::to_json)
                .unwrap_or_default();
            let nearest = nearest.map(|hint| format!(" {hint}")).unwrap_or_default();
            Verdict::fails(
                Reason::TrustMissing,
                format!(
                    "The trust policy of {arn} does not let {subject} in.{nearest} This statement is missing: {statement}"
                ),
            )
        }
    }
}
