//! The EKS cluster in the emulator that stands for the local control plane: its name, ARN and OIDC issuer.
//! In: the emulator's URL. Out: what `DescribeCluster` would say. Network I/O. Called by `bed`, before the API server starts.

use anyhow::{Context, Result, bail};
use http::Request;
use serde::Deserialize;
use serde_json::json;

use super::{ACCOUNT, authorization};
use crate::process;

/// An EKS cluster as the emulator has it.
#[derive(Clone, Debug)]
pub struct EksCluster {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its OIDC issuer, as AWS would say it: an `https` URL. The tokens of the control plane carry it.
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
    /// Makes the cluster by `CreateCluster`.
    pub(crate) async fn create(emulator: &str, name: &str) -> Result<Self> {
        let wanted = json!({
            "name": name,
            "version": "1.36",
            "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/cluster"),
            "resourcesVpcConfig": {"subnetIds": ["subnet-1", "subnet-2"]},
        });
        let request = Request::post(format!("{emulator}/clusters"))
            .header("authorization", authorization("eks"))
            .header("content-type", "application/json")
            .body(serde_json::to_vec(&wanted)?.into())?;
        let answer = process::request(request)
            .await
            .context("creating the EKS cluster")?;
        if !answer.status.is_success() {
            bail!(
                "creating the EKS cluster: {} {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            );
        }
        let Created { cluster } =
            serde_json::from_slice(&answer.body).context("what CreateCluster answered")?;
        let issuer = cluster.identity.oidc.issuer;
        // The emulator serves no TLS and says so; AWS's issuers are all https, and so must the API server's be.
        let issuer = issuer
            .strip_prefix("http://")
            .map_or(issuer.clone(), |rest| format!("https://{rest}"));
        Ok(Self {
            name: name.to_owned(),
            arn: cluster.arn,
            issuer,
        })
    }
}
