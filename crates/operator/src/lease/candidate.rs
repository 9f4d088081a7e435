//! The decisions of a candidate for the lease.
//! Input: results of reads and writes with their times. Output: the next action, the Lease to write, and the claim. No
//! I/O and no clock, so that a model can check every interleaving.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use tokio::time::Instant;

use super::gate::Claim;
use super::settings::LeaseSettings;

/// The durations of lease and gate.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeaseDurations {
    /// The duration of the lease, as published in its record.
    pub lease: Duration,
    /// The time that the gate is open after a write was sent. It is shorter than the lease by the maximum duration of a
    /// write.
    pub open: Duration,
}

/// The next action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Read the lease.
    Read,
    /// Write the own identity into the lease.
    Write,
}

/// The known state of the lease.
#[derive(Debug)]
enum View {
    Unread,
    /// The lease does not exist. `reserved_until`: the holder of a deleted lease may still rely on it until then.
    Missing {
        reserved_until: Option<Instant>,
    },
    /// `at`: the time of the first read of this version.
    Present {
        lease: Box<Lease>,
        at: Instant,
    },
}

#[derive(Debug, Clone, Copy)]
struct Held {
    term: u64,
    until: Instant,
}

/// One process that competes for the lease.
#[derive(Debug)]
pub(super) struct Candidate {
    identity: String,
    namespace: String,
    name: String,
    durations: LeaseDurations,
    view: View,
    held: Option<Held>,
    terms: u64,
}

impl Candidate {
    pub(super) fn new(settings: &LeaseSettings, durations: LeaseDurations) -> Self {
        Self {
            identity: settings.identity.clone(),
            namespace: settings.namespace.clone(),
            name: settings.name.clone(),
            durations,
            view: View::Unread,
            held: None,
            terms: 0,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns true if the lease exists and was read.
    pub(super) fn has_read(&self) -> bool {
        matches!(self.view, View::Present { .. })
    }

    /// Decides on the next action.
    pub(super) fn decide(&self, now: Instant) -> Action {
        let is_free = match &self.view {
            View::Unread => false,
            View::Missing { reserved_until } => reserved_until.is_none_or(|until| now >= until),
            View::Present { lease, at } => match holder(lease) {
                Some(holder) if holder != self.identity => {
                    now >= *at + duration_of(lease, self.durations.lease)
                }
                Some(_) | None => true,
            },
        };
        if is_free { Action::Write } else { Action::Read }
    }

    /// The Lease to write: the own identity on the last read version, or a new Lease.
    pub(super) fn draft(&self, wall: Timestamp) -> Lease {
        let (mut lease, before) = match &self.view {
            View::Present { lease, .. } => (Lease::clone(lease), holder(lease).map(str::to_owned)),
            View::Unread | View::Missing { .. } => (self.blank(), None),
        };
        let spec = lease.spec.get_or_insert_default();
        if before.as_deref() != Some(&self.identity) {
            spec.acquire_time = Some(MicroTime(wall));
            spec.lease_transitions = Some(spec.lease_transitions.map_or(0, |count| count.saturating_add(1)));
        }
        spec.holder_identity = Some(self.identity.clone());
        spec.renew_time = Some(MicroTime(wall));
        spec.lease_duration_seconds = Some(whole_seconds(self.durations.lease));
        lease
    }

    /// The Lease to write to release it. Returns `None` if another candidate holds it.
    pub(super) fn release_draft(&self, wall: Timestamp) -> Option<Lease> {
        let View::Present { lease, .. } = &self.view else {
            return None;
        };
        let mut lease = Lease::clone(lease);
        let spec = lease
            .spec
            .as_mut()
            .filter(|spec| spec.holder_identity.as_deref() == Some(&self.identity))?;
        spec.holder_identity = None;
        spec.renew_time = Some(MicroTime(wall));
        Some(lease)
    }

    /// Takes over the result of a read. `now` is after the response, which can only extend the wait for a takeover.
    pub(super) fn observe_read(&mut self, read: Option<Lease>, now: Instant) {
        let Some(lease) = read else {
            self.view = View::Missing {
                reserved_until: self.reserved_until(),
            };
            return;
        };
        // Compares versions and not times: two renewals within one tick of a clock have equal times.
        let at = match &self.view {
            View::Present { lease: known, at }
                if version(known).is_some() && version(known) == version(&lease) =>
            {
                *at
            }
            _ => now,
        };
        if holder(&lease) != Some(&self.identity) {
            self.held = None;
        }
        self.view = View::Present {
            lease: Box::new(lease),
            at,
        };
    }

    /// Takes over an accepted write. The claim counts from `sent`, because another candidate may have read the write at
    /// any time since.
    pub(super) fn observe_write(&mut self, lease: Lease, sent: Instant, now: Instant) {
        let unbroken = self.held.filter(|held| now < held.until);
        if unbroken.is_none() {
            self.terms += 1;
        }
        self.held = Some(Held {
            term: self.terms,
            until: sent + self.durations.open,
        });
        self.view = View::Present {
            lease: Box::new(lease),
            at: now,
        };
    }

    /// The claim at this time.
    pub(super) fn claim(&self, now: Instant) -> Claim {
        if let Some(Held { term, until }) = self.held.filter(|held| now < held.until) {
            return Claim::Held { term, until };
        }
        match &self.view {
            View::Present { lease, .. } => match holder(lease) {
                Some(holder) if holder != self.identity => Claim::Standby {
                    holder: holder.to_owned(),
                },
                Some(_) | None => Claim::Unknown,
            },
            View::Unread | View::Missing { .. } => Claim::Unknown,
        }
    }

    /// The time until which the holder of the last read lease may rely on it, in case the lease was deleted.
    fn reserved_until(&self) -> Option<Instant> {
        match &self.view {
            View::Unread => None,
            View::Missing { reserved_until } => *reserved_until,
            View::Present { lease, at } => holder(lease)
                .filter(|holder| *holder != self.identity)
                .map(|_| *at + duration_of(lease, self.durations.lease)),
        }
    }

    fn blank(&self) -> Lease {
        Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                namespace: Some(self.namespace.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec::default()),
        }
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    let holder = lease.spec.as_ref()?.holder_identity.as_deref();
    holder.filter(|holder| !holder.is_empty())
}

fn version(lease: &Lease) -> Option<&str> {
    lease.metadata.resource_version.as_deref()
}

/// The duration that the holder of a lease published. Returns `default` if it published none.
fn duration_of(lease: &Lease, default: Duration) -> Duration {
    let published = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    let published = published.and_then(|seconds| u64::try_from(seconds).ok());
    published
        .filter(|seconds| *seconds > 0)
        .map_or(default, Duration::from_secs)
}

/// Rounded up, because a longer wait is safe.
fn whole_seconds(duration: Duration) -> i32 {
    let part = u64::from(duration.subsec_nanos() > 0);
    i32::try_from(duration.as_secs() + part).unwrap_or(i32::MAX)
}
