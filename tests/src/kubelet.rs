//! A stand-in for kubelet that runs the container of probe pods: KWOK runs none. Input: pods with the label of a probe. Output: the
//! real program with the pod's own environment and tokens, and its termination message in the pod's status. Does I/O.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, ServiceAccount};
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use lanyard_core::proof::PROBE_LABEL;
use lanyard_testkit::TestBed;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::agent::Agent;
use crate::patience::POLL;

/// The address of the agent, which the webhook gives to pods.
const AGENT: &str = "169.254.170.23";

/// A running stand-in. It ends when it is dropped.
#[derive(Debug)]
pub struct Kubelet {
    task: JoinHandle<()>,
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The services that containers reach.
struct Node {
    kube: kube::Client,
    gateway: String,
    agent: Agent,
    namespace: String,
    program: PathBuf,
    files: TempDir,
}

impl Kubelet {
    /// Starts the stand-in for the pods of one namespace, with an agent of its own. `program` replaces their image.
    ///
    /// # Errors
    /// Returns an error if the agent does not start.
    pub async fn start(bed: &TestBed, namespace: &str, program: &str) -> Result<Self> {
        let node = Node {
            kube: bed.client().await?,
            gateway: bed.gateway.url(),
            agent: Agent::start(bed).await?,
            namespace: namespace.to_owned(),
            program: PathBuf::from(program),
            files: tempfile::tempdir()?,
        };
        let task = tokio::spawn(async move {
            let mut known = BTreeSet::new();
            loop {
                // A failed round is repeated: the test waits for the result of the pod.
                if let Err(error) = node.round(&mut known).await {
                    eprintln!("kubelet: {error:#}");
                }
                sleep(POLL).await;
            }
        });
        Ok(Self { task })
    }
}

impl Node {
    async fn round(&self, known: &mut BTreeSet<String>) -> Result<()> {
        let pods: Api<Pod> = Api::namespaced(self.kube.clone(), &self.namespace);
        let listed = pods.list(&ListParams::default().labels(PROBE_LABEL)).await?;
        for pod in listed.items {
            let is_placed = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
            if is_placed && known.insert(pod.uid().unwrap_or_default()) {
                self.run(&pod).await?;
            }
        }
        Ok(())
    }

    async fn run(&self, pod: &Pod) -> Result<()> {
        let spec = pod.spec.as_ref().context("a spec")?;
        let container = spec.containers.first().context("a container")?;
        let files = self.files.path().join(pod.uid().unwrap_or_default());
        std::fs::create_dir_all(&files)?;
        self.tokens(pod, spec, container, &files).await?;
        let log = files.join("termination-log");
        let mut command = Command::new(&self.program);
        command.args(container.args.iter().flatten()).env_clear();
        for variable in container.env.iter().flatten() {
            let value = variable.value.clone().unwrap_or_default();
            command.env(&variable.name, self.reached(&value, container, &files));
        }
        command
            .env("AWS_ENDPOINT_URL", &self.gateway)
            .env("AWS_SDK_UA_APP_ID", "lanyard-probe")
            .env("LANYARD_TERMINATION_LOG", &log)
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        self.report(pod, container, output.status.code().unwrap_or(-1), &text)
            .await
    }

    /// A value of the pod's environment, with paths and the agent's address as this machine has them.
    fn reached(&self, value: &str, container: &Container, files: &Path) -> String {
        let mounts = container.volume_mounts.iter().flatten();
        let mut value = value.replace(AGENT, self.agent.address());
        for mount in mounts {
            if let Some(rest) = value.strip_prefix(&format!("{}/", mount.mount_path)) {
                value = files.join(&mount.name).join(rest).display().to_string();
            }
        }
        value
    }

    /// Writes the projected tokens of the pod.
    async fn tokens(&self, pod: &Pod, spec: &PodSpec, container: &Container, files: &Path) -> Result<()> {
        let namespace = pod.namespace().context("a namespace")?;
        let accounts: Api<ServiceAccount> = Api::namespaced(self.kube.clone(), &namespace);
        let account = spec.service_account_name.as_deref().context("a ServiceAccount")?;
        let is_mounted = |name: &str| {
            container
                .volume_mounts
                .iter()
                .flatten()
                .any(|mount| mount.name == name)
        };
        for volume in spec
            .volumes
            .iter()
            .flatten()
            .filter(|volume| is_mounted(&volume.name))
        {
            let sources = volume
                .projected
                .iter()
                .flat_map(|projected| projected.sources.iter().flatten());
            for token in sources.filter_map(|source| source.service_account_token.as_ref()) {
                let request = TokenRequest {
                    spec: TokenRequestSpec {
                        audiences: token.audience.clone().into_iter().collect(),
                        expiration_seconds: token.expiration_seconds,
                        bound_object_ref: Some(BoundObjectReference {
                            api_version: Some("v1".to_owned()),
                            kind: Some("Pod".to_owned()),
                            name: pod.metadata.name.clone(),
                            uid: pod.uid(),
                        }),
                    },
                    ..TokenRequest::default()
                };
                let issued = accounts
                    .create_token_request(account, &PostParams::default(), &request)
                    .await?;
                let folder = files.join(&volume.name);
                std::fs::create_dir_all(&folder)?;
                std::fs::write(folder.join(&token.path), issued.status.context("a token")?.token)?;
            }
        }
        Ok(())
    }

    /// Writes the end of the container into the status of the pod.
    async fn report(&self, pod: &Pod, container: &Container, code: i32, text: &str) -> Result<()> {
        let phase = if code == 0 { "Succeeded" } else { "Failed" };
        let status: Value = json!({
            "name": container.name, "image": container.image, "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": code, "reason": "Completed", "message": text}},
        });
        let patch = json!({"status": {"phase": phase, "containerStatuses": [status]}});
        let namespace = pod.namespace().context("a namespace")?;
        let pods: Api<Pod> = Api::namespaced(self.kube.clone(), &namespace);
        pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&patch))
            .await?;
        Ok(())
    }
}
