//! Tests of the crate as a whole: the schema's shape, its rules run in process, and the conversions. No I/O.

mod class;
mod conversion;
mod rules;
mod schema;

/// The schema of WorkloadIdentity as it is written to the CRD.
fn crd_schema() -> serde_json::Value {
    crd_schemas().remove(0)
}

/// The schema of every kind, WorkloadIdentity's first.
fn crd_schemas() -> Vec<serde_json::Value> {
    let schema = |crd| {
        let crd = serde_json::to_value(crd).unwrap();
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
    };
    crate::crds().iter().map(schema).collect()
}
