//! One namespace of a test environment, for one test. Input: the actions of a test. Output: objects as the API server
//! stores them. Does I/O; waits only on conditions.

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, ObjectMeta};
use kube::runtime::wait::await_condition;
use lanyard_api::status::DriftStatus;
use lanyard_api::{ANNOTATION_RECONCILE_REQUESTED_AT, WorkloadIdentity};
use lanyard_testkit::gateway::{Entry, Mark};
use serde_json::{Value, json};

use crate::aws::Clients;
use crate::conformance_check::ConformanceCheck;
use crate::patience::PATIENCE;
use crate::test_env::TestEnv;

/// One namespace of a test environment, for one test.
pub struct TestNamespace<'a> {
    /// The test environment of the namespace.
    pub stage: &'a TestEnv,
    /// The administrator's client.
    pub client: kube::Client,
    /// AWS clients of another actor than Lanyard.
    pub aws: Clients,
    /// The namespace.
    pub namespace: String,
    _conformance: ConformanceCheck,
}

impl TestEnv {
    /// Creates a namespace for one test.
    ///
    /// # Errors
    /// Returns an error if it cannot be created.
    pub async fn scene(&self, namespace: &str) -> Result<TestNamespace<'_>> {
        let body = Namespace {
            metadata: ObjectMeta {
                name: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let scene = self.existing_scene(namespace).await?;
        Api::<Namespace>::all(scene.client.clone())
            .create(&PostParams::default(), &body)
            .await?;
        Ok(scene)
    }

    /// Returns a namespace that exists already.
    ///
    /// # Errors
    /// Returns an error if no client can be made.
    pub async fn existing_scene(&self, namespace: &str) -> Result<TestNamespace<'_>> {
        Ok(TestNamespace {
            stage: self,
            _conformance: ConformanceCheck::begin(&self.bed, namespace),
            client: self.bed.client().await?,
            aws: Clients::of_test(&self.bed, namespace).await?,
            namespace: namespace.to_owned(),
        })
    }
}

impl TestNamespace<'_> {
    /// WorkloadIdentities of the namespace.
    #[must_use]
    pub fn identities(&self) -> Api<WorkloadIdentity> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// ServiceAccounts of the namespace.
    #[must_use]
    pub fn accounts(&self) -> Api<ServiceAccount> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates a ServiceAccount.
    ///
    /// # Errors
    /// Returns an error if the API server refuses it.
    pub async fn account(&self, name: &str) -> Result<ServiceAccount> {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        };
        let account = ServiceAccount {
            metadata,
            ..ServiceAccount::default()
        };
        Ok(self.accounts().create(&PostParams::default(), &account).await?)
    }

    /// Applies a WorkloadIdentity as a GitOps tool would.
    ///
    /// # Errors
    /// Returns an error if the API server refuses it.
    pub async fn apply(&self, name: &str, spec: Value) -> Result<()> {
        self.apply_with(name, &[], spec).await
    }

    /// Applies a WorkloadIdentity with annotations.
    ///
    /// # Errors
    /// Returns an error if the API server refuses it.
    pub async fn apply_with(&self, name: &str, annotations: &[(&str, &str)], spec: Value) -> Result<()> {
        let resource = ApiResource::erase::<WorkloadIdentity>(&());
        let mut object = DynamicObject::new(name, &resource).within(&self.namespace);
        let text = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        object.metadata.annotations = Some(annotations.iter().map(text).collect());
        object.data = json!({"spec": spec});
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.namespace, &resource);
        api.patch(
            name,
            &PatchParams::apply("gitops").force(),
            &Patch::Apply(&object),
        )
        .await?;
        Ok(())
    }

    /// Waits until an object satisfies a condition.
    ///
    /// # Errors
    /// Returns an error if the timeout expires.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        condition: impl Fn(&WorkloadIdentity) -> bool,
    ) -> Result<WorkloadIdentity> {
        let met = await_condition(self.identities(), name, |object: Option<&WorkloadIdentity>| {
            object.is_some_and(&condition)
        });
        match tokio::time::timeout(PATIENCE, met).await {
            Ok(object) => object?.context("the object is gone"),
            Err(_) => {
                let stands = self.identities().get(name).await?;
                bail!(
                    "{name} did not become {what}; its state:\n{}",
                    serde_json::to_string_pretty(&stands.status)?
                )
            }
        }
    }

    /// Waits until a condition has a status and reason.
    ///
    /// # Errors
    /// Returns an error if the timeout expires.
    pub async fn until_is(
        &self,
        name: &str,
        kind: &str,
        status: &str,
        reason: &str,
    ) -> Result<WorkloadIdentity> {
        let what = format!("{kind}={status} ({reason})");
        self.until(name, &what, |object| {
            let found = condition(object, kind);
            found.is_some_and(|found| found.status == status && found.reason == reason)
                && object
                    .status
                    .as_ref()
                    .and_then(|status| status.observed_generation)
                    == object.metadata.generation
        })
        .await
    }

    /// Waits until a new pod would get credentials of its role.
    ///
    /// # Errors
    /// Returns an error if the timeout expires.
    pub async fn until_ready(&self, name: &str) -> Result<WorkloadIdentity> {
        self.until_is(name, "Ready", "True", "Bound").await
    }

    /// Waits until a correction is recorded and no drift remains.
    ///
    /// # Errors
    /// Returns an error if the timeout expires.
    pub async fn until_repaired(&self, name: &str) -> Result<WorkloadIdentity> {
        self.until(name, "repaired", |object| {
            let drift = drift(object);
            drift.last_correction.is_some() && drift.count == 0
        })
        .await
    }

    /// Requests a reconcile with fresh reads, as `flux reconcile` does, without waiting for it.
    ///
    /// # Errors
    /// Returns an error if the API server refuses the patch.
    pub async fn request_reconcile(&self, name: &str) -> Result<()> {
        self.request(name).await.map(drop)
    }

    async fn request(&self, name: &str) -> Result<String> {
        let nonce = format!("{:?}", std::time::SystemTime::now());
        let patch = json!({"metadata": {"annotations": {ANNOTATION_RECONCILE_REQUESTED_AT: nonce}}});
        self.identities()
            .patch_metadata(name, &PatchParams::default(), &Patch::Merge(&patch))
            .await?;
        Ok(nonce)
    }

    /// Requests a reconcile and waits until its status is written. Earlier reconciles have ended by then.
    ///
    /// # Errors
    /// Returns an error if the status does not answer the request in time.
    pub async fn reconciled(&self, name: &str) -> Result<()> {
        let requested = self.request(name).await?;
        self.until(name, "reconciled on request", |object| {
            let status = object.status.as_ref();
            status.is_some_and(|status| status.last_handled_reconcile_at.as_ref() == Some(&requested))
        })
        .await?;
        Ok(())
    }

    /// The calls about one identity of the namespace since a mark: about its role and about its association.
    ///
    /// # Errors
    /// Returns an error if the object does not exist or its status names no role.
    pub async fn calls_about(&self, name: &str, mark: Mark) -> Result<Vec<Entry>> {
        let role = self.role_of(&self.identities().get(name).await?)?;
        let association = format!("{}/{name}", self.namespace);
        let calls = self.stage.bed.gateway.ledger().since(mark).to_aws();
        let about = |entry: &&Entry| entry.call.is_about(&role) || entry.call.is_about(&association);
        Ok(calls.entries().iter().filter(about).cloned().collect())
    }

    /// Deletes an object and waits until it no longer exists.
    ///
    /// # Errors
    /// Returns an error with the state of the object if the timeout expires.
    pub async fn delete(&self, name: &str) -> Result<()> {
        self.identities().delete(name, &DeleteParams::default()).await?;
        self.until_gone(name).await
    }

    /// Waits until an object no longer exists.
    ///
    /// # Errors
    /// Returns an error with the state of the object if the timeout expires.
    pub async fn until_gone(&self, name: &str) -> Result<()> {
        let gone = await_condition(self.identities(), name, |object: Option<&WorkloadIdentity>| {
            object.is_none()
        });
        if tokio::time::timeout(PATIENCE, gone).await.is_err() {
            let stands = self.identities().get(name).await?;
            bail!(
                "{name} was not deleted; its state:\n{}",
                serde_json::to_string_pretty(&stands)?
            );
        }
        Ok(())
    }

    /// The name of an object's role, from its status.
    ///
    /// # Errors
    /// Returns an error if the status names no role.
    pub fn role_of(&self, object: &WorkloadIdentity) -> Result<String> {
        let arn = arn_of(object)?;
        Ok(arn.rsplit('/').next().unwrap_or_default().to_owned())
    }
}

/// The ARN of the role of an object.
///
/// # Errors
/// Returns an error if the status names no role.
pub fn arn_of(object: &WorkloadIdentity) -> Result<String> {
    let role = object.status.as_ref().and_then(|status| status.role.as_ref());
    let role = role.context("the status names no role")?;
    Ok(role.arn.clone())
}

/// The drift of an object's status. Empty before the first reconciliation.
#[must_use]
pub fn drift(object: &WorkloadIdentity) -> DriftStatus {
    object
        .status
        .as_ref()
        .and_then(|status| status.drift.clone())
        .unwrap_or_default()
}

/// Checks that a text contains all of these words.
///
/// # Errors
/// Returns an error with the text if a word is missing.
pub fn holds(text: &str, words: &[&str]) -> Result<()> {
    for word in words {
        anyhow::ensure!(text.contains(word), "{word} is not in:\n{text}");
    }
    Ok(())
}

/// A condition of an object.
#[must_use]
pub fn condition(object: &WorkloadIdentity, kind: &str) -> Option<Condition> {
    object
        .status
        .as_ref()?
        .conditions
        .iter()
        .find(|condition| condition.type_ == kind)
        .cloned()
}
