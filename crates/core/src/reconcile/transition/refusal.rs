//! Refusals: preconditions of a transition to Pod Identity, checked before the operator changes anything.
//! Input is the transition view; output is the first refusal, if any. No I/O.

use super::view::TransitionView;
use crate::model::fact::Fact;
use crate::model::pods::Place;
use crate::model::reason::Reason;

/// A precondition of the transition that is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The cluster has no ready agent. The text describes the observed agent.
    AgentNotReady(String),
    /// Pods run on nodes that have no agent.
    UnsupportedNodes {
        /// The kind of node.
        place: Place,
        /// The number of pods on such nodes.
        pods: usize,
    },
    /// An association that Lanyard does not own decides which role new pods get.
    ForeignAssociation,
    /// An EKS add-on owns the ServiceAccount and gives it a binding of its own.
    ManagedByAddOn,
}

impl Refusal {
    /// The reason that the condition shows.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::AgentNotReady(_) => Reason::AgentNotReady,
            Self::UnsupportedNodes { .. } => Reason::NodesUnsupported,
            Self::ForeignAssociation => Reason::AssociationConflict,
            Self::ManagedByAddOn => Reason::ManagedByAddOn,
        }
    }
}

/// Returns the first precondition of the desired binding that is not met. An unreadable fact refuses nothing here: `plan`
/// omits the step that requires it.
pub(super) fn refusal(view: &TransitionView<'_>) -> Option<Refusal> {
    let is_foreign = view.observed.association.present().is_some() && view.association().is_none();
    if is_foreign {
        return Some(Refusal::ForeignAssociation);
    }
    if !view.moves_off_irsa() {
        return None;
    }
    let restores_access = view.restores_access();
    let account = view.observed.service_account.present();
    if !restores_access && account.is_some_and(|account| account.of_add_on) {
        return Some(Refusal::ManagedByAddOn);
    }
    agent_not_ready(view).or_else(|| unsupported_nodes(view).filter(|_| !restores_access))
}

fn agent_not_ready(view: &TransitionView<'_>) -> Option<Refusal> {
    match &view.observed.agent {
        Fact::Present(agent) if agent.ready => None,
        Fact::Present(agent) => Some(Refusal::AgentNotReady(agent.found.clone())),
        Fact::Absent => Some(Refusal::AgentNotReady("not found".to_owned())),
        Fact::Unreadable(_) => None,
    }
}

/// Returns the refusal if no ready agent was observed.
pub(super) fn agent_missing(view: &TransitionView<'_>) -> Option<Refusal> {
    match &view.observed.agent {
        Fact::Unreadable(error) => Some(Refusal::AgentNotReady(error.to_string())),
        Fact::Present(_) | Fact::Absent => agent_not_ready(view),
    }
}

pub(super) fn unsupported_nodes(view: &TransitionView<'_>) -> Option<Refusal> {
    [Place::Fargate, Place::Windows, Place::WithoutAgent]
        .into_iter()
        .find_map(|place| {
            let pods = view.pods().filter(|pod| pod.place == place).count();
            (pods > 0).then_some(Refusal::UnsupportedNodes { place, pods })
        })
}
