//! The pods of one subject, listed now: no binding is retired because of an old watch event. Input: a subject.
//! Output: its pods. Does I/O: reads from the API server.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use lanyard_core::diagnose::PodDetail;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::pods::PodList;
use lanyard_core::model::subject::Subject;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::pods::{
    AGENT_NAMESPACE, Agents, HOST_NETWORK, PodFacts, PodRecord, agent_selector, detail, is_outside_auto_mode,
};

/// The field selector of the pods of a subject that are not terminal.
fn of_subject(subject: &Subject) -> String {
    format!(
        "spec.serviceAccountName={},status.phase!=Succeeded,status.phase!=Failed",
        subject.name
    )
}

impl Engine {
    /// Lists the pods of a subject. An incomplete list is unreadable.
    pub async fn fresh_pods(&self, subject: &Subject) -> Fact<PodList> {
        match self.list_pods(subject).await {
            Ok(pods) => Fact::Present(pods),
            Err(error) => Fact::Unreadable(error.read_error()),
        }
    }

    async fn list_pods(&self, subject: &Subject) -> Result<PodList, EngineError> {
        let api: Api<PodRecord> = Api::namespaced(self.kube().clone(), subject.namespace.as_str());
        let fields = of_subject(subject);
        let what = format!("pods in {}", subject.namespace);
        let mut listed: Vec<PodFacts<String>> = Vec::new();
        self.list_all(&api, ListParams::default().fields(&fields), &what, |pod| {
            listed.extend(pod.facts);
        })
        .await?;
        let built_in = self.auto_mode().await;
        let needs_agent = |node: &&str| !built_in || is_outside_auto_mode(node);
        let nodes = listed.iter().filter_map(|pod| pod.node.as_deref());
        let nodes: BTreeSet<&str> = nodes.filter(needs_agent).collect();
        let agents = self.agents_on(&nodes).await?;
        Ok(PodList {
            items: listed.iter().map(|pod| pod.pod(&agents, built_in)).collect(),
            fresh: true,
        })
    }

    /// Lists the pods of a subject with their containers, for the diagnosis. An incomplete list is unreadable.
    pub async fn pods_in_detail(&self, subject: &Subject) -> Fact<Vec<PodDetail>> {
        match self.list_details(subject).await {
            Ok(pods) => Fact::Present(pods),
            Err(error) => Fact::Unreadable(error.read_error()),
        }
    }

    async fn list_details(&self, subject: &Subject) -> Result<Vec<PodDetail>, EngineError> {
        let api: Api<Pod> = Api::namespaced(self.kube().clone(), subject.namespace.as_str());
        let mut pods: Vec<Pod> = Vec::new();
        let what = format!("pods in {}", subject.namespace);
        let params = ListParams::default().fields(&of_subject(subject));
        self.list_all(&api, params, &what, |pod| pods.push(pod)).await?;
        let node_of = |pod: &Pod| pod.spec.as_ref()?.node_name.clone();
        let nodes: BTreeSet<String> = pods.iter().filter_map(node_of).collect();
        let nodes: BTreeSet<&str> = nodes.iter().map(String::as_str).collect();
        let built_in = self.auto_mode().await;
        let agents = match built_in {
            true => Arc::default(),
            false => self.agents_on(&nodes).await?,
        };
        Ok(pods
            .iter()
            .filter_map(|pod| detail(pod, &agents, built_in))
            .collect())
    }

    /// Lists the pods of the agent: those of the add-on, and if these do not serve every node, all that can be the agent.
    pub(crate) async fn list_agents(&self, nodes: &BTreeSet<&str>) -> Result<Agents, EngineError> {
        let kube_system: Api<PodRecord> = Api::namespaced(self.kube().clone(), AGENT_NAMESPACE);
        let of_add_on = ListParams::default().labels(&agent_selector());
        let mut agents = Agents::default();
        self.list_agents_in(&kube_system, of_add_on, &mut agents).await?;
        let is_served = |node: &&str| agents.ready_nodes() > 0 && agents.serve(node);
        if !nodes.iter().all(is_served) {
            let anywhere: Api<PodRecord> = Api::all(self.kube().clone());
            let host_network = ListParams::default().fields(HOST_NETWORK);
            self.list_agents_in(&anywhere, host_network, &mut agents).await?;
        }
        Ok(agents)
    }

    async fn list_agents_in(
        &self,
        api: &Api<PodRecord>,
        params: ListParams,
        agents: &mut Agents,
    ) -> Result<(), EngineError> {
        self.list_all(api, params, "pods of the Pod Identity Agent", |pod| {
            let uid = pod.uid().map(Arc::from);
            if let (Some(uid), Some(facts)) = (uid, pod.facts.filter(|facts| facts.agent)) {
                agents.set(&uid, facts.node.map(Arc::from).as_ref(), facts.ready);
            }
        })
        .await
    }
}
