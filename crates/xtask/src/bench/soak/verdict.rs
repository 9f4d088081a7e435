//! The verdict of the soak: what Kubernetes and AWS hold, compared with what the specs request. Input: a run whose outages
//! have ended. Output: the faults that are left. Reads; recreates missing identities first.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use aws_sdk_iam::types::{EntityType, RoleDetail};
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use lanyard_api::WorkloadIdentity;
use lanyard_core::model::subject::{TAG_NAME, TAG_NAMESPACE};
use lanyard_tests::{condition, decoded, drift};

use super::super::fleet::{Fleet, Member, READ_ONLY, bar};
use super::state::Soak;

/// Intervals of the drift scan within which everything has to be right.
const PATIENCE: u32 = 6;
/// Interval at which the faults are counted.
const POLL: Duration = Duration::from_secs(2);
/// Faults that are printed.
const SHOWN: usize = 25;

/// A role and an association that no operator manages.
const FOREIGN: &str = "soak-foreign";
const FOREIGN_ROLE: &str = "arn:aws:iam::000000000000:role/lanyard/soak-foreign";
const FOREIGN_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#;

/// Creates the foreign resources, under the path that the operator manages.
pub async fn create_foreign(fleet: &Fleet<'_>) -> Result<()> {
    let create = fleet.aws.iam.create_role().role_name(FOREIGN).path("/lanyard/");
    let create = create.assume_role_policy_document(FOREIGN_TRUST);
    create.send().await.context("creating the foreign role")?;
    let associate = fleet.aws.eks.create_pod_identity_association();
    let associate = associate.cluster_name("lanyard").namespace("default");
    let associate = associate.service_account(FOREIGN).role_arn(FOREIGN_ROLE);
    associate
        .send()
        .await
        .context("creating the foreign association")?;
    Ok(())
}

/// Waits until no fault is left. Returns those that are left when the time is over.
pub async fn faults(soak: &mut Soak<'_>, interval: Duration) -> Result<Vec<String>> {
    let (began, limit) = (Instant::now(), interval * PATIENCE);
    let waiting = bar(soak.fleet.size, "soak: without a fault");
    loop {
        soak.replicas.replace_ended()?;
        soak.recreate_missing().await?;
        let mut found = soak.find().await?;
        waiting.set_position(soak.fleet.size.saturating_sub(found.len()) as u64);
        if found.is_empty() || began.elapsed() > limit {
            waiting.finish_and_clear();
            println!(
                "  {:.0} s until the last fault was gone, or the limit",
                began.elapsed().as_secs_f64()
            );
            found.truncate(SHOWN);
            return Ok(found);
        }
        tokio::time::sleep(POLL).await;
    }
}

impl Soak<'_> {
    /// Creates the identities again whose deletion has ended.
    async fn recreate_missing(&mut self) -> Result<()> {
        let all = Api::<WorkloadIdentity>::all(self.fleet.client.clone());
        let present = all.list_metadata(&ListParams::default()).await?;
        let present: Vec<String> = present.items.iter().map(kube::ResourceExt::name_any).collect();
        for member in self
            .fleet
            .members()
            .filter(|member| !present.contains(&member.name))
        {
            self.teams.remove(&member.name);
            self.fleet.create_one(&member).await?;
        }
        Ok(())
    }

    async fn find(&mut self) -> Result<Vec<String>> {
        let objects = Api::<WorkloadIdentity>::all(self.fleet.client.clone());
        let objects = objects.list(&ListParams::default()).await?.items;
        let mut faults: Vec<String> = objects.iter().filter_map(unready).collect();
        let roles = self.roles().await?;
        let count = |member: &Member, list: &BTreeMap<String, Vec<String>>| {
            list.get(&subject(member)).map_or(0, Vec::len)
        };
        let by_subject = by_subject(&roles);
        let associations = self.associations().await?;
        for member in self.fleet.members() {
            let (roles, found) = (count(&member, &by_subject), count(&member, &associations));
            let wanted = usize::from(member.by_pods());
            if (roles, found) != (1, wanted) {
                faults.push(format!(
                    "{}: {roles} roles and {found} associations exist, 1 and {wanted} are requested",
                    subject(&member)
                ));
            }
        }
        let total: usize = associations.values().map(Vec::len).sum();
        let wanted = self.fleet.members().filter(Member::by_pods).count() + 1;
        if total != wanted {
            faults.push(format!("{total} associations exist, {wanted} are requested"));
        }
        faults.extend(roles.iter().filter_map(|role| self.wrong_role(role)));
        if !roles.iter().any(is_foreign_unchanged) {
            faults.push("the foreign role was changed or deleted".to_owned());
        }
        faults.extend(busy(&self.replicas.metrics().await?));
        Ok(faults)
    }

    async fn roles(&self) -> Result<Vec<RoleDetail>> {
        let mut roles = Vec::new();
        let read = self.fleet.aws.iam.get_account_authorization_details();
        let mut pages = read.filter(EntityType::Role).into_paginator().send();
        while let Some(page) = pages.next().await {
            let details = page?.role_detail_list.unwrap_or_default();
            let ours = |role: &RoleDetail| role.path().unwrap_or_default().starts_with("/lanyard/");
            roles.extend(details.into_iter().filter(ours));
        }
        Ok(roles)
    }

    /// The ids of the associations of each ServiceAccount.
    async fn associations(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let list = self.fleet.aws.eks.list_pod_identity_associations();
        let mut pages = list.cluster_name("lanyard").into_paginator().send();
        while let Some(page) = pages.next().await {
            for entry in page?.associations() {
                let subject = format!(
                    "{}/{}",
                    entry.namespace().unwrap_or_default(),
                    entry.service_account().unwrap_or_default()
                );
                let id = entry.association_id().unwrap_or_default().to_owned();
                found.entry(subject).or_default().push(id);
            }
        }
        Ok(found)
    }

    /// The differences between a managed role and its spec.
    fn wrong_role(&self, role: &RoleDetail) -> Option<String> {
        let name = role.role_name().unwrap_or_default();
        if name == FOREIGN {
            return None;
        }
        let Some(subject) = subject_of(role) else {
            return Some(format!("role {name} has no ownership tags"));
        };
        let member = subject.rsplit('/').next().unwrap_or_default();
        let attached: Vec<&str> = role
            .attached_managed_policies()
            .iter()
            .filter_map(|policy| policy.policy_arn())
            .collect();
        let inline: Vec<&str> = role
            .role_policy_list()
            .iter()
            .filter_map(|policy| policy.policy_name())
            .collect();
        let team = self.teams.get(member).map_or("bench", String::as_str);
        let trust = decoded(role.assume_role_policy_document().unwrap_or_default());
        let trust = trust.map_or_else(|error| format!("{error:#}"), |trust| trust.to_string());
        let wrong: Vec<&str> = [
            ("attached policies", attached == [READ_ONLY]),
            ("inline policies", inline == ["queue"]),
            ("tag team", tag(role, "team") == Some(team)),
            ("tag owner", tag(role, "owner") == Some(&self.owner)),
            (
                "trust",
                trust.contains("eks") && !trust.contains("ec2.amazonaws.com"),
            ),
        ]
        .into_iter()
        .filter_map(|(what, right)| (!right).then_some(what))
        .collect();
        (!wrong.is_empty()).then(|| format!("role {name} of {subject} differs in {}", wrong.join(", ")))
    }
}

fn subject(member: &Member) -> String {
    format!("{}/{}", member.namespace, member.name)
}

fn tag<'a>(role: &'a RoleDetail, key: &str) -> Option<&'a str> {
    let mut tags = role.tags().iter();
    tags.find(|tag| tag.key() == key).map(|tag| tag.value())
}

fn subject_of(role: &RoleDetail) -> Option<String> {
    Some(format!("{}/{}", tag(role, TAG_NAMESPACE)?, tag(role, TAG_NAME)?))
}

fn by_subject(roles: &[RoleDetail]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for role in roles {
        if let Some(subject) = subject_of(role) {
            let name = role.role_name().unwrap_or_default().to_owned();
            found.entry(subject).or_default().push(name);
        }
    }
    found
}

fn is_foreign_unchanged(role: &RoleDetail) -> bool {
    role.role_name() == Some(FOREIGN)
        && role.tags().is_empty()
        && role.attached_managed_policies().is_empty()
        && decoded(role.assume_role_policy_document().unwrap_or_default()).is_ok_and(|trust| {
            serde_json::from_str::<serde_json::Value>(FOREIGN_TRUST).is_ok_and(|wanted| trust == wanted)
        })
}

/// An object that is not Ready, in sync and observed.
fn unready(object: &WorkloadIdentity) -> Option<String> {
    let is_true = |kind| condition(object, kind).is_some_and(|found| found.status == "True");
    let observed = object
        .status
        .as_ref()
        .and_then(|status| status.observed_generation);
    let right = is_true("Ready")
        && is_true("InSync")
        && observed == object.metadata.generation
        && drift(object).items.is_empty();
    if right {
        return None;
    }
    let text = |kind| {
        let found = condition(object, kind);
        found.map_or_else(
            || format!("no {kind}"),
            |found| format!("{kind} {} {}: {}", found.status, found.reason, found.message),
        )
    };
    Some(format!(
        "{}/{}: {}; {}",
        object.namespace().unwrap_or_default(),
        object.name_any(),
        text("Ready"),
        text("InSync")
    ))
}

/// Gauges that are not at rest.
fn busy(metrics: &str) -> Vec<String> {
    let at_rest = [
        ("lanyard_leader", 1.0),
        ("lanyard_reconciles_running", 0.0),
        ("lanyard_objects_in_backoff", 0.0),
    ];
    let wrong = at_rest
        .into_iter()
        .filter(|(name, wanted)| super::super::restart::value(metrics, &format!("{name} ")) != Some(*wanted));
    wrong
        .map(|(name, wanted)| format!("{name} is not {wanted}"))
        .collect()
}
