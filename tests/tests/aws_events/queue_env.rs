//! A test environment with a queue and an operator that reads it, under the shipped IAM policies. Input: the name of the
//! queue and messages. Output: counts and calls. Does I/O; waits only on conditions.

use anyhow::{Context, Result, bail};
use aws_sdk_sqs::types::QueueAttributeName;
use lanyard_testkit::TestBed;
use lanyard_tests::{Clients, PATIENCE, POLL, TestEnv, TestEnvOptions, eventually, policy};
use serde_json::{Value, json};

use crate::BINARY;

/// The operator's role in AWS.
pub const OPERATOR: &str = "lanyard-prod";

/// A test environment whose operator reads a queue.
pub struct QueueEnv {
    /// The test environment.
    pub stage: TestEnv,
    queue: String,
}

impl QueueEnv {
    /// Starts a test bed with a queue and, on it, the operator.
    pub async fn with_queue(queue: &str) -> Result<Self> {
        let bed = TestBed::start(TestEnvOptions::default().bed).await?;
        let aws = Clients::new(&bed).await;
        aws.sqs.create_queue().queue_name(queue).send().await?;
        Self::on(bed, queue).await
    }

    /// Starts a test bed with an operator that is configured with a queue that does not exist.
    pub async fn without_queue(queue: &str) -> Result<Self> {
        let bed = TestBed::start(TestEnvOptions::default().bed).await?;
        Self::on(bed, queue).await
    }

    async fn on(bed: TestBed, name: &str) -> Result<Self> {
        let queue = format!("{}/000000000000/{name}", bed.gateway.url());
        let mut environment = credentials(&Clients::new(&bed).await).await?;
        environment.push(("LANYARD_EVENTS_QUEUE", queue.clone()));
        let options = TestEnvOptions {
            environment,
            // A long resync interval: only an event can reveal drift.
            arguments: vec!["--resync", "12h"],
            ..TestEnvOptions::default()
        };
        let stage = TestEnv::on(bed, BINARY, options).await?;
        // Its counters are read before the first object exists.
        stage.until_leads(0, true).await?;
        Ok(Self { stage, queue })
    }

    /// AWS clients of the sender of messages. The connections of a client end with the test that created it, and the
    /// environment outlives the test, so each test creates its own.
    pub async fn aws(&self) -> Clients {
        Clients::new(&self.stage.bed).await
    }

    /// Sends a message to the queue.
    pub async fn send(&self, body: &str) -> Result<()> {
        let send = self.aws().await.sqs.send_message().queue_url(&self.queue);
        send.message_body(body).send().await?;
        Ok(())
    }

    /// Waits until the queue holds no message and none is being processed.
    pub async fn until_empty(&self) -> Result<()> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let aws = self.aws().await;
        eventually("the queue is empty", async || {
            let request = aws.sqs.get_queue_attributes().queue_url(&self.queue);
            let request = request.set_attribute_names(Some(names.to_vec()));
            let counts = request.send().await?.attributes.context("attributes")?;
            Ok(names
                .iter()
                .all(|name| counts.get(name).is_some_and(|count| count == "0")))
        })
        .await
    }

    /// The number of messages with this outcome.
    pub async fn count(&self, outcome: &str) -> Result<u64> {
        let (_, metrics) = self.stage.asks(0, "/metrics").await?;
        let line = format!("lanyard_event_messages_total{{outcome=\"{outcome}\"}} ");
        let value = metrics.lines().find_map(|found| found.strip_prefix(&line));
        value
            .with_context(|| format!("no count of {outcome}"))?
            .parse()
            .context("a count")
    }

    /// Waits until at least `least` messages had this outcome.
    pub async fn until_count(&self, outcome: &str, least: u64) -> Result<()> {
        let counted = async {
            while self.count(outcome).await? < least {
                tokio::time::sleep(POLL).await;
            }
            Ok::<(), anyhow::Error>(())
        };
        match tokio::time::timeout(PATIENCE, counted).await {
            Ok(counted) => counted,
            Err(_) => bail!(
                "{} messages with outcome {outcome}, expected {least}",
                self.count(outcome).await?
            ),
        }
    }
}

/// Creates the operator's role with the shipped policies. Returns the credentials of a session.
async fn credentials(aws: &Clients) -> Result<Vec<(&'static str, String)>> {
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"},
    ]});
    let create = aws.iam.create_role().role_name(OPERATOR).path("/platform/");
    create
        .assume_role_policy_document(trust.to_string())
        .send()
        .await?;
    for file in ["read-write.json", "events/operator.json"] {
        let put = aws.iam.put_role_policy().role_name(OPERATOR);
        let document = with_batch_actions(policy(file)?).to_string();
        put.policy_name(file.replace('/', "-"))
            .policy_document(document)
            .send()
            .await?;
    }
    let assume = aws.sts.assume_role().role_session_name("lanyard-0");
    let arn = format!("arn:aws:iam::000000000000:role/platform/{OPERATOR}");
    let session = assume
        .role_arn(arn)
        .send()
        .await?
        .credentials
        .context("credentials")?;
    Ok(vec![
        ("AWS_ACCESS_KEY_ID", session.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", session.secret_access_key),
        ("AWS_SESSION_TOKEN", session.session_token),
    ])
}

/// AWS authorises a batch call by the action for a single message. The emulator uses the name of the batch call as the
/// action.
fn with_batch_actions(mut policy: Value) -> Value {
    let statements = policy.pointer_mut("/Statement").and_then(Value::as_array_mut);
    for statement in statements.into_iter().flatten() {
        let actions = statement.get_mut("Action").and_then(Value::as_array_mut);
        if let Some(actions) =
            actions.filter(|actions| actions.iter().any(|action| action == "sqs:DeleteMessage"))
        {
            actions.push(json!("sqs:DeleteMessageBatch"));
        }
    }
    policy
}
