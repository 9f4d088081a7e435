//! The WorkloadIdentity itself as the target of steps: finalizer and custody, in one patch each way.
//! A target and what to write in, the object's new resourceVersion out; writes to the API server. Steps come here, and
//! `lanyard release` where there is no world to make steps in.

use std::sync::{Mutex, PoisonError};

use kube::api::{Api, Patch, PatchParams};
use kube::core::{ObjectMeta, PartialObjectMeta};
use lanyard_api::{ANNOTATION_CONSENT, ANNOTATION_CUSTODY, FINALIZER, WorkloadIdentity};
use lanyard_core::class;
use lanyard_core::custody::Custody;
use lanyard_core::observed::ObjectMarks;
use lanyard_core::subject::Subject;
use serde_json::json;

use crate::World;
use crate::call::Door;
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
    /// How the account of its roles is reached, as its class says; at first, as Lanyard itself.
    pub account: class::Aws,
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
            account: class::Aws::default(),
            resource_version: Mutex::new(metadata.resource_version.clone()),
        })
    }

    /// What a patch needs to know of the object.
    fn metadata(&self) -> ObjectMeta {
        ObjectMeta {
            namespace: Some(self.subject.namespace.to_string()),
            name: Some(self.subject.name.to_string()),
            uid: Some(self.uid.clone()),
            resource_version: self.resource_version(),
            finalizers: Some(self.finalizers.clone()),
            ..ObjectMeta::default()
        }
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
        let version = mark(self.door(), &target.metadata(), Some(custody)).await?;
        target.wrote(version);
        Ok(())
    }

    /// Removes finalizer and custody. An object that is gone already is done with.
    pub(crate) async fn release_object(&self, target: &Target) -> Result<(), EngineError> {
        if let Some(version) = unless_gone(mark(self.door(), &target.metadata(), None).await)? {
            target.wrote(version);
        }
        Ok(())
    }
}

/// Takes our marks off an object while AWS cannot even say which cluster this is; nothing else is touched. One that is
/// gone meanwhile is done with.
///
/// # Errors
/// When the patch is refused, does not get through in time, or may not be sent.
pub async fn let_go(door: Door<'_>, object: &ObjectMeta) -> Result<(), EngineError> {
    unless_gone(mark(door, object, None).await).map(drop)
}

/// Puts finalizer and custody on an object, or takes both off, and answers the resourceVersion that this left. Neither an
/// object that was created again under the name nor a finalizer that others put on meanwhile is hit.
async fn mark(
    door: Door<'_>,
    object: &ObjectMeta,
    custody: Option<&Custody>,
) -> Result<Option<String>, EngineError> {
    let others = object.finalizers.iter().flatten().map(String::as_str);
    let mut finalizers: Vec<&str> = others.filter(|known| *known != FINALIZER).collect();
    finalizers.extend(custody.map(|_| FINALIZER));
    let patch = Patch::Merge(json!({
        "metadata": {
            "uid": object.uid,
            "resourceVersion": object.resource_version,
            "finalizers": finalizers,
            "annotations": { ANNOTATION_CUSTODY: custody.map(Custody::to_text) },
        }
    }));
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let name = object.name.as_deref().unwrap_or_default();
    let api: Api<PartialObjectMeta<WorkloadIdentity>> = Api::namespaced(door.kube.clone(), namespace);
    let params = PatchParams::default();
    let call = api.patch_metadata(name, &params, &patch);
    let what = format!("workloadidentities.lanyard.dev {namespace}/{name}");
    let patched = door.write("patch", &what, call).await?;
    Ok(patched.metadata.resource_version)
}

fn unless_gone<T>(result: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match result {
        Err(error) if error.status() == Some(404) => Ok(None),
        result => result.map(Some),
    }
}
