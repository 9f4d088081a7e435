//! The objects of a cluster, for `release`. A namespace or none in, identities or classes out; lists them from the API server.

use std::fmt::Debug;

use kube::Resource;
use kube::api::{Api, ListParams};
use lanyard_core::model::name::Namespace;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::error::{OperatorError, plainly};
use crate::startup::ANSWER_LIMIT;
use lanyard_engine::raw::{RawClass, RawIdentity};

/// Objects a page of a list.
const PAGE: u32 = 500;

/// The identities that our finalizer holds.
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

/// Every class.
pub(super) async fn classes(kube: &kube::Client) -> Result<Vec<RawClass>, OperatorError> {
    all(&Api::all(kube.clone()), "to list WorkloadIdentityClasses").await
}

/// Lists them. Where the CRD is not there, there are none.
async fn all<K>(api: &Api<K>, what: &'static str) -> Result<Vec<K>, OperatorError>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let refused = |message| OperatorError::Refused { what, message };
    let mut params = ListParams::default().limit(PAGE);
    let mut found = Vec::new();
    loop {
        let page = match timeout(ANSWER_LIMIT, api.list(&params)).await {
            Ok(Ok(page)) => page,
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => return Ok(found),
            Ok(Err(error)) => return Err(refused(plainly(&error))),
            Err(_) => return Err(refused(format!("no answer within {ANSWER_LIMIT:?}"))),
        };
        found.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(found),
        }
    }
}
