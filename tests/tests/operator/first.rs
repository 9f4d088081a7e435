//! Proves the start of a cluster whose account has no OIDC provider yet: several identities are created at once, in an
//! environment of their own. Does I/O.

use std::time::Duration;

use anyhow::Result;
use lanyard_testkit::gateway::Mark;
use lanyard_tests::{TestEnv, TestEnvOptions};
use serde_json::json;

use crate::BINARY;

#[tokio::test]
async fn concurrent_first_identities_create_one_provider() -> Result<()> {
    let stage = TestEnv::set(BINARY, TestEnvOptions::default()).await?;
    // Every identity reconciles, and finds no provider, before the first one has created it.
    stage.bed.gateway.set_latency(Duration::from_millis(300));
    let scene = stage.scene("irsa-first").await?;
    let names = ["a", "b", "c", "d", "e", "f"];
    for (number, name) in names.iter().enumerate() {
        let audience = ["sts.amazonaws.com", "vault.example.com"][number % 2];
        let spec = json!({"serviceAccount": {"create": true}, "method": "IRSA", "irsa": {"audience": audience}, "role": {"managed": {}}});
        scene.apply(name, spec).await?;
    }
    for name in names {
        scene.until_ready(name).await?;
    }
    let calls = stage.bed.gateway.ledger().since(Mark::default());
    let count = |operation| calls.of(operation).count();
    assert_eq!(count("CreateOpenIDConnectProvider"), 1);
    assert_eq!(count("AddClientIDToOpenIDConnectProvider"), 1);
    stage.bed.stop().await
}
