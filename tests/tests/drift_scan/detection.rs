//! Proves that the drift scan detects out-of-band changes, that they are corrected, and that unchanged identities are not
//! written. Does I/O.

use anyhow::{Context, Result, ensure};
use lanyard_api::WorkloadIdentity;
use lanyard_tests::{TestNamespace, drift};

use crate::{fleet, role_reads, roles_of, stage, until_checked, until_scanned_twice};

const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
const OPEN: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#;

/// An out-of-band change of an identity.
#[derive(Debug, Clone, Copy)]
enum Change {
    Trust,
    Attachment,
    Description,
    RoleTag,
    RoleGone,
    AssociationRole,
    AssociationGone,
}

const CHANGES: [Change; 7] = [
    Change::Trust,
    Change::Attachment,
    Change::Description,
    Change::RoleTag,
    Change::RoleGone,
    Change::AssociationRole,
    Change::AssociationGone,
];

impl Change {
    async fn on(self, scene: &TestNamespace<'_>, name: &str, role: &str) -> Result<()> {
        let (iam, eks) = (&scene.aws.iam, &scene.aws.eks);
        match self {
            Self::Trust => {
                let update = iam.update_assume_role_policy().role_name(role);
                update.policy_document(OPEN).send().await?;
            }
            Self::Attachment => {
                let attach = iam.attach_role_policy().role_name(role);
                attach.policy_arn(ADMIN).send().await?;
            }
            Self::Description => {
                iam.update_role()
                    .role_name(role)
                    .description("by hand")
                    .send()
                    .await?;
            }
            Self::RoleTag => {
                let untag = iam.untag_role().role_name(role);
                untag.tag_keys("lanyard.dev/name").send().await?;
            }
            Self::RoleGone => {
                for arn in scene.aws.attached(role).await? {
                    iam.detach_role_policy()
                        .role_name(role)
                        .policy_arn(arn)
                        .send()
                        .await?;
                }
                iam.delete_role_policy()
                    .role_name(role)
                    .policy_name("queue")
                    .send()
                    .await?;
                iam.delete_role().role_name(role).send().await?;
            }
            Self::AssociationRole => {
                let id = association(scene, name).await?;
                let other = scene.role_of(&scene.identities().get("orders-00").await?)?;
                let other = iam.get_role().role_name(other).send().await?;
                let arn = other.role.context("a role")?.arn;
                let update = eks.update_pod_identity_association().cluster_name("lanyard");
                update.association_id(id).role_arn(arn).send().await?;
            }
            Self::AssociationGone => {
                let delete = eks.delete_pod_identity_association().cluster_name("lanyard");
                let id = association(scene, name).await?;
                delete.association_id(id).send().await?;
            }
        }
        Ok(())
    }
}

async fn association(scene: &TestNamespace<'_>, name: &str) -> Result<String> {
    let mut ids = scene.aws.associations("shop", name).await?;
    ids.pop().context("an association")
}

/// Returns `true` if a correction is recorded and no drift remains.
fn corrected(object: &WorkloadIdentity) -> bool {
    drift(object).last_correction.is_some() && drift(object).count == 0
}

#[tokio::test]
async fn out_of_band_change_is_corrected_without_other_reconciles() -> Result<()> {
    // An object is reconciled if no scan confirmed it for two intervals: the interval leaves time for a slow scan.
    let stage = stage("resync=10s,read-consistency=1s").await?;
    let scene = stage.scene("shop").await?;
    // Two identities for each change: those with an even number have associations.
    let names = fleet(&scene, 2 * CHANGES.len() + 2).await?;
    until_checked(&stage, 0, names.len()).await?;
    let roles = roles_of(&scene, &names).await?;

    let mark = stage.bed.gateway.ledger().mark();
    let entry = |number: usize| 2 * number + 2;
    for (number, change) in CHANGES.into_iter().enumerate() {
        let at = entry(number);
        change
            .on(&scene, &names[at], &roles[at])
            .await
            .with_context(|| format!("{change:?}"))?;
    }
    for (number, change) in CHANGES.into_iter().enumerate() {
        let name = &names[entry(number)];
        let found = scene.until(name, "corrected", corrected).await;
        found.with_context(|| format!("{change:?}"))?;
        scene.until_ready(name).await?;
    }
    ensure!(
        !scene
            .aws
            .attached(&roles[entry(1)])
            .await?
            .contains(&ADMIN.to_owned())
    );

    let calls = until_scanned_twice(&stage, mark).await?.by("lanyard");
    let all: Vec<usize> = (0..CHANGES.len()).map(entry).collect();
    for (at, role) in roles.iter().enumerate() {
        let reconciled = role_reads(&calls, role);
        ensure!(
            (reconciled > 0) == all.contains(&at),
            "{}: {reconciled} reconciliations",
            names[at]
        );
    }
    until_checked(&stage, 0, names.len()).await?;
    stage.bed.stop().await
}
