//! Plan: the differences go in, the ordered steps that remove them come out. Pure data, the same for operator and CLI.
//! No step rests on an unreadable fact, touches what is not ours, or repairs drift that is only to be reported.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::aspect::{Aspect, Resource};
use crate::desired::{Desired, Wanted, WantedAssociation, WantedRole};
use crate::drift::{Cause, Difference, Drift};
use crate::fact::Fact;
use crate::observed::{Association, ObjectMarks, Observed, RoleFacts};
use crate::policy::Document;
use crate::spec::DriftPolicy;
use crate::step::{Needs, Step};

mod removal;
mod role;

/// What is to be done, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// A stage runs when every step of those before it is done; within one the order does not matter.
    pub stages: Vec<Vec<Step>>,
    /// What the plan stops short of, waiting for something that no step of it brings about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<Await>,
}

/// Something that has to come about by itself or by somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Await {
    /// The existing role to appear.
    Role,
    /// The existing role's trust to let the subject in.
    Trust,
    /// The agent to be ready.
    Agent,
    /// The ServiceAccount to be created.
    ServiceAccount,
    /// A thing in the way to go.
    Conflict,
    /// A fact to become readable.
    Reading,
    /// The change of the binding to be carried out.
    BindingChange,
}

/// Turns differences into steps.
#[must_use]
pub fn plan(desired: &Desired, drift: &Drift, observed: &Observed, policy: DriftPolicy) -> Plan {
    match desired {
        Desired::Present(wanted) => present(wanted, drift, observed, policy),
        Desired::Absent(removal) => removal::plan(removal, drift, observed),
    }
}

fn present(wanted: &Wanted, drift: &Drift, observed: &Observed, policy: DriftPolicy) -> Plan {
    let mut draft = Draft {
        drift,
        observed,
        policy,
        steps: Vec::new(),
        then: BTreeSet::new(),
    };
    draft.custody(wanted, &observed.object);
    draft.provider(wanted);
    draft.role(wanted);
    draft.bind(wanted);
    draft.finish(|needs| unreadable(observed, &wanted.binding.role_arn, needs))
}

/// A plan in the making.
struct Draft<'a> {
    drift: &'a Drift,
    observed: &'a Observed,
    policy: DriftPolicy,
    steps: Vec<Step>,
    then: BTreeSet<Await>,
}

impl Draft<'_> {
    /// Whether a difference is ours to remove now.
    fn acts_on(&self, difference: &Difference) -> bool {
        match difference.cause {
            Cause::Spec => true,
            Cause::OutOfBand => self.policy == DriftPolicy::Correct,
            Cause::NotOurs | Cause::Unreadable(_) => false,
        }
    }

    /// The difference of an aspect, when it is ours to remove now.
    fn to_do(&self, aspect: &Aspect) -> Option<&Difference> {
        self.drift
            .of(aspect)
            .filter(|difference| self.acts_on(difference))
    }

    fn custody(&mut self, wanted: &Wanted, marks: &ObjectMarks) {
        if !marks.finalizer || marks.custody.as_ref() != Some(&wanted.custody) {
            self.steps.push(Step::TakeCustody {
                custody: wanted.custody.clone(),
            });
        }
    }

    fn provider(&mut self, wanted: &Wanted) {
        let Some(provider) = &wanted.provider else { return };
        if self.to_do(&Aspect::Provider).is_none() {
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

    fn role(&mut self, wanted: &Wanted) {
        match &wanted.role {
            WantedRole::Managed(managed) if self.drift.conflict_on(Resource::Role).is_none() => {
                role::plan(self, wanted, managed);
            }
            WantedRole::Managed(_) => {
                self.then.insert(Await::Conflict);
            }
            WantedRole::Existing | WantedRole::Held => {}
        }
    }

    /// The binding comes only when a pod that got it could use it.
    fn bind(&mut self, wanted: &Wanted) {
        let waits = self.binding_waits_for(wanted);
        if waits.is_empty() {
            self.association(wanted);
            self.annotations(wanted);
        }
        self.then.extend(waits);
    }

    fn binding_waits_for(&self, wanted: &Wanted) -> Vec<Await> {
        let mut waits = Vec::new();
        let role = self.observed.role(&wanted.binding.role_arn);
        if self
            .drift
            .conflicts
            .iter()
            .any(|conflict| conflict.resource != Resource::ServiceAccount)
        {
            waits.push(Await::Conflict);
        }
        waits.extend(self.role_waits(wanted, &role));
        let agent = self.observed.agent.present().is_some_and(|agent| agent.ready);
        if wanted.association.is_some() && !agent && self.observed.association.present().is_none() {
            waits.push(Await::Agent);
        }
        waits
    }

    /// Whether the role can be bound at all: it is there or about to be, and lets the subject in or is about to.
    fn role_waits(&self, wanted: &Wanted, role: &RoleFacts) -> Option<Await> {
        let made_now = |step: &Step| matches!(step, Step::CreateRole { .. });
        let trusted_now = |step: &Step| matches!(step, Step::CreateRole { .. } | Step::SetTrust { .. });
        match &role.id {
            Fact::Unreadable(_) => return Some(Await::Reading),
            Fact::Absent if !self.steps.iter().any(made_now) => return Some(Await::Role),
            Fact::Present(_) if role.elsewhere.is_some() => return Some(Await::Role),
            Fact::Absent | Fact::Present(_) => {}
        }
        if self.steps.iter().any(trusted_now) {
            return None;
        }
        match &role.trust {
            Fact::Unreadable(_) => Some(Await::Reading),
            Fact::Present(trust) if crate::trusting::lets_in(trust, wanted) => None,
            Fact::Present(_) | Fact::Absent => Some(Await::Trust),
        }
    }

    fn association(&mut self, wanted: &Wanted) {
        if self.drift.conflict_on(Resource::Association).is_some() {
            return;
        }
        let Some(want) = &wanted.association else {
            if self.to_do(&Aspect::Association).is_some() {
                self.steps.push(Step::DeleteAssociation {});
            }
            return;
        };
        match &self.observed.association {
            Fact::Present(found) => self.association_fields(want, found),
            Fact::Absent if self.to_do(&Aspect::Association).is_some() => {
                self.steps.push(Step::CreateAssociation {
                    wanted: Box::new(want.clone()),
                });
            }
            Fact::Absent | Fact::Unreadable(_) => {}
        }
    }

    /// An association is updated as a whole: fields whose drift is only reported keep what was found.
    fn association_fields(&mut self, want: &WantedAssociation, found: &Association) {
        let mut next = want.clone();
        if self.to_do(&Aspect::AssociationRole).is_none() {
            next.role_arn = found.role_arn.clone();
        }
        if self.to_do(&Aspect::AssociationTarget).is_none() {
            next.target_role_arn = found.target_role_arn.clone();
        }
        if self.to_do(&Aspect::AssociationSessionTags).is_none() {
            next.session_tags = found.session_tags;
        }
        if self.to_do(&Aspect::AssociationPolicy).is_none() {
            next.policy = found.policy.clone();
        }
        let same = next.role_arn == found.role_arn
            && next.target_role_arn == found.target_role_arn
            && next.session_tags == found.session_tags
            && next.policy == found.policy;
        if !same {
            let clear_policy = next.policy.is_none() && found.policy.is_some();
            self.steps.push(Step::UpdateAssociation {
                wanted: Box::new(next),
                clear_policy,
            });
        }
        let (tags, gone) = self.tag_changes(&want.tags, Aspect::AssociationTag);
        if !tags.is_empty() {
            self.steps.push(Step::TagAssociation { tags });
        }
        if !gone.is_empty() {
            self.steps.push(Step::UntagAssociation { keys: gone });
        }
    }

    /// The tags to set and those to remove.
    fn tag_changes(
        &self,
        wanted: &BTreeMap<String, String>,
        aspect: fn(String) -> Aspect,
    ) -> (BTreeMap<String, String>, BTreeSet<String>) {
        let set = wanted
            .iter()
            .filter(|(key, _)| self.to_do(&aspect((*key).clone())).is_some())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let gone = self
            .drift
            .differences
            .iter()
            .filter(|difference| difference.wanted.is_none() && self.acts_on(difference))
            .filter_map(|difference| match &difference.aspect {
                Aspect::RoleTag(key) | Aspect::AssociationTag(key)
                    if difference.aspect == aspect(key.clone()) =>
                {
                    Some(key.clone())
                }
                _ => None,
            })
            .collect();
        (set, gone)
    }

    /// Annotations are applied as a whole: those whose drift is only reported keep what was found.
    fn annotations(&mut self, wanted: &Wanted) {
        if self.drift.conflict_on(Resource::ServiceAccount).is_some() {
            self.then.insert(Await::Conflict);
            return;
        }
        let account = match &self.observed.service_account {
            Fact::Present(account) => Some(account),
            Fact::Absent if self.drift.of(&Aspect::ServiceAccount).is_none() => return,
            Fact::Absent if !wanted.create_service_account => {
                self.then.insert(Await::ServiceAccount);
                return;
            }
            Fact::Absent => None,
            Fact::Unreadable(_) => return,
        };
        let mut set = wanted.annotations.clone();
        let mut remove = BTreeSet::new();
        let mut changes = self.to_do(&Aspect::ServiceAccount).is_some();
        for difference in &self.drift.differences {
            let Aspect::Annotation(key) = &difference.aspect else {
                continue;
            };
            let found = account.and_then(|account| account.annotations.get(key));
            match (self.acts_on(difference), found) {
                (true, _) => changes = true,
                (false, Some(found)) if set.contains_key(key) => {
                    drop(set.insert(key.clone(), found.value.clone()))
                }
                (false, Some(_)) => {}
                (false, None) => drop(set.remove(key)),
            }
            if self.acts_on(difference) && difference.wanted.is_none() {
                remove.insert(key.clone());
            }
        }
        if changes || (account.is_none() && wanted.create_service_account) {
            self.steps.push(Step::Annotate {
                set,
                remove,
                create: wanted.create_service_account,
            });
        }
    }

    /// Orders the steps and drops those that rest on something nobody knows.
    fn finish(mut self, unknown: impl Fn(Needs) -> bool) -> Plan {
        let before = self.steps.len();
        self.steps
            .retain(|step| !step.requires().iter().any(|needs| unknown(*needs)));
        if self.steps.len() < before {
            self.then.insert(Await::Reading);
        }
        Plan {
            stages: in_stages(self.steps),
            then: self.then.into_iter().collect(),
        }
    }
}

/// Steps in the one order there is: those of one rank make a stage.
pub(crate) fn in_stages(steps: Vec<Step>) -> Vec<Vec<Step>> {
    let mut by_rank: BTreeMap<u8, Vec<Step>> = BTreeMap::new();
    for step in steps {
        by_rank.entry(step.rank()).or_default().push(step);
    }
    by_rank.into_values().collect()
}

/// Whether a fact that a step on this role rests on is unreadable.
pub(crate) fn unreadable(observed: &Observed, role: &crate::arn::RoleArn, needs: Needs) -> bool {
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
    /// Every step in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.stages.iter().flatten()
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }
}

/// The trust policy to write: what is wanted, and beside it every foreign statement that only denies.
pub(crate) fn trust_to_write(wanted: &Document, facts: &RoleFacts) -> Document {
    let denials = facts
        .trust
        .present()
        .map(|found| crate::drift::split_denials(wanted, found).1)
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
