//! A second AWS account: the role that its owner creates for Lanyard, and the class that assumes that role. Input: a test
//! bed. Output: clients, a role and the spec of a class. Does I/O.

use anyhow::Result;
use lanyard_testkit::TestBed;
use serde_json::{Value, json};

use crate::aws::Clients;

/// The other account.
pub const OTHER_ACCOUNT: &str = "222233334444";
/// The name of the role for Lanyard in the other account.
const DOOR: &str = "lanyard";

/// The other account, as its owner sees it.
#[derive(Debug)]
pub struct Elsewhere {
    /// Clients of the other account.
    pub aws: Clients,
}

impl Elsewhere {
    /// Creates a role for Lanyard in the other account of a test bed. Its trust policy requires the external id.
    ///
    /// # Errors
    /// Returns an error if the role cannot be created.
    pub async fn with_door(bed: &TestBed, external_id: &str) -> Result<Self> {
        let aws = Clients::with_key(bed, OTHER_ACCOUNT).await;
        let role = aws.iam.create_role().role_name(DOOR);
        role.assume_role_policy_document(trust(external_id).to_string())
            .send()
            .await?;
        let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]});
        let put = aws.iam.put_role_policy().role_name(DOOR).policy_name("iam");
        put.policy_document(all.to_string()).send().await?;
        Ok(Self { aws })
    }

    /// Changes the external id that the role for Lanyard requires.
    ///
    /// # Errors
    /// Returns an error if the call fails.
    pub async fn change_lock(&self, external_id: &str) -> Result<()> {
        let update = self.aws.iam.update_assume_role_policy().role_name(DOOR);
        update
            .policy_document(trust(external_id).to_string())
            .send()
            .await?;
        Ok(())
    }

    /// A class whose roles are in the other account.
    #[must_use]
    pub fn class(external_id: &str) -> Value {
        json!({
            "aws": {"assumeRoleArn": door(), "externalId": external_id},
            "defaults": {"method": "IRSA"},
            "guardrails": {"namespaceSelector": {}, "methods": ["IRSA"], "policyArns": ["*"], "roleNames": ["*"]},
        })
    }
}

fn door() -> String {
    format!("arn:aws:iam::{OTHER_ACCOUNT}:role/{DOOR}")
}

fn trust(external_id: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }]})
}
