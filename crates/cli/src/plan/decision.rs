//! The identity of an object under its class. Input: a decoded object, the cluster and the classes. Output: the identity, or the
//! objections. No I/O. The decision is that of the operator, with a free rollout slot for every identity.

use std::cell::Cell;
use std::fmt::Display;

use lanyard_core::class::Selection;
use lanyard_core::identity::Identity;
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::fact::ReadError;
use lanyard_core::model::text::field;
use lanyard_core::reconcile::class_decision::{ClassDecision, SpecContext, decide_class};
use lanyard_core::reconcile::validate::policy_mistakes;
use lanyard_engine::raw::Decoded;

use super::class_facts::{ClassFacts, record};
use super::item::PlanItem;
use crate::envelope::Unread;
use crate::error::CliError;

/// The ruling on an object.
pub(crate) enum Ruling {
    /// Its spec is applied.
    Accepted(Box<Accepted>),
    /// Its spec is invalid: every defect.
    Invalid(Vec<String>),
    /// Its class does not allow the spec.
    Rejected(String),
}

impl Ruling {
    /// The accepted spec of the object with this name.
    ///
    /// # Errors
    /// Returns an error with the defects, or with the objection of the class.
    pub fn or_error(self, name: &dyn Display) -> Result<Accepted, CliError> {
        match self {
            Self::Accepted(accepted) => Ok(*accepted),
            Self::Invalid(defects) => {
                let defects = defects.join("; ");
                Err(CliError::Usage(format!("{name} is invalid: {defects}")))
            }
            Self::Rejected(message) => Err(CliError::Usage(format!("the class rejects {name}: {message}"))),
        }
    }
}

/// An accepted spec.
pub(crate) struct Accepted {
    /// The identity.
    pub identity: Identity,
    /// Remarks for the user.
    pub notes: Vec<String>,
    /// The class, if it could not be read.
    pub unread: Vec<Unread>,
}

/// Rules on an object for its item. Returns the item alone if its spec would not be applied.
pub(super) fn accepted(
    mut item: PlanItem,
    decoded: &Decoded,
    cluster: &Cluster,
    facts: &ClassFacts,
) -> Result<(PlanItem, Accepted), Box<PlanItem>> {
    let accepted = match identity_of(decoded, cluster, facts) {
        Ruling::Accepted(accepted) => *accepted,
        Ruling::Invalid(defects) => return Err(Box::new(item.invalid(defects))),
        Ruling::Rejected(message) => return Err(Box::new(item.rejected(message))),
    };
    item.method = Some(accepted.identity.binding.method().to_string());
    item.class.clone_from(&accepted.identity.class);
    item.messages.extend(accepted.notes.iter().cloned());
    item.messages
        .extend(decoded.spec.iter().flat_map(policy_mistakes));
    item.unread.extend(accepted.unread.iter().cloned());
    Ok((item, accepted))
}

/// Rules on an object that is not being deleted.
pub(crate) fn identity_of(decoded: &Decoded, cluster: &Cluster, facts: &ClassFacts) -> Ruling {
    let spec = match &decoded.spec {
        Ok(spec) => spec,
        Err(error) => return Ruling::Invalid(vec![error.clone()]),
    };
    let subject = &decoded.target.subject;
    let takes_slot = Cell::new(None);
    let decide = |selection: &Selection<'_>| {
        decide_class(
            spec,
            SpecContext { subject, cluster },
            selection,
            record(decoded),
            |class| {
                takes_slot.set(Some(class.to_string()));
                true
            },
        )
    };
    facts.select(spec, decoded, |selection| {
        let Selection::Unreadable(error) = selection else {
            return ruling(decide(selection), takes_slot.take(), None);
        };
        let unread = Some(class_unread(error));
        match decide(selection) {
            // Without the class, the values that it gave last count, as for the operator. A freeze would be wrong here: the
            // operator can read the class.
            ClassDecision::Accepted(identity) => {
                let identity = Identity {
                    frozen: None,
                    ..*identity
                };
                ruling(ClassDecision::Accepted(Box::new(identity)), None, unread)
            }
            ClassDecision::Rejected(_) => ruling(decide(&Selection::Unrestricted), None, unread),
            ClassDecision::Invalid(defects) => ruling(ClassDecision::Invalid(defects), None, unread),
        }
    })
}

fn class_unread(error: &ReadError) -> Unread {
    Unread {
        resource: "the class".to_owned(),
        cause: error.to_string(),
        consequence: "its guardrails are not judged, and its values count as last applied".to_owned(),
    }
}

fn ruling(decision: ClassDecision, slot: Option<String>, unread: Option<Unread>) -> Ruling {
    match decision {
        ClassDecision::Accepted(identity) => {
            let note =
                |class| format!("the {class} starts this change of the method when a rollout slot is free");
            Ruling::Accepted(Box::new(Accepted {
                identity: *identity,
                notes: slot.map(note).into_iter().collect(),
                unread: unread.into_iter().collect(),
            }))
        }
        ClassDecision::Rejected(freeze) => Ruling::Rejected(freeze.message),
        ClassDecision::Invalid(defects) => {
            Ruling::Invalid(defects.iter().map(|defect| field(&defect.to_string())).collect())
        }
    }
}
