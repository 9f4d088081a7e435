//! Approvals: a transition that loses access in AWS, or whose loss no pod would show, waits until a user approves it.
//! Input is the transition view; output is the pending approval request, if any. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::restart;
use super::view::TransitionView;
use crate::egress::policies_without_agent;
use crate::model::binding::{Binding, MethodSettings};
use crate::model::cluster_object::TokenClientFacts;
use crate::model::fact::{Fact, ReadError};
use crate::model::observed::Effect;
use crate::model::spec::PodRestart;
use crate::model::subject::hex_hash;
use crate::token_clients::{needs_annotation, token_clients};
use lanyard_iam_policy::{ASSUME_ROLE, allows};

/// The annotation of a WorkloadIdentity by which a user approves a transition. Its value is the token that the condition
/// shows.
pub const ANNOTATION_APPROVE: &str = "lanyard.dev/approve";

/// A request for approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRequest {
    /// The expected value of the annotation. It identifies this transition and no other.
    pub token: String,
    /// The reasons for the request.
    pub reasons: Vec<ApprovalReason>,
}

/// The reason for a request for approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovalReason {
    /// New pods get IRSA only after the operator deletes the association. Pods that carry Pod Identity then lose access.
    PodsLoseAccess,
    /// No pod carries the old binding. A workload that uses it does not run as a pod
    /// (docs/dev/aws-behaviour.md#issue-threads).
    NoPodHolds,
    /// A CSI driver creates tokens for a volume of pods and reads the role annotation, which is removed. The text is the
    /// SecretProviderClass.
    VolumeNeedsAnnotation(String),
    /// The role may assume other roles, which have to allow `sts:TagSession` after the transition
    /// (docs/dev/aws-behaviour.md#issue-threads).
    RoleMayChain,
    /// NetworkPolicies restrict the egress of pods and do not permit the Pod Identity Agent, which IRSA does not need. The
    /// names are those of the policies.
    EgressBlocked(BTreeSet<String>),
    /// The API server denies the list of NetworkPolicies. The text names the missing right.
    EgressUnreadable(String),
    /// Objects of other controllers create tokens of the ServiceAccount, which Pod Identity does not serve. The names are
    /// those of the objects.
    TokenClients(BTreeSet<String>),
    /// The API server denies the list of some kinds of such objects. The texts name the missing rights.
    TokenClientsUnreadable(BTreeSet<String>),
}

impl ApprovalReason {
    /// The text by which the token identifies the reason. A denied read has one cause, whatever its words.
    fn key(&self) -> String {
        match self {
            Self::EgressUnreadable(_) => "EgressUnreadable".to_owned(),
            Self::TokenClientsUnreadable(_) => "TokenClientsUnreadable".to_owned(),
            Self::PodsLoseAccess
            | Self::NoPodHolds
            | Self::VolumeNeedsAnnotation(_)
            | Self::RoleMayChain
            | Self::EgressBlocked(_)
            | Self::TokenClients(_) => format!("{self:?}"),
        }
    }
}

/// Returns true if an approval may depend on facts beside the pods: a transition takes pods from IRSA to Pod Identity, and
/// did not begin yet.
pub(super) fn needs_surroundings(view: &TransitionView<'_>) -> bool {
    view.moves_off_irsa()
        && !view.is_bound()
        && !view.is_prepared()
        && !view.restores_access()
        && !view.identity.is_held()
}

/// The error of a read of the surroundings that may succeed later. A denied read does not: it asks for approval.
pub(super) fn unread_surroundings(view: &TransitionView<'_>) -> Option<ReadError> {
    let observed = view.observed;
    let unread = [observed.egress.unreadable(), observed.token_clients.unreadable()];
    let mut unread = unread.into_iter().flatten();
    let error = unread.find(|error| !matches!(error, ReadError::Denied(_)))?;
    needs_surroundings(view).then(|| error.clone())
}

/// The clients of the ServiceAccount that need IRSA whatever its pods carry.
fn token_reasons(view: &TransitionView<'_>) -> Vec<ApprovalReason> {
    let subject = &view.identity.subject;
    let no_facts = TokenClientFacts::default();
    let facts = view.observed.token_clients.present().unwrap_or(&no_facts);
    let volumes = view.pods().filter_map(|pod| pod.token_volume.clone());
    let volume = volumes
        .filter(|class| needs_annotation(facts, class, subject))
        .min();
    let clients = token_clients(facts, subject);
    let mut denied = facts.denied.clone();
    denied.extend(view.observed.token_clients.unreadable().map(ToString::to_string));
    let clients = (!clients.is_empty()).then_some(ApprovalReason::TokenClients(clients));
    let denied = (!denied.is_empty()).then_some(ApprovalReason::TokenClientsUnreadable(denied));
    let volume = volume.map(ApprovalReason::VolumeNeedsAnnotation);
    [volume, clients, denied].into_iter().flatten().collect()
}

fn egress(view: &TransitionView<'_>) -> Option<ApprovalReason> {
    match &view.observed.egress {
        Fact::Present(facts) => {
            let policies = policies_without_agent(facts);
            (!policies.is_empty()).then_some(ApprovalReason::EgressBlocked(policies))
        }
        Fact::Absent => None,
        Fact::Unreadable(error) => Some(ApprovalReason::EgressUnreadable(error.to_string())),
    }
}

/// The approval that is required before the operator changes anything.
pub(super) fn before_binding(view: &TransitionView<'_>) -> Option<ApprovalRequest> {
    if view.restores_access() || view.is_prepared() {
        return None;
    }
    if view.is_blocked_by_association() {
        return to_unbind(view, restart::can_restart_all(view));
    }
    let mut reasons = Vec::new();
    if view.moves_off_irsa() {
        let is_carried = |old: &Binding| view.pods().any(|pod| pod.depends_on(old));
        let is_unused = !view.other_bindings.iter().any(is_carried);
        reasons.extend(is_unused.then_some(ApprovalReason::NoPodHolds));
        reasons.extend(token_reasons(view));
        reasons.extend(egress(view));
    }
    if gains_tags(view) && may_chain(view) {
        reasons.push(ApprovalReason::RoleMayChain);
    }
    if reasons.is_empty() {
        return None;
    }
    // An approval of this transition does not hold for the same transition at another time.
    unless_approved(view, reasons, &view.start_time().as_second().to_string())
}

/// The approval that is required right before the operator deletes the association. It was required before the transition
/// began, unless Lanyard could restart every pod then and cannot now.
pub(super) fn before_unbinding(view: &TransitionView<'_>) -> Option<ApprovalRequest> {
    to_unbind(view, restart::can_restart_all(view) && restart::would_work(view))
}

/// The approval to delete the association. `podRestart: Rollout` replaces it where Lanyard can restart every pod that would
/// lose access.
fn to_unbind(view: &TransitionView<'_>, can_restart_all: bool) -> Option<ApprovalRequest> {
    if view.identity.pod_restart == PodRestart::Rollout && can_restart_all {
        return None;
    }
    // A recreated association has another id, so an approval holds for one deletion only.
    let id = view.association().map_or("", |association| &association.id);
    unless_approved(view, vec![ApprovalReason::PodsLoseAccess], id)
}

fn unless_approved(
    view: &TransitionView<'_>,
    reasons: Vec<ApprovalReason>,
    occurrence: &str,
) -> Option<ApprovalRequest> {
    let from = view.from();
    let keys: Vec<String> = reasons.iter().map(ApprovalReason::key).collect();
    let text = format!(
        "{occurrence}/{keys:?}/{}/{}",
        from.key(),
        view.identity.binding.key()
    );
    let token = hex_hash(&text, 8);
    let is_approved = view.observed.object.approval.as_deref() == Some(token.as_str());
    (!is_approved).then_some(ApprovalRequest { token, reasons })
}

/// Returns true if sessions get tags that they did not have before.
fn gains_tags(view: &TransitionView<'_>) -> bool {
    let has_tags = |binding: &Binding| {
        matches!(
            binding.settings,
            MethodSettings::PodIdentity {
                session_tags: true,
                ..
            }
        )
    };
    has_tags(&view.identity.binding) && !view.other_bindings.iter().all(has_tags)
}

/// Returns true if a desired or observed policy of the role allows it to assume another role. An attached policy that
/// could not be read counts as one that does.
fn may_chain(view: &TransitionView<'_>) -> bool {
    let managed = view.identity.managed.iter();
    let desired = managed.flat_map(|role| role.inline.values());
    let role = view.observed.role(&view.identity.binding.role_arn);
    let inline = role.inline.present().into_iter().flat_map(BTreeMap::values);
    let mut attached = role.attached.present().into_iter().flat_map(BTreeMap::values);
    let is_harmless = |effect: &Fact<Effect>| {
        matches!(
            effect,
            Fact::Present(Effect::Grants | Effect::OnlyDenies) | Fact::Absent
        )
    };
    desired
        .chain(inline)
        .any(|document| allows(document, ASSUME_ROLE))
        || attached.any(|effect| !is_harmless(effect))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{applied, identity, now, spec};
    use crate::model::arn::PolicyArn;
    use crate::model::spec::Method;
    use crate::model::timings::Timings;

    /// Returns true if a transition of an IRSA role with one attached policy to Pod Identity requires approval.
    fn requires_approval(effect: Fact<Effect>, session_tags: bool) -> bool {
        let (_, mut world, status) = applied(&spec(Method::Irsa));
        let mut desired = spec(Method::PodIdentity);
        desired.pod_identity.disable_session_tags = !session_tags;
        let identity = identity(&desired);
        let policy = PolicyArn::parse("arn:aws:iam::111122223333:policy/p").unwrap();
        let role = world.roles.get_mut(identity.role_arn()).unwrap();
        role.attached = Fact::Present(BTreeMap::from([(policy, effect)]));
        let timings = Timings::default();
        let view = TransitionView::new(&identity, &status, &world, &timings, now());
        gains_tags(&view) && may_chain(&view)
    }

    #[test]
    fn chaining_or_unreadable_policy_with_tags_requires_approval() {
        assert!(requires_approval(Fact::Present(Effect::Chains), true));
        assert!(requires_approval(Fact::Unreadable(ReadError::NotRead), true));
        assert!(!requires_approval(Fact::Present(Effect::Chains), false));
        assert!(!requires_approval(Fact::Present(Effect::Grants), true));
        assert!(!requires_approval(Fact::Present(Effect::OnlyDenies), true));
    }
}
