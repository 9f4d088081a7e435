//! The WorkloadIdentity itself as the target of steps: finalizer and custody, in one patch each way.
//! A target and what to write in, the object's new resourceVersion out; writes to the API server.

use std::sync::{Mutex, PoisonError};

use kube::api::{Api, Patch, PatchParams};
use kube::core::{ObjectMeta, PartialObjectMeta};
use lanyard_api::{ANNOTATION_CONSENT, ANNOTATION_CUSTODY, FINALIZER, WorkloadIdentity};
use lanyard_core::custody::Custody;
use lanyard_core::observed::ObjectMarks;
use lanyard_core::subject::Subject;
use serde_json::{Value, json};

use crate::World;
use crate::error::EngineError;

/// The object that a pass is about.
#[derive(Debug)]
pub struct Target {
    /// Whose object.
    pub subject: Subject,
    /// Its uid: a patch by name alone could hit an object that was deleted and created again.
    pub uid: String,
    /// Its finalizers, ours among them or not.
    pub finalizers: Vec<String>,
    /// Our marks on it.
    pub marks: ObjectMarks,
    resource_version: Mutex<Option<String>>,
}

impl Target {
    /// A target as the watch showed it. `None` for what has no uid, which the API server never shows.
    #[must_use]
    pub fn new(subject: Subject, metadata: &ObjectMeta) -> Option<Self> {
        let annotation = |key: &str| metadata.annotations.as_ref()?.get(key).map(String::as_str);
        let finalizers = metadata.finalizers.clone().unwrap_or_default();
        let marks = ObjectMarks {
            finalizer: finalizers.iter().any(|known| known == FINALIZER),
            custody: annotation(ANNOTATION_CUSTODY).and_then(Custody::parse),
            consent: annotation(ANNOTATION_CONSENT).map(str::to_owned),
        };
        Some(Self {
            subject,
            uid: metadata.uid.clone()?,
            finalizers,
            marks,
            resource_version: Mutex::new(metadata.resource_version.clone()),
        })
    }

    /// The version of the object that our last write left, or that the watch showed.
    #[must_use]
    pub fn resource_version(&self) -> Option<String> {
        self.resource_version
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Remembers what a write of ours left.
    pub fn wrote(&self, resource_version: Option<String>) {
        *self
            .resource_version
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = resource_version;
    }
}

impl World {
    /// Writes finalizer and custody in one patch, before anything else is touched.
    pub(crate) async fn take_custody(&self, target: &Target, custody: &Custody) -> Result<(), EngineError> {
        let mut finalizers = target.finalizers.clone();
        if !finalizers.iter().any(|known| known == FINALIZER) {
            finalizers.push(FINALIZER.to_owned());
        }
        self.patch_marks(target, &finalizers, json!(custody.to_text()))
            .await
            .map(drop)
    }

    /// Removes finalizer and custody. An object that is gone already is done with.
    pub(crate) async fn release_object(&self, target: &Target) -> Result<(), EngineError> {
        let finalizers: Vec<String> = target
            .finalizers
            .iter()
            .filter(|known| *known != FINALIZER)
            .cloned()
            .collect();
        match self.patch_marks(target, &finalizers, Value::Null).await {
            Err(error) if error.status() == Some(404) => Ok(()),
            result => result,
        }
    }

    /// The resourceVersion in the patch keeps other writers' finalizers from being lost.
    async fn patch_marks(
        &self,
        target: &Target,
        finalizers: &[String],
        custody: Value,
    ) -> Result<(), EngineError> {
        let api: Api<PartialObjectMeta<WorkloadIdentity>> =
            Api::namespaced(self.kube().clone(), target.subject.namespace.as_str());
        let patch = json!({
            "metadata": {
                "uid": target.uid,
                "resourceVersion": target.resource_version(),
                "finalizers": finalizers,
                "annotations": { ANNOTATION_CUSTODY: custody },
            }
        });
        let what = format!("workloadidentities.lanyard.dev {}", target.subject);
        let (name, params) = (target.subject.name.as_str(), PatchParams::default());
        let patch = Patch::Merge(&patch);
        let call = api.patch_metadata(name, &params, &patch);
        let patched = self.write("patch", &what, call).await?;
        target.wrote(patched.metadata.resource_version);
        Ok(())
    }
}
