//! A stand-in for the EKS Pod Identity Agent, on loopback: it exchanges the token of a pod for the credentials of its association.
//! Input: requests of SDKs. Output: credentials, or errors in the agent's words. Serves HTTP; asks the API server, EKS and IAM.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::api::{Api, PostParams};
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::binding::{Binding, MethodSettings};
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::name::{Namespace, ServiceAccountName};
use lanyard_core::model::subject::Subject;
use lanyard_core::reconcile::admission::{Request, admission};
use lanyard_iam_policy::{Admission, Document};
use lanyard_testkit::TestBed;
use lanyard_testkit::gateway::Gateway;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::aws::Clients;

/// The message of EKS for a role that it cannot assume (docs/dev/aws-behaviour.md).
const DENIED: &str = "Unauthorized Exception! EKS does not have permissions to assume the associated role.";

const AUDIENCE: &str = "pods.eks.amazonaws.com";

/// The number of vended sessions, over all agents: their keys are unique.
static VENDED: AtomicU64 = AtomicU64::new(0);

/// A running agent. It ends when it is dropped.
#[derive(Debug)]
pub struct Agent {
    address: String,
    server: JoinHandle<()>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Sources {
    kube: kube::Client,
    aws: Clients,
    gateway: Gateway,
    cluster: Cluster,
}

/// An error answer: the status and the code.
type Refusal = (u16, String);

impl Agent {
    /// Starts the agent.
    ///
    /// # Errors
    /// Returns an error if it cannot listen.
    pub async fn start(bed: &TestBed) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let aws = Clients::of_test(bed, "agent").await?;
        let described = aws.eks.describe_cluster().name("lanyard").send().await?;
        let described = described.cluster.context("a cluster")?;
        let oidc = described.identity().and_then(|identity| identity.oidc());
        let issuer = oidc.and_then(|oidc| oidc.issuer()).context("an issuer")?;
        let sources = Arc::new(Sources {
            kube: bed.client().await?,
            gateway: bed.gateway.clone(),
            cluster: Cluster::eks(described.arn().context("an ARN")?, issuer)?,
            aws,
        });
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sources = Arc::clone(&sources);
                tokio::spawn(async move { drop(serve(&sources, stream).await) });
            }
        });
        Ok(Self { address, server })
    }

    /// The host and port.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

async fn serve(sources: &Sources, mut stream: TcpStream) -> Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    let head = String::from_utf8(head)?;
    let token = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("authorization")
            .then(|| value.trim().to_owned())
    });
    let answer = match token {
        Some(token) => sources.credentials(token).await,
        None => Err((400, "Service account token cannot be empty".to_owned())),
    };
    let (status, kind, body) = match answer {
        Ok(body) => (200, "application/json", body),
        Err((status, text)) => (status, "text/plain", format!("{text}\n")),
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} Answer\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    Ok(())
}

impl Sources {
    async fn credentials(&self, token: String) -> Result<String, Refusal> {
        let broken = |error: anyhow::Error| (500, format!("{error:#}"));
        let (namespace, account, pod) = self.reviewed(token).await.map_err(|error| {
            (
                400,
                format!("[id]: (InvalidTokenException): {error:#}, fault: client"),
            )
        })?;
        let missing = || {
            let text = format!(
                "[id]: (ResourceNotFoundException): No association found for {namespace}/{account}, fault: client"
            );
            (404, text)
        };
        let ids = self
            .aws
            .associations(&namespace, &account)
            .await
            .map_err(broken)?;
        let id = ids.first().ok_or_else(missing)?;
        let describe = self
            .aws
            .eks
            .describe_pod_identity_association()
            .cluster_name("lanyard");
        let answer = describe.association_id(id).send().await;
        let association = answer.map_err(|error| broken(error.into()))?.association;
        let role = association.and_then(|found| found.role_arn).ok_or_else(missing)?;
        let subject = Subject {
            cluster: self.cluster.identity.clone(),
            namespace: Namespace::parse(namespace).map_err(|error| broken(error.into()))?,
            name: ServiceAccountName::parse(account).map_err(|error| broken(error.into()))?,
        };
        let vended = self.assumed(&role, &subject, &pod).await;
        vended.map_err(|error| {
            (
                400,
                format!("[id]: (AccessDeniedException): {error:#}, fault: client"),
            )
        })
    }

    /// Namespace, ServiceAccount and pod of a token.
    async fn reviewed(&self, token: String) -> Result<(String, String, String)> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: Some(token),
                audiences: Some(vec![AUDIENCE.to_owned()]),
            },
            ..TokenReview::default()
        };
        let api: Api<TokenReview> = Api::all(self.kube.clone());
        let status = api.create(&PostParams::default(), &review).await?.status;
        let status = status.filter(|status| status.authenticated == Some(true));
        let user = status
            .and_then(|status| status.user)
            .context("the token is invalid")?;
        let name = user.username.unwrap_or_default();
        let subject = name
            .strip_prefix("system:serviceaccount:")
            .context("no ServiceAccount")?;
        let (namespace, account) = subject.split_once(':').context("no ServiceAccount")?;
        let mut extra = user.extra.unwrap_or_default();
        let pod = extra
            .remove("authentication.kubernetes.io/pod-name")
            .unwrap_or_default();
        let pod = pod.into_iter().next().context("the token belongs to no pod")?;
        Ok((namespace.to_owned(), account.to_owned(), pod))
    }

    /// Judges the trust policy as EKS does, and vends a session of the role that only the gateway knows.
    async fn assumed(&self, role: &str, subject: &Subject, pod: &str) -> Result<String> {
        let arn = RoleArn::parse(role)?;
        let trust = Document::from_value(self.aws.trust(arn.name.as_str()).await?)?;
        let request = Request {
            subject,
            cluster: &self.cluster,
            binding: &Binding {
                role_arn: arn.clone(),
                settings: MethodSettings::PodIdentity {
                    target_role_arn: None,
                    session_tags: true,
                },
            },
        };
        let is_admitted = matches!(admission(&trust, request), Admission::Admitted { .. });
        ensure!(is_admitted, "{DENIED}");
        let session: String = format!("eks-lanyard-{pod}").chars().take(64).collect();
        let key = format!("ASIAPODS{:012}", VENDED.fetch_add(1, Ordering::Relaxed));
        let caller = format!("arn:aws:sts::{}:assumed-role/{}/{session}", arn.account, arn.name);
        self.gateway.add_pod_session(&key, &caller);
        let body = json!({
            "AccessKeyId": key,
            "SecretAccessKey": "secret",
            "Token": "session",
            "AccountId": arn.account,
            "Expiration": "2099-01-01T00:00:00Z",
        });
        Ok(body.to_string())
    }
}
