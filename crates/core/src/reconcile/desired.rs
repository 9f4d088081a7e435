//! Derives the desired state of a live object or of an object that is being deleted. Inputs are the identity, the
//! transition state, the status and the observed state; the output is one value that `diff` compares with the observed
//! state. No I/O. The `inventory` module derives the inventory, and `removal` the state of a deleted object.

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
use crate::reconcile::deletion_mode::DeletionMode;
use crate::reconcile::transition::{Transition, TransitionState};
use lanyard_iam_policy::{Document, Statement, trust};

mod inventory;
mod removal;

pub use removal::{AssociationRemoval, Removal};

/// The desired state.
#[derive(Debug, Clone, PartialEq)]
pub enum Desired {
    /// The subject has its role through its binding.
    Present(Box<DesiredState>),
    /// Lanyard owns nothing for the subject.
    Absent(Removal),
}

/// The desired state of a live object.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredState {
    /// The subject that gets the role.
    pub subject: Subject,
    /// The cluster of the subject.
    pub cluster: Cluster,
    /// The binding that the operator keeps in sync.
    pub binding: Binding,
    /// True if the binding is only kept while the spec asks for another one. The settings beside the binding (session
    /// policy, token settings) then belong to the binding of the spec and stay as observed.
    pub held: bool,
    /// True during a transition. The differences that a transition makes are then requested changes and not drift.
    pub in_transition: bool,
    /// True if the operator may write the annotation and the association: in a transition, only once the trust is in place.
    pub writes_binding: bool,
    /// The treatment of annotations and associations of other bindings.
    pub other_bindings: OtherBindings,
    /// The role.
    pub role: DesiredRole,
    /// The owners of the role and of the association.
    pub ownership: Ownerships,
    /// The requested adoptions, and those that the class allows.
    pub adoption: Adoption,
    /// Roles that Lanyard created for this subject and on which no binding depends.
    pub obsolete_roles: BTreeSet<RoleArn>,
    /// Entries of the subject in shared roles on which no binding depends.
    pub obsolete_memberships: BTreeSet<RoleMembership>,
    /// The trust document with the statements that admit the subject by this binding and by every other binding that a pod
    /// may depend on.
    pub trust: Document,
    /// The IAM OIDC provider (IRSA).
    pub provider: Option<DesiredProvider>,
    /// True if the operator installs the Pod Identity Agent where it is missing.
    pub installs_agent: bool,
    /// The association (Pod Identity).
    pub association: Option<DesiredAssociation>,
    /// The annotations of Lanyard on the ServiceAccount. Lanyard removes its annotations that are not listed here.
    pub annotations: BTreeMap<String, String>,
    /// True if the operator creates a missing ServiceAccount.
    pub create_service_account: bool,
    /// True while a recent change of the binding has not reached new pods. [`decide`] sets it.
    ///
    /// [`decide`]: crate::reconcile::decide::decide
    pub propagates: bool,
    /// The inventory that has to be written before any other step.
    pub inventory: Inventory,
    /// True if the operator applies nothing new and keeps in sync only what it applied before.
    pub frozen: bool,
    /// True if the operator sets the permissions boundary even though the identity is frozen.
    pub applies_boundary: bool,
}

impl DesiredState {
    /// The request that the trust policy of the role has to admit.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request {
            subject: &self.subject,
            cluster: &self.cluster,
            binding: &self.binding,
        }
    }

    /// Returns true if pods get credentials only if AWS's pod identity webhook is installed. EKS runs its own.
    #[must_use]
    pub fn needs_webhook(&self) -> bool {
        self.cluster.platform == Platform::Other && self.binding.is_irsa()
    }
}

/// The treatment of the annotation or the association of a binding other than the desired one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherBindings {
    /// It is drift, since no spec asks for it.
    Drift,
    /// It stays unchanged.
    Keep,
    /// The transition removes it now.
    Remove,
}

/// The desired role.
#[derive(Debug, Clone, PartialEq)]
pub enum DesiredRole {
    /// Lanyard creates the role and owns all of it.
    Managed(ManagedRole),
    /// A foreign role that Lanyard adopted or adopts now. Lanyard adds to it, including these statements of its trust
    /// policy, and leaves the rest unchanged.
    Adopted(ManagedRole, Vec<SharedStatement>),
    /// A foreign role of which the operator only checks the trust policy.
    Existing,
    /// A foreign role in whose trust policy Lanyard maintains these statements.
    Shared(Vec<SharedStatement>),
    /// The role of the effective binding, which stays unchanged while the spec names another role.
    Unchanged,
}

/// The owners of the role and of the association of the binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownerships {
    /// The role, if Lanyard manages it.
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
            association: association.map_or(Ownership::Managed, |association| {
                ownership_of_association(identity, previous, association)
            }),
        }
    }
}

/// The desired IAM OIDC provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredProvider {
    /// Its ARN.
    pub arn: String,
    /// The issuer.
    pub issuer: Issuer,
    /// The audience that the provider has to accept.
    pub client_id: Audience,
    /// True if Lanyard may create the provider and add the audience.
    pub ensure: bool,
}

/// The desired association.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DesiredAssociation {
    /// The role of the association.
    pub role_arn: RoleArn,
    /// The target role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_role_arn: Option<RoleArn>,
    /// True if sessions carry session tags.
    pub session_tags: bool,
    /// The session policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Document>,
    /// The ownership tags.
    pub tags: BTreeMap<String, String>,
}

impl Desired {
    /// The desired state of a live object.
    #[must_use]
    pub fn present(
        identity: &Identity,
        state: &TransitionState,
        previous: &Status,
        observed: &Observed,
    ) -> Self {
        let transition = match state {
            TransitionState::Moving(transition) => Some(&**transition),
            TransitionState::Settled | TransitionState::Unknown(..) => None,
        };
        let held = transition.and_then(Transition::held_binding);
        let binding = held.unwrap_or(&identity.binding).clone();
        let in_use = transition
            .map(|transition| transition.in_use.as_slice())
            .unwrap_or_default();
        let ownership = Ownerships::new(identity, previous, observed);
        let shares = identity.shares_trust || ownership.role.is_adopted();
        let needs_trust = |old: &&Binding| transition.is_none_or(|transition| transition.needs_trust(old));
        let trusted: Vec<&Binding> = in_use.iter().filter(needs_trust).collect();
        let entries = entries_for(identity, &binding, &trusted);
        let freeze = identity.frozen.as_ref();
        Self::Present(Box::new(DesiredState {
            trust: trust::trust_document(entries.iter().map(|entry| entry.statement.clone()).collect()),
            provider: provider_for(identity, &binding),
            installs_agent: installs_agent(identity, transition),
            association: association_for(identity, &binding, ownership.association),
            annotations: annotations_for(identity, &binding),
            create_service_account: identity.create_service_account,
            propagates: false,
            inventory: inventory::desired_inventory(identity, &binding, in_use, observed, shares),
            frozen: freeze.is_some(),
            applies_boundary: freeze.is_some_and(|freeze| freeze.bounds),
            subject: identity.subject.clone(),
            cluster: identity.cluster.clone(),
            held: held.is_some(),
            in_transition: transition.is_some(),
            writes_binding: transition.is_none_or(Transition::writes_binding),
            other_bindings: other_bindings(transition),
            role: role_for(identity, &binding, entries, ownership.role),
            ownership,
            adoption: identity.adoption.clone(),
            obsolete_roles: inventory::obsolete_roles(identity, state, observed),
            obsolete_memberships: inventory::obsolete_memberships(identity, state, observed),
            binding,
        }))
    }

    /// The desired state of an object that is being deleted. It needs no valid spec.
    #[must_use]
    pub fn absent(subject: &Subject, previous: &Status, observed: &Observed, mode: DeletionMode) -> Self {
        Self::Absent(Removal::new(subject, previous, observed, mode))
    }
}

fn other_bindings(transition: Option<&Transition>) -> OtherBindings {
    match transition {
        None => OtherBindings::Drift,
        Some(transition) if transition.removes_association() => OtherBindings::Remove,
        Some(_) => OtherBindings::Keep,
    }
}

fn role_for(
    identity: &Identity,
    binding: &Binding,
    entries: Vec<SharedStatement>,
    ownership: Ownership,
) -> DesiredRole {
    match &identity.managed {
        _ if binding.role_arn != identity.binding.role_arn => DesiredRole::Unchanged,
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

/// One entry for the binding, and one for each trusted binding that leads to the same role by another statement.
fn entries_for(identity: &Identity, binding: &Binding, trusted: &[&Binding]) -> Vec<SharedStatement> {
    let mut entries: Vec<SharedStatement> = Vec::new();
    let of_role = trusted
        .iter()
        .copied()
        .filter(|other| other.role_arn == binding.role_arn);
    for binding in [binding].into_iter().chain(of_role) {
        let membership = StatementKey::of(binding).membership(&identity.subject);
        if !entries.iter().any(|known| known.membership == membership) {
            let alone = statement_for(identity, binding, &membership.sid);
            entries.push(SharedStatement {
                membership,
                statement: alone,
            });
        }
    }
    entries
}

/// The statement that admits the subject by a binding.
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

/// The agent is installed before the binding that needs it: a transition to Pod Identity is refused until it is ready.
fn installs_agent(identity: &Identity, transition: Option<&Transition>) -> bool {
    let needs_agent = identity.cluster.ensures_agent() && !identity.binding.is_irsa();
    needs_agent && transition.is_none_or(Transition::allows_agent_installation)
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
            // EKS refuses a session policy together with session tags. The policy then belongs to the binding of the spec.
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
