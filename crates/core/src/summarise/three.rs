//! Summarise, the three conditions that feed Ready: role, trust and binding.
//! Facts after the pass in, verdicts out; no I/O. What could not be read leaves its verdict as it was.

use std::time::Duration;

use super::agent::{agent, webhook};
use super::{Told, Verdict, recreated};
use crate::aspect::{Aspect, Resource};
use crate::condition::ConditionType;
use crate::desired::{Desired, Others, Wanted, WantedAssociation, WantedRole};
use crate::drift::{Cause, Conflict, Drift};
use crate::fact::{Fact, Why};
use crate::observed::{Association, RoleFacts, ServiceAccount};
use crate::ownership::Holding;
use crate::policy::{Admission, Statement, chain};
use crate::reason::Reason;
use crate::stage::Stage;
use crate::text;
use crate::trusting;

/// The verdicts that feed Ready.
pub(super) struct Three {
    pub role: Verdict,
    pub trust: Verdict,
    pub binding: Verdict,
    /// How long the binding still needs to reach new pods.
    pub settles_in: Option<Duration>,
}

impl Three {
    pub(super) fn all(&self) -> [(ConditionType, &Verdict); 3] {
        [
            (ConditionType::RoleReady, &self.role),
            (ConditionType::TrustReady, &self.trust),
            (ConditionType::BindingReady, &self.binding),
        ]
    }

    pub(super) fn ready(&self) -> bool {
        self.all()
            .iter()
            .all(|(_, verdict)| verdict.status == crate::condition::ConditionStatus::True)
    }
}

pub(super) fn judge(told: &Told<'_>, drift: &Drift) -> Three {
    let Desired::Present(wanted) = &told.look.desired else {
        let going = || Verdict::fails(Reason::Deleting, "The object is being deleted.");
        return Three {
            role: going(),
            trust: going(),
            binding: going(),
            settles_in: None,
        };
    };
    if let Stage::Unknown(_, why) = &told.look.stage {
        let as_before = |kind| Verdict::as_before(told.previous, kind, "The binding in effect", why);
        return Three {
            role: as_before(ConditionType::RoleReady),
            trust: as_before(ConditionType::TrustReady),
            binding: as_before(ConditionType::BindingReady),
            settles_in: None,
        };
    }
    let settles_in = settles_in(told);
    Three {
        role: role(told, drift, wanted),
        trust: trust(told, drift, wanted),
        binding: binding(told, drift, wanted, settles_in),
        settles_in,
    }
}

fn role(told: &Told<'_>, drift: &Drift, wanted: &Wanted) -> Verdict {
    let arn = &wanted.binding.role_arn;
    if let Some(conflict) = others_role(drift, wanted) {
        return Verdict::fails(conflict.reason, conflict.message.clone());
    }
    let facts = told.after.role(arn);
    if let Some(found) = &facts.elsewhere {
        let message = format!("There is no role {arn}; the role of that name is {found}. Correct the ARN.");
        return Verdict::fails(Reason::RoleNotFound, message);
    }
    match (&facts.id, &wanted.role, &facts.tags) {
        // Whose a role is stands in its tags.
        (Fact::Unreadable(why), _, _) | (Fact::Present(_), WantedRole::Shared(_), Fact::Unreadable(why)) => {
            Verdict::as_before(
                told.previous,
                ConditionType::RoleReady,
                &format!("Role {arn}"),
                why,
            )
        }
        (Fact::Absent, WantedRole::Managed(_) | WantedRole::Adopted(..) | WantedRole::Held, _) => {
            Verdict::fails(
                Reason::RoleMissing,
                format!("Role {arn} is wanted and not there yet."),
            )
        }
        (Fact::Absent, WantedRole::Existing | WantedRole::Shared(_), _) => Verdict::fails(
            Reason::RoleNotFound,
            format!("spec.role.existing names {arn}, which does not exist. Create it, or correct the ARN."),
        ),
        (Fact::Present(_), _, _) => role_in_place(told, drift, wanted, &facts),
    }
}

/// What keeps the role from being Lanyard's. What stands against a statement of its trust alone, or against adding to a
/// role that is adopted already, is judged by its effect.
fn others_role<'a>(drift: &'a Drift, wanted: &Wanted) -> Option<&'a Conflict> {
    let conflict = drift.conflict_on(Resource::Role)?;
    let by_effect = match conflict.reason {
        Reason::StatementConflict => true,
        Reason::BoundaryMissing => wanted.holds.role == Holding::Adopted,
        _ => false,
    };
    (!by_effect).then_some(conflict)
}

/// A role that is there is in place when nothing of it waits to be applied, as far as it could be read.
fn role_in_place(told: &Told<'_>, drift: &Drift, wanted: &Wanted, facts: &RoleFacts) -> Verdict {
    let arn = &wanted.binding.role_arn;
    if let Some(field) = unfinished_role(drift) {
        return Verdict::fails(
            Reason::Progressing,
            format!("Role {arn}: {field} is not yet as the spec asks."),
        );
    }
    if let Some((field, why)) = unknown_of_role(drift) {
        let what = format!("{field} of role {arn}");
        return Verdict::as_before(told.previous, ConditionType::RoleReady, &what, why);
    }
    let adopted = match wanted.role {
        WantedRole::Adopted(..) => "adopted and ",
        _ => "",
    };
    let in_place = || Verdict::holds(Reason::RoleInPlace, format!("Role {arn} is {adopted}in place."));
    recreated::verdict(told, arn, facts).unwrap_or_else(in_place)
}

/// The first field of the role that the spec asks for and that could not be read.
fn unknown_of_role(drift: &Drift) -> Option<(String, &Why)> {
    drift.differences.iter().find_map(|difference| {
        let asked = difference.aspect.resource() == Resource::Role
            && !difference.aspect.is_trust()
            && difference.wanted.is_some();
        match &difference.cause {
            Cause::Unreadable(why) if asked => Some((difference.aspect.to_string(), why)),
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
        .filter(|difference| difference.aspect.resource() == Resource::Role && !difference.aspect.is_trust())
        .find(|difference| difference.cause == Cause::Spec)
        .map(|difference| difference.aspect.to_string())
}

fn trust(told: &Told<'_>, drift: &Drift, wanted: &Wanted) -> Verdict {
    let arn = &wanted.binding.role_arn;
    let subject = &wanted.subject;
    if let Some(conflict) = others_role(drift, wanted) {
        return Verdict::fails(
            conflict.reason,
            format!("Role {arn} is not Lanyard's, so its trust is left alone."),
        );
    }
    let found = match told.after.role(arn).trust {
        Fact::Present(found) => found,
        Fact::Absent => {
            return Verdict::fails(
                Reason::TrustMissing,
                format!("Role {arn} is not there, so nothing trusts {subject}."),
            );
        }
        Fact::Unreadable(why) => {
            let what = format!("The trust policy of {arn}");
            return Verdict::as_before(told.previous, ConditionType::TrustReady, &what, &why);
        }
    };
    match trusting::admission(&found, wanted.request()) {
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
        Admission::Denied { by, why } => Verdict::fails(
            Reason::TrustDenied,
            format!("{by} of the trust policy of {arn} shuts {subject} out. {why}"),
        ),
        Admission::Undecided { why } => Verdict::unknown(
            Reason::TrustUndecided,
            format!("Whether the trust policy of {arn} lets {subject} in cannot be told from outside. {why}"),
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

fn binding(told: &Told<'_>, drift: &Drift, wanted: &Wanted, settles_in: Option<Duration>) -> Verdict {
    let kind = ConditionType::BindingReady;
    let conflict = [Resource::Association, Resource::ServiceAccount]
        .into_iter()
        .find_map(|on| drift.conflict_on(on));
    if let Some(conflict) = conflict {
        return Verdict::fails(conflict.reason, conflict.message.clone());
    }
    let association = match (&told.after.association, &wanted.association) {
        (Fact::Unreadable(why), _) => return Verdict::as_before(told.previous, kind, "The association", why),
        (Fact::Present(found), Some(want)) => return associated(told, wanted, want, found, settles_in),
        (Fact::Absent, Some(_)) => false,
        (Fact::Present(_), None) if wanted.others != Others::Drift => true,
        (Fact::Present(_), None) => {
            return Verdict::fails(
                Reason::BindingDrifted,
                "An association of this ServiceAccount is still there and would win over its annotation.",
            );
        }
        (Fact::Absent, None) => true,
    };
    if !association {
        return agent(told, wanted).unwrap_or_else(|| {
            Verdict::fails(
                Reason::BindingMissing,
                format!("The association of {} is not there yet.", wanted.subject),
            )
        });
    }
    match &told.after.service_account {
        Fact::Unreadable(why) => Verdict::as_before(told.previous, kind, "The ServiceAccount", why),
        Fact::Absent => Verdict::fails(
            Reason::ServiceAccountMissing,
            format!(
                "ServiceAccount {} does not exist. Create it, or set spec.serviceAccount.create: true.",
                wanted.subject
            ),
        ),
        Fact::Present(account) => annotated(told, drift, wanted, account),
    }
}

fn associated(
    told: &Told<'_>,
    wanted: &Wanted,
    want: &WantedAssociation,
    found: &Association,
    settles_in: Option<Duration>,
) -> Verdict {
    let id = &found.id;
    if found.role_arn != want.role_arn
        || found.target_role_arn != want.target_role_arn
        || found.session_tags != want.session_tags
    {
        return Verdict::fails(
            Reason::BindingDrifted,
            format!(
                "Association {id} gives {} {}; wanted is {}. See status.drift.",
                wanted.subject, found.role_arn, want.role_arn
            ),
        );
    }
    if let Some(verdict) = agent(told, wanted) {
        return verdict;
    }
    if settles_in.is_some() {
        return Verdict::fails(
            Reason::Settling,
            format!("Association {id} is in place; AWS needs some seconds before new pods get it."),
        );
    }
    let whole_cluster = if want.session_tags {
        ""
    } else {
        " Session tags are off, so the role's trust admits every ServiceAccount of the cluster that is associated with it."
    };
    Verdict::holds(
        Reason::BindingInPlace,
        format!(
            "Association {id} gives {} {}.{whole_cluster}{}",
            wanted.subject,
            want.role_arn,
            chain_told(wanted, want, found)
        ),
    )
}

/// What each side of a chain has to have: the target role is somebody else's and cannot be looked into.
fn chain_told(wanted: &Wanted, want: &WantedAssociation, found: &Association) -> String {
    let Some(target) = &want.target_role_arn else {
        return String::new();
    };
    let external_id = found.external_id.as_deref();
    let trust = chain::trust(&want.role_arn, &wanted.subject, external_id, want.session_tags);
    format!(
        " EKS goes on to {target}, whose trust has to have {}; the permissions of {} have to have {}.",
        trust.to_json(),
        want.role_arn.name,
        chain::permission(target).to_json()
    )
}

fn annotated(told: &Told<'_>, drift: &Drift, wanted: &Wanted, account: &ServiceAccount) -> Verdict {
    let wrong = wanted.annotations.iter().find(|(key, value)| {
        account
            .annotations
            .get(*key)
            .is_none_or(|found| found.value != **value)
    });
    if let Some((key, value)) = wrong {
        let found = account.annotations.get(key);
        let reason = if found.is_some() {
            Reason::BindingDrifted
        } else {
            Reason::BindingMissing
        };
        let found = found.map_or("nothing".to_owned(), |found| crate::text::quote(&found.value));
        return Verdict::fails(
            reason,
            format!(
                "ServiceAccount {}: annotation {key} is wanted as {value} and found as {found}.",
                wanted.subject
            ),
        );
    }
    if let Fact::Unreadable(why) = &told.after.provider {
        return Verdict::as_before(
            told.previous,
            ConditionType::BindingReady,
            "The IAM OIDC provider",
            why,
        );
    }
    if drift.of(&Aspect::Provider).is_some() {
        let arn = wanted
            .provider
            .as_ref()
            .map(|provider| provider.arn.as_str())
            .unwrap_or_default();
        return Verdict::fails(
            Reason::ProviderMissing,
            format!("The IAM OIDC provider {arn} is missing or lacks the audience."),
        );
    }
    webhook(told, wanted).unwrap_or_else(|| {
        Verdict::holds(
            Reason::BindingInPlace,
            format!(
                "ServiceAccount {} is annotated with {}.",
                wanted.subject, wanted.binding.role_arn
            ),
        )
    })
}

/// How long an association that just changed still needs to reach new pods.
fn settles_in(told: &Told<'_>) -> Option<Duration> {
    let modified = told.after.association.present()?.modified_at?;
    let reaches = modified
        .checked_add(jiff::SignedDuration::try_from(told.timings.propagation).ok()?)
        .ok()?;
    let left = told.now.duration_until(reaches);
    left.is_positive()
        .then(|| left.unsigned_abs().min(told.timings.propagation))
}
