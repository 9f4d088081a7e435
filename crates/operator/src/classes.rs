//! The classes and the labels of namespaces, as the watches last showed them, and the turns that classes give.
//! A spec in, core's ruling on it out; no I/O of its own. `watch` fills it, `counts` counts what follows each class.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::core::ObjectMeta;
use kube_runtime::reflector::ObjectRef;
use lanyard_api::class::WorkloadIdentityClassStatus;
use lanyard_core::class::selector::Labels;
use lanyard_core::class::{Aws, Class, ClassEntry, ClassRequest, Selection, select};
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::spec::Spec;
use lanyard_core::reconcile::class_decision::{ClassDecision, Record, Whose, rule};
use tokio::sync::{Notify, watch as channel};

use crate::context::IdentityRef;
use crate::raw::Decoded;

mod counts;
mod finalizer;
mod watch;

pub use counts::count_followers;
pub(crate) use finalizer::hold;
pub use watch::watch;

/// What is known of classes.
#[derive(Debug)]
pub struct Classes {
    known: channel::Sender<Known>,
    /// By class; unknown until the identities were counted.
    turns: Mutex<Option<BTreeMap<String, RolloutSlots>>>,
    changes: Arc<Changes>,
}

/// What happens to identities, for those who count them.
#[derive(Debug, Default)]
pub struct Changes {
    changed: Notify,
    listed: channel::Sender<bool>,
}

impl Changes {
    /// One has changed.
    pub fn tell(&self) {
        self.changed.notify_one();
    }

    /// All of them are in the store. The store's own word for it wakes only one of those who wait for it.
    pub fn all_listed(&self) {
        self.listed.send_replace(true);
    }

    async fn are_listed(&self) {
        let mut listed = self.listed.subscribe();
        // The sender is `self`: it cannot go away while it is waited for.
        drop(listed.wait_for(|listed| *listed).await);
    }
}

/// What the watches show.
#[derive(Debug)]
struct Known {
    classes: Fact<Vec<ClassEntry>>,
    /// What else there is of each class, for those who write to it.
    shown: BTreeMap<String, Shown>,
    namespaces: Fact<BTreeMap<String, Labels>>,
    /// Whether every identity has to follow a class.
    required: bool,
}

/// What a class is like apart from what it says.
#[derive(Debug, Clone, PartialEq)]
struct Shown {
    metadata: ObjectMeta,
    status: WorkloadIdentityClassStatus,
}

/// Who of a class changes its binding.
#[derive(Debug, Default)]
struct RolloutSlots {
    /// Those that say so themselves.
    running: HashSet<IdentityRef>,
    /// Those of them that go no further.
    failed: usize,
    /// Those that were given a turn and have not said so yet.
    given: BTreeSet<(String, String)>,
}

impl Classes {
    /// Nothing is known yet. `changes` tells of changes of identities; `required`: whether each has to follow a class.
    #[must_use]
    pub fn new(changes: Arc<Changes>, required: bool) -> Self {
        let known = Known {
            classes: Fact::Unreadable(ReadError::NotRead),
            shown: BTreeMap::new(),
            namespaces: Fact::Unreadable(ReadError::NotRead),
            required,
        };
        Self {
            known: channel::Sender::new(known),
            turns: Mutex::default(),
            changes,
        }
    }
}

impl Known {
    fn is_read(&self) -> bool {
        let unread = Some(&ReadError::NotRead);
        self.classes.unreadable() != unread && self.namespaces.unreadable() != unread
    }

    /// What follows from the class that is chosen for a spec.
    fn chosen<R>(&self, spec: &Spec, decoded: &Decoded, then: impl FnOnce(&Selection<'_>) -> R) -> R {
        let labels = self.labels(decoded.target.subject.namespace.as_str());
        let asked = ClassRequest {
            class_name: spec.class_name.as_deref(),
            pinned: record(decoded).pinned(),
            labels: &labels,
            required: self.required,
        };
        then(&select(&asked, &self.classes))
    }

    fn labels(&self, namespace: &str) -> Fact<Labels> {
        match &self.namespaces {
            Fact::Unreadable(why) => Fact::Unreadable(why.clone()),
            // Its objects are there, so it is: the watch has not shown it yet.
            Fact::Absent => Fact::Unreadable(ReadError::NotRead),
            Fact::Present(all) => match all.get(namespace) {
                Some(labels) => Fact::Present(labels.clone()),
                None => Fact::Unreadable(ReadError::NotRead),
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
    pub fn rule(&self, spec: &Spec, decoded: &Decoded, cluster: &Cluster) -> ClassDecision {
        self.rule_by(spec, decoded, cluster, |class| self.turn(class, decoded))
    }

    /// The same for an object that rests: no turn of a class is taken, so that one whose class asks it to change waits.
    pub fn rule_at_rest(&self, spec: &Spec, decoded: &Decoded, cluster: &Cluster) -> ClassDecision {
        self.rule_by(spec, decoded, cluster, |_| false)
    }

    fn rule_by(
        &self,
        spec: &Spec,
        decoded: &Decoded,
        cluster: &Cluster,
        turn: impl FnOnce(&Class) -> bool,
    ) -> ClassDecision {
        let known = self.known.borrow();
        let whose = Whose {
            subject: &decoded.target.subject,
            cluster,
        };
        known.chosen(spec, decoded, |choice| {
            rule(spec, whose, choice, record(decoded), turn)
        })
    }

    /// Waits until all identities are in the store.
    pub async fn all_listed(&self) {
        self.changes.are_listed().await;
    }

    /// How the account of an object's roles is reached, as its class says it. One that stays has to follow the class by
    /// right; of one that goes, its own roles are to be removed, whatever became of its class.
    pub fn account(&self, decoded: &Decoded) -> Aws {
        let known = self.known.borrow();
        if let (Ok(spec), false) = (&decoded.spec, decoded.goes) {
            let aws = |choice: &Selection<'_>| choice.aws().cloned();
            return known.chosen(spec, decoded, aws).unwrap_or_default();
        }
        account_of(known.classes.present().into_iter().flatten(), decoded)
    }

    /// How every account is reached that a class leads to.
    pub fn accounts(&self) -> Vec<Aws> {
        let known = self.known.borrow();
        let listed = known.classes.present().into_iter().flatten();
        listed.filter_map(ClassEntry::aws).cloned().collect()
    }

    /// A class has changed: what follows each is counted again.
    fn changed(&self) {
        self.changes.tell();
    }

    /// Takes a turn of a class for an identity, if one is free.
    fn turn(&self, class: &Class, decoded: &Decoded) -> bool {
        let Some(name) = &class.name else { return true };
        let subject = &decoded.target.subject;
        let who = (subject.namespace.to_string(), subject.name.to_string());
        let mut turns = self.turns();
        let Some(turns) = turns.as_mut() else { return false };
        let turns = turns.entry(name.clone()).or_default();
        let running = turns.running.len() - turns.failed.min(turns.running.len());
        let under_way = running + turns.given.len();
        if !turns.given.contains(&who) && class.transition.free(under_way, turns.failed) == 0 {
            return false;
        }
        turns.given.insert(who);
        true
    }

    /// Somebody else may have led since: who changes has to be counted again.
    pub fn forget_turns(&self) {
        *self.turns() = None;
        self.changed();
    }

    fn turns(&self) -> MutexGuard<'_, Option<BTreeMap<String, RolloutSlots>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is on record of an object.
fn record(decoded: &Decoded) -> Record<'_> {
    Record {
        status: &decoded.status,
        inventory: decoded.target.control.inventory.as_ref(),
    }
}

/// The class that an object follows or asks for; `None`: the default one.
fn class_of(decoded: &Decoded) -> Option<&str> {
    let asked = decoded.spec.as_ref().ok();
    let asked = asked.and_then(|spec| spec.class_name.as_deref());
    record(decoded).pinned().or(asked)
}

/// How the account of the roles of an object that goes is reached: as the class says that it followed.
pub(crate) fn account_of<'a>(classes: impl IntoIterator<Item = &'a ClassEntry>, decoded: &Decoded) -> Aws {
    let followed = |listed: &&ClassEntry| Some(listed.name.as_str()) == class_of(decoded);
    let found = classes.into_iter().find(followed);
    found.and_then(ClassEntry::aws).cloned().unwrap_or_default()
}

fn reference(namespace: &str, name: &str) -> IdentityRef {
    ObjectRef::new(name).within(namespace)
}
