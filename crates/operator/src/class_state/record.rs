//! The class on record of one identity, and the AWS account that the class gives.
//! Input: a decoded identity. Output: the name of its class, or its account. No I/O.

use lanyard_core::class::{Aws, ClassEntry};
use lanyard_core::reconcile::class_decision::Record;

use lanyard_engine::raw::Decoded;

/// The parts of an identity that record its class.
pub(super) fn record(identity: &Decoded) -> Record<'_> {
    Record {
        status: &identity.status,
        inventory: identity.target.control.inventory.as_ref(),
    }
}

/// The class that an identity follows or requests. Returns `None` if it requests the default class.
pub(super) fn class_of(identity: &Decoded) -> Option<&str> {
    let spec = identity.spec.as_ref().ok();
    let requested = spec.and_then(|spec| spec.class_name.as_deref());
    record(identity).pinned().or(requested)
}

/// The account of the roles of a deleted identity, as given by the class that it followed.
pub(crate) fn account_of<'a>(classes: impl IntoIterator<Item = &'a ClassEntry>, identity: &Decoded) -> Aws {
    let followed = |listed: &&ClassEntry| Some(listed.name.as_str()) == class_of(identity);
    let class = classes.into_iter().find(followed);
    class.and_then(ClassEntry::aws).cloned().unwrap_or_default()
}
