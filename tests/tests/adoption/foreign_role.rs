//! A role and an association as another tool creates them, and the object that requests their adoption. Input: names.
//! Output: ARNs and the contents of the role. Calls AWS as the root user of the account.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use aws_sdk_iam::types::Tag;
use lanyard_api::ANNOTATION_ADOPT;
use lanyard_tests::{Clients, TestNamespace, decoded};
use serde_json::{Value, json};

/// The policy that the objects of this suite request.
pub const REQUESTED: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
/// The policy that the other tool attached.
pub const FOREIGN: &str = "arn:aws:iam::aws:policy/AmazonSQSFullAccess";
/// The path of the roles of the other tool.
pub const PATH: &str = "/team/";

/// The contents of a role without Lanyard's own tags and statements.
#[derive(Debug, PartialEq)]
pub struct Contents {
    pub attached: Vec<String>,
    pub inline: BTreeMap<String, Value>,
    pub tags: BTreeMap<String, String>,
    pub statements: Vec<Value>,
    pub session: Option<i32>,
}

/// Creates a role with policies, tags and settings. Returns its ARN.
pub async fn make(aws: &Clients, path: &str, name: &str, tags: &[(&str, &str)]) -> Result<String> {
    let machines = json!({"Sid": "Machines", "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"});
    let grants = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]});
    let trust = json!({"Version": "2012-10-17", "Statement": [machines]});
    let made = aws
        .iam
        .create_role()
        .role_name(name)
        .path(path)
        .max_session_duration(7200);
    let tag = |(key, value): &(&str, &str)| Tag::builder().key(*key).value(*value).build();
    let tags = tags.iter().map(tag).collect::<Result<Vec<_>, _>>()?;
    let made = made
        .set_tags(Some(tags))
        .assume_role_policy_document(trust.to_string())
        .send()
        .await?;
    aws.iam
        .attach_role_policy()
        .role_name(name)
        .policy_arn(FOREIGN)
        .send()
        .await?;
    let put = aws.iam.put_role_policy().role_name(name).policy_name("theirs");
    put.policy_document(grants.to_string()).send().await?;
    Ok(made.role.context("a role")?.arn)
}

/// The tags of a role.
pub async fn tags(aws: &Clients, name: &str) -> Result<BTreeMap<String, String>> {
    let answer = aws.iam.list_role_tags().role_name(name).send().await?;
    let tags = answer.tags().iter();
    Ok(tags
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
        .collect())
}

/// The keys of Lanyard's own tags on a role.
pub async fn own_tags(aws: &Clients, name: &str) -> Result<Vec<String>> {
    let keys = tags(aws, name).await?.into_keys();
    Ok(keys.filter(|key| key.starts_with("lanyard.dev/")).collect())
}

/// Removes a tag from a role, as a user does by hand.
pub async fn untag(aws: &Clients, name: &str, key: &str) -> Result<()> {
    aws.iam.untag_role().role_name(name).tag_keys(key).send().await?;
    Ok(())
}

/// Reads the contents of a role.
pub async fn contents(aws: &Clients, name: &str) -> Result<Contents> {
    let role = aws
        .iam
        .get_role()
        .role_name(name)
        .send()
        .await?
        .role
        .context("a role")?;
    let names = aws
        .iam
        .list_role_policies()
        .role_name(name)
        .send()
        .await?
        .policy_names;
    let mut inline = BTreeMap::new();
    for policy in names {
        let answer = aws
            .iam
            .get_role_policy()
            .role_name(name)
            .policy_name(&policy)
            .send()
            .await?;
        inline.insert(policy, decoded(answer.policy_document())?);
    }
    let mut tags = tags(aws, name).await?;
    tags.retain(|key, _| !key.starts_with("lanyard.dev/"));
    let trust = aws.trust(name).await?;
    let statements = trust.pointer("/Statement").and_then(Value::as_array).cloned();
    let is_lanyards = |statement: &Value| {
        statement["Sid"]
            .as_str()
            .is_some_and(|sid| sid.starts_with("Lanyard"))
    };
    let mut statements = statements.unwrap_or_default();
    statements.retain(|statement| !is_lanyards(statement));
    Ok(Contents {
        attached: aws.attached(name).await?,
        inline,
        tags,
        statements,
        session: role.max_session_duration,
    })
}

/// The number of Lanyard's statements in a role's trust policy.
pub async fn memberships(aws: &Clients, name: &str) -> Result<usize> {
    let trust = aws.trust(name).await?;
    let statements = trust
        .pointer("/Statement")
        .and_then(Value::as_array)
        .context("a list")?;
    let all = statements.len();
    Ok(all - contents(aws, name).await?.statements.len())
}

/// A spec of a managed role of this name.
pub fn named(role: &str, method: &str) -> Value {
    json!({"method": method, "role": {"managed": {"name": role, "policyArns": [REQUESTED]}}})
}

impl Contents {
    /// The same contents with one more policy attached.
    pub fn and(mut self, policy: &str) -> Self {
        self.attached.push(policy.to_owned());
        self.attached.sort();
        self
    }
}

/// Applies an object that requests the adoption of these ARNs.
pub async fn request_adoption(scene: &TestNamespace<'_>, name: &str, arns: &str, spec: Value) -> Result<()> {
    scene.apply_with(name, &[(ANNOTATION_ADOPT, arns)], spec).await
}

/// The unique id of an object's role in its status.
pub async fn role_id(scene: &TestNamespace<'_>, name: &str) -> Result<String> {
    let object = scene.identities().get(name).await?;
    let role = object.status.and_then(|status| status.role).context("a role")?;
    role.id.context("an id")
}

/// Fails when anything was written to a role since a mark.
pub fn untouched(scene: &TestNamespace<'_>, mark: lanyard_testkit::gateway::Mark, role: &str) -> Result<()> {
    let writes = scene.stage.bed.gateway.ledger().since(mark).about(role).writes();
    ensure!(writes.is_empty(), "{writes}");
    Ok(())
}
