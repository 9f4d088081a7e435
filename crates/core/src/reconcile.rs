//! The steps of a reconcile, one file each. Data flows in the order of the next two lines.
//! `validate` the spec, derive the `transition` state and the `desired` state, `diff` it against the observed state,
//! `plan` the steps, and build the `summary` (status and events) from the outcome. All of it is pure.

// From the spec to an identity that may be applied.
pub mod class_decision;
pub mod validate;

// From the identity to the steps.
pub mod admission;
pub mod correction_backoff;
pub mod decide;
pub mod deletion_mode;
pub mod desired;
pub mod diff;
pub mod plan;
pub mod propagation;
pub mod scope;
pub mod step;
pub mod transition;

// From the steps to the status.
pub mod effects;
pub mod gate;
pub mod outcome;
pub mod summary;
