//! The objects of a cluster.
//! Input: a namespace, or none. Output: identities or classes. Reads from the API server.

use std::fmt::Debug;

use kube::Resource;
use kube::api::{Api, ListParams};
use lanyard_core::model::name::Namespace;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::error::{OperatorError, kube_message};
use lanyard_engine::PAGE;
use lanyard_engine::issuer::RESPONSE_TIMEOUT;
use lanyard_engine::raw::{RawClass, RawIdentity};

/// The identities with the finalizer of Lanyard.
pub(super) async fn held(
    kube: &kube::Client,
    namespace: Option<&Namespace>,
) -> Result<Vec<RawIdentity>, OperatorError> {
    let api: Api<RawIdentity> = match namespace {
        Some(namespace) => Api::namespaced(kube.clone(), namespace.as_str()),
        None => Api::all(kube.clone()),
    };
    let mut identities = all(&api, "to list WorkloadIdentities").await?;
    identities.retain(RawIdentity::is_held);
    Ok(identities)
}

/// All classes.
pub(super) async fn classes(kube: &kube::Client) -> Result<Vec<RawClass>, OperatorError> {
    all(&Api::all(kube.clone()), "to list WorkloadIdentityClasses").await
}

/// Lists all objects of a kind. Without its CRD there are none.
async fn all<K>(api: &Api<K>, action: &'static str) -> Result<Vec<K>, OperatorError>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let refused = |message| OperatorError::Refused { action, message };
    let mut params = ListParams::default().limit(PAGE);
    let mut objects = Vec::new();
    loop {
        let page = match timeout(RESPONSE_TIMEOUT, api.list(&params)).await {
            Ok(Ok(page)) => page,
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => return Ok(objects),
            Ok(Err(error)) => return Err(refused(kube_message(&error))),
            Err(_) => return Err(refused(format!("no response within {RESPONSE_TIMEOUT:?}"))),
        };
        objects.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(objects),
        }
    }
}
