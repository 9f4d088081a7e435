//! The transition view: the bindings that the record, the cluster, the trust policy and the pods show, and how far the
//! desired binding is in place. Inputs are the identity, the status and the observed state. No I/O.

use jiff::Timestamp;

use crate::identity::Identity;
use crate::model::annotation::{ANNOTATION_AUDIENCE, ANNOTATION_ROLE_ARN};
use crate::model::arn::RoleArn;
use crate::model::binding::{Binding, MethodSettings};
use crate::model::fact::{Fact, ReadError};
use crate::model::field::Field;
use crate::model::inventory::InventoryEntry;
use crate::model::name::Audience;
use crate::model::observed::{Association, Observed, ServiceAccount};
use crate::model::pods::PodCredentials;
use crate::model::reason::Reason;
use crate::model::shared_trust::StatementKey;
use crate::model::spec::DEFAULT_AUDIENCE;
use crate::model::spec::Method;
use crate::model::status::{BindingState, BindingStatus, Status, TransitionStatus};
use crate::model::timings::Timings;
use crate::ownership::{ownership_of_association, ownership_of_role};
use crate::reconcile::admission::{Request, is_admitted, may_admit};
use lanyard_iam_policy::Document;

pub(super) struct TransitionView<'a> {
    pub identity: &'a Identity,
    pub previous: &'a Status,
    pub observed: &'a Observed,
    pub timings: &'a Timings,
    pub now: Timestamp,
    /// A short hash of the desired binding.
    pub target_hash: String,
    /// The recorded transition, if it leads to the desired binding.
    pub record: Option<&'a TransitionStatus>,
    /// Every binding except the desired one that the record, the cluster, the trust policy or a pod shows.
    pub other_bindings: Vec<Binding>,
}

impl<'a> TransitionView<'a> {
    pub fn new(
        identity: &'a Identity,
        previous: &'a Status,
        observed: &'a Observed,
        timings: &'a Timings,
        now: Timestamp,
    ) -> Self {
        let target_hash = identity.binding.token();
        let record = previous.transition.as_ref();
        let mut view = Self {
            record: record.filter(|record| record.target_hash == target_hash),
            target_hash,
            identity,
            previous,
            observed,
            timings,
            now,
            other_bindings: Vec::new(),
        };
        view.other_bindings = view.all_other_bindings();
        view
    }

    /// The fact that is needed to tell which binding is effective and which pods depend on it, and that could not be read.
    /// Returns `None` if all of them could be read. If the object has an inventory and no recorded bindings, its pods may
    /// depend on a binding that only the pods still show.
    pub fn unknown(&self) -> Option<(Field, ReadError)> {
        let record_is_lost = self.previous.bindings.is_empty() && self.observed.object.inventory.is_some();
        let uncounted = match &self.observed.pods {
            Fact::Present(pods) if pods.fresh => None,
            Fact::Present(_) | Fact::Absent => Some(&ReadError::NotRead),
            Fact::Unreadable(error) => Some(error),
        };
        let uncounted = uncounted.filter(|_| record_is_lost || !self.other_bindings.is_empty());
        let association = self.observed.association.unreadable();
        let account = self.observed.service_account.unreadable();
        let role = self.observed.role(&self.identity.binding.role_arn);
        let trust = role.trust.unreadable().filter(|_| record_is_lost);
        let unread = [
            (Field::Association, association),
            (Field::ServiceAccount, account),
            (Field::Pods, uncounted),
            (Field::Trust, trust),
        ];
        let mut unread = unread.into_iter();
        unread.find_map(|(field, error)| Some((field, error?.clone())))
    }

    fn all_other_bindings(&self) -> Vec<Binding> {
        // No pod depends on a recorded binding that was never in place, unless the cluster shows it.
        let may_be_bound = self.previous.transition.as_ref().is_some_and(may_have_bound);
        let counts = |known: &&BindingStatus| known.state != BindingState::Pending || may_be_bound;
        let recorded = self
            .previous
            .bindings
            .iter()
            .filter(counts)
            .map(|known| known.binding.clone());
        let in_cluster = [self.associated(), self.annotated()].into_iter().flatten();
        let carried = self.pods().flat_map(|pod| self.carried(pod));
        let mut others: Vec<Binding> = Vec::new();
        for binding in recorded
            .chain(in_cluster)
            .chain(carried)
            .chain(self.in_inventory())
            .chain(self.in_trust())
        {
            if binding != self.identity.binding && !others.contains(&binding) {
                others.push(binding);
            }
        }
        others
    }

    /// The bindings of the inventory to other roles, or by another statement. If the record is lost, pods may hold sessions
    /// of them.
    fn in_inventory(&self) -> impl Iterator<Item = Binding> {
        let desired = &self.identity.binding;
        let inventory = self.observed.object.inventory.iter();
        let record_is_lost = self.previous.bindings.is_empty();
        // Several bindings may lead to one role. The statement that lists the subject tells them apart.
        let is_other = move |known: &&InventoryEntry| {
            let by_other_statement = known
                .statement
                .as_ref()
                .is_some_and(|share| *share != StatementKey::of(desired));
            record_is_lost && (known.arn != desired.role_arn || by_other_statement)
        };
        let entries = inventory.flat_map(|inventory| &inventory.roles);
        let others = entries.filter(is_other);
        let existing = others.filter(|known| !self.observed.role(&known.arn).id.is_absent());
        existing.filter_map(|known| self.binding_of_entry(known))
    }

    /// The binding for which an inventory entry was recorded, as far as the entry shows it.
    fn binding_of_entry(&self, entry: &InventoryEntry) -> Option<Binding> {
        let role_arn = entry.arn.clone();
        let audience = match (entry.method, &entry.statement) {
            (Method::PodIdentity, share) => {
                let by = MethodSettings::PodIdentity {
                    target_role_arn: None,
                    session_tags: *share != Some(StatementKey::PodIdentityUntagged),
                };
                return Some(Binding {
                    role_arn,
                    settings: by,
                });
            }
            (Method::Irsa, Some(StatementKey::Irsa { issuer, audience })) => {
                let (issuer, audience) = (issuer.clone(), audience.clone());
                let by = MethodSettings::Irsa { issuer, audience };
                return Some(Binding {
                    role_arn,
                    settings: by,
                });
            }
            (Method::Irsa, _) => Audience::parse(DEFAULT_AUDIENCE).ok()?,
        };
        Some(self.irsa(role_arn, audience))
    }

    /// The Pod Identity bindings that the trust policy alone shows. If the record is lost, no pod shows the session tags.
    fn in_trust(&self) -> Vec<Binding> {
        let desired = &self.identity.binding;
        if !self.previous.bindings.is_empty() {
            return Vec::new();
        }
        let target = match &desired.settings {
            MethodSettings::PodIdentity { target_role_arn, .. } => target_role_arn.clone(),
            MethodSettings::Irsa { .. } => None,
        };
        let binding = |session_tags| Binding {
            role_arn: desired.role_arn.clone(),
            settings: MethodSettings::PodIdentity {
                target_role_arn: target.clone(),
                session_tags,
            },
        };
        let mut shown = [true, false].map(binding).to_vec();
        shown.retain(|binding| self.is_in_own_statement(binding));
        shown
    }

    /// The effective binding, if it is not the desired one. The record wins over the cluster, and an association wins over
    /// an annotation, as it does for new pods.
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

    /// The binding that new pods got before the transition.
    pub fn from(&self) -> Binding {
        self.effective()
            .or_else(|| self.other_bindings.first().cloned())
            .unwrap_or_else(|| self.identity.binding.clone())
    }

    /// Returns true if the desired binding is in place or a pod carries it. Its trust then stays in any case.
    pub fn is_used(&self) -> bool {
        let desired = &self.identity.binding;
        self.is_bound() || self.pods().any(|pod| pod.depends_on(desired))
    }

    /// The association. Returns `None` if Lanyard neither owns nor adopts it.
    pub fn association(&self) -> Option<&Association> {
        let association = self.observed.association.present()?;
        let ownership = ownership_of_association(self.identity, self.previous, association);
        ownership.is_owned().then_some(association)
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

    /// The binding of the annotations. An annotation counts if Lanyard set it, or if it names the role that Lanyard manages:
    /// pods of that role keep their access, whatever field manager set the annotation.
    fn annotated(&self) -> Option<Binding> {
        let account = self.observed.service_account.present()?;
        let annotation = account.annotations.get(ANNOTATION_ROLE_ARN)?;
        let role_arn = RoleArn::parse(&annotation.value).ok()?;
        let names_managed_role = self.identity.managed.is_some()
            && role_arn == self.identity.binding.role_arn
            && self.observed.role(&role_arn).id.present().is_some();
        if !annotation.ours && !names_managed_role {
            return None;
        }
        Some(self.irsa(role_arn, self.annotated_audience(account)?))
    }

    /// The audience of the annotations. A foreign annotation is a conflict and does not show the audience that Lanyard set.
    fn annotated_audience(&self, account: &ServiceAccount) -> Option<Audience> {
        match (
            account.annotations.get(ANNOTATION_AUDIENCE),
            &self.identity.binding.settings,
        ) {
            (Some(annotation), MethodSettings::Irsa { audience, .. }) if !annotation.ours => {
                Some(audience.clone())
            }
            (Some(annotation), _) => Audience::parse(annotation.value.as_str()).ok(),
            (None, _) => Audience::parse(DEFAULT_AUDIENCE).ok(),
        }
    }

    /// The bindings that the web identities of a pod show, if the inventory or the spec names their role.
    fn carried(&self, pod: &'a PodCredentials) -> impl Iterator<Item = Binding> {
        let known = pod.web_identities().filter(|(role, _)| self.is_known(role));
        known.filter_map(|(role, audience)| {
            let audience = Some(audience).filter(|audience| !audience.is_empty());
            Some(self.irsa(role, Audience::parse(audience.unwrap_or(DEFAULT_AUDIENCE)).ok()?))
        })
    }

    fn is_known(&self, role: &RoleArn) -> bool {
        let inventory = self.observed.object.inventory.as_ref();
        let is_recorded =
            inventory.is_some_and(|inventory| inventory.roles.iter().any(|known| known.arn == *role));
        is_recorded || *role == self.identity.binding.role_arn
    }

    fn irsa(&self, role_arn: RoleArn, audience: Audience) -> Binding {
        let issuer = self.identity.cluster.issuer.clone();
        Binding {
            role_arn,
            settings: MethodSettings::Irsa { issuer, audience },
        }
    }

    /// Returns true if the desired binding is in place in the cluster.
    pub fn is_bound(&self) -> bool {
        let desired = &self.identity.binding;
        match &desired.settings {
            MethodSettings::PodIdentity { .. } => self.associated().as_ref() == Some(desired),
            MethodSettings::Irsa { audience, .. } => {
                self.observed.service_account.present().is_some_and(|account| {
                    let role = account.annotations.get(ANNOTATION_ROLE_ARN);
                    let observed = account.annotations.get(ANNOTATION_AUDIENCE);
                    role.is_some_and(|annotation| annotation.value == desired.role_arn.to_string())
                        && observed.map_or(DEFAULT_AUDIENCE, |annotation| &annotation.value)
                            == audience.as_str()
                })
            }
        }
    }

    /// Returns true if an association that Lanyard owns overrides the desired annotation.
    pub fn is_blocked_by_association(&self) -> bool {
        self.identity.binding.is_irsa() && self.association().is_some()
    }

    /// Returns true if the transition moves pods from IRSA to Pod Identity.
    pub fn moves_off_irsa(&self) -> bool {
        !self.identity.binding.is_irsa() && self.other_bindings.iter().any(Binding::is_irsa)
    }

    /// Returns true if the transition moves pods from Pod Identity to IRSA: they lose access with their association.
    pub fn moves_to_irsa(&self) -> bool {
        self.identity.binding.is_irsa() && self.other_bindings.iter().any(|other| !other.is_irsa())
    }

    /// Returns true if nothing may be restarted. A freeze does not leave pods without the access that they lose.
    pub fn is_halted(&self) -> bool {
        self.identity.paused || (self.identity.frozen.is_some() && !self.moves_to_irsa())
    }

    /// Returns true if pods that carry Pod Identity have no association, and the transition creates one for them.
    pub fn restores_access(&self) -> bool {
        !self.identity.binding.is_irsa()
            && self.association().is_none()
            && self.pods().any(PodCredentials::has_pod_identity)
    }

    /// Returns true if the desired role exists and its trust policy admits the subject by the desired binding. A trust
    /// policy that Lanyard cannot verify does not replace a working binding until a user verified it.
    pub fn is_admitted(&self) -> bool {
        let verified = self.observed.object.verified_trust.as_deref();
        self.trust()
            .is_some_and(|trust| is_admitted(trust, self.request(), verified))
    }

    fn trust(&self) -> Option<&'a Document> {
        let role = self.observed.roles.get(&self.identity.binding.role_arn);
        role.and_then(|role| role.trust.present())
    }

    fn request(&self) -> Request<'a> {
        Request {
            subject: &self.identity.subject,
            cluster: &self.identity.cluster,
            binding: &self.identity.binding,
        }
    }

    /// Returns true if the subject would lose its admission once the desired binding is no longer desired. In a shared role
    /// only Lanyard's own statement would be removed, so a foreign statement needs no protection.
    pub fn could_lose_admission(&self) -> bool {
        let role = self.observed.role(&self.identity.binding.role_arn);
        let adopted = ownership_of_role(self.identity, self.previous, &role).is_adopted();
        let shares = self.identity.shares_trust || adopted;
        self.trust().is_some_and(|trust| may_admit(trust, self.request()))
            && (!shares || self.is_in_own_statement(&self.identity.binding))
    }

    /// Returns true if Lanyard's statement for a binding to the desired role lists the subject. The statement ID decides:
    /// without session tags, statements of several subjects have the same content.
    fn is_in_own_statement(&self, binding: &Binding) -> bool {
        let role = self.observed.roles.get(&self.identity.binding.role_arn);
        let membership = StatementKey::of(binding).membership(&self.identity.subject);
        let trust = role.and_then(|role| role.trust.present());
        trust.is_some_and(|trust| membership.is_listed(trust) == Some(true))
    }

    pub fn pods(&self) -> impl Iterator<Item = &'a PodCredentials> {
        self.observed
            .pods
            .present()
            .into_iter()
            .flat_map(|pods| &pods.items)
    }
}

/// Returns true if the recorded transition may have written its binding. The last reconcile may not be recorded.
fn may_have_bound(record: &TransitionStatus) -> bool {
    let stages = [
        Reason::Propagating,
        Reason::Switching,
        Reason::Settling,
        Reason::Unbinding,
        Reason::Unbound,
        Reason::Draining,
        Reason::Soaking,
    ];
    record.bound_time.is_some() || stages.contains(&record.stage)
}
