//! The classes and the labels of namespaces, as the watches last showed them, and the turns that classes give.
//! A spec in, core's ruling on it out; no I/O of its own. `watch` fills it, `tally` counts what follows each class.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube_runtime::reflector::ObjectRef;
use lanyard_core::class::selector::Labels;
use lanyard_core::class::{Asked, Aws, Class, Listed, Record, Ruling, Whose, choose, rule};
use lanyard_core::cluster::Cluster;
use lanyard_core::fact::{Fact, Why};
use lanyard_core::spec::Spec;
use tokio::sync::{Notify, watch as channel};

use crate::context::Ref;
use crate::raw::Decoded;

mod tally;
mod watch;

pub use tally::tally;
pub use watch::watch;

/// What is known of classes.
#[derive(Debug)]
pub struct Classes {
    known: channel::Sender<Known>,
    turns: Mutex<BTreeMap<String, Turns>>,
    /// An identity or a class has changed since they were counted.
    changed: Arc<Notify>,
}

/// What the watches show.
#[derive(Debug)]
struct Known {
    classes: Fact<Vec<Listed>>,
    namespaces: Fact<BTreeMap<String, Labels>>,
}

/// Who of a class changes its binding.
#[derive(Debug, Default)]
struct Turns {
    /// Those that say so themselves.
    running: HashSet<Ref>,
    /// Those of them that go no further.
    failed: usize,
    /// Those that were given a turn and have not said so yet.
    given: BTreeSet<(String, String)>,
}

impl Classes {
    /// Nothing is known yet. `changed` tells of changes of identities.
    #[must_use]
    pub fn new(changed: Arc<Notify>) -> Self {
        let known = Known {
            classes: Fact::Unreadable(Why::NotRead),
            namespaces: Fact::Unreadable(Why::NotRead),
        };
        Self {
            known: channel::Sender::new(known),
            turns: Mutex::default(),
            changed,
        }
    }
}

impl Known {
    fn is_read(&self) -> bool {
        let unread = Some(&Why::NotRead);
        self.classes.unreadable() != unread && self.namespaces.unreadable() != unread
    }

    fn labels(&self, namespace: &str) -> Fact<Labels> {
        match &self.namespaces {
            Fact::Unreadable(why) => Fact::Unreadable(why.clone()),
            // Its objects are there, so it is: the watch has not shown it yet.
            Fact::Absent => Fact::Unreadable(Why::NotRead),
            Fact::Present(all) => match all.get(namespace) {
                Some(labels) => Fact::Present(labels.clone()),
                None => Fact::Unreadable(Why::NotRead),
            },
        }
    }
}

impl Classes {
    /// Waits until classes and namespaces were listed, or were refused.
    pub async fn known(&self) {
        let mut known = self.known.subscribe();
        // The sender is `self`: it cannot go away while it is waited for.
        drop(known.wait_for(Known::is_read).await);
    }

    /// What becomes of a spec under the class of its object.
    pub fn rule(&self, spec: &Spec, decoded: &Decoded, cluster: &Cluster) -> Ruling {
        let subject = &decoded.target.subject;
        let record = record(decoded);
        let known = self.known.borrow();
        let labels = known.labels(subject.namespace.as_str());
        let asked = Asked {
            class_name: spec.class_name.as_deref(),
            pinned: record.pinned(),
            labels: &labels,
        };
        let choice = choose(&asked, &known.classes);
        let whose = Whose { subject, cluster };
        let turn = |class: &Class| self.turn(class, decoded);
        rule(spec, whose, &choice, record, turn)
    }

    /// How the account of an object's roles is reached, as its class says it.
    pub fn account(&self, decoded: &Decoded) -> Aws {
        let known = self.known.borrow();
        let mut all = known.classes.present().into_iter().flatten();
        let found = match class_of(decoded) {
            Some(name) => all.find(|listed| listed.name == name),
            None => all.find(|listed| listed.is_default),
        };
        let class = found.and_then(|listed| listed.class.as_ref().ok());
        class.map(|class| class.aws.clone()).unwrap_or_default()
    }

    /// A class has changed: what follows each is counted again.
    fn changed(&self) {
        self.changed.notify_one();
    }

    /// Takes a turn of a class for an identity, if one is free.
    fn turn(&self, class: &Class, decoded: &Decoded) -> bool {
        let Some(name) = &class.name else { return true };
        let subject = &decoded.target.subject;
        let who = (subject.namespace.to_string(), subject.name.to_string());
        let mut turns = self.turns();
        let turns = turns.entry(name.clone()).or_default();
        let running = turns.running.len() - turns.failed.min(turns.running.len());
        let under_way = running + turns.given.len();
        if !turns.given.contains(&who) && class.transition.free(under_way, turns.failed) == 0 {
            return false;
        }
        turns.given.insert(who);
        true
    }

    fn turns(&self) -> MutexGuard<'_, BTreeMap<String, Turns>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is on record of an object.
fn record(decoded: &Decoded) -> Record<'_> {
    Record {
        status: &decoded.status,
        custody: decoded.target.marks.custody.as_ref(),
    }
}

/// The class that an object follows or asks for; `None`: the default one.
fn class_of(decoded: &Decoded) -> Option<&str> {
    let asked = decoded.spec.as_ref().ok();
    let asked = asked.and_then(|spec| spec.class_name.as_deref());
    record(decoded).pinned().or(asked)
}

fn reference(namespace: &str, name: &str) -> Ref {
    ObjectRef::new(name).within(namespace)
}
