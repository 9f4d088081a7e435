//! The objects that our finalizer holds. A namespace or none in, the objects out; lists them from the API server.

use kube::api::{Api, ListParams};
use lanyard_core::name::Namespace;
use tokio::time::timeout;

use crate::error::{OperatorError, plainly};
use crate::raw::RawIdentity;
use crate::startup::ANSWER_LIMIT;

/// Objects a page of a list.
const PAGE: u32 = 500;

/// Lists them. Where the CRD is not there, there is nothing that could be held.
pub(super) async fn held(
    kube: &kube::Client,
    namespace: Option<&Namespace>,
) -> Result<Vec<RawIdentity>, OperatorError> {
    let api: Api<RawIdentity> = match namespace {
        Some(namespace) => Api::namespaced(kube.clone(), namespace.as_str()),
        None => Api::all(kube.clone()),
    };
    let mut params = ListParams::default().limit(PAGE);
    let mut held = Vec::new();
    loop {
        let page = match timeout(ANSWER_LIMIT, api.list(&params)).await {
            Ok(Ok(page)) => page,
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => return Ok(held),
            Ok(Err(error)) => return Err(refused(plainly(&error))),
            Err(_) => return Err(refused(format!("no answer within {ANSWER_LIMIT:?}"))),
        };
        held.extend(page.items.into_iter().filter(RawIdentity::is_held));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(held),
        }
    }
}

fn refused(message: String) -> OperatorError {
    OperatorError::Refused {
        what: "to list WorkloadIdentities",
        message,
    }
}
