//! Roles in another account, on an emulator with two: reached by assuming a role there, with its external id, and bound by
//! IRSA to a ServiceAccount whose tokens that account's provider takes. Needs the test bed; does I/O.
//!
//! The pass is put together here from the operator's parts. The operator itself only looks on.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_iam::config::Credentials;
use jiff::Timestamp;
use lanyard_aws::{Aws, AwsSettings};
use lanyard_core::class::Class;
use lanyard_core::cluster::Cluster;
use lanyard_core::fact::Fact;
use lanyard_core::gate::Gate;
use lanyard_core::holder::Pods;
use lanyard_core::identity::Identity;
use lanyard_core::look::think;
use lanyard_core::observed::Observed;
use lanyard_core::outcome::Outcome;
use lanyard_core::status::Status;
use lanyard_core::subject::Subject;
use lanyard_core::timings::Timings;
use lanyard_core::validate::validate;
use lanyard_engine::{Scope, Target, World};
use lanyard_tests::{Scene, Stage, StageOptions};
use serde_json::json;

/// The other account; its root's key is its number.
const OTHER: &str = "222233334444";
const EXTERNAL_ID: &str = "prod-of-the-platform-team";

#[tokio::test]
async fn a_role_of_another_account_is_made_there_and_works() -> Result<()> {
    let options = StageOptions {
        arguments: vec!["--read-only"],
        ..StageOptions::default()
    };
    let stage = Stage::set(env!("CARGO_BIN_EXE_lanyard-under-test"), options).await?;
    let scene = stage.scene("shop").await?;
    let (here, there) = (config(&stage, "test").await, config(&stage, OTHER).await);
    let there = aws_sdk_iam::Client::new(&there);
    door(&there).await?;
    scene.account("orders").await?;
    scene
        .apply("orders", json!({"method": "IRSA", "role": {"managed": {}}}))
        .await?;

    let play = Play::new(&scene, &here).await?;
    let (observed, outcome) = play.pass(&class(EXTERNAL_ID)?).await?;
    ensure!(outcome.all_done(), "{:#?}", outcome.steps);
    let role = observed.roles.keys().next().context("a role")?.clone();
    ensure!(role.account.as_str() == OTHER, "{role}");
    let made = there.get_role().role_name(role.name.as_str()).send().await?;
    ensure!(made.role.context("a role")?.arn == role.to_string());
    ensure!(
        !scene.aws.has_role(role.name.as_str()).await?,
        "nothing is made in the cluster's account"
    );
    let assumed = scene.assume(&role.to_string(), "orders").await?;
    ensure!(assumed.is_ok(), "{assumed:?}");

    let (observed, outcome) = play.pass(&class(EXTERNAL_ID)?).await?;
    ensure!(
        outcome.steps.is_empty(),
        "nothing is left to do: {:#?}",
        outcome.steps
    );
    ensure!(observed.role(&role).id.present().is_some());

    let (observed, outcome) = play.pass(&class("another")?).await?;
    let why = observed
        .role(&role)
        .id
        .unreadable()
        .cloned()
        .context("unreadable")?;
    ensure!(
        outcome.steps.is_empty(),
        "what cannot be read is not touched: {:#?}",
        outcome.steps
    );
    ensure!(why.to_string().contains("AssumeRole"), "{why}");
    stage.bed.stop().await
}

/// As the root of an account.
async fn config(stage: &Stage, key: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(stage.bed.gateway.url())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(key, "test", None, None, "root"))
        .load()
        .await
}

/// What the other account's owner sets up: a role for Lanyard, which only opens with the external id.
async fn door(iam: &aws_sdk_iam::Client) -> Result<()> {
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
    }]});
    let role = iam.create_role().role_name("lanyard");
    role.assume_role_policy_document(trust.to_string()).send().await?;
    let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]});
    let put = iam.put_role_policy().role_name("lanyard").policy_name("iam");
    put.policy_document(all.to_string()).send().await?;
    Ok(())
}

fn class(external_id: &str) -> Result<Class> {
    let role = format!("arn:aws:iam::{OTHER}:role/lanyard");
    let mut class = Class::unrestricted();
    class.aws = serde_json::from_value(json!({"assumeRoleArn": role, "externalId": external_id}))?;
    Ok(class)
}

/// One object, looked at as the operator would if it followed a class.
struct Play<'a> {
    scene: &'a Scene<'a>,
    world: World,
    cluster: Cluster,
}

impl<'a> Play<'a> {
    async fn new(scene: &'a Scene<'a>, config: &SdkConfig) -> Result<Self> {
        let eks = &scene.stage.bed.cluster;
        let cluster: Cluster = serde_json::from_value(json!({
            "identity": eks.arn, "platform": "EKS", "name": eks.name, "region": "us-east-1",
            "partition": "aws", "account": "000000000000", "issuer": eks.issuer,
        }))?;
        let settings = AwsSettings::default();
        let world = World::new(
            Aws::with_config(config, settings),
            scene.client.clone(),
            cluster.clone(),
            false,
            Timings::default(),
            Arc::new(|| true),
        );
        Ok(Self {
            scene,
            world,
            cluster,
        })
    }

    /// One pass that begins without anything remembered.
    async fn pass(&self, class: &Class) -> Result<(Observed, Outcome)> {
        let object = self.scene.identities().get("orders").await?;
        let subject: Subject = serde_json::from_value(json!({
            "cluster": self.cluster.identity, "namespace": self.scene.namespace, "name": "orders",
        }))?;
        let mut target = Target::new(subject.clone(), &object.metadata).context("a target")?;
        target.account = class.aws.clone();
        let validated = validate(&object.spec.to_core(), &subject, &self.cluster, class, &[]);
        let identity = validated.map_err(|wrong| anyhow::anyhow!("{wrong:?}"))?.identity;
        let mut observed = self.world.observe(&scope(&target, &identity)).await;
        let look = think(
            &identity,
            &Status::default(),
            &observed,
            &Timings::default(),
            Timestamp::now(),
        );
        let outcome = self
            .world
            .apply(&target, &look.plan, &mut observed, &|| Gate::Open, &|_, _, _| {})
            .await;
        Ok((observed, outcome))
    }
}

fn scope<'a>(target: &'a Target, identity: &Identity) -> Scope<'a> {
    Scope {
        target,
        roles: vec![identity.role_arn().clone()],
        known_policies: Default::default(),
        provider: identity.binding.provider_arn(),
        agent: false,
        pods: Fact::Present(Pods::default()),
        fresh_pods: false,
        workloads: false,
        fresh: true,
    }
}
