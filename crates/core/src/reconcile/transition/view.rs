//! The scene of a change: which bindings the record and the world show, which of them a pod may still depend on.
//! Facts in, answers out; no I/O. Called by `stage` only.

use jiff::Timestamp;

use super::left_of;
use super::timers::may_have_bound;
use crate::identity::Identity;
use crate::model::annotation::{ANNOTATION_AUDIENCE, ANNOTATION_ROLE_ARN};
use crate::model::arn::RoleArn;
use crate::model::binding::{Binding, MethodSettings};
use crate::model::fact::{Fact, ReadError};
use crate::model::field::Field;
use crate::model::inventory::InventoryEntry;
use crate::model::name::Audience;
use crate::model::observed::{Association, Observed, ServiceAccount};
use crate::model::pods::{Credential, PodCredentials};
use crate::model::shared_trust::StatementKey;
use crate::model::spec::DEFAULT_AUDIENCE;
use crate::model::spec::Method;
use crate::model::status::{BindingState, BindingStatus, Status, TransitionStatus};
use crate::model::timings::Timings;
use crate::ownership::{ownership_of_association, ownership_of_role};
use crate::reconcile::admission::{Request, lets_in};

pub(super) struct TransitionView<'a> {
    pub identity: &'a Identity,
    pub previous: &'a Status,
    pub observed: &'a Observed,
    pub timings: &'a Timings,
    pub now: Timestamp,
    /// A short name of the binding wanted.
    pub token: String,
    /// The record of this very change.
    pub record: Option<&'a TransitionStatus>,
    /// Every binding beside the wanted one that the record, the world or a pod shows.
    pub others: Vec<Binding>,
}

impl<'a> TransitionView<'a> {
    pub fn new(
        identity: &'a Identity,
        previous: &'a Status,
        observed: &'a Observed,
        timings: &'a Timings,
        now: Timestamp,
    ) -> Self {
        let token = identity.binding.token();
        let record = previous.transition.as_ref();
        let mut view = Self {
            record: record.filter(|record| record.target_hash == token),
            token,
            identity,
            previous,
            observed,
            timings,
            now,
            others: Vec::new(),
        };
        view.others = view.all_others();
        view
    }

    /// Why nobody can say which binding is in effect and what depends on it. What was in our custody and has no record
    /// may have pods that depend on a binding that only they still show.
    pub fn unknown(&self) -> Option<(Field, ReadError)> {
        let forgotten = self.previous.bindings.is_empty() && self.observed.object.inventory.is_some();
        let uncounted = match &self.observed.pods {
            Fact::Present(pods) if pods.fresh => None,
            Fact::Present(_) | Fact::Absent => Some(&ReadError::NotRead),
            Fact::Unreadable(why) => Some(why),
        };
        let uncounted = uncounted.filter(|_| forgotten || !self.others.is_empty());
        let association = self.observed.association.unreadable();
        let account = self.observed.service_account.unreadable();
        let facts = self.observed.role(&self.identity.binding.role_arn);
        let trust = facts.trust.unreadable().filter(|_| forgotten);
        let unread = [
            (Field::Association, association),
            (Field::ServiceAccount, account),
            (Field::Pods, uncounted),
            (Field::Trust, trust),
        ];
        let mut unread = unread.into_iter();
        unread.find_map(|(what, why)| Some((what, why?.clone())))
    }

    fn all_others(&self) -> Vec<Binding> {
        // One that was never put in place shows in the world, or nothing depends on it.
        let begun = self.previous.transition.as_ref().is_some_and(may_have_bound);
        let counts = |known: &&BindingStatus| known.state != BindingState::Pending || begun;
        let recorded = self
            .previous
            .bindings
            .iter()
            .filter(counts)
            .map(|known| known.binding.clone());
        let seen = [self.associated(), self.annotated()].into_iter().flatten();
        let carried = self.pods().flat_map(|pod| self.carried(pod));
        let mut others: Vec<Binding> = Vec::new();
        for binding in recorded
            .chain(seen)
            .chain(carried)
            .chain(self.in_custody())
            .chain(self.in_trust())
        {
            if binding != self.identity.binding && !others.contains(&binding) {
                others.push(binding);
            }
        }
        others
    }

    /// Other roles in custody: where the record is lost, pods may hold sessions of them.
    fn in_custody(&self) -> impl Iterator<Item = Binding> {
        let wanted = &self.identity.binding;
        let inventory = self.observed.object.inventory.iter();
        let lost = self.previous.bindings.is_empty();
        // Of one role, the statement that the subject is in may still tell another binding.
        let other = move |known: &&InventoryEntry| {
            let another_seat = known
                .statement
                .as_ref()
                .is_some_and(|share| *share != StatementKey::of(wanted));
            lost && (known.arn != wanted.role_arn || another_seat)
        };
        let others = inventory.flat_map(|inventory| &inventory.roles).filter(other);
        let there = others.filter(|known| !self.observed.role(&known.arn).id.is_absent());
        there.filter_map(|known| self.entry(known))
    }

    /// The binding that a role was touched for, as far as custody tells.
    fn entry(&self, known: &InventoryEntry) -> Option<Binding> {
        let role_arn = known.arn.clone();
        let audience = match (known.method, &known.statement) {
            (Method::PodIdentity, share) => {
                let settings = MethodSettings::PodIdentity {
                    target_role_arn: None,
                    session_tags: *share != Some(StatementKey::PodIdentityUntagged),
                };
                return Some(Binding { role_arn, settings });
            }
            (Method::Irsa, Some(StatementKey::Irsa { issuer, audience })) => {
                let (issuer, audience) = (issuer.clone(), audience.clone());
                let settings = MethodSettings::Irsa { issuer, audience };
                return Some(Binding { role_arn, settings });
            }
            (Method::Irsa, _) => Audience::parse(DEFAULT_AUDIENCE).ok()?,
        };
        Some(self.irsa(role_arn, audience))
    }

    /// Where the record is lost, the trust alone may still tell how Pod Identity was bound: no pod shows that.
    fn in_trust(&self) -> Vec<Binding> {
        let wanted = &self.identity.binding;
        if !self.previous.bindings.is_empty() {
            return Vec::new();
        }
        let target = match &wanted.settings {
            MethodSettings::PodIdentity { target_role_arn, .. } => target_role_arn.clone(),
            MethodSettings::Irsa { .. } => None,
        };
        let binding = |session_tags| Binding {
            role_arn: wanted.role_arn.clone(),
            settings: MethodSettings::PodIdentity {
                target_role_arn: target.clone(),
                session_tags,
            },
        };
        let mut shown = [true, false].map(binding).to_vec();
        shown.retain(|binding| self.has_seat(binding));
        shown
    }

    /// The binding in effect beside the wanted one: that on record, else what the world shows, an association before
    /// an annotation, as it is for new pods.
    pub fn effective(&self) -> Option<Binding> {
        let recorded = self
            .previous
            .active_binding()
            .map(|active| active.binding.clone());
        [recorded, self.associated(), self.annotated()]
            .into_iter()
            .flatten()
            .find(|binding| *binding != self.identity.binding)
    }

    /// The binding that new pods got before.
    pub fn from(&self) -> Binding {
        self.effective()
            .or_else(|| self.others.first().cloned())
            .unwrap_or_else(|| self.identity.binding.clone())
    }

    /// Whether the wanted binding is in use, in part or whole: its trust stays whatever else happens.
    pub fn is_used(&self) -> bool {
        let wanted = &self.identity.binding;
        self.is_bound() || self.pods().any(|pod| pod.depends_on(wanted))
    }

    /// The association, when it is ours or is about to be.
    pub fn association(&self) -> Option<&Association> {
        let found = self.observed.association.present()?;
        let ownership = ownership_of_association(self.identity, self.previous, found);
        ownership.is_owned().then_some(found)
    }

    fn associated(&self) -> Option<Binding> {
        self.association().map(|association| Binding {
            role_arn: association.role_arn.clone(),
            settings: MethodSettings::PodIdentity {
                target_role_arn: association.target_role_arn.clone(),
                session_tags: association.session_tags,
            },
        })
    }

    /// The binding that the annotations give. Only what we set counts, or what leads to the role that Lanyard manages:
    /// its pods are ours to keep, whoever annotated.
    fn annotated(&self) -> Option<Binding> {
        let account = self.observed.service_account.present()?;
        let found = account.annotations.get(ANNOTATION_ROLE_ARN)?;
        let role_arn = RoleArn::parse(&found.value).ok()?;
        let leads_to_ours = self.identity.managed.is_some()
            && role_arn == self.identity.binding.role_arn
            && self.observed.role(&role_arn).id.present().is_some();
        if !found.ours && !leads_to_ours {
            return None;
        }
        Some(self.irsa(role_arn, self.annotated_audience(account)?))
    }

    /// The audience in effect. One that somebody else annotated is in the way and tells nothing of what we set up.
    fn annotated_audience(&self, account: &ServiceAccount) -> Option<Audience> {
        match (
            account.annotations.get(ANNOTATION_AUDIENCE),
            &self.identity.binding.settings,
        ) {
            (Some(found), MethodSettings::Irsa { audience, .. }) if !found.ours => Some(audience.clone()),
            (Some(found), _) => Audience::parse(found.value.as_str()).ok(),
            (None, _) => Audience::parse(DEFAULT_AUDIENCE).ok(),
        }
    }

    /// The bindings that a pod's web identities show, where their role is one that we have touched for this subject.
    fn carried(&self, pod: &'a PodCredentials) -> impl Iterator<Item = Binding> {
        let known = pod.web_identities().filter(|(role, _)| self.is_known(role));
        known.filter_map(|(role, audience)| {
            let told = Some(audience).filter(|audience| !audience.is_empty());
            Some(self.irsa(role, Audience::parse(told.unwrap_or(DEFAULT_AUDIENCE)).ok()?))
        })
    }

    fn is_known(&self, role: &RoleArn) -> bool {
        let inventory = self.observed.object.inventory.as_ref();
        let entry = inventory.is_some_and(|inventory| inventory.roles.iter().any(|known| known.arn == *role));
        entry || *role == self.identity.binding.role_arn
    }

    fn irsa(&self, role_arn: RoleArn, audience: Audience) -> Binding {
        let issuer = self.identity.cluster.issuer.clone();
        Binding {
            role_arn,
            settings: MethodSettings::Irsa { issuer, audience },
        }
    }

    /// Whether the wanted binding is in place on the cluster's side.
    pub fn is_bound(&self) -> bool {
        let wanted = &self.identity.binding;
        match &wanted.settings {
            MethodSettings::PodIdentity { .. } => self.associated().as_ref() == Some(wanted),
            MethodSettings::Irsa { audience, .. } => {
                self.observed.service_account.present().is_some_and(|account| {
                    let role = account.annotations.get(ANNOTATION_ROLE_ARN);
                    let seen = account.annotations.get(ANNOTATION_AUDIENCE);
                    role.is_some_and(|found| found.value == wanted.role_arn.to_string())
                        && seen.map_or(DEFAULT_AUDIENCE, |found| &found.value) == audience.as_str()
                })
            }
        }
    }

    /// Whether an association of ours wins over the annotation that is wanted.
    pub fn is_blocked_by_association(&self) -> bool {
        self.identity.binding.is_irsa() && self.association().is_some()
    }

    /// Whether the change takes pods from IRSA to Pod Identity.
    pub fn leaves_irsa(&self) -> bool {
        !self.identity.binding.is_irsa() && self.others.iter().any(Binding::is_irsa)
    }

    /// Whether a pod is one that depends on another binding than the wanted, as far as it shows.
    pub fn depends_on_another(&self, pod: &PodCredentials) -> bool {
        let old = |since| pod.has_pod_identity() && pod.created < since;
        let foreign = |carried: &&Credential| !carried.is_of(&self.identity.binding);
        let shows = |carried: &Credential| self.others.iter().any(|other| carried.is_of(other));
        pod.credentials.iter().filter(foreign).any(shows) || self.made_before().is_some_and(old)
    }

    /// Whether the role that is wanted is there and lets the subject in by the wanted binding.
    pub fn is_let_in(&self) -> bool {
        let facts = self.observed.roles.get(&self.identity.binding.role_arn);
        let trust = facts.and_then(|facts| facts.trust.present());
        let request = Request {
            subject: &self.identity.subject,
            cluster: &self.identity.cluster,
            binding: &self.identity.binding,
        };
        trust.is_some_and(|trust| lets_in(trust, request))
    }

    /// Whether what lets the subject in by the wanted binding would go if it were not wanted. In a role that others keep
    /// only Lanyard's own statement would: theirs stay, and need none of Lanyard's beside them.
    pub fn could_be_put_out(&self) -> bool {
        let facts = self.observed.role(&self.identity.binding.role_arn);
        let adopted = ownership_of_role(self.identity, self.previous, &facts).is_adopted();
        let shares = self.identity.shares_trust || adopted;
        self.is_let_in() && (!shares || self.has_seat(&self.identity.binding))
    }

    /// Whether the subject is in Lanyard's statement for a binding to the wanted role. Its id tells: without session tags,
    /// what lets another subject in says the same.
    fn has_seat(&self, binding: &Binding) -> bool {
        let facts = self.observed.roles.get(&self.identity.binding.role_arn);
        let membership = StatementKey::of(binding).membership(&self.identity.subject);
        let trust = facts.and_then(|facts| facts.trust.present());
        trust.is_some_and(|trust| membership.is_listed(trust) == Some(true))
    }

    /// Whether a pod may still depend on a binding that is not wanted any more. What cannot be counted afresh may.
    pub fn is_live(&self, old: &Binding) -> bool {
        let wanted = &self.identity.binding;
        match (old.is_irsa(), wanted.is_irsa()) {
            // Another issuer: the kubelet brings new tokens to old pods by and by.
            (true, true) if old.role_arn == wanted.role_arn && self.same_audience(old) => {
                let began = self.began();
                self.pods().any(|pod| pod.depends_on(old) && pod.created < began)
            }
            (true, true | false) => self.pods().any(|pod| pod.depends_on(old)),
            (false, true) => {
                self.association().is_some() || self.pods().any(PodCredentials::has_pod_identity)
            }
            (false, false) => self.holds_cached(),
        }
    }

    fn same_audience(&self, old: &Binding) -> bool {
        match (&old.settings, &self.identity.binding.settings) {
            (MethodSettings::Irsa { audience: a, .. }, MethodSettings::Irsa { audience: b, .. }) => a == b,
            _ => false,
        }
    }

    /// Whether a pod may hold a session that the agent fetched before the association was changed (docs/dev/aws-behaviour.md#agent, docs/dev/aws-behaviour.md#target-role).
    fn holds_cached(&self) -> bool {
        let Some(changed) = self.made_before() else {
            return true;
        };
        let cached = self.timings.cached + self.timings.margin;
        let over = left_of(cached, changed, self.now).is_none();
        let before = |pod: &PodCredentials| pod.has_pod_identity() && pod.created < changed;
        !over && self.pods().any(before)
    }

    pub fn pods(&self) -> impl Iterator<Item = &'a PodCredentials> {
        self.observed
            .pods
            .present()
            .into_iter()
            .flat_map(|pods| &pods.items)
    }
}
