//! The holders of one subject, listed afresh: nothing is retired on what a watch once showed.
//! A subject in, its holders as the API server knows them now out; reads from the API server, writes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use lanyard_core::model::fact::Fact;
use lanyard_core::model::pods::PodList;
use lanyard_core::model::subject::Subject;

use super::places::{AGENT_NAMESPACE, Agents, agent_selector};
use super::reading::{Read, read};
use crate::Engine;
use crate::error::EngineError;

impl Engine {
    /// The holders of a subject from a list of this moment. A list that breaks off tells nothing.
    pub async fn fresh_pods(&self, subject: &Subject) -> Fact<PodList> {
        match self.list_holders(subject).await {
            Ok(pods) => Fact::Present(pods),
            Err(error) => Fact::Unreadable(error.why()),
        }
    }

    async fn list_holders(&self, subject: &Subject) -> Result<PodList, EngineError> {
        let api: Api<Pod> = Api::namespaced(self.kube().clone(), subject.namespace.as_str());
        let fields = format!(
            "spec.serviceAccountName={},status.phase!=Succeeded,status.phase!=Failed",
            subject.name
        );
        let what = format!("pods in {}", subject.namespace);
        let mut found: Vec<Read<String>> = Vec::new();
        self.list_all(&api, ListParams::default().fields(&fields), &what, |pod| {
            found.extend(read(pod).map(|read| read.map(str::to_owned)));
        })
        .await?;
        let nodes: BTreeSet<&str> = found.iter().filter_map(|pod| pod.node.as_deref()).collect();
        let agents = self.agents_on(&nodes).await?;
        Ok(PodList {
            items: found.iter().map(|pod| pod.pod(&agents)).collect(),
            fresh: true,
        })
    }

    /// The agent's pods, every one of them.
    pub(crate) async fn list_agents(&self) -> Result<Agents, EngineError> {
        let api: Api<Pod> = Api::namespaced(self.kube().clone(), AGENT_NAMESPACE);
        let params = ListParams::default().labels(&agent_selector());
        let what = format!("pods in {AGENT_NAMESPACE}");
        let mut agents = Agents::new(false);
        self.list_all(&api, params, &what, |pod| {
            let uid = pod.metadata.uid.as_deref();
            if let (Some(uid), Some(read)) = (uid, read(pod)) {
                agents.set(&uid.into(), read.node.map(Arc::from).as_ref(), read.ready);
            }
        })
        .await?;
        Ok(agents)
    }
}
