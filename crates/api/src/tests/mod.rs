//! Tests of the crate as a whole: the schema's shape, its rules run in process, and the conversions. No I/O.

mod conversion;
mod rules;
mod schema;

/// The schema of WorkloadIdentity as it is written to the CRD.
fn crd_schema() -> serde_json::Value {
    let crd = serde_json::to_value(&crate::crds()[0]).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}
