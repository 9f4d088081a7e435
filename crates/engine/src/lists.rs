//! Lists of the API server, page by page: a namespace may hold more than one answer should.
//! A kind and a selection in, each object in turn out; reads from the API server. Used wherever the engine lists.

use k8s_openapi::serde::de::DeserializeOwned;
use kube::api::{Api, ListParams};

use crate::Engine;
use crate::error::EngineError;

/// Objects a page.
pub(crate) const PAGE: u32 = 500;

impl Engine {
    /// Hands each listed object over. When a page fails the whole list has failed: half a list is no fact.
    pub(crate) async fn list_all<K>(
        &self,
        api: &Api<K>,
        params: ListParams,
        what: &str,
        mut each: impl FnMut(&K),
    ) -> Result<(), EngineError>
    where
        K: Clone + DeserializeOwned + std::fmt::Debug,
    {
        let mut params = params.limit(PAGE);
        loop {
            let page = self.read("list", what, api.list(&params)).await?;
            page.items.iter().for_each(&mut each);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(()),
            }
        }
    }
}
