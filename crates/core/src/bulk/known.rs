//! `Known`: the inputs of a comparison apart from the facts. Plain data and accessors without I/O.

use crate::identity::Identity;
use crate::model::spec::DriftPolicy;
use crate::model::status::{AssociationStatus, Status};
use crate::reconcile::gate::WriteGate;

/// The inputs of a comparison apart from the facts.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The desired identity.
    pub identity: &'a Identity,
    /// The status of the last reconcile.
    pub status: &'a Status,
    /// The generation of the spec.
    pub generation: i64,
    /// The changes that the operator may make for the identity now.
    pub gate: WriteGate,
    /// The digest of the trust policy that a user verified, see [`ControlMetadata`].
    ///
    /// [`ControlMetadata`]: crate::model::observed::ControlMetadata
    pub verified_trust: Option<&'a str>,
}

impl Known<'_> {
    /// Returns true if a reconcile would correct out-of-band changes.
    pub(super) fn corrects_drift(&self) -> bool {
        self.gate == WriteGate::Open && self.identity.drift_policy == DriftPolicy::Correct
    }
}

/// The association in the status. Returns `None` if the status has none.
#[must_use]
pub fn recorded_association(status: &Status) -> Option<&AssociationStatus> {
    let mut bindings = status.bindings.iter();
    bindings.find_map(|binding| binding.association.as_ref())
}
