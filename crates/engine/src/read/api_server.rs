//! Reads from the API server: single requests, and lists page by page.
//! Input: a request, or a kind and a selection. Output: the answer, or each object in turn. Does I/O.

use std::fmt::Debug;
use std::future::Future;

use k8s_openapi::serde::de::DeserializeOwned;
use kube::api::{Api, ListParams};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::guarded_client::with_limit;

/// Objects per page of a list. Pods are up to 36 kB each as the API server sends them, and a page is held in memory as
/// text while it is decoded.
pub const PAGE: u32 = 100;

impl Engine {
    /// Sends a read.
    ///
    /// # Errors
    ///
    /// Returns an error if the API server rejects the request, cannot be reached or does not answer in time.
    pub async fn read<T>(
        &self,
        verb: &'static str,
        what: &str,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, EngineError> {
        with_limit(self.timings().operation, verb, what, call).await
    }

    /// Calls `each` with each listed object. Fails if any page fails, because a partial list is no fact.
    pub(crate) async fn list_all<K>(
        &self,
        api: &Api<K>,
        params: ListParams,
        what: &str,
        mut each: impl FnMut(K),
    ) -> Result<(), EngineError>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        let mut params = params.limit(PAGE);
        loop {
            let page = self.read("list", what, api.list(&params)).await?;
            page.items.into_iter().for_each(&mut each);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(()),
            }
        }
    }
}
