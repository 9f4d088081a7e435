//! Tests of the whole crate: the shape of the schemas, their CEL rules and the conversions. No I/O.

mod class;
mod conversion;
mod rules;
mod schema;

/// The schema in the CRD of WorkloadIdentity.
fn crd_schema() -> serde_json::Value {
    crd_schemas().remove(0)
}

/// The schemas of all kinds, WorkloadIdentity first.
fn crd_schemas() -> Vec<serde_json::Value> {
    let schema = |crd| {
        let crd = serde_json::to_value(crd).unwrap();
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
    };
    crate::crds().iter().map(schema).collect()
}
