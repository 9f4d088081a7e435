//! Plan, the binding's part: association and annotations, once a pod that got them could use them.
//! Differences in, steps into the draft, or what they wait for; no I/O. Called by `plan` only.

use std::collections::{BTreeMap, BTreeSet};

use super::{PlanBuilder, WaitReason, adopt};
use crate::model::annotation::is_token_setting;
use crate::model::fact::Fact;
use crate::model::field::{Field, Resource};
use crate::model::observed::{Association, RoleFacts, ServiceAccount};
use crate::reconcile::desired::{DesiredAssociation, DesiredRole, DesiredState};
use crate::reconcile::step::Step;

impl PlanBuilder<'_> {
    /// The binding comes only when a pod that got it could use it.
    pub(super) fn bind(&mut self, wanted: &DesiredState) {
        let waits = self.binding_waits_for(wanted);
        if waits.is_empty() && wanted.writes_binding {
            self.association(wanted);
            self.annotations(wanted);
        }
        // One that is in place serves nobody without the agent: whoever brings it back wants to see Ready soon.
        if wanted.association.is_some() && !self.observed.agent.present().is_some_and(|agent| agent.ready) {
            self.waiting_for.insert(WaitReason::Agent);
        }
        if wanted.needs_webhook() && self.observed.webhook.is_absent() {
            self.waiting_for.insert(WaitReason::Webhook);
        }
        self.waiting_for.extend(waits);
    }

    fn binding_waits_for(&self, wanted: &DesiredState) -> Vec<WaitReason> {
        let mut waits = Vec::new();
        let role = self.observed.role(&wanted.binding.role_arn);
        if self
            .drift
            .conflicts
            .iter()
            .any(|conflict| conflict.resource != Resource::ServiceAccount)
        {
            waits.push(WaitReason::Conflict);
        }
        waits.extend(self.role_waits(wanted, &role));
        waits.extend(self.provider_waits(wanted));
        let agent = self.observed.agent.present().is_some_and(|agent| agent.ready);
        let bound = self.observed.association.present().is_some();
        if wanted.association.is_some() && !agent && !bound {
            waits.push(WaitReason::Agent);
        }
        waits
    }

    /// A token is worth nothing before IAM knows its issuer and audience.
    fn provider_waits(&self, wanted: &DesiredState) -> Option<WaitReason> {
        let provider = wanted.provider.as_ref()?;
        let made_now = |step: &Step| matches!(step, Step::CreateProvider { .. } | Step::AddClientId { .. });
        match &self.observed.provider {
            Fact::Unreadable(_) => Some(WaitReason::Reading),
            _ if self.steps.iter().any(made_now) => None,
            Fact::Present(found) if found.client_ids.contains(provider.client_id.as_str()) => None,
            Fact::Present(_) | Fact::Absent => Some(WaitReason::Provider),
        }
    }

    /// Whether the role can be bound at all: it is there or about to be, and lets the subject in or is about to.
    fn role_waits(&self, wanted: &DesiredState, role: &RoleFacts) -> Option<WaitReason> {
        let made_now = |step: &Step| matches!(step, Step::CreateRole { .. });
        let trusted_now = |step: &Step| {
            matches!(
                step,
                Step::CreateRole { .. } | Step::SetTrust { narrows: false, .. } | Step::PutSubject { .. }
            )
        };
        match &role.id {
            Fact::Unreadable(_) => return Some(WaitReason::Reading),
            Fact::Absent if !self.steps.iter().any(made_now) => return Some(WaitReason::Role),
            Fact::Present(_) if role.elsewhere.is_some() => return Some(WaitReason::Role),
            Fact::Absent | Fact::Present(_) => {}
        }
        let written_to = matches!(
            wanted.role,
            DesiredRole::Managed(_) | DesiredRole::Adopted(..) | DesiredRole::Shared(_)
        );
        if written_to && role.tags.unreadable().is_some() && !self.steps.iter().any(made_now) {
            // Whose role it is stands in its tags.
            return Some(WaitReason::Reading);
        }
        if self.steps.iter().any(trusted_now) {
            return None;
        }
        match &role.trust {
            Fact::Unreadable(_) => Some(WaitReason::Reading),
            Fact::Present(trust) if crate::reconcile::admission::may_admit(trust, wanted.request()) => None,
            Fact::Present(_) | Fact::Absent => Some(WaitReason::Trust),
        }
    }

    fn association(&mut self, wanted: &DesiredState) {
        if self.drift.conflict_on(Resource::Association).is_some() {
            return;
        }
        let Some(want) = &wanted.association else {
            if self.to_do(&Field::Association).is_some() {
                self.steps.push(Step::DeleteAssociation {});
            }
            return;
        };
        match &self.observed.association {
            Fact::Present(found) => self.association_fields(wanted, want, found),
            Fact::Absent if self.to_do(&Field::Association).is_some() => {
                self.steps.push(Step::CreateAssociation {
                    wanted: Box::new(want.clone()),
                });
            }
            Fact::Absent | Fact::Unreadable(_) => {}
        }
    }

    /// An association is updated as a whole: fields whose drift is only reported keep what was found.
    fn association_fields(&mut self, wanted: &DesiredState, want: &DesiredAssociation, found: &Association) {
        let mut next = want.clone();
        if self.to_do(&Field::AssociationRole).is_none() {
            next.role_arn = found.role_arn.clone();
        }
        if self.to_do(&Field::AssociationTarget).is_none() {
            next.target_role_arn = found.target_role_arn.clone();
        }
        if self.to_do(&Field::AssociationSessionTags).is_none() {
            next.session_tags = found.session_tags;
        }
        if self.to_do(&Field::AssociationPolicy).is_none() {
            next.policy = found.policy.clone();
        }
        if next.session_tags {
            // EKS refuses a session policy beside session tags.
            next.policy = None;
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
        let changes = self.tag_changes(&want.tags, Field::AssociationTag);
        let (tags, gone) = adopt::besides_adopting(wanted.ownership.association, changes);
        if !tags.is_empty() {
            self.steps.push(Step::TagAssociation { tags });
        }
        if !gone.is_empty() {
            self.steps.push(Step::UntagAssociation { keys: gone });
        }
    }

    /// Whether somebody else set an annotation to the very value that is wanted: it serves, and stays theirs.
    fn is_set_by_others(&self, account: Option<&ServiceAccount>, key: &str, value: &str) -> bool {
        let found = account.and_then(|account| account.annotations.get(key));
        let applied = self
            .drift
            .agreed
            .iter()
            .any(|(field, _)| *field == Field::Annotation(key.to_owned()));
        found.is_some_and(|found| found.value == value && !found.ours && !applied)
    }

    /// Annotations are applied as a whole: those whose drift is only reported keep what was found.
    fn annotations(&mut self, wanted: &DesiredState) {
        if self.drift.conflict_on(Resource::ServiceAccount).is_some() {
            self.waiting_for.insert(WaitReason::Conflict);
            return;
        }
        let account = match &self.observed.service_account {
            Fact::Present(account) => Some(account),
            Fact::Absent if self.drift.of(&Field::ServiceAccount).is_none() => return,
            Fact::Absent if !wanted.create_service_account => {
                self.waiting_for.insert(WaitReason::ServiceAccount);
                return;
            }
            Fact::Absent => None,
            Fact::Unreadable(_) => return,
        };
        let mut set = wanted.annotations.clone();
        set.retain(|key, value| !self.is_set_by_others(account, key, value));
        if wanted.held {
            keep_token_settings(&mut set, account);
        }
        let mut remove = BTreeSet::new();
        let mut changes = self.to_do(&Field::ServiceAccount).is_some();
        for difference in &self.drift.differences {
            let Field::Annotation(key) = &difference.field else {
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
            if self.acts_on(difference) && difference.desired.is_none() {
                remove.insert(key.clone());
            }
        }
        if changes {
            self.steps.push(Step::Annotate {
                set,
                remove,
                create: wanted.create_service_account,
            });
        }
    }
}

/// While a binding is held, its token settings stay as they are: an apply that left one out would remove it.
fn keep_token_settings(set: &mut BTreeMap<String, String>, account: Option<&ServiceAccount>) {
    let Some(account) = account else { return };
    set.retain(|key, _| !is_token_setting(key));
    let ours = account.annotations.iter().filter(|(_, found)| found.ours);
    let kept = ours.filter(|(key, _)| is_token_setting(key));
    set.extend(kept.map(|(key, found)| (key.clone(), found.value.clone())));
}
