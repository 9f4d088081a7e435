//! Pods and pod templates, folded to the distinct usages of credentials. Input: one pod or template after the other. Output:
//! usages, each with the number of its pods. No I/O. A page of pods is folded while it is read, so no pod is kept.

use std::collections::{BTreeMap, BTreeSet};

use super::container::ContainerFacts;
use super::form::Form;
use super::found::Found;
use crate::model::arn::RoleArn;
use crate::model::workload::WorkloadRef;

/// The kind of node, as far as Pod Identity depends on it (docs/dev/aws-behaviour.md#supported-nodes).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeKind {
    /// A node that can have the agent.
    #[default]
    Ordinary,
    /// AWS Fargate.
    Fargate,
    /// Windows.
    Windows,
}

/// The facts about a pod or a pod template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodFacts {
    /// The namespace.
    pub namespace: String,
    /// The workload that creates the pod, or the pod itself.
    pub workload: WorkloadRef,
    /// The ServiceAccount.
    pub service_account: String,
    /// The containers and init containers.
    pub containers: Vec<ContainerFacts>,
    /// The role in the annotation of kiam and kube2iam.
    pub proxy_role: Option<String>,
    /// The kind of node.
    pub node: NodeKind,
    /// True if the pod uses the network of its node, where the instance metadata service is reachable.
    pub host_network: bool,
    /// The SecretProviderClass of a volume whose driver creates tokens of the ServiceAccount itself.
    pub token_volume: Option<String>,
    /// True if the pod asks the pod identity webhook to skip it.
    pub skips_webhook: bool,
}

/// One container of one workload, with one set of credentials.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usage {
    /// The namespace.
    pub namespace: String,
    /// The workload.
    pub workload: WorkloadRef,
    /// The name of the container.
    pub container: String,
    /// The ServiceAccount.
    pub service_account: String,
    /// True if no pod exists, so that this is the pod template.
    pub is_template: bool,
    /// The credentials, in the order of the SDKs, without the node role.
    pub found: Vec<Found>,
    /// True if a variable has a name of the AWS SDKs.
    pub mentions_aws: bool,
    /// The kind of node.
    pub node: NodeKind,
    /// True if the pod uses the network of its node.
    pub host_network: bool,
    /// The SecretProviderClass of a volume whose driver creates tokens itself.
    pub token_volume: Option<String>,
    /// True if the pod asks the webhook to skip it.
    pub skips_webhook: bool,
}

/// The usages of all pods and templates so far.
#[derive(Debug, Default)]
pub struct Fold {
    usages: BTreeMap<Usage, usize>,
    with_pods: BTreeSet<(String, WorkloadRef)>,
    unread: BTreeSet<(String, String)>,
    pods: usize,
}

impl Fold {
    /// Adds a pod.
    pub fn pod(&mut self, pod: &PodFacts) {
        let workload = (pod.namespace.clone(), pod.workload.clone());
        self.with_pods.insert(workload);
        self.pods += 1;
        self.add(pod, false);
    }

    /// Adds the pod template of a workload. Templates come after all pods: one whose workload has pods counts as they are.
    pub fn template(&mut self, template: &PodFacts) {
        let workload = (template.namespace.clone(), template.workload.clone());
        if !self.with_pods.contains(&workload) {
            self.add(template, true);
        }
    }

    /// The usages with the numbers of their pods.
    #[must_use]
    pub fn usages(&self) -> &BTreeMap<Usage, usize> {
        &self.usages
    }

    /// The number of pods.
    #[must_use]
    pub fn pods(&self) -> usize {
        self.pods
    }

    /// The number of objects of `envFrom` whose keys are not known.
    #[must_use]
    pub fn unread_loads(&self) -> usize {
        self.unread.len()
    }

    fn add(&mut self, pod: &PodFacts, is_template: bool) {
        for container in &pod.containers {
            let loads = container.unread_loads();
            self.unread
                .extend(loads.map(|load| (pod.namespace.clone(), load.to_string())));
            let mut found = container.found();
            found.extend(pod.proxy_role.as_deref().map(proxy));
            let usage = Usage {
                namespace: pod.namespace.clone(),
                workload: pod.workload.clone(),
                container: container.name.clone(),
                service_account: pod.service_account.clone(),
                is_template,
                found,
                mentions_aws: container.mentions_aws,
                node: pod.node,
                host_network: pod.host_network,
                token_volume: pod.token_volume.clone(),
                skips_webhook: pod.skips_webhook,
            };
            *self.usages.entry(usage).or_default() += usize::from(!is_template);
        }
    }
}

fn proxy(role: &str) -> Found {
    Found {
        role: RoleArn::parse(role).ok(),
        ..Found::certain(Form::Proxy, format!("annotation iam.amazonaws.com/role: {role}"))
    }
}
