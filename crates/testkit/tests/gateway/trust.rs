//! The emulator's judgement of a role's trust, which LocalStack does not give.

use anyhow::Result;

use crate::web_identity::{AUDIENCE, World};

#[tokio::test]
async fn token_of_other_subject_is_rejected() -> Result<()> {
    let world = World::new().await?;
    let role = world.role("web-own").await?;
    let other = world.token("web-other", AUDIENCE).await?;
    let refused = world.assume(&role, &other).await?;
    refused.failed(
        403,
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    )?;
    let own = world.token("web-own", AUDIENCE).await?;
    world
        .assume("arn:aws:iam::000000000000:role/web-absent", &own)
        .await?
        .failed(403, "AccessDenied", "")?;
    Ok(())
}
