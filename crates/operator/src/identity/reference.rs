//! The reference to a WorkloadIdentity: namespace and name, as the queue of the controller and the store use it. No I/O.

use kube_runtime::reflector::ObjectRef;

use lanyard_engine::raw::RawIdentity;

/// A reference to a WorkloadIdentity by namespace and name.
pub type IdentityRef = ObjectRef<RawIdentity>;

/// The reference to `object` without uid and resource version, which `IdentityRef::from_obj` would clone.
#[must_use]
pub fn reference_of(object: &RawIdentity) -> IdentityRef {
    let metadata = kube::Resource::meta(object);
    let name = metadata.name.as_deref().unwrap_or_default();
    IdentityRef::new(name).within(metadata.namespace.as_deref().unwrap_or_default())
}
