//! The validator: it collects every defect of one spec, so that the user sees all of them at once.
//! Inputs are the subject, the cluster, the class and the created roles; the output is the list of defects. No I/O.

use crate::class::Class;
use crate::model::cluster::Cluster;
use crate::model::reason::Reason;
use crate::model::status::RecordedRoles;
use crate::model::subject::Subject;
use lanyard_iam_policy::{Document, lint};

/// A defect of a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The field, as a path below `spec`, or the path of the annotation.
    pub field: String,
    /// The expected value, the observed value and the next action.
    pub problem: String,
    /// The reason: `InvalidSpec`, or a more specific one if the spec does not fit the cluster or the class.
    pub reason: Reason,
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

/// The validation of one spec. It continues after a defect.
pub(super) struct Validator<'a> {
    pub subject: &'a Subject,
    pub cluster: &'a Cluster,
    pub class: &'a Class,
    /// The roles that Lanyard is known to have created for the subject.
    pub created: &'a RecordedRoles,
    pub defects: Vec<Invalid>,
}

impl Validator<'_> {
    /// Adds a defect with the reason `InvalidSpec`.
    pub fn invalid(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.reject(Reason::InvalidSpec, field, problem);
    }

    /// Adds a defect.
    pub fn reject(&mut self, reason: Reason, field: impl Into<String>, problem: impl Into<String>) {
        self.defects.push(Invalid {
            field: field.into(),
            problem: problem.into(),
            reason,
        });
    }

    /// The value of a result. Adds a defect and returns `None` if the result is an error.
    pub fn valid<T, E: ToString>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.invalid(field, error.to_string());
                None
            }
        }
    }

    /// The policy document of a value. Adds the defects that the linter finds and returns `None` if there are any.
    pub fn document(&mut self, field: &str, value: &serde_json::Value, kind: lint::Kind) -> Option<Document> {
        let defects = lint::lint(value, kind);
        if defects.is_empty() {
            return self.valid(field, Document::from_value(value.clone()));
        }
        for defect in defects {
            let place = if defect.place.is_empty() {
                field.to_owned()
            } else {
                format!("{field}.{}", defect.place)
            };
            self.invalid(place, defect.problem);
        }
        None
    }
}
