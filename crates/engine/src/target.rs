//! The WorkloadIdentity that a reconcile is about. Input: the object of the watch. Output: a [`Target`]. No I/O.

use kube::core::ObjectMeta;
use lanyard_api::{ANNOTATION_APPROVE, ANNOTATION_INVENTORY, FINALIZER};
use lanyard_core::class;
use lanyard_core::model::annotation::ANNOTATION_VERIFIED_TRUST;
use lanyard_core::model::inventory::Inventory;
use lanyard_core::model::observed::ControlMetadata;
use lanyard_core::model::subject::Subject;
use parking_lot::Mutex;

/// The object that a reconcile is about.
#[derive(Debug)]
pub struct Target {
    /// The subject of the object.
    pub subject: Subject,
    /// The uid. A patch by name alone could change an object that was deleted and created again.
    pub uid: String,
    /// All finalizers of the object.
    pub finalizers: Vec<String>,
    /// The control metadata of the object.
    pub control: ControlMetadata,
    /// The access to the account of its roles, as set by the class. The default is the operator's own account.
    pub access: class::Aws,
    resource_version: Mutex<Option<String>>,
}

impl Target {
    /// Creates a target from the metadata of the watch. Returns `None` if the uid is missing, which the API
    /// server always sets.
    #[must_use]
    pub fn new(subject: Subject, metadata: &ObjectMeta) -> Option<Self> {
        let annotation = |key: &str| metadata.annotations.as_ref()?.get(key).map(String::as_str);
        let finalizers = metadata.finalizers.clone().unwrap_or_default();
        let control = ControlMetadata {
            finalizer: finalizers.iter().any(|known| known == FINALIZER),
            inventory: annotation(ANNOTATION_INVENTORY).and_then(Inventory::parse),
            approval: annotation(ANNOTATION_APPROVE).map(str::to_owned),
            verified_trust: annotation(ANNOTATION_VERIFIED_TRUST).map(str::to_owned),
        };
        Some(Self {
            subject,
            uid: metadata.uid.clone()?,
            finalizers,
            control,
            access: class::Aws::default(),
            resource_version: Mutex::new(metadata.resource_version.clone()),
        })
    }

    /// The metadata that a patch needs.
    pub(crate) fn metadata(&self) -> ObjectMeta {
        ObjectMeta {
            namespace: Some(self.subject.namespace.to_string()),
            name: Some(self.subject.name.to_string()),
            uid: Some(self.uid.clone()),
            resource_version: self.resource_version(),
            finalizers: Some(self.finalizers.clone()),
            ..ObjectMeta::default()
        }
    }

    /// The resourceVersion after the last write, or as shown by the watch.
    #[must_use]
    pub fn resource_version(&self) -> Option<String> {
        self.resource_version.lock().clone()
    }

    /// Stores the resourceVersion after a write.
    pub fn wrote(&self, resource_version: Option<String>) {
        *self.resource_version.lock() = resource_version;
    }
}
