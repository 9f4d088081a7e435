//! The gateway before the API server: who speaks, what is recorded, what faults do, watches, and one order of writes.

use std::pin::pin;

use anyhow::{Context, Result};
use futures::TryStreamExt as _;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{PostParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt as _};
use lanyard_testkit::gateway::{Fault, Front, Gateway, GatewayOptions, Service};
use serde_json::json;

use crate::aws::Aws;
use crate::bed;

/// A gateway of the test's own with a front, and a client that goes through it without the client's own retries.
async fn front() -> Result<(Gateway, Front, Client)> {
    let bed = bed().await?;
    let gateway = Gateway::start(GatewayOptions::all(&bed.ministack.url())).await?;
    let admin = Kubeconfig::read_from(bed.kubeconfig())?;
    let admin = Config::from_custom_kubeconfig(admin, &KubeConfigOptions::default()).await?;
    let front = gateway.front(admin).await?;
    let mut config = Config::new(front.url().parse()?);
    config.default_retry = false;
    Ok((gateway, front, Client::try_from(config)?))
}

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::default_namespaced(client.clone())
}

async fn create(client: &Client, name: &str) -> Result<ConfigMap, kube::Error> {
    let mut map = ConfigMap::default();
    map.metadata.name = Some(name.to_owned());
    maps(client).create(&PostParams::default(), &map).await
}

#[tokio::test]
async fn front_forwards_the_user() -> Result<()> {
    let (_gateway, _front, client) = front().await?;
    let reviews: Api<SelfSubjectReview> = Api::all(client);
    let review = reviews
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await?;
    let user = review
        .status
        .and_then(|status| status.user_info)
        .context("a user")?;
    assert_eq!(user.username.as_deref(), Some("admin"));
    Ok(())
}

#[tokio::test]
async fn front_records_rbac_verbs_and_resources() -> Result<()> {
    let (gateway, _front, client) = front().await?;
    create(&client, "recorded").await?;
    assert!(maps(&client).get_opt("recorded-absent").await?.is_none());
    let calls = gateway.ledger().since(Default::default());
    let operations: Vec<&str> = calls
        .entries()
        .iter()
        .map(|entry| entry.call.operation.as_str())
        .collect();
    assert_eq!(operations, ["create configmaps", "get configmaps"]);
    assert_eq!(
        (calls.deeds().count(), calls.about("default/recorded").count()),
        (1, 1),
        "{calls}"
    );
    assert!(calls.failed().to_string().contains("NotFound"), "{calls}");
    Ok(())
}

#[tokio::test]
async fn nth_write_counts_aws_and_api_server() -> Result<()> {
    let (gateway, _front, client) = front().await?;
    let aws = Aws::at(&gateway.url());
    let fault = gateway.faults().add(Fault::on_deeds().nth(3).resets());
    create(&client, "deed-first").await?;
    aws.pods_role("deed-second").await?;
    aws.iam("GetRole", &[("RoleName", "deed-second")]).await?.good()?;
    assert!(create(&client, "deed-third").await.is_err());
    assert_eq!(fault.hits(), 1);
    assert!(
        maps(&client).get_opt("deed-third").await?.is_none(),
        "it never arrived"
    );
    Ok(())
}

#[tokio::test]
async fn dropped_answer_leaves_the_write_applied() -> Result<()> {
    let (gateway, _front, client) = front().await?;
    gateway
        .faults()
        .add(Fault::on("create configmaps").nth(1).swallows_answer());
    assert!(create(&client, "swallowed").await.is_err());
    maps(&client).get("swallowed").await?;
    Ok(())
}

#[tokio::test]
async fn front_returns_error_status_or_previous_answer() -> Result<()> {
    let (gateway, _front, client) = front().await?;
    let faults = gateway.faults();
    let refused =
        faults.add(Fault::on("create configmaps").fails(409, "Conflict", "modified by another client"));
    let error = create(&client, "stale").await.err().context("refused")?;
    assert!(
        matches!(&error, kube::Error::Api(status) if status.code == 409 && status.reason == "Conflict"),
        "{error:?}"
    );
    refused.remove();

    let before = create(&client, "stale").await?;
    maps(&client).get("stale").await?;
    let changed = json!({"data": {"key": "value"}});
    let changed = kube::api::Patch::Merge(&changed);
    maps(&client)
        .patch("stale", &Default::default(), &changed)
        .await?;
    faults.add(Fault::on("get configmaps").first(1).serves_stale());
    assert_eq!(
        maps(&client).get("stale").await?.resource_version(),
        before.resource_version()
    );
    assert_ne!(
        maps(&client).get("stale").await?.resource_version(),
        before.resource_version()
    );
    Ok(())
}

#[tokio::test]
async fn front_streams_watch_until_server_ends() -> Result<()> {
    let (gateway, front, client) = front().await?;
    let named = WatchParams::default()
        .fields("metadata.name=watched")
        .disable_bookmarks();
    let mut events = pin!(maps(&client).watch(&named, "0").await?);
    create(&client, "watched").await?;
    let event = events.try_next().await?.context("an event")?;
    assert!(
        matches!(&event, WatchEvent::Added(map) if map.name_any() == "watched"),
        "{event:?}"
    );

    gateway
        .faults()
        .add(Fault::on_any().to(Service::Kubernetes).resets());
    front.hang_up();
    assert!(
        !matches!(events.try_next().await, Ok(Some(_))),
        "the watch has ended"
    );
    assert!(maps(&client).get("watched").await.is_err(), "the watch is gone");
    Ok(())
}
