//! The EKS cluster in the emulator that stands for the local control plane: its name, ARN and OIDC issuer.
//! Input: the emulator's URL. Output: what `DescribeCluster` would say. Network I/O.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;

use super::call;
use crate::gateway::public_issuer;
use crate::location::ACCOUNT;

/// Name of the role that EKS itself assumes for a cluster, the only role that belongs to no workload.
const CLUSTER_ROLE: &str = "eks-cluster";

/// The add-on without which no pod of the cluster gets credentials by Pod Identity (docs/dev/aws-behaviour.md#agent).
const AGENT_ADDON: &str = "eks-pod-identity-agent";

/// An EKS cluster as the emulator has it.
#[derive(Clone, Debug)]
pub struct EksCluster {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its OIDC issuer, as AWS reports it: an `https` URL. The tokens of the control plane carry it.
    pub issuer: String,
}

#[derive(Deserialize)]
struct Created {
    cluster: Described,
}

#[derive(Deserialize)]
struct Described {
    arn: String,
    identity: Identity,
}

#[derive(Deserialize)]
struct Identity {
    oidc: Oidc,
}

#[derive(Deserialize)]
struct Oidc {
    issuer: String,
}

impl EksCluster {
    /// Creates the cluster, the role that it needs, and the add-on that Pod Identity needs.
    pub(crate) async fn create(emulator: &str, name: &str) -> Result<Self> {
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ]});
        let role_name = format!("{CLUSTER_ROLE}-{name}");
        let role = [
            ("Action", "CreateRole"),
            ("Version", "2010-05-08"),
            ("RoleName", &role_name),
            ("AssumeRolePolicyDocument", &trust.to_string()),
        ];
        call::form(emulator, "iam", &role)
            .await
            .context("creating the EKS cluster's role")?;

        let wanted = json!({
            "name": name,
            "version": "1.36",
            "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/{role_name}"),
            "resourcesVpcConfig": {"subnetIds": ["subnet-1", "subnet-2"]},
        });
        let answer = call::json(emulator, "/clusters", &wanted)
            .await
            .context("creating the EKS cluster")?;
        let Created { cluster } = serde_json::from_slice(&answer).context("what CreateCluster answered")?;
        let agent = json!({"addonName": AGENT_ADDON});
        call::json(emulator, &format!("/clusters/{name}/addons"), &agent)
            .await
            .context("installing the EKS Pod Identity Agent")?;
        // The gateway reports the same issuer to every caller.
        let issuer = public_issuer(&cluster.identity.oidc.issuer);
        Ok(Self {
            name: name.to_owned(),
            arn: cluster.arn,
            issuer,
        })
    }
}
