//! Summarise, the three conditions that feed Ready: role, trust and binding.
//! Facts after the pass in, verdicts out; no I/O. What could not be read leaves its verdict as it was.

use std::time::Duration;

use super::agent::{agent, webhook};
use super::role::{Basis, role, trust};
use super::{SummaryInput, Verdict};
use crate::model::condition::ConditionType;
use crate::model::fact::Fact;
use crate::model::field::{Field, Resource};
use crate::model::observed::{Association, ServiceAccount};
use crate::model::reason::Reason;
use crate::model::role_chain;
use crate::reconcile::desired::{Desired, DesiredAssociation, DesiredState, OtherBindings};
use crate::reconcile::diff::Drift;
use crate::reconcile::transition::TransitionState;

/// The verdicts that feed Ready.
pub(super) struct ReadyInputs {
    pub role: Verdict,
    pub trust: Verdict,
    pub binding: Verdict,
    /// How long the binding still needs to reach new pods.
    pub settles_in: Option<Duration>,
}

impl ReadyInputs {
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
            .all(|(_, verdict)| verdict.status == crate::model::condition::ConditionStatus::True)
    }
}

pub(super) fn judge(input: &SummaryInput<'_>, drift: &Drift) -> ReadyInputs {
    let Desired::Present(wanted) = &input.decision.desired else {
        let going = || Verdict::fails(Reason::Deleting, "The object is being deleted.");
        return ReadyInputs {
            role: going(),
            trust: going(),
            binding: going(),
            settles_in: None,
        };
    };
    if let TransitionState::Unknown(_, why) = &input.decision.transition {
        let as_before = |kind| Verdict::as_before(input.previous, kind, "The binding in effect", why);
        return ReadyInputs {
            role: as_before(ConditionType::RoleReady),
            trust: as_before(ConditionType::TrustReady),
            binding: as_before(ConditionType::BindingReady),
            settles_in: None,
        };
    }
    let (settles_in, basis) = (settles_in(input), Basis::of(input));
    ReadyInputs {
        role: role(&basis, drift, wanted),
        trust: trust(&basis, drift, wanted),
        binding: binding(input, drift, wanted, settles_in),
        settles_in,
    }
}

fn binding(
    input: &SummaryInput<'_>,
    drift: &Drift,
    wanted: &DesiredState,
    settles_in: Option<Duration>,
) -> Verdict {
    let kind = ConditionType::BindingReady;
    let conflict = [Resource::Association, Resource::ServiceAccount]
        .into_iter()
        .find_map(|on| drift.conflict_on(on));
    if let Some(conflict) = conflict {
        return Verdict::fails(conflict.reason, conflict.message.clone());
    }
    let association = match (&input.after.association, &wanted.association) {
        (Fact::Unreadable(why), _) => {
            return Verdict::as_before(input.previous, kind, "The association", why);
        }
        (Fact::Present(found), Some(want)) => return associated(input, wanted, want, found, settles_in),
        (Fact::Absent, Some(_)) => false,
        (Fact::Present(_), None) if wanted.other_bindings != OtherBindings::Drift => true,
        (Fact::Present(_), None) => {
            return Verdict::fails(
                Reason::BindingDrifted,
                "An association of this ServiceAccount is still there and would win over its annotation.",
            );
        }
        (Fact::Absent, None) => true,
    };
    if !association {
        return agent(input, wanted).unwrap_or_else(|| {
            Verdict::fails(
                Reason::BindingMissing,
                format!("The association of {} is not there yet.", wanted.subject),
            )
        });
    }
    match &input.after.service_account {
        Fact::Unreadable(why) => Verdict::as_before(input.previous, kind, "The ServiceAccount", why),
        Fact::Absent => {
            let what_next = match wanted.create_service_account {
                true => "It is created once the role is in place.",
                false => "Create it, or set spec.serviceAccount.create: true.",
            };
            Verdict::fails(
                Reason::ServiceAccountMissing,
                format!("ServiceAccount {} does not exist. {what_next}", wanted.subject),
            )
        }
        Fact::Present(account) => annotated(input, drift, wanted, account),
    }
}

fn associated(
    input: &SummaryInput<'_>,
    wanted: &DesiredState,
    want: &DesiredAssociation,
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
    if let Some(verdict) = agent(input, wanted) {
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
            chain_message(wanted, want, found)
        ),
    )
}

/// What each side of a chain has to have: the target role is somebody else's and cannot be looked into.
fn chain_message(wanted: &DesiredState, want: &DesiredAssociation, found: &Association) -> String {
    let Some(target) = &want.target_role_arn else {
        return String::new();
    };
    let external_id = found.external_id.as_deref();
    let trust = role_chain::trust(&want.role_arn, &wanted.subject, external_id, want.session_tags);
    format!(
        " EKS goes on to {target}, whose trust has to have {}; the permissions of {} have to have {}.",
        trust.to_json(),
        want.role_arn.name,
        role_chain::permission(target).to_json()
    )
}

fn annotated(
    input: &SummaryInput<'_>,
    drift: &Drift,
    wanted: &DesiredState,
    account: &ServiceAccount,
) -> Verdict {
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
        let found = found.map_or("nothing".to_owned(), |found| {
            crate::model::text::quote(&found.value)
        });
        return Verdict::fails(
            reason,
            format!(
                "ServiceAccount {}: annotation {key} is wanted as {value} and found as {found}.",
                wanted.subject
            ),
        );
    }
    if let Fact::Unreadable(why) = &input.after.provider {
        return Verdict::as_before(
            input.previous,
            ConditionType::BindingReady,
            "The IAM OIDC provider",
            why,
        );
    }
    if drift.of(&Field::Provider).is_some() {
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
    webhook(input, wanted).unwrap_or_else(|| {
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
fn settles_in(input: &SummaryInput<'_>) -> Option<Duration> {
    let modified = input.after.association.present()?.modified_at?;
    let reaches = modified
        .checked_add(jiff::SignedDuration::try_from(input.timings.propagation).ok()?)
        .ok()?;
    let left = input.now.duration_until(reaches);
    left.is_positive()
        .then(|| left.unsigned_abs().min(input.timings.propagation))
}
