//! A WorkloadIdentityClass as the watch delivers it, decoded on demand. No I/O.
//! A class that does not decode is reported as unusable and does not break the watch.

use kube::Resource;
use lanyard_api::WorkloadIdentityClass;
use lanyard_api::class::{FINALIZER_CLASS, WorkloadIdentityClassStatus, listed};
use lanyard_core::class::ClassEntry;

use super::object::Raw;

/// A WorkloadIdentityClass whose spec and status are not decoded.
pub type RawClass = Raw<WorkloadIdentityClass>;

impl RawClass {
    /// The class as the core crate represents it, with the decode error if there is one.
    #[must_use]
    pub fn listed(&self) -> ClassEntry {
        let spec = self.spec.as_ref().map(|raw| raw.get());
        let spec = spec.and_then(|text| serde_json::from_str(text).ok());
        listed(self.meta(), spec.unwrap_or_default())
    }

    /// True if the class carries the operator's finalizer.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let mut finalizers = self.metadata.finalizers.iter().flatten();
        finalizers.any(|known| known == FINALIZER_CLASS)
    }

    /// The status as last written. Empty if it is absent or does not decode.
    #[must_use]
    pub fn decode_status(&self) -> WorkloadIdentityClassStatus {
        let raw = self.status.as_ref();
        raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn class_with_unknown_method_is_unusable() {
        let object = json!({
            "metadata": {"name": "tenants", "finalizers": [FINALIZER_CLASS]},
            "spec": {"defaults": {"method": "Kerberos"}},
            "status": {"conditions": "none"},
        });
        let class: RawClass = serde_json::from_str(&object.to_string()).unwrap();
        let listed = class.listed();
        assert_eq!(listed.name, "tenants");
        let why = listed.class.unwrap_err().message;
        assert!(why.contains("Kerberos"), "{why}");
        assert!(class.is_held());
        assert_eq!(class.decode_status(), WorkloadIdentityClassStatus::default());
    }
}
