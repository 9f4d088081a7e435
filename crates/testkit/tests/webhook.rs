//! The pod webhook before a real API server: what a pod created there carries.
//! Needs Go and Python the first time (minutes), nothing but the cache afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::Request;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use lanyard_testkit::bed::CLUSTER;
use lanyard_testkit::emulator::{ACCOUNT, REGION};
use lanyard_testkit::gateway::{Gateway, GatewayOptions};
use lanyard_testkit::process;
use lanyard_testkit::webhook::{Lag, Webhook, WebhookOptions};
use lanyard_testkit::{TestBed, TestBedOptions};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::000000000000:role/r";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":"sts:*"}}"#;

#[tokio::test]
async fn new_pod_gets_credentials_of_service_account() -> Result<()> {
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

    role(&gateway).await?;
    let asked = json!({"namespace": "default", "serviceAccount": "associated", "roleArn": ROLE});
    call(
        &gateway,
        "eks",
        "POST",
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

const AGES: Duration = Duration::from_secs(24 * 3600);

/// The credentials that a new pod of a ServiceAccount gets.
async fn way(client: &Client, account: &str) -> Result<String> {
    let pod = pod_of(client, account, true).await?;
    let variables = env(&pod);
    let has = |name: &str| variables.iter().any(|variable| variable.starts_with(name));
    let role = variables
        .iter()
        .find_map(|variable| variable.strip_prefix("AWS_ROLE_ARN="));
    Ok(match (has("AWS_CONTAINER_CREDENTIALS_FULL_URI="), role) {
        (true, None) => "PodIdentity".to_owned(),
        (false, Some(role)) => role.to_owned(),
        (false, None) => "nothing".to_owned(),
        (true, Some(_)) => format!("both: {pod}"),
    })
}

const LAG: Duration = Duration::from_millis(700);
const OTHER: &str = "arn:aws:iam::000000000000:role/other";

#[tokio::test]
async fn new_pod_gets_previous_answer_during_lag() -> Result<()> {
    let bed = TestBed::start(TestBedOptions::default()).await?;
    let client = bed.client().await?;
    account(&client, "orders", &json!({"eks.amazonaws.com/role-arn": ROLE})).await?;
    annotations_are_seen_late(&bed, &client).await?;
    associations_are_seen_late(&bed, &client).await?;
    bed.stop().await
}

async fn annotations_are_seen_late(bed: &TestBed, client: &Client) -> Result<()> {
    let late = |annotation: Duration| {
        bed.set_webhook_lag(Lag {
            annotation,
            ..Lag::default()
        })
    };
    late(AGES)?;
    ensure!(
        way(client, "orders").await? == "nothing",
        "it was not there so long ago"
    );
    late(LAG)?;
    until(client, ROLE, None).await?;
    let before = Instant::now();
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let patch = Patch::Merge(json!({"metadata": {"annotations": {"eks.amazonaws.com/role-arn": OTHER}}}));
    accounts.patch("orders", &PatchParams::default(), &patch).await?;
    until(client, OTHER, Some(ROLE)).await?;
    ensure!(before.elapsed() >= LAG);
    late(Duration::ZERO)
}

async fn associations_are_seen_late(bed: &TestBed, client: &Client) -> Result<()> {
    let late = |association: Duration| {
        bed.set_webhook_lag(Lag {
            association,
            ..Lag::default()
        })
    };
    let path = format!("/clusters/{CLUSTER}/pod-identity-associations");
    role(&bed.gateway).await?;
    let asked = json!({"namespace": "default", "serviceAccount": "orders", "roleArn": ROLE});
    let made = call(&bed.gateway, "eks", "POST", &path, asked.to_string()).await?;
    let id = made.pointer("/association/associationId").and_then(Value::as_str);
    let id = id.context("an association")?;
    ensure!(way(client, "orders").await? == "PodIdentity");
    late(AGES)?;
    ensure!(
        way(client, "orders").await? == OTHER,
        "the association is too young"
    );
    late(LAG)?;
    until(client, "PodIdentity", None).await?;
    let before = Instant::now();
    let path = format!("{path}/{id}");
    call(&bed.gateway, "eks", "DELETE", &path, String::new()).await?;
    until(client, OTHER, Some("PodIdentity")).await?;
    ensure!(before.elapsed() >= LAG);
    late(Duration::ZERO)
}

/// Makes pods until one goes this way; those before it go the earlier one.
async fn until(client: &Client, wanted: &str, earlier: Option<&str>) -> Result<()> {
    let begun = Instant::now();
    loop {
        let way = way(client, "orders").await?;
        if way == wanted {
            return Ok(());
        }
        ensure!(earlier.is_none_or(|earlier| earlier == way), "{way}");
        ensure!(begun.elapsed() < Duration::from_secs(20), "still {way}");
    }
}

/// Makes a ServiceAccount with these annotations and a pod of it. Answers the pod as the API server keeps it.
async fn pod(client: &Client, name: &str, annotations: &Value) -> Result<Value> {
    account(client, name, annotations).await?;
    pod_of(client, name, false).await
}

async fn account(client: &Client, name: &str, annotations: &Value) -> Result<()> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let account = json!({"metadata": {"name": name, "annotations": annotations}});
    accounts
        .create(&PostParams::default(), &serde_json::from_value(account)?)
        .await?;
    Ok(())
}

async fn pod_of(client: &Client, account: &str, dry_run: bool) -> Result<Value> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    let wanted = json!({
        "metadata": {"generateName": "pod-"},
        "spec": {"serviceAccountName": account, "containers": [{"name": "app", "image": "app"}]},
    });
    let params = PostParams {
        dry_run,
        ..PostParams::default()
    };
    let made = pods.create(&params, &serde_json::from_value(wanted)?).await?;
    Ok(serde_json::to_value(made)?)
}

async fn role(gateway: &Gateway) -> Result<()> {
    let trust = utf8_percent_encode(TRUST, NON_ALPHANUMERIC);
    let form = format!("Action=CreateRole&Version=2010-05-08&RoleName=r&AssumeRolePolicyDocument={trust}");
    call(gateway, "iam", "POST", "/", form).await.map(drop)
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

/// Returns the answer of AWS, as JSON if it is JSON.
async fn call(gateway: &Gateway, service: &str, method: &str, path: &str, body: String) -> Result<Value> {
    let scope = format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    );
    let content_type = if service == "eks" {
        "application/json"
    } else {
        "application/x-www-form-urlencoded"
    };
    let request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", gateway.url()))
        .header("authorization", scope);
    let answer = process::request(request.header("content-type", content_type).body(body.into())?).await?;
    ensure!(answer.status.is_success(), "{answer:?}");
    Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
}
