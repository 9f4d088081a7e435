//! Proves that a missing right shows as a missing right, with its consequence, and never as a missing resource. Does I/O.

use anyhow::Result;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use kube::api::{Api, ObjectMeta, PostParams};
use lanyard_tests::{TestNamespace, eventually, holds};
use serde_json::json;

use crate::run::run;
use crate::stage;

const TENANT: &str = "cli-tenant";

/// Gives the tenant the right to read WorkloadIdentities of the namespace, and nothing else.
async fn admit(scene: &TestNamespace<'_>) -> Result<()> {
    let metadata = ObjectMeta {
        name: Some(TENANT.to_owned()),
        ..ObjectMeta::default()
    };
    let rule = PolicyRule {
        api_groups: Some(vec!["lanyard.dev".to_owned()]),
        resources: Some(vec!["workloadidentities".to_owned()]),
        verbs: vec!["get".to_owned(), "list".to_owned()],
        ..PolicyRule::default()
    };
    let role = Role {
        metadata: metadata.clone(),
        rules: Some(vec![rule]),
    };
    let binding = RoleBinding {
        metadata,
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "Role".to_owned(),
            name: TENANT.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "User".to_owned(),
            name: TENANT.to_owned(),
            ..Subject::default()
        }]),
    };
    let create = PostParams::default();
    let (client, namespace) = (scene.client.clone(), &scene.namespace);
    Api::<Role>::namespaced(client.clone(), namespace)
        .create(&create, &role)
        .await?;
    Api::<RoleBinding>::namespaced(client, namespace)
        .create(&create, &binding)
        .await?;
    Ok(())
}

#[tokio::test]
async fn tenant_sees_each_missing_right_and_exit_3() -> Result<()> {
    let scene = stage().await?.scene("cli-tenant").await?;
    let bed = &scene.stage.bed;
    let spec = json!({"method": "IRSA", "serviceAccount": {"create": true}, "role": {"managed": {}}});
    scene.apply("orders", spec).await?;
    scene.until_ready("orders").await?;
    let plan = ["plan", "orders", "-n", "cli-tenant", "--as", TENANT];
    let refused = run(bed, &plan, "").await?.ended(1)?;
    holds(
        &refused.stderr,
        &["get workloadidentity cli-tenant/orders", "cannot get"],
    )?;
    admit(&scene).await?;
    eventually("the API server grants the right", async || {
        Ok(run(bed, &plan, "").await?.exit != Some(1))
    })
    .await?;
    let ran = run(bed, &plan, "").await?.ended(3)?;
    holds(
        &ran.stdout,
        &[
            "NOT READ",
            "you may not list workloadidentityclasses",
            "its guardrails are not judged",
            "your RBAC lacks get on serviceaccounts cli-tenant/orders",
        ],
    )
}
