//! The pod webhook before a real API server: what a pod created there carries.
//! Needs Go and Python the first time (minutes), nothing but the cache afterwards.

use anyhow::{Context, Result, ensure};
use http::Request;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, Client};
use lanyard_testkit::bed::CLUSTER;
use lanyard_testkit::emulator::{ACCOUNT, REGION};
use lanyard_testkit::gateway::{Gateway, GatewayOptions};
use lanyard_testkit::process;
use lanyard_testkit::webhook::{Webhook, WebhookOptions};
use lanyard_testkit::{TestBed, TestBedOptions};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::000000000000:role/r";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":"sts:*"}}"#;

#[tokio::test]
async fn a_new_pod_gets_the_credentials_of_its_service_account() -> Result<()> {
    let bed = TestBed::start(TestBedOptions {
        webhook: false,
        ..TestBedOptions::default()
    })
    .await?;
    let gateway = Gateway::start(GatewayOptions::all(&bed.ministack.url())).await?;
    let client = bed.client().await?;
    let options = WebhookOptions {
        account: ACCOUNT.to_owned(),
        region: REGION.to_owned(),
        cluster: CLUSTER.to_owned(),
    };
    let webhook = Webhook::start(client.clone(), gateway.clone(), options).await?;

    let bare = pod(&client, "bare", &json!({})).await?;
    ensure!(env(&bare).is_empty(), "{bare}");

    let annotations = json!({"eks.amazonaws.com/role-arn": ROLE, "eks.amazonaws.com/audience": "other"});
    let irsa = pod(&client, "irsa", &annotations).await?;
    ensure!(env(&irsa).contains(&format!("AWS_ROLE_ARN={ROLE}")), "{irsa}");
    ensure!(
        token(&irsa, "aws-iam-token")?.get("audience") == Some(&json!("other")),
        "{irsa}"
    );

    let trust = utf8_percent_encode(TRUST, NON_ALPHANUMERIC);
    let form = format!("Action=CreateRole&RoleName=r&AssumeRolePolicyDocument={trust}");
    call(&gateway, "iam", "/", form).await?;
    let asked = json!({"namespace": "default", "serviceAccount": "associated", "roleArn": ROLE});
    call(
        &gateway,
        "eks",
        &format!("/clusters/{CLUSTER}/pod-identity-associations"),
        asked.to_string(),
    )
    .await?;
    let mark = gateway.ledger().mark();
    let associated = pod(&client, "associated", &annotations).await?;
    ensure!(
        gateway.ledger().since(mark).is_empty(),
        "the webhook's questions must not count"
    );
    let variables = env(&associated);
    ensure!(
        variables
            .contains(&"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials".to_owned()),
        "{associated}"
    );
    ensure!(
        !variables
            .iter()
            .any(|variable| variable.starts_with("AWS_ROLE_ARN")),
        "{associated}"
    );
    ensure!(
        token(&associated, "eks-pod-identity-token")?.get("audience")
            == Some(&json!("pods.eks.amazonaws.com"))
    );
    let label = associated.pointer("/metadata/labels/eks.amazonaws.com~1pod-identity");
    ensure!(label == Some(&json!("enabled")), "{associated}");

    drop(webhook);
    bed.stop().await
}

/// Makes a ServiceAccount with these annotations and a pod of it. Answers the pod as the API server keeps it.
async fn pod(client: &Client, name: &str, annotations: &Value) -> Result<Value> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let account = json!({"metadata": {"name": name, "annotations": annotations}});
    accounts
        .create(&PostParams::default(), &serde_json::from_value(account)?)
        .await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    let wanted = json!({"metadata": {"name": name}, "spec": {"serviceAccountName": name, "containers": [{"name": "app", "image": "app"}]}});
    let made = pods
        .create(&PostParams::default(), &serde_json::from_value(wanted)?)
        .await?;
    Ok(serde_json::to_value(made)?)
}

fn env(pod: &Value) -> Vec<String> {
    let variables = pod
        .pointer("/spec/containers/0/env")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let text = |variable: &Value, field: &str| {
        variable
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    variables
        .iter()
        .map(|variable| format!("{}={}", text(variable, "name"), text(variable, "value")))
        .collect()
}

fn token<'a>(pod: &'a Value, volume: &str) -> Result<&'a Value> {
    let volumes = pod
        .pointer("/spec/volumes")
        .and_then(Value::as_array)
        .context("no volumes")?;
    let found = volumes
        .iter()
        .find(|candidate| candidate.get("name") == Some(&json!(volume)));
    found
        .and_then(|volume| volume.pointer("/projected/sources/0/serviceAccountToken"))
        .with_context(|| format!("no volume {volume}"))
}

async fn call(gateway: &Gateway, service: &str, path: &str, body: String) -> Result<()> {
    let scope = format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    );
    let content_type = if service == "eks" {
        "application/json"
    } else {
        "application/x-www-form-urlencoded"
    };
    let request = Request::post(format!("{}{path}", gateway.url())).header("authorization", scope);
    let answer = process::request(request.header("content-type", content_type).body(body.into())?).await?;
    ensure!(answer.status.is_success(), "{answer:?}");
    Ok(())
}
