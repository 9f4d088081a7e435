//! The test bed does what it says, with everything real: processes, tokens, pods, AWS calls past and through the gateway.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use lanyard_testkit::{TestBed, TestBedOptions};

use crate::support::{Claims, eventually, iam, rolled_out};

#[tokio::test]
async fn test_bed_has_cluster_and_aws_endpoints() -> Result<()> {
    let bed = TestBed::start(TestBedOptions::default()).await?;
    let client = bed.client().await?;

    tokens_carry_the_issuer_of_the_emulated_cluster(&bed, &client).await?;
    deployments_roll(&client).await?;
    kubectl_reads_the_cluster(&bed)?;
    both_names_of_the_region_are_set(&bed)?;
    the_emulator_answers_whom_it_knows(&bed).await?;
    pods_are_looked_at_by_the_webhook(&client).await?;

    let (logs, data) = (
        bed.logs().to_owned(),
        bed.kubeconfig().ancestors().nth(2).map(ToOwned::to_owned),
    );
    bed.stop().await?;
    ensure!(!logs.exists() && !data.context("the data directory")?.exists());
    Ok(())
}

/// The SDKs read the one, the AWS command line and boto3 the other.
fn both_names_of_the_region_are_set(bed: &TestBed) -> Result<()> {
    let env: BTreeMap<_, _> = bed.aws_env().into_iter().collect();
    let region = env.get("AWS_REGION").context("AWS_REGION")?;
    ensure!(env.get("AWS_DEFAULT_REGION") == Some(region), "{env:?}");
    Ok(())
}

async fn tokens_carry_the_issuer_of_the_emulated_cluster(bed: &TestBed, client: &Client) -> Result<()> {
    ensure!(
        bed.cluster.issuer.starts_with("https://"),
        "{}",
        bed.cluster.issuer
    );
    let accounts: Api<ServiceAccount> = Api::default_namespaced(client.clone());
    for audience in ["sts.amazonaws.com", "pods.eks.amazonaws.com"] {
        let spec = TokenRequestSpec {
            audiences: vec![audience.to_owned()],
            ..TokenRequestSpec::default()
        };
        let request = TokenRequest {
            spec,
            ..TokenRequest::default()
        };
        let issued = accounts
            .create_token_request("default", &PostParams::default(), &request)
            .await?;
        let claims = Claims::of(&issued.status.context("a token")?.token)?;
        let expected = Claims {
            iss: bed.cluster.issuer.clone(),
            sub: "system:serviceaccount:default:default".to_owned(),
            aud: vec![audience.to_owned()],
        };
        ensure!(claims == expected, "{claims:?} {expected:?}");
    }
    Ok(())
}

async fn deployments_roll(client: &Client) -> Result<()> {
    let before = rolled_out(client, "shop", "first", 3).await?;
    let after = rolled_out(client, "shop", "second", 3).await?;
    ensure!(
        before.iter().all(|pod| !after.contains(pod)),
        "{before:?} {after:?}"
    );
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    eventually("the old pods are gone", async || {
        Ok((pods.list(&ListParams::default()).await?.items.len() == 3).then_some(()))
    })
    .await
}

fn kubectl_reads_the_cluster(bed: &TestBed) -> Result<()> {
    let output = bed.kubectl().args(["get", "nodes", "--output=name"]).output()?;
    ensure!(output.stdout == b"node/node-0\nnode/node-1\n", "{output:?}");
    Ok(())
}

async fn the_emulator_answers_whom_it_knows(bed: &TestBed) -> Result<()> {
    for url in [bed.ministack.url(), bed.gateway.url()] {
        let answer = iam(&url, "test", "ListRoles").await?;
        ensure!(answer.contains("<ListRolesResult>"), "{answer}");
        let answer = iam(&url, "AKIASOMEBODYELSE", "ListRoles").await?;
        ensure!(answer.contains("<ErrorResponse"), "{answer}");
    }
    Ok(())
}

async fn pods_are_looked_at_by_the_webhook(client: &Client) -> Result<()> {
    use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
    let webhooks: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let found = webhooks.list(&ListParams::default()).await?.items.len();
    ensure!(found == 1, "{found} webhooks");
    Ok(())
}

#[tokio::test]
async fn two_test_beds_run_side_by_side() -> Result<()> {
    let options = || TestBedOptions {
        nodes: 1,
        ..TestBedOptions::default()
    };
    let (one, other) = tokio::try_join!(TestBed::start(options()), TestBed::start(options()))?;
    ensure!(one.cluster.issuer != other.cluster.issuer && one.kubeconfig() != other.kubeconfig());
    one.stop().await?;
    other.client().await?.apiserver_version().await?;
    other.stop().await
}

#[tokio::test]
async fn issuer_can_be_set_for_non_eks_cluster() -> Result<()> {
    let issuer = "https://oidc.example.com/self-managed";
    let options = TestBedOptions {
        issuer: Some(issuer.to_owned()),
        webhook: false,
        ..TestBedOptions::default()
    };
    let bed = TestBed::start(options).await?;
    let request = http::Request::get("/.well-known/openid-configuration").body(Vec::new())?;
    let discovery = bed.client().await?.request_text(request).await?;
    ensure!(
        discovery.contains(&format!("\"issuer\":\"{issuer}\"")),
        "{discovery}"
    );
    bed.stop().await
}

#[tokio::test]
async fn localstack_runs_on_request() -> Result<()> {
    let bed = TestBed::start(TestBedOptions {
        localstack: true,
        ..TestBedOptions::default()
    })
    .await?;
    let localstack = bed.localstack.as_ref().context("LocalStack")?;
    let answer = iam(&localstack.url(), "test", "ListRoles").await?;
    ensure!(answer.contains("<ListRolesResult>"), "{answer}");
    bed.stop().await
}

/// Each test has a runtime that ends with it; what they share must not end with the first.
#[test]
fn shared_test_bed_outlives_its_first_runtime() -> Result<()> {
    for _ in 0..2 {
        tokio::runtime::Runtime::new()?.block_on(async {
            let bed = TestBed::shared().await?;
            bed.client().await?.apiserver_version().await?;
            let answer = iam(&bed.gateway.url(), "test", "ListRoles").await?;
            ensure!(answer.contains("<ListRolesResult>"), "{answer}");
            anyhow::Ok(())
        })?;
    }
    Ok(())
}
