//! The admission of a request by the trust policy of a role, judged by effect and not by form.
//! Input: a trust document and the request of a pod; output: an [`Admission`] with reasons. No I/O.

use crate::document::Document;
use crate::evaluate::decision::{Decision, decide, label};
use crate::evaluate::hint::{self, Gap};
use crate::evaluate::request::TrustRequest;
use crate::evaluate::wider;

/// The result of the evaluation of a trust policy. Statements are named by [`Statement::label`].
///
/// [`Statement::label`]: crate::document::Statement::label
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// The subject is admitted.
    Admitted {
        /// The statements that admit it.
        statements: Vec<String>,
        /// The other principals that they admit, each as the end of a sentence that begins with "it admits".
        wider: Vec<String>,
    },
    /// A statement denies the subject.
    Denied {
        /// The statement.
        statement: String,
        /// The denied action, as a full sentence.
        reason: String,
    },
    /// No statement admits the subject.
    NotAdmitted {
        /// The mismatches of the nearest statement, as full sentences.
        nearest: Option<String>,
    },
    /// The result depends on an unknown part.
    Undecided {
        /// The unknown part, as a full sentence.
        reason: String,
    },
}

/// Evaluates a trust policy for the request of a pod.
#[must_use]
pub fn admits(trust: &Document, request: &TrustRequest) -> Admission {
    match decide(trust, request) {
        Decision::Admitted(indices) => Admission::Admitted {
            statements: indices.iter().map(|&index| label(trust, index)).collect(),
            wider: wider::remarks(trust, request, &indices),
        },
        Decision::Denied { index, action } => Admission::Denied {
            statement: label(trust, index),
            reason: format!("It denies {action} to {}.", request.principal().name()),
        },
        Decision::NotAdmitted { action } => Admission::NotAdmitted {
            nearest: hint::nearest(trust, request, action),
        },
        Decision::Undecided(reason) => Admission::Undecided { reason },
    }
}

/// The part of the nearest statement that does not admit the request of a pod. Returns `None` if the request is admitted,
/// denied or not decided.
#[must_use]
pub fn gap(trust: &Document, request: &TrustRequest) -> Option<Gap> {
    match decide(trust, request) {
        Decision::NotAdmitted { action } => Some(hint::gap(trust, request, action)),
        Decision::Admitted(_) | Decision::Denied { .. } | Decision::Undecided(_) => None,
    }
}
