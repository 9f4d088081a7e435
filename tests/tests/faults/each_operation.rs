//! Proves that each operation may fail once, in each way: at creation, at an update that uses all operations, and at
//! deletion. The final state is the same as without a failure. Does I/O.

use anyhow::{Result, ensure};
use lanyard_testkit::gateway::{Fault, FaultHandle};
use lanyard_tests::{TestEnv, TestNamespace, all_well, condition, side_by_side};
use serde_json::{Value, json};
use std::time::Duration;

use crate::kinds::Kind;
use crate::{new_stage, stage};

/// The operations about one identity. Cluster-wide operations are read once for all identities.
const BY_BOTH: [&str; 13] = [
    "GetRole",
    "CreateRole",
    "AttachRolePolicy",
    "PutRolePolicy",
    "ListAttachedRolePolicies",
    "ListRolePolicies",
    "GetRolePolicy",
    "UpdateRole",
    "TagRole",
    "UntagRole",
    "DetachRolePolicy",
    "DeleteRolePolicy",
    "DeleteRole",
];
const BY_POD_IDENTITY: [&str; 3] = [
    "CreatePodIdentityAssociation",
    "DescribePodIdentityAssociation",
    "DeletePodIdentityAssociation",
];
/// The interval of requested reconciliations, which shorten the pauses of the backoff.
const RECONCILE_INTERVAL: Duration = Duration::from_secs(1);
const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
const QUEUES: &str = "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess";

fn spec(method: &str, managed: &Value) -> Value {
    json!({"method": method, "serviceAccount": {"create": true}, "role": {"managed": managed}})
}

fn inline(name: &str) -> Value {
    json!([{"name": name, "document": {"Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}}])
}

fn before(role: &str) -> Value {
    json!({"name": role, "policyArns": [READ_ONLY], "inlinePolicies": inline("one"), "tags": {"team": "shop"}})
}

/// A spec whose change needs every operation.
fn after(role: &str) -> Value {
    json!({"name": role, "policyArns": [QUEUES], "inlinePolicies": inline("two"), "description": "changed",
           "maxSessionDuration": "2h", "tags": {"tier": "gold"}})
}

/// The life of one identity with one method. Each operation fails once in one way.
#[derive(Clone, Copy)]
struct Row {
    kind: Kind,
    method: &'static str,
}

impl Row {
    fn name(self) -> String {
        format!("each-{}-{}", self.kind.slug(), self.method.to_lowercase())
    }

    fn operations(self) -> impl Iterator<Item = &'static str> {
        let pods = BY_POD_IDENTITY
            .into_iter()
            .filter(move |_| self.method == "PodIdentity");
        BY_BOTH
            .into_iter()
            .chain(pods)
            .chain(["ListPodIdentityAssociations"])
    }

    fn arm(self, scene: &TestNamespace<'_>, name: &str) -> Vec<(&'static str, FaultHandle)> {
        let faults = scene.stage.bed.gateway.faults();
        let armed = |operation| {
            let target = Fault::on(operation).about(name).first(1);
            (operation, faults.add(self.kind.at(target)))
        };
        self.operations().map(armed).collect()
    }

    async fn play(self, stage: &TestEnv) -> Result<()> {
        let name = self.name();
        let scene = stage.scene(&name).await?;
        let armed = self.arm(&scene, &name);
        for managed in [before(&name), after(&name)] {
            scene.apply(&name, spec(self.method, &managed)).await?;
            with_reconcile_requests(&scene, &name, in_place(&scene, &name)).await?;
        }
        ensure!(scene.aws.attached(&name).await? == [QUEUES]);
        let associations = scene.aws.associations(&name, &name).await?.len();
        ensure!(
            associations == usize::from(self.method == "PodIdentity"),
            "{associations}"
        );
        with_reconcile_requests(&scene, &name, scene.delete(&name)).await?;
        ensure!(!scene.aws.has_role(&name).await?, "the role still exists");
        ensure!(
            scene.aws.associations(&name, &name).await?.is_empty(),
            "the association still exists"
        );
        let spared: Vec<_> = armed.iter().filter(|(_, fault)| fault.hits() == 0).collect();
        let spared: Vec<_> = spared.iter().map(|(operation, _)| *operation).collect();
        ensure!(spared.is_empty(), "never failed: {spared:?}");
        armed.iter().for_each(|(_, fault)| fault.remove());
        Ok(())
    }
}

async fn in_place(scene: &TestNamespace<'_>, name: &str) -> Result<()> {
    let is_true = |object: &_, kind| condition(object, kind).is_some_and(|found| found.status == "True");
    let stands = |object: &lanyard_api::WorkloadIdentity| {
        let seen = object
            .status
            .as_ref()
            .and_then(|status| status.observed_generation);
        seen == object.metadata.generation && is_true(object, "Ready") && is_true(object, "InSync")
    };
    scene.until(name, "in place", stands).await.map(drop)
}

/// Requests reconciliations until a future is complete.
async fn with_reconcile_requests(
    scene: &TestNamespace<'_>,
    name: &str,
    awaited: impl Future<Output = Result<()>>,
) -> Result<()> {
    let mut awaited = std::pin::pin!(awaited);
    loop {
        tokio::select! {
            ended = &mut awaited => return ended,
            () = tokio::time::sleep(RECONCILE_INTERVAL) => {
                // A deleted object needs no reconciliation.
                let _ = scene.request_reconcile(name).await;
            }
        }
    }
}

/// One kind after the other, both methods concurrently: more concurrency would only measure the machine.
async fn play_all(stage: &'static TestEnv, kinds: &[Kind]) -> Result<()> {
    let mut ended = Vec::new();
    for kind in kinds {
        let rows = ["IRSA", "PodIdentity"].map(|method| Row { kind: *kind, method });
        ended.extend(side_by_side(rows.map(|row| (row.name(), row.play(stage)))).await);
    }
    all_well(ended)
}

#[tokio::test]
async fn failed_operation_is_retried() -> Result<()> {
    // Malformed answers with status 200 apply only to reads: for a write without output, the SDK evaluates only the status.
    let kinds = [Kind::ServerError, Kind::Reset, Kind::AnswerLost, Kind::TimedOut];
    play_all(stage().await?, &kinds).await
}

#[tokio::test]
async fn operation_with_rejected_credentials_is_retried() -> Result<()> {
    play_all(stage().await?, &[Kind::TokenExpired, Kind::ClockSkewed]).await
}

/// Throttling slows down everything in the account, so this test has an environment of its own.
#[tokio::test]
async fn throttled_operation_is_retried() -> Result<()> {
    let stage: &'static TestEnv = Box::leak(Box::new(new_stage().await?));
    play_all(stage, &[Kind::Throttled]).await
}
