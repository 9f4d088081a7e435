//! What was seen of pods, in words that a test can compare. Pods in, counts and texts out; asks until patience ends.

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

/// Asks until there is an answer.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        ensure!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(POLL).await;
    }
}

pub fn owner(kind: &str, name: &str) -> WorkloadRef {
    WorkloadRef {
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

/// How many pods each owner has.
pub fn owners(pods: &PodList) -> BTreeMap<String, usize> {
    let mut owners = BTreeMap::new();
    for pod in &pods.items {
        let owner = pod.owner.as_ref().map_or("bare".to_owned(), ToString::to_string);
        *owners.entry(owner).or_default() += 1;
    }
    owners
}

/// Everything that is carried.
pub fn carried(pods: &PodList) -> BTreeSet<String> {
    let carried = pods.items.iter().flat_map(|pod| &pod.credentials);
    carried.map(|carries| format!("{carries:?}")).collect()
}

/// The pods_seen without the order that they came in.
pub fn sorted(pods: &PodList) -> Vec<String> {
    let mut pods_seen: Vec<String> = pods.items.iter().map(|pod| format!("{pod:?}")).collect();
    pods_seen.sort();
    pods_seen
}

/// The fold of all pods of the cluster, as a watch's first list fills it.
pub async fn folded(shop: &Shop) -> Result<PodIndex> {
    let api: Api<Pod> = Api::all(shop.client.clone());
    let mut fold = PodIndex::new(false);
    fold.list_begins();
    for pod in api.list(&ListParams::default()).await? {
        fold.upsert(&pod);
    }
    fold.list_ends();
    Ok(fold)
}
