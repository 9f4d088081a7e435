//! AssumeRoleWithWebIdentity with tokens that the API server really issued, judged as STS judges them (docs/dev/aws-behaviour.md#web-identity-errors).

use anyhow::{Context, Result};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use lanyard_testkit::gateway::Gateway;
use serde_json::{Value, json};

use crate::aws::{Aws, Reply};
use crate::{bed, gateway};

pub const AUDIENCE: &str = "sts.amazonaws.com";

/// Shared setup: the cluster's issuer, its keys in the gateway, its provider in IAM.
pub struct World {
    _gateway: Gateway,
    pub aws: Aws,
    client: Client,
    issuer: String,
}

impl World {
    pub async fn new() -> Result<Self> {
        let (gateway, aws) = gateway().await?;
        let bed = bed().await?;
        let client = bed.client().await?;
        let jwks = client
            .request_text(http::Request::get("/openid/v1/jwks").body(Vec::new())?)
            .await?;
        gateway.set_jwks(&bed.cluster.issuer, &jwks)?;
        let create = [
            ("Url", bed.cluster.issuer.as_str()),
            ("ClientIDList.member.1", AUDIENCE),
        ];
        let made = aws.iam("CreateOpenIDConnectProvider", &create).await?;
        anyhow::ensure!(
            made.status == 200 || made.body.contains("EntityAlreadyExists"),
            "{made:?}"
        );
        Ok(Self {
            _gateway: gateway,
            aws,
            client,
            issuer: bed.cluster.issuer.clone(),
        })
    }

    fn host(&self) -> &str {
        self.issuer.trim_start_matches("https://")
    }

    /// A token for a ServiceAccount of `default`, made when it is not there.
    pub async fn token(&self, service_account: &str, audience: &str) -> Result<String> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), "default");
        let wanted = ServiceAccount {
            metadata: ObjectMeta {
                name: Some(service_account.to_owned()),
                ..ObjectMeta::default()
            },
            ..ServiceAccount::default()
        };
        if accounts.get_opt(service_account).await?.is_none() {
            accounts.create(&PostParams::default(), &wanted).await?;
        }
        let asked = TokenRequest {
            spec: TokenRequestSpec {
                audiences: vec![audience.to_owned()],
                expiration_seconds: Some(600),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let given = accounts
            .create_token_request(service_account, &PostParams::default(), &asked)
            .await?;
        Ok(given.status.context("no token")?.token)
    }

    /// A role for one ServiceAccount of `default`. Answers its ARN.
    pub async fn role(&self, name: &str) -> Result<String> {
        let host = self.host();
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": format!("arn:aws:iam::000000000000:oidc-provider/{host}")},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                format!("{host}:aud"): AUDIENCE, format!("{host}:sub"): format!("system:serviceaccount:default:{name}"),
            }},
        }]});
        let create = [
            ("RoleName", name),
            ("AssumeRolePolicyDocument", &trust.to_string()),
        ];
        self.aws.iam("CreateRole", &create).await?.good()?;
        Ok(format!("arn:aws:iam::000000000000:role/{name}"))
    }

    pub async fn assume(&self, role: &str, token: &str) -> Result<Reply> {
        let parameters = [
            ("RoleArn", role),
            ("RoleSessionName", "test"),
            ("WebIdentityToken", token),
        ];
        self.aws.sts("AssumeRoleWithWebIdentity", &parameters).await
    }
}

#[tokio::test]
async fn token_of_subject_gets_the_role() -> Result<()> {
    let world = World::new().await?;
    let role = world.role("web").await?;
    let token = world.token("web", AUDIENCE).await?;
    let given = world.assume(&role, &token).await?.good()?;
    assert_eq!(
        given.element("Arn"),
        Some("arn:aws:sts::000000000000:assumed-role/web/test")
    );
    assert_eq!(
        given.element("SubjectFromWebIdentityToken"),
        Some("system:serviceaccount:default:web")
    );
    assert_eq!(
        (given.element("Audience"), given.element("Provider")),
        (Some(AUDIENCE), Some(world.issuer.as_str()))
    );
    Ok(())
}

#[tokio::test]
async fn invalid_token_is_rejected_before_trust() -> Result<()> {
    let world = World::new().await?;
    let role = world.role("web-bad").await?;
    let good = world.token("web-bad", AUDIENCE).await?;
    world
        .assume("web-bad", &good)
        .await?
        .failed(400, "ValidationError", "Request ARN is invalid")?;
    world
        .assume(&role, "nonsense")
        .await?
        .failed(400, "InvalidIdentityToken", "not a valid JWT")?;
    let wrong = world.token("web-bad", "someone.else").await?;
    world
        .assume(&role, &wrong)
        .await?
        .failed(400, "InvalidIdentityToken", "Incorrect token audience")?;

    let mut parts = good.split('.');
    let (header, _, signature) = (parts.next(), parts.next(), parts.next());
    let other = world.token("web-bad-other", AUDIENCE).await?;
    let forged = format!(
        "{}.{}.{}",
        header.context("header")?,
        other.split('.').nth(1).context("payload")?,
        signature.context("signature")?
    );
    world
        .assume(&role, &forged)
        .await?
        .failed(400, "InvalidIdentityToken", "signature")?;
    let too_long = [
        ("RoleArn", role.as_str()),
        ("RoleSessionName", "t"),
        ("WebIdentityToken", &good),
        ("DurationSeconds", "7200"),
    ];
    let refused = world.aws.sts("AssumeRoleWithWebIdentity", &too_long).await?;
    refused.failed(400, "ValidationError", "exceeds the MaxSessionDuration")?;
    Ok(())
}

#[tokio::test]
async fn issuer_requires_provider_and_keys() -> Result<()> {
    let world = World::new().await?;
    let role = world.role("web-issuer").await?;
    let payload =
        |issuer: &str| json!({"iss": issuer, "sub": "s", "aud": [AUDIENCE], "exp": 4_102_444_800_u64});
    let unknown = unsigned(&payload("https://absent.example.com"));
    let message = "No OpenIDConnect provider found in your account for https://absent.example.com";
    world
        .assume(&role, &unknown)
        .await?
        .failed(400, "InvalidIdentityToken", message)?;

    let create = [
        ("Url", "https://keyless.example.com"),
        ("ClientIDList.member.1", AUDIENCE),
    ];
    world
        .aws
        .iam("CreateOpenIDConnectProvider", &create)
        .await?
        .good()?;
    let keyless = unsigned(&payload("https://keyless.example.com"));
    world
        .assume(&role, &keyless)
        .await?
        .failed(400, "InvalidIdentityToken", "retrieve verification key")?;
    Ok(())
}

/// A token with a signature that no key made.
fn unsigned(payload: &Value) -> String {
    use base64::Engine as _;
    let encode = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.c2lnbmF0dXJl",
        encode(json!({"alg": "RS256", "kid": "k"}).to_string()),
        encode(payload.to_string())
    )
}
