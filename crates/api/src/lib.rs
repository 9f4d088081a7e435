//! The Kubernetes API of Lanyard: the types behind the CRDs, their schema with every rule that an object alone can
//! break, and the conversion to and from the plain values of the core crate. Pure data, no I/O.
//!
//! Operator, command line and tests decode objects with these types; `cargo xtask codegen` writes `crds/`, and the
//! samples of [`samples`] into `config/samples/`. Only kube's `derive` feature is used, so that other tools can
//! depend on this crate cheaply.

pub mod class;
mod convert;
pub mod samples;
mod schema;
pub mod spec;
pub mod status;
#[cfg(test)]
mod tests;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::CustomResourceExt;

pub use class::{WorkloadIdentityClass, WorkloadIdentityClassSpec};
pub use spec::{WorkloadIdentity, WorkloadIdentitySpec};
pub use status::WorkloadIdentityStatus;

/// The finalizer that keeps a WorkloadIdentity until what Lanyard made for it is removed or released.
pub const FINALIZER: &str = "lanyard.dev/workloadidentity";

/// The annotation whose every new value asks for a fresh look at once (the habit of Flux; any text will do).
pub const ANNOTATION_RECONCILE_REQUESTED_AT: &str = "lanyard.dev/reconcile-requested-at";

/// The annotation in which Lanyard writes, before it creates anything, what will be its to remove.
pub const ANNOTATION_INVENTORY: &str = "lanyard.dev/inventory";

/// The annotation by which somebody agrees to one change of the binding that costs something: its value is what the
/// condition `Transitioning` shows.
pub use lanyard_core::reconcile::transition::ANNOTATION_APPROVE;

/// The annotation that names by their exact ARNs what Lanyard is to adopt for the object.
pub use lanyard_core::model::annotation::ANNOTATION_ADOPT;

/// The field manager of everything that Lanyard applies.
pub const FIELD_MANAGER: &str = "lanyard";

/// Every CRD of Lanyard, as it is written to `crds/` and installed.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![WorkloadIdentity::crd(), WorkloadIdentityClass::crd()]
}
