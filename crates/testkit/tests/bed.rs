//! The test bed does what it says, with everything real: processes, tokens, pods, AWS calls past and through the gateway.
//! Needs Go and Python the first time (minutes), nothing but the cache afterwards.

mod support;

use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use lanyard_testkit::{TestBed, TestBedOptions};
use serde_json::json;

use support::{claims, eventually, iam, rolled_out};

#[tokio::test]
async fn a_test_bed_is_a_cluster_with_aws_beside_it() {
    let bed = TestBed::start(TestBedOptions::default()).await.unwrap();
    let client = bed.client().await.unwrap();

    tokens_carry_the_issuer_of_the_emulated_cluster(&bed, &client).await;
    deployments_roll(&client).await;
    kubectl_reads_the_cluster(&bed);
    the_emulator_answers_through_the_gateway(&bed).await;

    let (logs, data) = (
        bed.logs().to_owned(),
        bed.kubeconfig().ancestors().nth(2).unwrap().to_owned(),
    );
    bed.stop().await.unwrap();
    assert!(
        !logs.exists() && !data.exists(),
        "{} {}",
        logs.display(),
        data.display()
    );
}

async fn tokens_carry_the_issuer_of_the_emulated_cluster(bed: &TestBed, client: &Client) {
    assert!(
        bed.cluster.issuer.starts_with("https://"),
        "{}",
        bed.cluster.issuer
    );
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    for audience in ["sts.amazonaws.com", "pods.eks.amazonaws.com"] {
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: vec![audience.to_owned()],
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let issued = accounts
            .create_token_request("default", &PostParams::default(), &request)
            .await
            .unwrap();
        let claims = claims(&issued.status.unwrap().token);
        assert_eq!(claims["iss"], bed.cluster.issuer);
        assert_eq!(claims["aud"], json!([audience]));
        assert_eq!(claims["sub"], "system:serviceaccount:default:default");
    }
}

async fn deployments_roll(client: &Client) {
    let before = rolled_out(client, "shop", "first", 3).await;
    let after = rolled_out(client, "shop", "second", 3).await;
    assert!(
        before.iter().all(|pod| !after.contains(pod)),
        "{before:?} {after:?}"
    );
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    eventually("old pods are gone", Duration::from_secs(30), async || {
        pods.list(&ListParams::default()).await.unwrap().items.len() == 3
    })
    .await;
}

fn kubectl_reads_the_cluster(bed: &TestBed) {
    let output = bed
        .kubectl()
        .args(["get", "nodes", "--output=name"])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "node/node-0\nnode/node-1\n"
    );
}

async fn the_emulator_answers_through_the_gateway(bed: &TestBed) {
    for url in [bed.ministack.url(), bed.gateway.url()] {
        let answer = iam(&url, "ListRoles").await;
        assert!(answer.contains("<ListRolesResult>"), "{answer}");
    }
}

#[tokio::test]
async fn two_test_beds_run_side_by_side() {
    let options = || TestBedOptions {
        nodes: 1,
        ..TestBedOptions::default()
    };
    let (one, other) = tokio::try_join!(TestBed::start(options()), TestBed::start(options())).unwrap();
    assert_ne!(one.cluster.issuer, other.cluster.issuer);
    assert_ne!(one.kubeconfig(), other.kubeconfig());
    one.stop().await.unwrap();
    other.client().await.unwrap().apiserver_version().await.unwrap();
    other.stop().await.unwrap();
}

#[tokio::test]
async fn an_issuer_may_be_given_as_on_a_cluster_that_is_not_eks() {
    let issuer = "https://oidc.example.com/self-managed";
    let options = TestBedOptions {
        issuer: Some(issuer.to_owned()),
        ..TestBedOptions::default()
    };
    let bed = TestBed::start(options).await.unwrap();
    let request = http::Request::get("/.well-known/openid-configuration")
        .body(Vec::new())
        .unwrap();
    let discovery = bed.client().await.unwrap().request_text(request).await.unwrap();
    assert!(
        discovery.contains(&format!("\"issuer\":\"{issuer}\"")),
        "{discovery}"
    );
    bed.stop().await.unwrap();
}

#[tokio::test]
async fn localstack_answers_when_asked_for() {
    let bed = TestBed::start(TestBedOptions {
        localstack: true,
        ..TestBedOptions::default()
    })
    .await
    .unwrap();
    let answer = iam(&bed.localstack.as_ref().unwrap().url(), "ListRoles").await;
    assert!(answer.contains("<ListRolesResult>"), "{answer}");
    bed.stop().await.unwrap();
}
