//! Observations of pods in a form that a test can compare. Input: pods. Output: counts and texts. Repeats reads until a
//! timeout.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use lanyard_core::model::pods::PodList;
use lanyard_core::model::workload::WorkloadRef;
use lanyard_engine::pods::PodIndex;

use crate::shop::Shop;

const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(50);

/// Repeats a read until it returns a value.
pub async fn until<T>(what: &str, mut read: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(answer) = read().await? {
            return Ok(answer);
        }
        ensure!(begun.elapsed() < PATIENCE, "timeout: {what}");
        tokio::time::sleep(POLL).await;
    }
}

pub fn owner(kind: &str, name: &str) -> WorkloadRef {
    WorkloadRef {
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

/// The number of pods of each owner.
pub fn owners(pods: &PodList) -> BTreeMap<String, usize> {
    let mut owners = BTreeMap::new();
    for pod in &pods.items {
        let owner = pod.owner.as_ref().map_or("bare".to_owned(), ToString::to_string);
        *owners.entry(owner).or_default() += 1;
    }
    owners
}

/// All credentials of the pods.
pub fn credentials(pods: &PodList) -> BTreeSet<String> {
    let credentials = pods.items.iter().flat_map(|pod| &pod.credentials);
    credentials.map(|carries| format!("{carries:?}")).collect()
}

/// The pods in a stable order.
pub fn sorted(pods: &PodList) -> Vec<String> {
    let mut pods_seen: Vec<String> = pods.items.iter().map(|pod| format!("{pod:?}")).collect();
    pods_seen.sort();
    pods_seen
}

/// The index of all pods of the cluster, filled as by the first list of a watch.
pub async fn indexed(shop: &Shop) -> Result<PodIndex> {
    let api: Api<Pod> = Api::all(shop.client.clone());
    let mut fold = PodIndex::default();
    fold.list_begins();
    for pod in api.list(&ListParams::default()).await? {
        fold.upsert(pod.clone().into());
    }
    fold.list_ends();
    Ok(fold)
}
