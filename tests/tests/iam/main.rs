//! Proves that the shipped IAM policies are sufficient for the operator and contain no unneeded action, on an emulator that
//! enforces them. Needs the test bed; does I/O.
//!
//! ministack evaluates a role's ARN without its path, the cluster's ARN instead of an association's, and `*` instead of a
//! provider's ARN. Resources are therefore not evaluated: each statement applies to all of them here. See
//! `config/aws/README.md` for the other limits.

mod boundary;
mod limits;
mod permissions;

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use aws_sdk_iam::config::Credentials;
use lanyard_testkit::TestBed;
use lanyard_tests::{Clients, TestEnv, TestEnvOptions, policy};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_lanyard-under-test");

/// The credentials of a user with one of the policies.
struct Caller {
    key: String,
    secret: String,
}

impl Caller {
    /// Creates the user.
    async fn with(bed: &TestBed, file: &str) -> Result<Self> {
        let iam = Clients::new(bed).await.iam;
        iam.create_user().user_name("lanyard").send().await?;
        let put = iam.put_user_policy().user_name("lanyard").policy_name("lanyard");
        put.policy_document(policy(file)?.to_string()).send().await?;
        let made = iam.create_access_key().user_name("lanyard").send().await?;
        let key = made.access_key.context("an access key")?;
        Ok(Self {
            key: key.access_key_id,
            secret: key.secret_access_key,
        })
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(&self.key, &self.secret, None, None, "lanyard")
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", self.key.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret.clone()),
        ]
    }
}

/// A test bed whose operator has one of the policies and no other permission in AWS.
async fn stage(file: &str, arguments: Vec<&'static str>) -> Result<TestEnv> {
    let bed = TestBed::start(TestEnvOptions::default().bed).await?;
    let options = TestEnvOptions {
        environment: Caller::with(&bed, file).await?.environment(),
        arguments,
        timings: "resync=2s,binding-propagation=1s,step=200ms,waiting=1s,margin=1s,cached=2s",
        ..TestEnvOptions::default()
    };
    TestEnv::on(bed, BINARY, options).await
}

/// Every action that a policy allows.
fn actions(file: &str) -> Result<BTreeSet<String>> {
    let policy = policy(file)?;
    let statements = policy
        .pointer("/Statement")
        .and_then(Value::as_array)
        .context("statements")?;
    let listed = |value: &Value| match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        one => one.as_str().map(str::to_owned).into_iter().collect::<Vec<_>>(),
    };
    Ok(statements
        .iter()
        .flat_map(|statement| listed(&statement["Action"]))
        .collect())
}
