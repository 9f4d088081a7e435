//! The three conditions that feed `Ready`: role, trust policy and binding. Facts after the steps in, verdicts
//! out; no I/O. A resource that could not be read keeps its previous verdict.

use std::time::Duration;

use super::agent::{agent, webhook};
use super::basis::Basis;
use super::input::SummaryInput;
use super::pods::places_message;
use super::role::{role, trust};
use super::unreadable::limit_message;
use super::verdict::Verdict;
use crate::model::condition::{ConditionStatus, ConditionType};
use crate::model::fact::{Fact, ReadError};
use crate::model::field::{Field, Resource};
use crate::model::observed::{Association, ServiceAccount};
use crate::model::reason::Reason;
use crate::model::role_chain;
use crate::model::text::quote;
use crate::reconcile::desired::{Desired, DesiredAssociation, DesiredState, OtherBindings};
use crate::reconcile::diff::Drift;
use crate::reconcile::propagation;
use crate::reconcile::transition::TransitionState;

/// The verdicts that feed `Ready`.
pub(super) struct ReadyInputs {
    pub role: Verdict,
    pub trust: Verdict,
    pub binding: Verdict,
    /// The time until the binding has reached new pods.
    pub propagates_in: Option<Duration>,
}

impl ReadyInputs {
    pub(super) fn all(&self) -> [(ConditionType, &Verdict); 3] {
        [
            (ConditionType::RoleReady, &self.role),
            (ConditionType::TrustReady, &self.trust),
            (ConditionType::BindingReady, &self.binding),
        ]
    }

    pub(super) fn is_ready(&self) -> bool {
        self.all()
            .iter()
            .all(|(_, verdict)| verdict.status == ConditionStatus::True)
    }
}

pub(super) fn ready_inputs(input: &SummaryInput<'_>, drift: &Drift) -> ReadyInputs {
    let Desired::Present(desired) = &input.decision.desired else {
        let deleting = || Verdict::unmet(Reason::Deleting, "The object is being deleted.");
        return ReadyInputs {
            role: deleting(),
            trust: deleting(),
            binding: deleting(),
            propagates_in: None,
        };
    };
    if let TransitionState::Unknown(_, error) = &input.decision.transition {
        let as_before = |kind| {
            let consistency = Some(input.timings.read_consistency);
            Verdict::as_before(input.previous, kind, "The binding in effect", error, consistency)
        };
        return ReadyInputs {
            role: as_before(ConditionType::RoleReady),
            trust: as_before(ConditionType::TrustReady),
            binding: as_before(ConditionType::BindingReady),
            propagates_in: None,
        };
    }
    let basis = Basis::of(input);
    let trust = trust(&basis, drift, desired);
    let propagates_in = propagates_in(input, desired, &trust);
    ReadyInputs {
        role: role(&basis, drift, desired),
        trust,
        binding: binding(input, drift, desired, propagates_in),
        propagates_in,
    }
}

fn binding(
    input: &SummaryInput<'_>,
    drift: &Drift,
    desired: &DesiredState,
    propagates_in: Option<Duration>,
) -> Verdict {
    let conflict = [Resource::Association, Resource::ServiceAccount]
        .into_iter()
        .find_map(|resource| drift.conflict_on(resource));
    if let Some(conflict) = conflict {
        return Verdict::unmet(conflict.reason, conflict.message.clone());
    }
    let subject = &desired.subject;
    match (&input.after.association, &desired.association) {
        (Fact::Unreadable(error), _) => return as_before(input, "The association", error),
        (Fact::Present(observed), Some(association)) => {
            return associated(input, desired, association, observed, propagates_in);
        }
        (Fact::Absent, Some(_)) => {
            return agent(input, desired).unwrap_or_else(|| {
                let message = format!(
                    "The association of ServiceAccount {subject} does not exist yet.{}",
                    places_message(input, desired)
                );
                Verdict::unmet(Reason::BindingMissing, message)
            });
        }
        (Fact::Present(_), None) if desired.other_bindings == OtherBindings::Drift => {
            let message = format!(
                "ServiceAccount {subject} must have no association, because an association takes precedence over the IRSA annotation. It has one, see status.drift."
            );
            return Verdict::unmet(Reason::BindingDrifted, message);
        }
        (Fact::Present(_) | Fact::Absent, None) => {}
    }
    match &input.after.service_account {
        Fact::Unreadable(error) => as_before(input, "The ServiceAccount", error),
        Fact::Absent => {
            if desired.create_service_account && propagates_in.is_some() {
                let wait = propagation_message(input);
                let message =
                    format!("ServiceAccount {subject} does not exist. {wait} Lanyard creates it then.");
                return Verdict::unmet(Reason::Propagating, message);
            }
            let next = match desired.create_service_account {
                true => "Lanyard creates it once the role is in place.",
                false => "Create it, or set spec.serviceAccount.create: true.",
            };
            Verdict::unmet(
                Reason::ServiceAccountMissing,
                format!("ServiceAccount {subject} does not exist. {next}"),
            )
        }
        Fact::Present(account) => annotated(input, drift, desired, account, propagates_in),
    }
}

fn as_before(input: &SummaryInput<'_>, what: &str, error: &ReadError) -> Verdict {
    let consistency = Some(input.timings.read_consistency);
    Verdict::as_before(
        input.previous,
        ConditionType::BindingReady,
        what,
        error,
        consistency,
    )
}

fn associated(
    input: &SummaryInput<'_>,
    state: &DesiredState,
    desired: &DesiredAssociation,
    observed: &Association,
    propagates_in: Option<Duration>,
) -> Verdict {
    let (id, subject) = (&observed.id, &state.subject);
    if observed.role_arn != desired.role_arn
        || observed.target_role_arn != desired.target_role_arn
        || observed.session_tags != desired.session_tags
    {
        return Verdict::unmet(
            Reason::BindingDrifted,
            format!(
                "Association {id} maps {subject} to role {}. Expected role {}. See status.drift for each field.",
                observed.role_arn, desired.role_arn
            ),
        );
    }
    if let Some(verdict) = agent(input, state) {
        return verdict;
    }
    let role = &desired.role_arn;
    if propagates_in.is_some() {
        let wait = propagation_message(input);
        return Verdict::unmet(
            Reason::Propagating,
            format!(
                "Association {id} maps {subject} to role {role}. {wait}{}",
                places_message(input, state)
            ),
        );
    }
    let whole_cluster = if desired.session_tags {
        ""
    } else {
        " Session tags are off, so the role's trust policy admits every ServiceAccount of the cluster that is associated with the role."
    };
    Verdict::met(
        Reason::BindingInPlace,
        format!(
            "Association {id} maps {subject} to role {role}.{whole_cluster}{}{}",
            chain_message(state, desired, observed),
            places_message(input, state)
        ),
    )
}

/// The requirements on both roles of a chain. Lanyard cannot read the target role, which another account may own.
fn chain_message(state: &DesiredState, desired: &DesiredAssociation, observed: &Association) -> String {
    let Some(target) = &desired.target_role_arn else {
        return String::new();
    };
    let external_id = observed.external_id.as_deref();
    let trust = role_chain::trust(
        &desired.role_arn,
        &state.subject,
        external_id,
        desired.session_tags,
    );
    format!(
        " EKS then assumes role {target}: its trust policy must contain {}, and the permissions of {} must contain {}.",
        trust.to_json(),
        desired.role_arn.name,
        role_chain::permission(target).to_json()
    )
}

fn annotated(
    input: &SummaryInput<'_>,
    drift: &Drift,
    desired: &DesiredState,
    account: &ServiceAccount,
    propagates_in: Option<Duration>,
) -> Verdict {
    if let Some(verdict) = wrong_annotation(desired, account) {
        return verdict;
    }
    if let Fact::Unreadable(error) = &input.after.provider {
        return as_before(input, "The IAM OIDC provider", error);
    }
    if let Some(provider) = desired
        .provider
        .as_ref()
        .filter(|_| drift.of(&Field::Provider).is_some())
    {
        let next = match provider.ensure {
            true => "Lanyard adds it.",
            false => "Create the provider with that audience, or set provider: Ensure in the class.",
        };
        return Verdict::unmet(
            Reason::ProviderMissing,
            format!(
                "IAM OIDC provider {} does not exist or lacks audience {}. {next}",
                provider.arn, provider.client_id
            ),
        );
    }
    let in_place = format!(
        "ServiceAccount {} is annotated with role {}.",
        desired.subject, desired.binding.role_arn
    );
    webhook(input, desired).unwrap_or_else(|| match propagates_in {
        Some(_) => {
            let wait = propagation_message(input);
            Verdict::unmet(Reason::Propagating, format!("{in_place} {wait}"))
        }
        None => Verdict::met(Reason::BindingInPlace, in_place),
    })
}

fn propagation_message(input: &SummaryInput<'_>) -> String {
    let limit = limit_message(input.timings.propagation);
    format!("Waiting up to {limit} for AWS to apply recent changes to new pods.")
}

/// Returns `None` if every annotation has the desired value.
fn wrong_annotation(desired: &DesiredState, account: &ServiceAccount) -> Option<Verdict> {
    let (key, value) = desired.annotations.iter().find(|(key, value)| {
        account
            .annotations
            .get(*key)
            .is_none_or(|observed| observed.value != **value)
    })?;
    let (reason, observed) = match account.annotations.get(key) {
        Some(observed) => (Reason::BindingDrifted, quote(&observed.value)),
        None => (Reason::BindingMissing, "not set".to_owned()),
    };
    let message = format!(
        "ServiceAccount {}: annotation {key} must be {value}. It is {observed}.",
        desired.subject
    );
    Some(Verdict::unmet(reason, message))
}

/// Returns the time until the changes of the binding have reached new pods, or `None` if they have.
fn propagates_in(input: &SummaryInput<'_>, desired: &DesiredState, trust: &Verdict) -> Option<Duration> {
    let propagation = input.timings.propagation;
    let is_changed = input.outcome.done().any(|(step, _)| step.has_to_propagate());
    let was_rejected = input
        .previous
        .condition(ConditionType::TrustReady)
        .is_some_and(|before| before.status == ConditionStatus::False);
    let is_admitted_now = was_rejected && trust.status == ConditionStatus::True;
    if (is_changed || is_admitted_now) && !propagation.is_zero() {
        return Some(propagation);
    }
    propagation::propagates_in(desired, input.previous, input.after, input.timings, input.now)
}
