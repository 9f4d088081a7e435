//! Plan of the binding: association and annotations, once a pod that gets them can use them. Differences in,
//! steps or wait reasons out; no I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::adopt::besides_adopting;
use super::builder::PlanBuilder;
use super::wait_reason::WaitReason;
use crate::model::annotation::{ANNOTATION_AUDIENCE, ANNOTATION_ROLE_ARN, is_token_setting};
use crate::model::fact::Fact;
use crate::model::field::{Field, Resource};
use crate::model::observed::{Association, RoleFacts, ServiceAccount};
use crate::reconcile::admission::may_admit;
use crate::reconcile::desired::{DesiredAssociation, DesiredRole, DesiredState};
use crate::reconcile::diff::Cause;
use crate::reconcile::step::Step;

impl PlanBuilder<'_> {
    /// Plans the binding only if a pod that gets it can use it. A binding that was changed out of band is repaired
    /// in any case, since pods would get the credentials of another role meanwhile.
    pub(super) fn bind(&mut self, desired: &DesiredState) {
        let reasons = self.binding_waits_for(desired);
        if desired.writes_binding && !reasons.contains(&WaitReason::Conflict) {
            let others = self.steps.len();
            self.association(desired);
            self.annotations(desired);
            let mut binding = self.steps.split_off(others);
            binding.retain(|step| reasons.is_empty() || self.is_repair(step));
            self.steps.extend(binding);
        }
        // An existing association has no effect without the agent. The wait keeps the requeue short, so that
        // Ready follows soon after the agent.
        if desired.association.is_some() && !self.observed.agent.present().is_some_and(|agent| agent.ready) {
            self.waiting_for.insert(WaitReason::Agent);
        }
        if desired.needs_webhook() && self.observed.webhook.is_absent() {
            self.waiting_for.insert(WaitReason::Webhook);
        }
        self.waiting_for.extend(reasons);
    }

    /// Returns whether a step only restores an existing binding, without a call that checks the role.
    fn is_repair(&self, step: &Step) -> bool {
        let exists = self.observed.service_account.present().is_some();
        match step {
            Step::Annotate { repairs, .. } => *repairs && exists,
            Step::DeleteAssociation { repairs } => *repairs,
            _ => false,
        }
    }

    fn binding_waits_for(&self, desired: &DesiredState) -> Vec<WaitReason> {
        let mut reasons = Vec::new();
        let role = self.observed.role(&desired.binding.role_arn);
        if self
            .drift
            .conflicts
            .iter()
            .any(|conflict| conflict.resource != Resource::ServiceAccount)
        {
            reasons.push(WaitReason::Conflict);
        }
        reasons.extend(self.role_waits(desired, &role));
        reasons.extend(self.provider_waits(desired));
        let is_ready = self.observed.agent.present().is_some_and(|agent| agent.ready);
        let is_bound = self.observed.association.present().is_some();
        if desired.association.is_some() && !is_ready && !is_bound {
            reasons.push(WaitReason::Agent);
        }
        reasons
    }

    /// IAM rejects a token before it knows the issuer and the audience.
    fn provider_waits(&self, desired: &DesiredState) -> Option<WaitReason> {
        let provider = desired.provider.as_ref()?;
        let creates = |step: &Step| matches!(step, Step::CreateProvider { .. } | Step::AddClientId { .. });
        match &self.observed.provider {
            Fact::Unreadable(_) => Some(WaitReason::Reading),
            _ if self.steps.iter().any(creates) => None,
            Fact::Present(observed) if observed.client_ids.contains(provider.client_id.as_str()) => None,
            Fact::Present(_) | Fact::Absent => Some(WaitReason::Provider),
        }
    }

    /// Returns `None` if the role exists and admits the subject, or this plan makes it so.
    fn role_waits(&self, desired: &DesiredState, role: &RoleFacts) -> Option<WaitReason> {
        let creates = |step: &Step| matches!(step, Step::CreateRole { .. });
        let sets_trust = |step: &Step| {
            matches!(
                step,
                Step::CreateRole { .. } | Step::SetTrust { narrows: false, .. } | Step::PutSubject { .. }
            )
        };
        match &role.id {
            Fact::Unreadable(_) => return Some(WaitReason::Reading),
            Fact::Absent if !self.steps.iter().any(creates) => return Some(WaitReason::Role),
            Fact::Present(_) if role.elsewhere.is_some() => return Some(WaitReason::Role),
            Fact::Absent | Fact::Present(_) => {}
        }
        let has_writes = matches!(
            desired.role,
            DesiredRole::Managed(_) | DesiredRole::Adopted(..) | DesiredRole::Shared(_)
        );
        if has_writes && role.tags.unreadable().is_some() && !self.steps.iter().any(creates) {
            // The owner of the role is named in its tags.
            return Some(WaitReason::Reading);
        }
        if self.steps.iter().any(sets_trust) {
            return None;
        }
        match &role.trust {
            Fact::Unreadable(_) => Some(WaitReason::Reading),
            Fact::Present(trust) if may_admit(trust, desired.request()) => None,
            Fact::Present(_) | Fact::Absent => Some(WaitReason::Trust),
        }
    }

    fn association(&mut self, desired: &DesiredState) {
        if self.drift.conflict_on(Resource::Association).is_some() {
            return;
        }
        let Some(association) = &desired.association else {
            if let Some(difference) = self.to_do(&Field::Association) {
                let repairs = difference.cause == Cause::OutOfBand;
                self.steps.push(Step::DeleteAssociation { repairs });
            }
            return;
        };
        match &self.observed.association {
            Fact::Present(observed) => self.association_fields(desired, association, observed),
            Fact::Absent if self.to_do(&Field::Association).is_some() => {
                self.steps.push(Step::CreateAssociation {
                    desired: Box::new(association.clone()),
                    repairs: !self.is_changed_by_spec(&[Field::Association]),
                });
            }
            Fact::Absent | Fact::Unreadable(_) => {}
        }
    }

    /// An association is updated as a whole: fields whose drift is only reported keep the observed value.
    fn association_fields(
        &mut self,
        state: &DesiredState,
        desired: &DesiredAssociation,
        observed: &Association,
    ) {
        let mut next = desired.clone();
        if self.to_do(&Field::AssociationRole).is_none() {
            next.role_arn = observed.role_arn.clone();
        }
        if self.to_do(&Field::AssociationTarget).is_none() {
            next.target_role_arn = observed.target_role_arn.clone();
        }
        if self.to_do(&Field::AssociationSessionTags).is_none() {
            next.session_tags = observed.session_tags;
        }
        if self.to_do(&Field::AssociationPolicy).is_none() {
            next.policy = observed.policy.clone();
        }
        if next.session_tags {
            // EKS rejects a session policy together with session tags.
            next.policy = None;
        }
        let is_same = next.role_arn == observed.role_arn
            && next.target_role_arn == observed.target_role_arn
            && next.session_tags == observed.session_tags
            && next.policy == observed.policy;
        if !is_same {
            let clear_policy = next.policy.is_none() && observed.policy.is_some();
            self.steps.push(Step::UpdateAssociation {
                desired: Box::new(next),
                clear_policy,
                repairs: !self.is_changed_by_spec(&[
                    Field::AssociationRole,
                    Field::AssociationTarget,
                    Field::AssociationSessionTags,
                ]),
            });
        }
        let changes = self.tag_changes(&desired.tags, Field::AssociationTag);
        let (tags, removed) = besides_adopting(state.ownership.association, changes);
        if !removed.is_empty() {
            self.steps.push(Step::UntagAssociation { keys: removed });
        }
        if !tags.is_empty() {
            self.steps.push(Step::TagAssociation { tags });
        }
    }

    /// Returns whether the spec changed one of the fields, and not another tool.
    fn is_changed_by_spec(&self, fields: &[Field]) -> bool {
        let mut differences = fields.iter().filter_map(|field| self.to_do(field));
        differences.any(|difference| difference.cause == Cause::Spec)
    }

    /// Returns whether another field manager set an annotation to the desired value. The annotation is in
    /// sync and stays with its manager.
    fn is_set_by_other_manager(&self, account: Option<&ServiceAccount>, key: &str, value: &str) -> bool {
        let observed = account.and_then(|account| account.annotations.get(key));
        let applied = self
            .drift
            .agreed
            .iter()
            .any(|(field, _)| *field == Field::Annotation(key.to_owned()));
        observed.is_some_and(|observed| observed.value == value && !observed.ours && !applied)
    }

    /// Annotations are applied as a whole: those whose drift is only reported keep the observed value. The operator
    /// creates a ServiceAccount only when its first pod gets credentials: pods are rejected until then.
    fn annotations(&mut self, desired: &DesiredState) {
        if self.drift.conflict_on(Resource::ServiceAccount).is_some() {
            self.waiting_for.insert(WaitReason::Conflict);
            return;
        }
        let account = match &self.observed.service_account {
            Fact::Present(account) => Some(account),
            Fact::Absent if self.drift.of(&Field::ServiceAccount).is_none() => return,
            Fact::Absent if !desired.create_service_account => {
                self.waiting_for.insert(WaitReason::ServiceAccount);
                return;
            }
            Fact::Absent if desired.propagates || self.steps.iter().any(Step::has_to_propagate) => {
                self.waiting_for.insert(WaitReason::Propagation);
                return;
            }
            Fact::Absent => None,
            Fact::Unreadable(_) => return,
        };
        let mut set = desired.annotations.clone();
        set.retain(|key, value| !self.is_set_by_other_manager(account, key, value));
        if desired.held {
            keep_token_settings(&mut set, account);
        }
        let mut remove = BTreeSet::new();
        let mut is_changed = self.to_do(&Field::ServiceAccount).is_some();
        for difference in &self.drift.differences {
            let Field::Annotation(key) = &difference.field else {
                continue;
            };
            let observed = account.and_then(|account| account.annotations.get(key));
            match (self.acts_on(difference), observed) {
                (true, _) => is_changed = true,
                (false, Some(observed)) if set.contains_key(key) => {
                    drop(set.insert(key.clone(), observed.value.clone()))
                }
                (false, Some(_)) => {}
                (false, None) => drop(set.remove(key)),
            }
            if self.acts_on(difference) && difference.desired.is_none() {
                remove.insert(key.clone());
            }
        }
        if is_changed {
            self.steps.push(Step::Annotate {
                set,
                remove,
                create: desired.create_service_account,
                repairs: !self.is_changed_by_spec(&[
                    Field::ServiceAccount,
                    Field::Annotation(ANNOTATION_ROLE_ARN.to_owned()),
                    Field::Annotation(ANNOTATION_AUDIENCE.to_owned()),
                ]),
            });
        }
    }
}

/// While a binding is held, its token settings stay as observed: an apply that omits one would remove it.
fn keep_token_settings(set: &mut BTreeMap<String, String>, account: Option<&ServiceAccount>) {
    let Some(account) = account else { return };
    set.retain(|key, _| !is_token_setting(key));
    let own = account.annotations.iter().filter(|(_, observed)| observed.ours);
    let kept = own.filter(|(key, _)| is_token_setting(key));
    set.extend(kept.map(|(key, observed)| (key.clone(), observed.value.clone())));
}
