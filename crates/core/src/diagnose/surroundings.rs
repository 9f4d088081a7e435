//! The facts that only the diagnosis reads: containers, the status of the object, the operator, network policies and clocks.
//! Each is optional. Plain values; no I/O. Values of variables are not kept.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::arn::RoleArn;
use crate::model::condition::Condition;
use crate::model::fact::{Fact, ReadError};
use crate::model::pods::PodCredentials;

/// The facts around an identity. A fact that was not requested is `NotRead`, and its rules are skipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Surroundings {
    /// The time of the diagnosis.
    pub now: Timestamp,
    /// The pods of the ServiceAccount that are not terminal.
    pub pods: Fact<Vec<PodDetail>>,
    /// The state of the WorkloadIdentity.
    pub object: Fact<ObjectState>,
    /// The lease of the operator; absent: no operator ever ran.
    pub operator: Fact<Leadership>,
    /// The issuer of the tokens of the API server.
    pub issuer: Fact<String>,
    /// The difference of each server's clock to that of this computer, in seconds, by the name of the server.
    pub clocks: Fact<BTreeMap<String, i64>>,
    /// The custom resources that create tokens of the ServiceAccount; absent: their kinds are not installed.
    pub token_readers: Fact<Vec<TokenReader>>,
    /// The network policies that restrict the egress of a pod of the ServiceAccount.
    pub network_policies: Fact<Vec<EgressPolicy>>,
    /// The nodes of the pods.
    pub nodes: Fact<Vec<NodeInstance>>,
    /// The simulation of an action with the policies of the role.
    pub simulation: Fact<Simulation>,
    /// The error message of the application, as the user gives it.
    pub error: Option<String>,
}

/// A pod with its containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodDetail {
    /// The name.
    pub name: String,
    /// The credentials of the pod as a whole.
    #[serde(flatten)]
    pub credentials: PodCredentials,
    /// The containers and init containers.
    #[serde(default)]
    pub containers: Vec<ContainerDetail>,
    /// True if the pod has the label that makes the webhook skip it.
    #[serde(default)]
    pub skip_label: bool,
    /// The containers that the webhook skips, by the annotation of the pod.
    #[serde(default)]
    pub skip_containers: BTreeSet<String>,
    /// The role that the pod asks kiam or kube2iam for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legacy_role: Option<String>,
    /// True if the pod sets a group for its volumes.
    #[serde(default)]
    pub fs_group: bool,
    /// True if the pod uses the network of its node.
    #[serde(default)]
    pub host_network: bool,
    /// The node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

/// A container, as far as its credentials depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerDetail {
    /// The name.
    pub name: String,
    /// True if it has the variables of a web identity.
    pub web_identity: bool,
    /// True if it has the variables of Pod Identity.
    pub pod_identity: bool,
    /// The variable by which it sets credentials that SDKs prefer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_variable: Option<String>,
    /// The path of a mounted `.aws` directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_mount: Option<String>,
    /// The variable that sets an HTTP proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// The addresses for which the proxy is not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<String>,
    /// The user of the container, by itself or by the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as_user: Option<i64>,
}

/// The state of the WorkloadIdentity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectState {
    /// The generation of its spec.
    pub generation: i64,
    /// The generation that the operator reconciled last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The conditions.
    pub conditions: Vec<Condition>,
    /// The unique ID of the role in the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_id: Option<String>,
    /// The token that approves the change that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_token: Option<String>,
    /// True if the object is suspended.
    pub suspended: bool,
}

/// The lease of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Leadership {
    /// The namespace of the lease.
    pub namespace: String,
    /// The holder.
    pub holder: String,
    /// The time of the last renewal.
    pub renewed: Timestamp,
    /// The duration of the lease in seconds.
    pub duration: i64,
}

/// A custom resource that creates tokens of the ServiceAccount and reads its annotation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenReader {
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
}

/// A network policy that restricts the egress of pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EgressPolicy {
    /// The name.
    pub name: String,
    /// The pods of the ServiceAccount that it selects.
    pub pods: BTreeSet<String>,
    /// True if a rule of it lets the pods connect to the agent.
    #[serde(default)]
    pub allows_agent: bool,
    /// True if it has an egress rule.
    #[serde(default)]
    pub has_rules: bool,
}

/// The EC2 instance of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeInstance {
    /// The name of the node.
    pub name: String,
    /// The id of the instance.
    pub instance: String,
    /// The role of the node.
    pub role: RoleArn,
    /// The hop limit of its instance metadata.
    pub hop_limit: i32,
    /// True if the role may call `eks-auth:AssumeRoleForPodIdentity`. `None` if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_assume: Option<bool>,
}

/// The result of `iam:SimulatePrincipalPolicy`. It knows identity policies, the boundary and service control policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Simulation {
    /// The action.
    pub action: String,
    /// The resource.
    pub resource: String,
    /// The decision of IAM: `allowed`, `explicitDeny` or `implicitDeny`.
    pub decision: String,
    /// False if the boundary does not allow the action. `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<bool>,
    /// False if a service control policy does not allow the action. `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<bool>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            now: Timestamp::UNIX_EPOCH,
            pods: not_read(),
            object: not_read(),
            operator: not_read(),
            issuer: not_read(),
            clocks: not_read(),
            token_readers: not_read(),
            network_policies: not_read(),
            nodes: not_read(),
            simulation: not_read(),
            error: None,
        }
    }
}

const fn not_read<T>() -> Fact<T> {
    Fact::Unreadable(ReadError::NotRead)
}
