//! A guard over a namespace: checks repeatedly that each of its pods could get credentials. Input: a namespace. Output:
//! every pod that could not. Web identity is tested at STS with a token of the API server. For associations, the role's
//! trust policy decides. Does I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_sts::error::ProvideErrorMetadata;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::Client;
use kube::api::{Api, PostParams};
use lanyard_tests::{Clients, PATIENCE, TestNamespace};
use tokio::sync::watch::{self, Receiver};
use tokio::task::JoinHandle;

use crate::fleet::{pods, running};
use crate::pod_credentials::PodCredentials;
use crate::trust::{Form, allows};

/// Pause between two checks.
const PAUSE: Duration = Duration::from_millis(50);

/// A check that is repeated until its result is requested.
pub struct Guard {
    watching: JoinHandle<()>,
    found: Receiver<Findings>,
}

#[derive(Default)]
struct Findings {
    looks: usize,
    lost: Vec<String>,
}

impl Guard {
    /// Starts to guard a namespace.
    pub fn over(scene: &TestNamespace<'_>) -> Self {
        let (findings, found) = watch::channel(Findings::default());
        let mut watch = Watch {
            client: scene.client.clone(),
            aws: scene.aws.clone(),
            namespace: scene.namespace.clone(),
            tokens: BTreeMap::new(),
        };
        let watching = tokio::spawn(async move {
            loop {
                let lost = watch
                    .check()
                    .await
                    .unwrap_or_else(|error| vec![format!("{error:#}")]);
                findings.send_modify(|found| {
                    found.looks += 1;
                    found.lost.extend(lost);
                });
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { watching, found }
    }

    /// Ends the guard after one more check. Fails if any pod could not have got credentials at any check.
    pub async fn finish(mut self) -> Result<()> {
        let under_way = self.found.borrow().looks + 1;
        let last = self.found.wait_for(|found| found.looks > under_way);
        let found = tokio::time::timeout(PATIENCE, last)
            .await
            .context("the guard did not check in time")??;
        self.watching.abort();
        ensure!(found.lost.is_empty(), "pods lost access: {:#?}", found.lost);
        Ok(())
    }
}

/// The state of the checks, with the tokens by audience.
struct Watch {
    client: Client,
    aws: Clients,
    namespace: String,
    tokens: BTreeMap<String, String>,
}

impl Watch {
    /// The pods that get no credentials. AWS is read after the pods: it must provide what they have now.
    async fn check(&mut self) -> Result<Vec<String>> {
        let (mut answers, mut lost) = (BTreeMap::new(), Vec::new());
        for pod in running(&self.client, &self.namespace).await? {
            let credentials = PodCredentials::of(&pod);
            if !answers.contains_key(&credentials) {
                let refusal = self.refusal(&credentials).await?;
                answers.insert(credentials.clone(), refusal);
            }
            let refusal = answers.get(&credentials).cloned().flatten();
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            if let Some(why) = refusal
                && self.still_exists(&pod).await?
            {
                lost.push(format!("{name} carries {credentials:?}: {why}"));
            }
        }
        Ok(lost)
    }

    /// A pod that was deleted during the check lost nothing.
    async fn still_exists(&self, pod: &Pod) -> Result<bool> {
        let name = pod.metadata.name.as_deref().context("a name")?;
        let found = pods(&self.client, &self.namespace).get_opt(name).await?;
        Ok(found.is_some_and(|found| {
            found.metadata.uid == pod.metadata.uid && found.metadata.deletion_timestamp.is_none()
        }))
    }

    /// The reason that these credentials would be refused. Returns `None` if they would be granted.
    async fn refusal(&mut self, credentials: &PodCredentials) -> Result<Option<String>> {
        match credentials {
            PodCredentials::WebIdentity { role, audience } => self.refusal_of_sts(role, audience).await,
            PodCredentials::PodIdentity => self.refusal_of_eks().await,
            PodCredentials::Nothing => Ok(Some("neither method's".to_owned())),
        }
    }

    async fn refusal_of_sts(&mut self, role: &str, audience: &str) -> Result<Option<String>> {
        let token = self.token(audience).await?;
        let call = self.aws.sts.assume_role_with_web_identity().role_arn(role);
        let call = call.role_session_name("guard").web_identity_token(token);
        match call.send().await {
            Ok(_) => Ok(None),
            Err(error) if error.as_service_error().is_some() => Ok(Some(format!(
                "{} {}",
                error.code().unwrap_or_default(),
                error.message().unwrap_or_default()
            ))),
            Err(error) => Err(error).context("calling STS"),
        }
    }

    async fn token(&mut self, audience: &str) -> Result<String> {
        if let Some(token) = self.tokens.get(audience) {
            return Ok(token.clone());
        }
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: vec![audience.to_owned()],
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), &self.namespace);
        let answer = accounts
            .create_token_request("orders", &PostParams::default(), &request)
            .await?;
        let token = answer.status.context("a token")?.token;
        self.tokens.insert(audience.to_owned(), token.clone());
        Ok(token)
    }

    async fn refusal_of_eks(&self) -> Result<Option<String>> {
        let Some(association) = self.aws.association(&self.namespace, "orders").await? else {
            return Ok(Some("there is no association".to_owned()));
        };
        let role = association.role_arn().and_then(|arn| arn.rsplit('/').next());
        let role = role.context("an association has a role")?;
        if !self.aws.has_role(role).await? {
            return Ok(Some(format!("{role} is not there")));
        }
        let form = Form::of(&association);
        let trusted = allows(&self.aws.trust(role).await?, form);
        Ok((!trusted).then(|| format!("{role} does not allow {form:?}")))
    }
}
