//! The JSON schemas of the results, for `docs/reference/cli/`. No input; file names with schemas out; no I/O.

use schemars::schema_for;
use serde_json::Value;

use crate::audit::AuditItem;
use crate::doctor::DoctorItem;
use crate::envelope::Envelope;
use crate::import::ImportItem;
use crate::plan::PlanItem;
use crate::rights::RightsItem;
use crate::trust::TrustItem;
use crate::verify::VerifyItem;
use crate::version::VersionItem;

/// The schema of each kind of result, by the name of the kind in lower case.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("plan", schema_for!(Envelope<PlanItem>).to_value()),
        ("doctor", schema_for!(Envelope<DoctorItem>).to_value()),
        ("rights", schema_for!(Envelope<RightsItem>).to_value()),
        ("audit", schema_for!(Envelope<AuditItem>).to_value()),
        ("import", schema_for!(Envelope<ImportItem>).to_value()),
        ("trust", schema_for!(Envelope<TrustItem>).to_value()),
        ("verify", schema_for!(Envelope<VerifyItem>).to_value()),
        ("version", schema_for!(Envelope<VersionItem>).to_value()),
    ]
}
