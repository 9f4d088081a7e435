//! Counts as a user sees them: identities that are bound and Ready, when, and the reasons in their statuses.
//! Input: a watch of the API server. Output: counts. Network I/O in a task of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures::{StreamExt, pin_mut};
use indicatif::ProgressBar;
use kube::ResourceExt;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use lanyard_api::WorkloadIdentity;
use lanyard_tests::condition;
use tokio::task::JoinHandle;

/// Interval at which the counts are checked.
const POLL: Duration = Duration::from_millis(50);

/// A watch that counts.
pub struct Watch {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// Observed counts.
#[derive(Debug, Default)]
pub struct Seen {
    objects: HashMap<(String, String), Stands>,
    /// The number of objects with a binding in place, and the time at which each got it.
    pub bound: usize,
    pub bound_at: Vec<Instant>,
    pub ready: usize,
    /// Statuses that report throttling.
    pub throttling_reports: usize,
    /// The longest time in which no status moved, from one move to the next.
    pub longest_still: Duration,
    moved: Option<Instant>,
}

#[derive(Debug, Default)]
struct Stands {
    bound: bool,
    ready: bool,
}

impl Watch {
    pub fn begin(api: Api<WorkloadIdentity>) -> Self {
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let config = watcher::Config::default().page_size(500);
            let objects = watcher(api, config).default_backoff().applied_objects();
            pin_mut!(objects);
            while let Some(object) = objects.next().await {
                if let Ok(object) = object {
                    lock(&shared).see(&object);
                }
            }
        });
        Self { seen, task }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    /// Waits until `count` of what was seen is `wanted`.
    pub async fn until(
        &self,
        wanted: usize,
        limit: Duration,
        bar: &ProgressBar,
        count: impl Fn(&Seen) -> usize,
    ) -> Result<()> {
        let began = Instant::now();
        loop {
            let counted = count(&self.seen());
            bar.set_position(u64::try_from(counted).unwrap_or_default());
            if counted >= wanted {
                bar.finish_and_clear();
                return Ok(());
            }
            if began.elapsed() > limit {
                bar.abandon();
                bail!("only {counted} of {wanted} after {limit:?}");
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    fn see(&mut self, object: &WorkloadIdentity) {
        let now = Instant::now();
        if let Some(before) = self.moved.replace(now) {
            self.longest_still = self.longest_still.max(now - before);
        }
        let is_true = |kind| condition(object, kind).is_some_and(|found| found.status == "True");
        let throttled = |text: &str| text.to_lowercase().contains("throttl");
        let conditions = object.status.iter().flat_map(|status| &status.conditions);
        let mut reports = conditions.filter(|found| throttled(&found.reason) || throttled(&found.message));
        self.throttling_reports += usize::from(reports.next().is_some());
        let key = (object.namespace().unwrap_or_default(), object.name_any());
        let stands = self.objects.entry(key).or_default();
        // BindingReady waits for AWS's own delays; what is in sync is in place.
        if is_true("InSync") && !stands.bound {
            stands.bound = true;
            self.bound += 1;
            self.bound_at.push(now);
        }
        if is_true("Ready") && !stands.ready {
            stands.ready = true;
            self.ready += 1;
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
