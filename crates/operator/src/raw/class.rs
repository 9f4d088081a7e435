//! A WorkloadIdentityClass as it lies in the watch: one that this version cannot read is one class that cannot be used.
//! An object in, the class as core takes it and what stands in its status out; no I/O. Called by the watch of classes, by
//! those who count what follows one, and by `release`.

use kube::Resource;
use lanyard_api::WorkloadIdentityClass;
use lanyard_api::class::{FINALIZER_CLASS, WorkloadIdentityClassStatus, listed};
use lanyard_core::class::ClassEntry;

use super::Raw;

/// A WorkloadIdentityClass, not decoded.
pub type RawClass = Raw<WorkloadIdentityClass>;

impl RawClass {
    /// The class as core takes it. What is wrong with it is kept.
    #[must_use]
    pub fn listed(&self) -> ClassEntry {
        let spec = self.spec.as_ref().map(|raw| raw.get());
        let spec = spec.and_then(|text| serde_json::from_str(text).ok());
        listed(self.meta(), spec.unwrap_or_default())
    }

    /// Whether our finalizer holds the class.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let mut finalizers = self.metadata.finalizers.iter().flatten();
        finalizers.any(|known| known == FINALIZER_CLASS)
    }

    /// The status as it was last written; empty when there is none that can be read.
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
    fn a_class_that_does_not_fit_the_types_is_one_that_cannot_be_used() {
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
