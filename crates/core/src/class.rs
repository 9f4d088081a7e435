//! Classes: the settings of the platform team for the identities that follow a class, and the logic that applies them.
//! This file only declares the modules and re-exports their main types; no I/O.

pub mod adoption;
pub mod definition;
pub mod from_class;
pub mod guardrails;
pub mod readiness;
pub mod rollout;
pub mod selection;
pub mod selector;
pub mod slots;

pub use definition::{
    Aws, Class, Defaults, ExistingRow, Guardrails, Limits, RolloutPolicy, Row, UnusableClass,
};
pub use readiness::ClassReadiness;
pub use rollout::{IdentityCounts, RolloutState};
pub use selection::{ClassEntry, ClassRequest, Selection, select};
pub use selector::Selector;
pub use slots::RolloutSlots;
