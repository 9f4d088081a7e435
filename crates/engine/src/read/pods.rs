//! The pods of one subject, listed now: no binding is retired because of an old watch event. Input: a subject.
//! Output: its pods. Does I/O: reads from the API server.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use lanyard_core::model::fact::Fact;
use lanyard_core::model::pods::PodList;
use lanyard_core::model::subject::Subject;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::pods::{AGENT_NAMESPACE, Agents, PodFacts, agent_selector, read};

impl Engine {
    /// Lists the pods of a subject. An incomplete list is unreadable.
    pub async fn fresh_pods(&self, subject: &Subject) -> Fact<PodList> {
        match self.list_pods(subject).await {
            Ok(pods) => Fact::Present(pods),
            Err(error) => Fact::Unreadable(error.read_error()),
        }
    }

    async fn list_pods(&self, subject: &Subject) -> Result<PodList, EngineError> {
        let api: Api<Pod> = Api::namespaced(self.kube().clone(), subject.namespace.as_str());
        let fields = format!(
            "spec.serviceAccountName={},status.phase!=Succeeded,status.phase!=Failed",
            subject.name
        );
        let what = format!("pods in {}", subject.namespace);
        let mut listed: Vec<PodFacts<String>> = Vec::new();
        self.list_all(&api, ListParams::default().fields(&fields), &what, |pod| {
            listed.extend(read(pod).map(|facts| facts.map(str::to_owned)));
        })
        .await?;
        let nodes: BTreeSet<&str> = listed.iter().filter_map(|pod| pod.node.as_deref()).collect();
        let agents = self.agents_on(&nodes).await?;
        Ok(PodList {
            items: listed.iter().map(|pod| pod.pod(&agents)).collect(),
            fresh: true,
        })
    }

    /// Lists the pods of the agent.
    pub(crate) async fn list_agents(&self) -> Result<Agents, EngineError> {
        let api: Api<Pod> = Api::namespaced(self.kube().clone(), AGENT_NAMESPACE);
        let params = ListParams::default().labels(&agent_selector());
        let what = format!("pods in {AGENT_NAMESPACE}");
        let mut agents = Agents::new(false);
        self.list_all(&api, params, &what, |pod| {
            let uid = pod.metadata.uid.as_deref();
            if let (Some(uid), Some(facts)) = (uid, read(pod)) {
                agents.set(&uid.into(), facts.node.map(Arc::from).as_ref(), facts.ready);
            }
        })
        .await?;
        Ok(agents)
    }
}
