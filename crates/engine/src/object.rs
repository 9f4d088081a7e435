//! The WorkloadIdentity itself as the target of steps: finalizer and custody, in one patch each way.
//! A target and what to write in, the object's new resourceVersion out; writes to the API server. Steps come here, and
//! `lanyard release` where there is no world to make steps in.

use std::sync::{Mutex, PoisonError};

use kube::api::{Api, Patch, PatchParams};
use kube::core::{ObjectMeta, PartialObjectMeta};
use lanyard_api::{ANNOTATION_APPROVE, ANNOTATION_INVENTORY, FINALIZER, WorkloadIdentity};
use lanyard_core::class;
use lanyard_core::model::inventory::Inventory;
use lanyard_core::model::observed::ControlMetadata;
use lanyard_core::model::subject::Subject;
use serde_json::json;

use crate::Engine;
use crate::call::GuardedClient;
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
    pub control: ControlMetadata,
    /// How the account of its roles is reached, as its class says; at first, as Lanyard itself.
    pub access: class::Aws,
    resource_version: Mutex<Option<String>>,
}

impl Target {
    /// A target as the watch showed it. `None` for what has no uid, which the API server never shows.
    #[must_use]
    pub fn new(subject: Subject, metadata: &ObjectMeta) -> Option<Self> {
        let annotation = |key: &str| metadata.annotations.as_ref()?.get(key).map(String::as_str);
        let finalizers = metadata.finalizers.clone().unwrap_or_default();
        let control = ControlMetadata {
            finalizer: finalizers.iter().any(|known| known == FINALIZER),
            inventory: annotation(ANNOTATION_INVENTORY).and_then(Inventory::parse),
            approval: annotation(ANNOTATION_APPROVE).map(str::to_owned),
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

impl Engine {
    /// Writes finalizer and custody in one patch, before anything else is touched.
    pub(crate) async fn take_custody(
        &self,
        target: &Target,
        inventory: &Inventory,
    ) -> Result<(), EngineError> {
        let version = mark(self.guarded(), &target.metadata(), Some(inventory)).await?;
        target.wrote(version);
        Ok(())
    }

    /// Removes finalizer and custody. An object that is gone already is done with.
    pub(crate) async fn release_object(&self, target: &Target) -> Result<(), EngineError> {
        if let Some(version) = unless_gone(mark(self.guarded(), &target.metadata(), None).await)? {
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
pub async fn let_go(guarded: GuardedClient<'_>, object: &ObjectMeta) -> Result<(), EngineError> {
    unless_gone(mark(guarded, object, None).await).map(drop)
}

/// Puts finalizer and custody on an object, or takes both off, and answers the resourceVersion that this left. Neither an
/// object that was created again under the name nor a finalizer that others put on meanwhile is hit.
async fn mark(
    guarded: GuardedClient<'_>,
    object: &ObjectMeta,
    inventory: Option<&Inventory>,
) -> Result<Option<String>, EngineError> {
    let others = object.finalizers.iter().flatten().map(String::as_str);
    let mut finalizers: Vec<&str> = others.filter(|known| *known != FINALIZER).collect();
    finalizers.extend(inventory.map(|_| FINALIZER));
    let patch = Patch::Merge(json!({
        "metadata": {
            "uid": object.uid,
            "resourceVersion": object.resource_version,
            "finalizers": finalizers,
            "annotations": { ANNOTATION_INVENTORY: inventory.map(Inventory::to_text) },
        }
    }));
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let name = object.name.as_deref().unwrap_or_default();
    let api: Api<PartialObjectMeta<WorkloadIdentity>> = Api::namespaced(guarded.kube.clone(), namespace);
    let params = PatchParams::default();
    let call = api.patch_metadata(name, &params, &patch);
    let what = format!("workloadidentities.lanyard.dev {namespace}/{name}");
    let patched = guarded.write("patch", &what, call).await?;
    Ok(patched.metadata.resource_version)
}

fn unless_gone<T>(result: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match result {
        Err(error) if error.status() == Some(404) => Ok(None),
        result => result.map(Some),
    }
}
