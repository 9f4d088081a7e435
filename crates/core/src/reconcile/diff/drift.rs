//! The result of a diff: the differences between the desired and the observed state, each with its cause.
//! Plain values; no I/O.

use std::collections::BTreeSet;

use crate::model::fact::ReadError;
use crate::model::field::{Field, Resource, Value};
use crate::model::reason::Reason;

/// The differences between the desired and the observed state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drift {
    /// Every field that differs or could not be read.
    pub differences: Vec<Difference>,
    /// Resources that block a step and are not Lanyard's.
    pub conflicts: Vec<Conflict>,
    /// The digest of each field that is in sync.
    pub agreed: Vec<(Field, String)>,
    /// The resources of which every field was compared: a field that `differences` does not name does not exist.
    pub judged: BTreeSet<Resource>,
}

/// One field that is not in sync.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The field.
    pub field: Field,
    /// The desired value; `None` if the field must not exist.
    pub desired: Option<Value>,
    /// The observed value; `None` if there is none.
    pub observed: Option<Value>,
    /// The cause of the difference.
    pub cause: Cause,
    /// The parts that differ, if the field has parts: (part, desired, observed).
    pub parts: Vec<(String, Option<String>, Option<String>)>,
}

/// The cause of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The spec changed, or it is applied for the first time.
    Spec,
    /// The spec changed, and the identity is frozen.
    Frozen,
    /// The field was changed outside Lanyard.
    OutOfBand,
    /// The field was changed outside Lanyard after each correction. Corrections are paused for a while.
    Contested,
    /// The field has another owner: reported, never changed.
    Unmanaged,
    /// Lanyard did not set the field of an adopted role: reported, never changed while the role carries the
    /// adoption tag.
    Adopted,
    /// The field could not be read.
    Unreadable(ReadError),
}

/// A resource that blocks a step and is not Lanyard's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The resource.
    pub resource: Resource,
    /// The reason of the conditions that report it.
    pub reason: Reason,
    /// The owner and the next action.
    pub message: String,
}

impl Drift {
    /// The drift if one field could not be read and nothing else is known.
    pub(crate) fn unknown(field: Field, error: &ReadError) -> Self {
        let difference = Difference {
            field,
            desired: None,
            observed: None,
            cause: Cause::Unreadable(error.clone()),
            parts: Vec::new(),
        };
        Self {
            differences: vec![difference],
            ..Self::default()
        }
    }

    /// Returns `None` if no conflict blocks the resource.
    #[must_use]
    pub fn conflict_on(&self, resource: Resource) -> Option<&Conflict> {
        self.conflicts
            .iter()
            .find(|conflict| conflict.resource == resource)
    }

    /// Returns `None` if the field is in sync or was not compared.
    #[must_use]
    pub fn of(&self, field: &Field) -> Option<&Difference> {
        self.differences
            .iter()
            .find(|difference| difference.field == *field)
    }
}
