//! The gateway with IAM and STS from LocalStack and EKS from ministack: a second opinion on the same facts.
//! Trust is not judged here: LocalStack does not. Needs Go and Python the first time (minutes), nothing but the cache afterwards.

#[path = "../gateway/associations.rs"]
mod associations;
#[path = "../gateway/aws.rs"]
mod aws;
#[path = "../gateway/listings.rs"]
mod listings;
#[path = "../gateway/providers.rs"]
mod providers;
#[path = "../gateway/roles.rs"]
mod roles;
#[path = "../gateway/web_identity.rs"]
mod web_identity;

use anyhow::{Context, Result};
use lanyard_testkit::gateway::{Gateway, GatewayOptions};
use lanyard_testkit::{TestBed, TestBedOptions};
use tokio::sync::OnceCell;

use self::aws::Aws;

/// The test bed of all tests here. It ends with the process.
async fn bed() -> Result<&'static TestBed> {
    static BED: OnceCell<TestBed> = OnceCell::const_new();
    let options = TestBedOptions {
        localstack: true,
        ..TestBedOptions::default()
    };
    BED.get_or_try_init(|| TestBed::start(options)).await
}

/// A gateway of the test's own, and a client for it.
async fn gateway() -> Result<(Gateway, Aws)> {
    let bed = bed().await?;
    let localstack = bed.localstack.as_ref().context("no LocalStack")?.url();
    let options = GatewayOptions {
        iam: localstack.clone(),
        sts: localstack,
        eks: bed.ministack.url(),
        sqs: bed.ministack.url(),
        models: Some(bed.tools().models.clone()),
    };
    let gateway = Gateway::start(options).await?;
    let aws = Aws::at(&gateway.url());
    Ok((gateway, aws))
}
