//! Plan: the differences go in, the ordered steps that remove them come out. Pure data, the same for operator and CLI.
//! No step rests on an unreadable fact, touches what is not ours, or repairs drift that is only to be reported.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::fact::Fact;
use crate::model::field::{Field, Resource};
use crate::model::observed::{ControlMetadata, Observed, RoleFacts};
use crate::model::spec::DriftPolicy;
use crate::reconcile::desired::{Desired, DesiredRole, DesiredState};
use crate::reconcile::diff::{Cause, Difference, Drift};
use crate::reconcile::step::{Needs, Step};
use crate::reconcile::transition::Phase;
use lanyard_iam_policy::Document;

mod adopt;
mod agent;
mod binding;
mod obsolete_roles;
mod policies;
mod removal;
mod role;
mod shared_trust;

/// What is to be done, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// A stage runs when every step of those before it is done; within one the order does not matter.
    pub waves: Vec<Vec<Step>>,
    /// What the plan stops short of, waiting for something that no step of it brings about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting_for: Vec<WaitReason>,
}

/// Something that has to come about by itself or by somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WaitReason {
    /// The existing role to appear.
    Role,
    /// The existing role's trust to let the subject in.
    Trust,
    /// The OIDC provider to be there with the audience.
    Provider,
    /// The agent to be ready.
    Agent,
    /// AWS's pod identity webhook to be installed.
    Webhook,
    /// The ServiceAccount to be created.
    ServiceAccount,
    /// A thing in the way to go.
    Conflict,
    /// The last pod of the ServiceAccount to go.
    Holders,
    /// A fact to become readable.
    Reading,
    /// The next phase of a change of the binding.
    Transition,
}

/// Turns differences into steps.
#[must_use]
pub fn plan(desired: &Desired, drift: &Drift, observed: &Observed, policy: DriftPolicy) -> Plan {
    match desired {
        Desired::Present(wanted) => present(wanted, drift, observed, policy),
        Desired::Absent(removal) => removal::plan(removal, drift, observed),
    }
}

fn present(wanted: &DesiredState, drift: &Drift, observed: &Observed, policy: DriftPolicy) -> Plan {
    let mut builder = PlanBuilder {
        drift,
        observed,
        policy,
        steps: Vec::new(),
        waiting_for: BTreeSet::new(),
    };
    builder.inventory(wanted, &observed.object);
    builder.provider(wanted);
    builder.agent(wanted);
    builder.role(wanted);
    builder.adopt_association(wanted);
    builder.bind(wanted);
    if !wanted.frozen {
        builder.obsolete_roles(wanted);
    }
    builder.finish(|step, needs| {
        let role = step.role().unwrap_or(&wanted.binding.role_arn);
        unreadable(observed, role, needs)
    })
}

/// A plan in the making.
struct PlanBuilder<'a> {
    drift: &'a Drift,
    observed: &'a Observed,
    policy: DriftPolicy,
    steps: Vec<Step>,
    waiting_for: BTreeSet<WaitReason>,
}

impl PlanBuilder<'_> {
    /// Whether a difference is ours to remove now.
    fn acts_on(&self, difference: &Difference) -> bool {
        match difference.cause {
            Cause::Spec => true,
            Cause::OutOfBand => self.policy == DriftPolicy::Correct,
            Cause::Frozen | Cause::Contested | Cause::Unmanaged | Cause::Adopted | Cause::Unreadable(_) => {
                false
            }
        }
    }

    /// The difference of an aspect, when it is ours to remove now.
    fn to_do(&self, field: &Field) -> Option<&Difference> {
        self.drift.of(field).filter(|difference| self.acts_on(difference))
    }

    fn inventory(&mut self, wanted: &DesiredState, control: &ControlMetadata) {
        let told = match &control.inventory {
            Some(inventory) => wanted.frozen || *inventory == wanted.inventory,
            None => false,
        };
        if !control.finalizer || !told {
            self.steps.push(Step::TakeCustody {
                inventory: wanted.inventory.clone(),
            });
        }
    }

    fn provider(&mut self, wanted: &DesiredState) {
        let Some(provider) = &wanted.provider else { return };
        if self.to_do(&Field::Provider).is_none() {
            return;
        }
        if !provider.ensure {
            self.waiting_for.insert(WaitReason::Provider);
            return;
        }
        let (arn, client_id) = (provider.arn.clone(), provider.client_id.clone());
        self.steps.push(match &self.observed.provider {
            Fact::Present(_) => Step::AddClientId { arn, client_id },
            Fact::Absent | Fact::Unreadable(_) => Step::CreateProvider {
                arn,
                issuer: provider.issuer.clone(),
                client_id,
            },
        });
    }

    fn role(&mut self, wanted: &DesiredState) {
        match &wanted.role {
            DesiredRole::Managed(_) | DesiredRole::Adopted(..)
                if self.drift.conflict_on(Resource::Role).is_some() =>
            {
                self.waiting_for.insert(WaitReason::Conflict);
            }
            DesiredRole::Managed(managed) => role::plan(self, wanted, managed),
            DesiredRole::Adopted(managed, entries) => role::adopted(self, wanted, managed, entries),
            DesiredRole::Shared(entries) => self.entries(&wanted.binding.role_arn, entries),
            DesiredRole::Existing | DesiredRole::Unchanged => {}
        }
    }

    /// The tags to set and those to remove.
    fn tag_changes(
        &self,
        wanted: &BTreeMap<String, String>,
        field: fn(String) -> Field,
    ) -> (BTreeMap<String, String>, BTreeSet<String>) {
        let set = wanted
            .iter()
            .filter(|(key, _)| self.to_do(&field((*key).clone())).is_some())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let gone = self
            .drift
            .differences
            .iter()
            .filter(|difference| difference.desired.is_none() && self.acts_on(difference))
            .filter_map(|difference| match &difference.field {
                Field::RoleTag(key) | Field::AssociationTag(key)
                    if difference.field == field(key.clone()) =>
                {
                    Some(key.clone())
                }
                _ => None,
            })
            .collect();
        (set, gone)
    }

    /// Orders the steps and drops those that rest on something nobody knows.
    fn finish(mut self, unknown: impl Fn(&Step, Needs) -> bool) -> Plan {
        let before = self.steps.len();
        self.steps
            .retain(|step| !step.requires().iter().any(|needs| unknown(step, *needs)));
        if self.steps.len() < before {
            self.waiting_for.insert(WaitReason::Reading);
        }
        Plan {
            waves: in_waves(self.steps),
            waiting_for: self.waiting_for.into_iter().collect(),
        }
    }
}

/// Steps in the one order there is: those of one rank make a stage.
pub(crate) fn in_waves(steps: Vec<Step>) -> Vec<Vec<Step>> {
    let mut by_rank: BTreeMap<u8, Vec<Step>> = BTreeMap::new();
    for step in steps {
        by_rank.entry(step.rank()).or_default().push(step);
    }
    by_rank.into_values().collect()
}

/// Whether a fact that a step on this role rests on is unreadable.
pub(crate) fn unreadable(observed: &Observed, role: &crate::model::arn::RoleArn, needs: Needs) -> bool {
    let facts = observed.role(role);
    match needs {
        Needs::Provider => observed.provider.unreadable().is_some(),
        Needs::Role => facts.id.unreadable().is_some() || facts.tags.unreadable().is_some(),
        Needs::Trust => facts.trust.unreadable().is_some(),
        Needs::Attached => facts.attached.unreadable().is_some(),
        Needs::Inline => facts.inline.unreadable().is_some(),
        Needs::Boundary => facts.boundary.unreadable().is_some(),
        Needs::Association => observed.association.unreadable().is_some(),
        Needs::ServiceAccount => observed.service_account.unreadable().is_some(),
        Needs::Agent => observed.agent.unreadable().is_some(),
    }
}

impl Plan {
    /// The same plan, stopping short of something more.
    pub(crate) fn waiting_for(mut self, what: WaitReason) -> Self {
        if !self.waiting_for.contains(&what) {
            self.waiting_for.push(what);
        }
        self
    }

    /// The same plan with the restarts that a change of the binding calls for.
    pub(crate) fn restarting(mut self, phase: &Phase) -> Self {
        let Phase::Draining { restarts, .. } = phase else {
            return self;
        };
        let steps: Vec<Step> = restarts
            .due
            .iter()
            .map(|(owner, mark)| Step::RestartWorkload {
                owner: owner.clone(),
                mark: mark.clone(),
            })
            .collect();
        self.waves.extend((!steps.is_empty()).then_some(steps));
        self
    }

    /// Every step in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.waves.iter().flatten()
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waves.is_empty()
    }
}

/// The trust policy to write: what is wanted, and beside it every foreign statement that only denies.
pub(crate) fn trust_to_write(wanted: &Document, facts: &RoleFacts) -> Document {
    let denials = facts
        .trust
        .present()
        .map(|found| crate::reconcile::diff::split_denials(wanted, found).1)
        .unwrap_or_default();
    Document::of(
        wanted
            .statements()
            .iter()
            .cloned()
            .chain(denials.into_iter().map(|(_, denial)| denial))
            .collect(),
    )
}
