//! The Kubernetes API of Lanyard: the types behind the CRDs, their schemas with the CEL rules, and the
//! conversion to and from the plain values of the core crate. Pure data, no I/O.
//!
//! The operator, the command line and the tests decode objects with these types. `cargo xtask codegen` writes
//! `crds/`, and the samples of [`samples`] to `config/samples/`. Only the `derive` feature of kube is enabled,
//! to keep the dependency small for other tools.

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

/// The finalizer that keeps a WorkloadIdentity until Lanyard has deleted or released its resources.
pub const FINALIZER: &str = "lanyard.dev/workloadidentity";

/// The annotation that requests an immediate reconcile each time its value changes. Any text is accepted, as in
/// Flux.
pub const ANNOTATION_RECONCILE_REQUESTED_AT: &str = "lanyard.dev/reconcile-requested-at";

/// The annotation in which Lanyard records, before it creates anything, the resources that it has to delete
/// later.
pub const ANNOTATION_INVENTORY: &str = "lanyard.dev/inventory";

/// The annotation with which a user approves one change of the binding that can interrupt pods. Its value is
/// the token shown in the condition `Transitioning`.
pub use lanyard_core::reconcile::transition::ANNOTATION_APPROVE;

/// The annotation that lists the exact ARNs of the resources that Lanyard may adopt for the object.
pub use lanyard_core::model::annotation::ANNOTATION_ADOPT;

/// The field manager of all server-side apply requests of Lanyard.
pub const FIELD_MANAGER: &str = "lanyard";

/// Every CRD of Lanyard, as written to `crds/`.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![WorkloadIdentity::crd(), WorkloadIdentityClass::crd()]
}
