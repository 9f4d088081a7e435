//! Checks of the words of a transition against the model: a promise to pods is true, a time is in the future, a wait names
//! what it waits for, and a rescue is neither asked for nor refused. Input is the cluster after a reconcile. No I/O.

use jiff::Timestamp;
use lanyard_core::model::condition::ConditionType;
use lanyard_core::reconcile::transition::{Phase, Refusal, Transition, TransitionState};

use super::cluster::{Cluster, Pod};

impl Cluster {
    /// Checks the condition `Transitioning` and the phase after a reconcile.
    pub fn says_the_truth(&self, state: &TransitionState) -> Result<(), String> {
        let TransitionState::Moving(transition) = state else {
            return Ok(());
        };
        let condition = self.status.condition(ConditionType::Transitioning);
        let Some(message) = condition.map(|condition| condition.message.as_str()) else {
            return Err("a transition without its condition".to_owned());
        };
        let is_unserved = self.world.association.present().is_none();
        let loses = is_unserved && self.pods.iter().any(Pod::has_pod_identity);
        if loses && message.contains("keep their credentials") {
            return Err(format!("pods lose access: {message}"));
        }
        if let Some(end) = promised_end(message).filter(|end| *end <= self.now) {
            return Err(format!("{end} is over at {}: {message}", self.now));
        }
        if loses && is_rescue_refused(transition) {
            return Err(format!("pods lose access, and their rescue waits: {message}"));
        }
        let is_draining = matches!(transition.phase, Phase::Draining { .. });
        let names_owner = self.pods.iter().any(|pod| message.contains(&pod.owner.name));
        if is_draining && !names_owner && !message.contains("Waiting up to") {
            return Err(format!("nothing says what is waited for: {message}"));
        }
        Ok(())
    }
}

/// The time by which pods are said to lose access in the future.
fn promised_end(message: &str) -> Option<Timestamp> {
    let (before, _) = message.split_once(" at the latest")?;
    let (_, end) = before.rsplit_once(" at ")?;
    end.parse()
        .ok()
        .filter(|_| before.contains("credentials expire, at"))
}

fn is_rescue_refused(transition: &Transition) -> bool {
    let waits = match &transition.phase {
        Phase::AwaitingApproval(_) => true,
        Phase::Refused(refusal) => !matches!(refusal, Refusal::ForeignAssociation),
        _ => false,
    };
    waits && !transition.desired.is_irsa()
}
