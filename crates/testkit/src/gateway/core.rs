//! State and behaviour of one gateway without its socket: faults, emulators, gaps, AWS's models, remembered answers.
//! Input: requests. Output: the call that each makes, and AWS's answer. Asks the emulators.

use super::call::Call;
use super::conformance::Conformance;
use super::emulator::Emulators;
use super::gaps::Gaps;
use super::interference::Interference;
use super::message::{Answer, Request};
use super::recall::Recall;

/// State and behaviour of one gateway, without its socket.
#[derive(Debug)]
pub(super) struct Core {
    pub interference: Interference,
    pub emulators: Emulators,
    pub recall: Recall,
    pub gaps: Gaps,
    pub conformance: Conformance,
}

impl Core {
    /// The call that a request makes; an association's id is completed by the subject it is known to have.
    pub fn name(&self, request: &Request) -> Option<Call> {
        let mut call = Call::of(request)?;
        let known: Vec<String> = call
            .subjects
            .iter()
            .filter_map(|subject| self.subject(subject))
            .collect();
        call.subjects.extend(known);
        Some(call)
    }

    fn subject(&self, association: &str) -> Option<String> {
        self.gaps.associations.subject(association.rsplit('/').next()?)
    }

    pub async fn ask(&self, call: &Call, request: &Request) -> Answer {
        self.gaps.ask(&self.emulators, call, request).await
    }
}
