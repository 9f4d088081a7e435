//! The gateway before a real ministack: forwarding, record, faults, and each gap of the emulator.
//! One test bed serves all tests; each has a gateway of its own, and names of its own in the emulator.
//! Needs Go and Python the first time (minutes), nothing but the cache afterwards.

mod associations;
mod aws;
mod conformance;
mod faults;
mod front;
mod listings;
mod providers;
mod roles;
mod trust;
mod web_identity;

use anyhow::Result;
use lanyard_testkit::gateway::{Gateway, GatewayOptions};
use lanyard_testkit::{TestBed, TestBedOptions};
use tokio::sync::OnceCell;

use self::aws::Aws;

/// The test bed of all tests here. It ends with the process.
async fn bed() -> Result<&'static TestBed> {
    static BED: OnceCell<TestBed> = OnceCell::const_new();
    BED.get_or_try_init(|| TestBed::start(TestBedOptions::default()))
        .await
}

/// A gateway of the test's own, and a client for it.
async fn gateway() -> Result<(Gateway, Aws)> {
    let bed = bed().await?;
    let options = GatewayOptions::all(&bed.ministack.url()).with_models(&bed.tools().models);
    let gateway = Gateway::start(options).await?;
    let aws = Aws::at(&gateway.url());
    Ok((gateway, aws))
}
