//! Desired: what should be, for an object that stays or for one that goes.
//! An identity and the binding to keep true go in; one value comes out that `diff` holds against the facts. No I/O.
//! What is in our custody for it is in [`inventory`], what becomes of an object that goes in [`removal`].

use std::collections::{BTreeMap, BTreeSet};

use crate::class::adoption::Adoption;
use crate::identity::{Identity, ManagedRole};
use crate::model::annotation::{
    ANNOTATION_AUDIENCE, ANNOTATION_ROLE_ARN, ANNOTATION_STS_REGIONAL, ANNOTATION_TOKEN_EXPIRATION,
};
use crate::model::arn::{Issuer, RoleArn};
use crate::model::binding::{Binding, MethodSettings};
use crate::model::cluster::ProviderPolicy;
use crate::model::cluster::{Cluster, Platform};
use crate::model::inventory::Inventory;
use crate::model::name::Audience;
use crate::model::observed::Observed;
use crate::model::shared_trust::{RoleMembership, SharedStatement, StatementKey};
use crate::model::spec::DEFAULT_AUDIENCE;
use crate::model::status::Status;
use crate::model::subject::Subject;
use crate::ownership::{Ownership, ownership_of_association, ownership_of_role};
use crate::reconcile::admission::Request;
use crate::reconcile::transition::{Transition, TransitionState};
use lanyard_iam_policy::{Document, Statement, trust};

mod inventory;
mod removal;

pub use removal::{Parting, Removal};

/// What should be.
#[derive(Debug, Clone, PartialEq)]
pub enum Desired {
    /// The subject has its role by its binding.
    Present(Box<DesiredState>),
    /// Nothing of ours is left.
    Absent(Removal),
}

/// What should be there for a subject.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredState {
    /// Who gets the role.
    pub subject: Subject,
    /// Where.
    pub cluster: Cluster,
    /// The binding that is kept true.
    pub binding: Binding,
    /// Whether it is only held while the spec already asks for another. What goes with a binding without being part of
    /// it (session policy, token settings) then belongs to the one that waits, and is left as it is found.
    pub held: bool,
    /// Whether a change of the binding is under way: what it changes is then asked for, and no drift.
    pub moving: bool,
    /// Whether annotation and association may be put in place: in a change of the binding, not before the trust holds.
    pub binds: bool,
    /// What becomes of the cluster's side of other bindings.
    pub others: Others,
    /// The role.
    pub role: DesiredRole,
    /// Whose role and association are.
    pub holds: Ownerships,
    /// What is asked to be adopted, and what may be.
    pub adoption: Adoption,
    /// Roles that Lanyard made for this subject and that nothing depends on any more.
    pub obsolete_roles: BTreeSet<RoleArn>,
    /// Seats of the subject in somebody else's role that nothing depends on any more.
    pub left_seats: BTreeSet<RoleMembership>,
    /// The statements that let the subject in by this binding and by every other that a pod may depend on, as a whole
    /// trust document.
    pub trust: Document,
    /// The IAM OIDC provider (IRSA).
    pub provider: Option<DesiredProvider>,
    /// Whether the Pod Identity Agent is installed where there is none.
    pub installs_agent: bool,
    /// The association (Pod Identity).
    pub association: Option<DesiredAssociation>,
    /// Our annotations on the ServiceAccount; those not here are not wanted.
    pub annotations: BTreeMap<String, String>,
    /// Whether a missing ServiceAccount is created.
    pub create_service_account: bool,
    /// What custody has to say first.
    pub inventory: Inventory,
    /// Whether nothing new is applied: only what was applied before is kept true.
    pub frozen: bool,
    /// Whether the boundary is put on all the same.
    pub bounds: bool,
}

impl DesiredState {
    /// What the role's trust is asked.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request {
            subject: &self.subject,
            cluster: &self.cluster,
            binding: &self.binding,
        }
    }

    /// Whether pods only get it where somebody installed AWS's pod identity webhook: EKS runs its own.
    #[must_use]
    pub fn needs_webhook(&self) -> bool {
        self.cluster.platform == Platform::Other && self.binding.is_irsa()
    }
}

/// What becomes of the annotation or association of a binding that is not the wanted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They are drift: nobody asked for them.
    Drift,
    /// They stay as they are.
    Stay,
    /// The change of the binding takes them away now.
    Go,
}

/// The role that should be there.
#[derive(Debug, Clone, PartialEq)]
pub enum DesiredRole {
    /// Lanyard makes it and owns all of it.
    Managed(ManagedRole),
    /// Somebody else made it and Lanyard adopted it, or does now: Lanyard adds to it, its own statements to the trust among
    /// the rest, and what others put there stays.
    Adopted(ManagedRole, Vec<SharedStatement>),
    /// Somebody else's; only its trust is looked at.
    Existing,
    /// Somebody else's, in whose trust policy Lanyard keeps these statements.
    Shared(Vec<SharedStatement>),
    /// The one in effect, kept as it is while the spec already names another.
    Held,
}

/// Whose the role and the association of the binding are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownerships {
    /// The role, where Lanyard manages it.
    pub role: Ownership,
    /// The association.
    pub association: Ownership,
}

impl Ownerships {
    fn new(identity: &Identity, previous: &Status, observed: &Observed) -> Self {
        let role = observed.role(identity.role_arn());
        let association = observed.association.present();
        Self {
            role: ownership_of_role(identity, previous, &role),
            association: association.map_or(Ownership::Managed, |found| {
                ownership_of_association(identity, previous, found)
            }),
        }
    }
}

/// The IAM OIDC provider that should be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredProvider {
    /// Its ARN.
    pub arn: String,
    /// The issuer it stands for.
    pub issuer: Issuer,
    /// The audience it has to accept.
    pub client_id: Audience,
    /// Whether Lanyard may create it and add the audience.
    pub ensure: bool,
}

/// The association that should be there.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DesiredAssociation {
    /// The role it gives.
    pub role_arn: RoleArn,
    /// The role it chains to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_role_arn: Option<RoleArn>,
    /// Whether sessions carry tags.
    pub session_tags: bool,
    /// The session policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Document>,
    /// The ownership tags.
    pub tags: BTreeMap<String, String>,
}

impl Desired {
    /// What should be for an object that stays.
    #[must_use]
    pub fn present(
        identity: &Identity,
        stage: &TransitionState,
        previous: &Status,
        observed: &Observed,
    ) -> Self {
        let transition = match stage {
            TransitionState::Moving(transition) => Some(&**transition),
            TransitionState::Settled | TransitionState::Unknown(..) => None,
        };
        let held = transition.and_then(Transition::held);
        let binding = held.unwrap_or(&identity.binding).clone();
        let kept = transition
            .map(|transition| transition.kept.as_slice())
            .unwrap_or_default();
        let holds = Ownerships::new(identity, previous, observed);
        let shares = identity.shares_trust || holds.role.is_adopted();
        let entries = entries_for(identity, &binding, kept);
        Self::Present(Box::new(DesiredState {
            trust: trust::trust_document(entries.iter().map(|entry| entry.statement.clone()).collect()),
            provider: provider_for(identity, &binding),
            installs_agent: installs_agent(identity, transition),
            association: association_for(identity, &binding, holds.association),
            annotations: annotations_for(identity, &binding),
            create_service_account: identity.create_service_account,
            inventory: inventory::custody_for(identity, &binding, kept, observed, shares),
            frozen: identity.frozen.is_some(),
            bounds: identity.frozen.as_ref().is_some_and(|freeze| freeze.bounds),
            subject: identity.subject.clone(),
            cluster: identity.cluster.clone(),
            held: held.is_some(),
            moving: transition.is_some(),
            binds: transition.is_none_or(Transition::binds),
            others: others(transition),
            role: role_for(identity, &binding, entries, holds.role),
            holds,
            adoption: identity.adoption.clone(),
            obsolete_roles: inventory::obsolete_roles(identity, stage, observed),
            left_seats: inventory::left_seats(identity, stage, observed),
            binding,
        }))
    }
}

fn others(transition: Option<&Transition>) -> Others {
    match transition {
        None => Others::Drift,
        Some(transition) if transition.unbinds() => Others::Go,
        Some(_) => Others::Stay,
    }
}

fn role_for(
    identity: &Identity,
    binding: &Binding,
    entries: Vec<SharedStatement>,
    ownership: Ownership,
) -> DesiredRole {
    match &identity.managed {
        _ if binding.role_arn != identity.binding.role_arn => DesiredRole::Held,
        Some(managed) if ownership.is_adopted() => {
            let mut managed = managed.clone();
            managed.tags.extend(identity.subject.adoption_tags());
            DesiredRole::Adopted(managed, entries)
        }
        Some(managed) => DesiredRole::Managed(managed.clone()),
        None if identity.shares_trust => DesiredRole::Shared(entries),
        None => DesiredRole::Existing,
    }
}

/// One entry for the binding, and one for each other binding that leads to the same role by another statement.
fn entries_for(identity: &Identity, binding: &Binding, kept: &[Binding]) -> Vec<SharedStatement> {
    let mut entries: Vec<SharedStatement> = Vec::new();
    let of_role = kept.iter().filter(|other| other.role_arn == binding.role_arn);
    for binding in [binding].into_iter().chain(of_role) {
        let membership = StatementKey::of(binding).membership(&identity.subject);
        if !entries.iter().any(|known| known.membership == membership) {
            let statement = statement_for(identity, binding, &membership.sid);
            entries.push(SharedStatement {
                membership,
                statement,
            });
        }
    }
    entries
}

/// The statement that lets the subject in by a binding.
pub(crate) fn statement_for(identity: &Identity, binding: &Binding, sid: &str) -> Statement {
    let Identity { subject, cluster, .. } = identity;
    match &binding.settings {
        MethodSettings::Irsa { issuer, audience } => trust::irsa_statement(
            sid,
            &binding.provider_arn().unwrap_or_default(),
            issuer.host_and_path(),
            audience.as_str(),
            &[(subject.namespace.to_string(), subject.name.to_string())].into(),
        ),
        MethodSettings::PodIdentity { session_tags, .. } => {
            let conditions = if *session_tags {
                trust::Conditions::SessionTags {
                    cluster_arn: subject.cluster.to_string(),
                    namespace: subject.namespace.to_string(),
                    service_accounts: [subject.name.to_string()].into(),
                }
            } else {
                trust::Conditions::SourceOnly {
                    cluster_arn: subject.cluster.to_string(),
                    account: cluster.account.to_string(),
                }
            };
            trust::pod_identity_statement(sid, &conditions)
        }
    }
}

fn provider_for(identity: &Identity, binding: &Binding) -> Option<DesiredProvider> {
    match &binding.settings {
        MethodSettings::Irsa { issuer, audience } => Some(DesiredProvider {
            arn: binding.provider_arn()?,
            issuer: issuer.clone(),
            client_id: audience.clone(),
            ensure: identity.provider == ProviderPolicy::Ensure,
        }),
        MethodSettings::PodIdentity { .. } => None,
    }
}

/// The agent comes before the binding that needs it: a change to Pod Identity is refused until it is ready.
fn installs_agent(identity: &Identity, transition: Option<&Transition>) -> bool {
    let wanted = identity.cluster.ensures_agent() && !identity.binding.is_irsa();
    wanted && transition.is_none_or(Transition::waits_for_agent_at_most)
}

fn association_for(
    identity: &Identity,
    binding: &Binding,
    ownership: Ownership,
) -> Option<DesiredAssociation> {
    match &binding.settings {
        MethodSettings::PodIdentity {
            target_role_arn,
            session_tags,
        } => Some(DesiredAssociation {
            role_arn: binding.role_arn.clone(),
            target_role_arn: target_role_arn.clone(),
            session_tags: *session_tags,
            // EKS refuses a session policy beside session tags: it can then only be meant for the binding that waits.
            policy: identity.session_policy.clone().filter(|_| !session_tags),
            tags: match ownership.is_adopted() {
                true => identity.subject.adoption_tags(),
                false => identity.subject.ownership_tags(),
            },
        }),
        MethodSettings::Irsa { .. } => None,
    }
}

fn annotations_for(identity: &Identity, binding: &Binding) -> BTreeMap<String, String> {
    let MethodSettings::Irsa { audience, .. } = &binding.settings else {
        return BTreeMap::new();
    };
    let mut annotations = BTreeMap::from([(ANNOTATION_ROLE_ARN.to_owned(), binding.role_arn.to_string())]);
    if audience.as_str() != DEFAULT_AUDIENCE {
        annotations.insert(ANNOTATION_AUDIENCE.to_owned(), audience.to_string());
    }
    if let Some(seconds) = identity.token_expiration {
        annotations.insert(ANNOTATION_TOKEN_EXPIRATION.to_owned(), seconds.to_string());
    }
    if let Some(regional) = identity.sts_regional_endpoints {
        annotations.insert(ANNOTATION_STS_REGIONAL.to_owned(), regional.to_string());
    }
    annotations
}
