//! A candidate for the lease, thinking: what it has seen goes in with the time it saw it; what to do next, what to
//! write and what to claim come out. No I/O and no clock of its own, so that a model can check every interleaving.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use tokio::time::Instant;

use super::{Claim, LeaseSettings};

/// How long things last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// The lease, as it is told to the others.
    pub lease: Duration,
    /// The gate, from the moment before the write was sent: shorter than the lease by what one write may take.
    pub open: Duration,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Read the record.
    Look,
    /// Write our name into it.
    Write,
}

/// What is known of the record.
#[derive(Debug)]
enum View {
    Unread,
    /// It is not there. `taken_until`: somebody whose record went away may still count on it until then.
    Missing {
        taken_until: Option<Instant>,
    },
    /// `at`: when this version was first seen.
    Seen {
        lease: Box<Lease>,
        at: Instant,
    },
}

#[derive(Debug, Clone, Copy)]
struct Held {
    term: u64,
    until: Instant,
}

/// One process that wants the lease.
#[derive(Debug)]
pub(super) struct Candidate {
    me: String,
    namespace: String,
    name: String,
    terms: Terms,
    view: View,
    held: Option<Held>,
    gained: u64,
}

impl Candidate {
    pub(super) fn new(settings: &LeaseSettings, terms: Terms) -> Self {
        Self {
            me: settings.identity.clone(),
            namespace: settings.namespace.clone(),
            name: settings.name.clone(),
            terms,
            view: View::Unread,
            held: None,
            gained: 0,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the record was seen, and not only that it is not there.
    pub(super) fn has_seen(&self) -> bool {
        matches!(self.view, View::Seen { .. })
    }

    /// What to do next.
    pub(super) fn decide(&self, now: Instant) -> Action {
        let free = match &self.view {
            View::Unread => false,
            View::Missing { taken_until } => taken_until.is_none_or(|until| now >= until),
            View::Seen { lease, at } => match holder(lease) {
                Some(holder) if holder != self.me => now >= *at + lasts(lease, self.terms.lease),
                Some(_) | None => true,
            },
        };
        if free { Action::Write } else { Action::Look }
    }

    /// What to write: our name, on the version of the record that was seen last, or a new record.
    pub(super) fn draft(&self, wall: Timestamp) -> Lease {
        let (mut lease, before) = match &self.view {
            View::Seen { lease, .. } => (Lease::clone(lease), holder(lease).map(str::to_owned)),
            View::Unread | View::Missing { .. } => (self.blank(), None),
        };
        let spec = lease.spec.get_or_insert_default();
        if before.as_deref() != Some(&self.me) {
            spec.acquire_time = Some(MicroTime(wall));
            spec.lease_transitions = Some(spec.lease_transitions.map_or(0, |count| count.saturating_add(1)));
        }
        spec.holder_identity = Some(self.me.clone());
        spec.renew_time = Some(MicroTime(wall));
        spec.lease_duration_seconds = Some(whole_seconds(self.terms.lease));
        lease
    }

    /// What to write to give the lease back; nothing when the record does not have our name.
    pub(super) fn resignation(&self, wall: Timestamp) -> Option<Lease> {
        let View::Seen { lease, .. } = &self.view else {
            return None;
        };
        let mut lease = Lease::clone(lease);
        let spec = lease
            .spec
            .as_mut()
            .filter(|spec| spec.holder_identity.as_deref() == Some(&self.me))?;
        spec.holder_identity = None;
        spec.renew_time = Some(MicroTime(wall));
        Some(lease)
    }

    /// A read was answered. `now` is after the answer: counting from there can only make us wait longer.
    pub(super) fn saw(&mut self, found: Option<Lease>, now: Instant) {
        let Some(lease) = found else {
            self.view = View::Missing {
                taken_until: self.taken_until(),
            };
            return;
        };
        // The version and not the record's times: two renewals within one tick of a clock would look the same.
        let at = match &self.view {
            View::Seen { lease: known, at }
                if version(known).is_some() && version(known) == version(&lease) =>
            {
                *at
            }
            _ => now,
        };
        if holder(&lease) != Some(&self.me) {
            self.held = None;
        }
        self.view = View::Seen {
            lease: Box::new(lease),
            at,
        };
    }

    /// A write of ours was accepted. It was sent at `sent`, and the claim counts from there: others may have seen it
    /// any time since.
    pub(super) fn wrote(&mut self, lease: Lease, sent: Instant, now: Instant) {
        let unbroken = self.held.filter(|held| now < held.until);
        if unbroken.is_none() {
            self.gained += 1;
        }
        self.held = Some(Held {
            term: self.gained,
            until: sent + self.terms.open,
        });
        self.view = View::Seen {
            lease: Box::new(lease),
            at: now,
        };
    }

    /// What may be claimed.
    pub(super) fn claim(&self, now: Instant) -> Claim {
        if let Some(Held { term, until }) = self.held.filter(|held| now < held.until) {
            return Claim::Held { term, until };
        }
        match &self.view {
            View::Seen { lease, .. } => match holder(lease) {
                Some(holder) if holder != self.me => Claim::Standby {
                    holder: holder.to_owned(),
                },
                Some(_) | None => Claim::Unknown,
            },
            View::Unread | View::Missing { .. } => Claim::Unknown,
        }
    }

    /// Until when somebody else may count on the record that was seen last, in case it went away.
    fn taken_until(&self) -> Option<Instant> {
        match &self.view {
            View::Unread => None,
            View::Missing { taken_until } => *taken_until,
            View::Seen { lease, at } => holder(lease)
                .filter(|holder| *holder != self.me)
                .map(|_| *at + lasts(lease, self.terms.lease)),
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

/// How long the record's holder counts on it, by its own word; `usual` when it does not say.
fn lasts(lease: &Lease, usual: Duration) -> Duration {
    let told = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    let told = told.and_then(|seconds| u64::try_from(seconds).ok());
    told.filter(|seconds| *seconds > 0)
        .map_or(usual, Duration::from_secs)
}

/// Rounded up: to wait too long is safe.
fn whole_seconds(duration: Duration) -> i32 {
    let part = u64::from(duration.subsec_nanos() > 0);
    i32::try_from(duration.as_secs() + part).unwrap_or(i32::MAX)
}
