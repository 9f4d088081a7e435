//! Proves the limits of the operator's IAM policy with the operator's own credentials, as after a theft. The emulator
//! evaluates only actions and request tags. Does I/O.

use anyhow::{Context, Result, ensure};
use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_sdk_iam::types::Tag;
use lanyard_testkit::TestBed;
use lanyard_tests::Clients;
use serde_json::json;

use crate::Caller;

const ISSUER: &str = "arn:aws:iam::000000000000:oidc-provider/oidc.example.com";

fn trust() -> String {
    let statement = json!({"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

/// Fails unless AWS denied the call for lack of a permission.
fn denied<T: std::fmt::Debug, E: ProvideErrorMetadata>(
    what: &str,
    answer: std::result::Result<T, E>,
) -> Result<()> {
    let code = answer
        .as_ref()
        .err()
        .and_then(ProvideErrorMetadata::code)
        .unwrap_or_default();
    ensure!(
        code.starts_with("AccessDenied"),
        "{what} was not refused: {code:?}"
    );
    Ok(())
}

#[tokio::test]
async fn stolen_credentials_create_only_roles_of_this_cluster() -> Result<()> {
    let bed = TestBed::shared().await?;
    let root = Clients::new(bed).await.iam;
    let caller = Caller::with(bed, "read-write.json").await?;
    let config = root.config().to_builder();
    let iam = aws_sdk_iam::Client::from_conf(config.credentials_provider(caller.credentials()).build());

    let create = |tags: Option<Vec<Tag>>| {
        let role = iam
            .create_role()
            .role_name("made")
            .path("/lanyard/us-east-1/lanyard/");
        role.assume_role_policy_document(trust()).set_tags(tags).send()
    };
    let of = |cluster: &str| Tag::builder().key("lanyard.dev/cluster").value(cluster).build();
    denied("a role of no cluster", create(None).await)?;
    let other = of("arn:aws:eks:us-east-1:000000000000:cluster/other")?;
    denied("a role of another cluster", create(Some(vec![other])).await)?;
    let ours = of("arn:aws:eks:us-east-1:000000000000:cluster/lanyard")?;
    create(Some(vec![ours])).await.context("a role of this cluster")?;

    denied("a user", iam.create_user().user_name("mallory").send().await)?;
    denied("a key", iam.create_access_key().user_name("lanyard").send().await)?;
    let version = iam
        .create_policy_version()
        .policy_arn("arn:aws:iam::000000000000:policy/tenant");
    denied(
        "another version of a policy",
        version.policy_document(trust()).send().await,
    )?;
    let provider = iam
        .delete_open_id_connect_provider()
        .open_id_connect_provider_arn(ISSUER);
    denied("the end of a provider", provider.send().await)?;
    Ok(())
}
