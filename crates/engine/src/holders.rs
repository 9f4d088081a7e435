//! The holders of one subject, listed afresh: nothing is removed on what a watch once showed.
//! A subject in, its pods as the API server knows them now out; reads from the API server, writes nothing.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use lanyard_core::fact::Fact;
use lanyard_core::observed::Pods;
use lanyard_core::subject::Subject;

use crate::World;
use crate::error::EngineError;
use crate::pods::PodFold;

/// Objects a page of a list: bounds the memory that a list of a large namespace takes.
const PAGE: u32 = 500;

impl World {
    /// The holders of a subject from a list of this moment. A list that breaks off tells nothing.
    pub async fn fresh_pods(&self, subject: &Subject) -> Fact<Pods> {
        match self.list_pods(subject).await {
            Ok(fold) => Fact::Present(fold.count(subject.namespace.as_str(), subject.name.as_str(), None)),
            Err(error) => Fact::Unreadable(error.why()),
        }
    }

    async fn list_pods(&self, subject: &Subject) -> Result<PodFold, EngineError> {
        let api: Api<Pod> = Api::namespaced(self.kube().clone(), subject.namespace.as_str());
        let what = format!("pods in {}", subject.namespace);
        let mut params = ListParams::default()
            .fields(&format!("spec.serviceAccountName={}", subject.name))
            .limit(PAGE);
        let mut fold = PodFold::default();
        loop {
            let page = self.read("list", &what, api.list(&params)).await?;
            page.items.iter().for_each(|pod| drop(fold.upsert(pod)));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(fold),
            }
        }
    }
}
