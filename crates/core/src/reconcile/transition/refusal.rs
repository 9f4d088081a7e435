//! Refusals: what stands against a change to Pod Identity, found before anything is touched.
//! The scene in, the first refusal out; no I/O. Called by `stage` only.

use super::view::TransitionView;
use crate::model::fact::Fact;
use crate::model::pods::Place;
use crate::model::reason::Reason;

/// What stands against a change of the binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No ready agent in the cluster; the text says what was found.
    Agent(String),
    /// So many pods run where there is no agent.
    Place {
        /// Where.
        place: Place,
        /// How many.
        pods: usize,
    },
    /// An association that is not ours decides what new pods get.
    Association,
    /// An EKS add-on brings the ServiceAccount, and gives it its own binding.
    AddOn,
}

impl Refusal {
    /// The word for it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Agent(_) => Reason::AgentNotReady,
            Self::Place { .. } => Reason::NodesUnsupported,
            Self::Association => Reason::AssociationConflict,
            Self::AddOn => Reason::ManagedByAddOn,
        }
    }
}

/// What stands against putting the wanted binding in place, if anything does. A fact that could not be read refuses
/// nothing here: the step that rests on it is not planned.
pub(super) fn refusal(view: &TransitionView<'_>) -> Option<Refusal> {
    let foreign = view.observed.association.present().is_some() && view.association().is_none();
    if foreign {
        return Some(Refusal::Association);
    }
    if !view.leaves_irsa() {
        return None;
    }
    if view
        .observed
        .service_account
        .present()
        .is_some_and(|account| account.of_add_on)
    {
        return Some(Refusal::AddOn);
    }
    agent(view).or_else(|| places(view))
}

pub(super) fn agent(view: &TransitionView<'_>) -> Option<Refusal> {
    match &view.observed.agent {
        Fact::Present(agent) if agent.ready => None,
        Fact::Present(agent) => Some(Refusal::Agent(agent.found.clone())),
        Fact::Absent => Some(Refusal::Agent("not found".to_owned())),
        Fact::Unreadable(_) => None,
    }
}

pub(super) fn places(view: &TransitionView<'_>) -> Option<Refusal> {
    [Place::Fargate, Place::Windows, Place::WithoutAgent]
        .into_iter()
        .find_map(|place| {
            let pods = view.pods().filter(|pod| pod.place == place).count();
            (pods > 0).then_some(Refusal::Place { place, pods })
        })
}
