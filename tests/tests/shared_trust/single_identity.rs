//! Proves that one identity adds and removes its statement in a role of another owner, and that the owner's concurrent
//! edits of the trust policy persist. Does I/O.

use anyhow::{Context, Result};
use lanyard_testkit::gateway::Fault;
use lanyard_tests::{TestNamespace, condition, drift, eventually};
use serde_json::{Value, json};

use crate::role::{is_lanyards, make, members, of_owner, owners, shared, statements, write};
use crate::stage;

/// A namespace with a role of the same name.
async fn scene(name: &str, statements: &[Value]) -> Result<(TestNamespace<'static>, String)> {
    let scene = stage().await?.scene(name).await?;
    let arn = make(&scene.aws, name, statements).await?;
    Ok((scene, arn))
}

#[tokio::test]
async fn subject_is_added_and_removed_without_trace() -> Result<()> {
    let (scene, arn) = scene("sh-trace", &owners()).await?;
    for method in ["PodIdentity", "IRSA"] {
        scene.apply("orders", shared(&arn, method)).await?;
        scene.until_ready("orders").await?;
        assert_eq!(members(&scene.aws, "sh-trace").await?.len(), 1);
        assert_eq!(of_owner(&scene.aws, "sh-trace").await?, owners());
        scene.delete("orders").await?;
        assert_eq!(statements(&scene.aws, "sh-trace").await?, owners());
    }
    Ok(())
}

/// Without session tags a statement names no subject, and the statements of two subjects are equal: each subject has its
/// own.
#[tokio::test]
async fn untagged_subjects_have_separate_statements() -> Result<()> {
    let (scene, arn) = scene("sh-untagged", &owners()).await?;
    let mut spec = shared(&arn, "PodIdentity");
    spec["podIdentity"] = json!({"disableSessionTags": true});
    for name in ["orders", "carts"] {
        scene.apply(name, spec.clone()).await?;
        scene.until_ready(name).await?;
    }
    for (goes, left) in [("orders", 1), ("carts", 0)] {
        scene.delete(goes).await?;
        let all = statements(&scene.aws, "sh-untagged").await?;
        assert_eq!(
            all.iter().filter(|statement| is_lanyards(statement)).count(),
            left
        );
    }
    assert_eq!(statements(&scene.aws, "sh-untagged").await?, owners());
    Ok(())
}

#[tokio::test]
async fn deletion_with_lost_status_or_invalid_spec_succeeds() -> Result<()> {
    let (scene, arn) = scene("sh-lost", &owners()).await?;
    scene.apply("orders", shared(&arn, "PodIdentity")).await?;
    scene.until_ready("orders").await?;
    // A trust in a role of another account is refused: the spec is invalid, and only the inventory knows the role.
    let elsewhere = shared("arn:aws:iam::444455556666:role/elsewhere", "PodIdentity");
    scene.apply("orders", elsewhere).await?;
    scene
        .until_is("orders", "Stalled", "True", "AccountMismatch")
        .await?;
    scene.delete("orders").await?;
    assert_eq!(statements(&scene.aws, "sh-lost").await?, owners());
    Ok(())
}

#[tokio::test]
async fn last_statement_stays_and_admits_no_principal() -> Result<()> {
    let (scene, arn) = scene("sh-last", &owners()).await?;
    scene.apply("orders", shared(&arn, "PodIdentity")).await?;
    scene.until_ready("orders").await?;
    let all = statements(&scene.aws, "sh-last").await?;
    let ours: Vec<Value> = all.into_iter().filter(is_lanyards).collect();
    write(&scene.aws, "sh-last", &ours).await?;
    scene.delete("orders").await?;
    let listed = members(&scene.aws, "sh-last").await?;
    let listed: Vec<&String> = listed.values().flatten().collect();
    assert_eq!(listed, ["-"]);
    Ok(())
}

/// Another writer reads, Lanyard writes, and the other writes its own version. With IRSA no reconciliation follows soon
/// that would repair it.
#[tokio::test]
async fn overwritten_statement_is_written_again() -> Result<()> {
    let (scene, arn) = scene("sh-back", &owners()).await?;
    let aws = scene.aws.clone();
    let takes_back = Fault::on("UpdateAssumeRolePolicy").about("sh-back").nth(1);
    let fault = scene
        .stage
        .bed
        .gateway
        .faults()
        .add(takes_back.calls_after(move |_| {
            let aws = aws.clone();
            async move {
                let wrote = write(&aws, "sh-back", &owners()).await;
                assert!(wrote.is_ok(), "{wrote:?}");
            }
        }));
    scene.apply("orders", shared(&arn, "IRSA")).await?;
    scene.until_ready("orders").await?;
    assert_eq!(fault.hits(), 1);
    assert_eq!(members(&scene.aws, "sh-back").await?.len(), 1);
    scene.delete("orders").await
}

#[tokio::test]
async fn changed_statement_is_restored_or_reported() -> Result<()> {
    let (scene, arn) = scene("sh-drift", &owners()).await?;
    scene.apply("orders", shared(&arn, "PodIdentity")).await?;
    scene.until_ready("orders").await?;
    let good = statements(&scene.aws, "sh-drift").await?;
    let mut edited = good.clone();
    for statement in edited.iter_mut().filter(|statement| is_lanyards(statement)) {
        statement["Action"] = json!(["sts:AssumeRole"]);
    }
    for bad in [edited.clone(), owners()] {
        write(&scene.aws, "sh-drift", &bad).await?;
        let before = statements(&scene.aws, "sh-drift").await?;
        eventually("the statement is repaired", async || {
            scene.request_reconcile("orders").await?;
            Ok(statements(&scene.aws, "sh-drift").await? != before)
        })
        .await?;
        assert_eq!(statements(&scene.aws, "sh-drift").await?, good);
    }
    let mut reports = shared(&arn, "PodIdentity");
    reports["driftPolicy"] = json!("Report");
    scene.apply("orders", reports).await?;
    scene.until_ready("orders").await?;
    write(&scene.aws, "sh-drift", &edited).await?;
    scene.request_reconcile("orders").await?;
    let object = scene.until_is("orders", "InSync", "False", "Drifted").await?;
    let fields: Vec<String> = drift(&object).items.into_iter().map(|item| item.field).collect();
    assert!(
        fields
            .iter()
            .all(|field| field.starts_with("trustPolicy.Statement[Sid=Lanyard")),
        "{fields:?}"
    );
    assert_eq!(statements(&scene.aws, "sh-drift").await?, edited);
    scene.delete("orders").await
}

#[tokio::test]
async fn unparsable_statement_is_reported_and_kept() -> Result<()> {
    let (scene, arn) = scene("sh-opened", &owners()).await?;
    scene.apply("orders", shared(&arn, "PodIdentity")).await?;
    scene.until_ready("orders").await?;
    let mut opened = statements(&scene.aws, "sh-opened").await?;
    for statement in opened.iter_mut().filter(|statement| is_lanyards(statement)) {
        drop(
            statement
                .as_object_mut()
                .context("a statement")?
                .remove("Condition"),
        );
    }
    write(&scene.aws, "sh-opened", &opened).await?;
    scene.request_reconcile("orders").await?;
    scene
        .until_is("orders", "Stalled", "True", "StatementConflict")
        .await?;
    assert_eq!(statements(&scene.aws, "sh-opened").await?, opened);
    write(&scene.aws, "sh-opened", &owners()).await?;
    scene.request_reconcile("orders").await?;
    scene
        .until("orders", "repaired", |object| {
            condition(object, "Stalled").is_none()
        })
        .await?;
    scene.delete("orders").await
}

#[tokio::test]
async fn full_policy_reports_capacity_and_is_not_written() -> Result<()> {
    let filler = "x".repeat(1500);
    let full = vec![
        json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:PrincipalTag/filler": filler}}}),
    ];
    let (scene, arn) = scene("sh-full", &full).await?;
    let mark = scene.stage.bed.gateway.ledger().mark();
    scene.apply("orders", shared(&arn, "PodIdentity")).await?;
    let object = scene
        .until_is("orders", "Stalled", "True", "QuotaExceeded")
        .await?;
    let message = condition(&object, "Stalled").context("Stalled")?.message;
    assert!(
        message.contains("IAM allows 2048: 0 of the 1 subjects"),
        "{message}"
    );
    let calls = scene.stage.bed.gateway.ledger().since(mark);
    assert!(calls.of("UpdateAssumeRolePolicy").about("sh-full").is_empty());
    scene.delete("orders").await
}

#[tokio::test]
async fn owner_takeover_keeps_existing_statements() -> Result<()> {
    let (scene, arn) = scene("sh-over", &owners()).await?;
    scene.apply("orders", shared(&arn, "PodIdentity")).await?;
    scene.until_ready("orders").await?;
    let good = statements(&scene.aws, "sh-over").await?;
    let mut checks = shared(&arn, "PodIdentity");
    checks["role"]["existing"]["trust"] = json!("Check");
    scene.apply("orders", checks).await?;
    scene.until_ready("orders").await?;
    scene.delete("orders").await?;
    assert_eq!(statements(&scene.aws, "sh-over").await?, good);
    Ok(())
}
