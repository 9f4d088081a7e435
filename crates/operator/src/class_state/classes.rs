//! The shared state of the classes, behind locks: the class index and the rollouts.
//! Input: watch events and decoded identities. Output: the class decision for a spec, and the objects to requeue. No
//! I/O.

use std::collections::BTreeSet;
use std::sync::Arc;

use lanyard_core::class::{Aws, Class, ClassEntry, Selection};
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::spec::Spec;
use lanyard_core::reconcile::class_decision::{ClassDecision, SpecContext, decide_class};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::changes::IdentityChanges;
use super::followers::{Followers, is_to_start, key};
use super::index::{Affected, ClassIndex};
use super::record::{account_of, record};
use super::rollouts::{ClassRollout, Rollouts};
use lanyard_engine::raw::Decoded;

/// The shared state of the classes.
#[derive(Debug)]
pub struct Classes {
    index: watch::Sender<ClassIndex>,
    rollouts: Mutex<Rollouts>,
    changes: Arc<IdentityChanges>,
}

impl Classes {
    /// Creates an empty state. `changes` reports changes of identities. `require_class`: whether every identity has to
    /// follow a class.
    #[must_use]
    pub fn new(changes: Arc<IdentityChanges>, require_class: bool) -> Self {
        Self {
            index: watch::Sender::new(ClassIndex::new(require_class)),
            rollouts: Mutex::default(),
            changes,
        }
    }

    /// Waits until classes and namespaces were listed, or the API server refused to list them.
    pub async fn known(&self) {
        let mut index = self.index.subscribe();
        // `self` owns the sender, so the channel cannot close during the wait.
        drop(index.wait_for(ClassIndex::is_read).await);
    }

    /// Waits until all identities are in the store.
    pub async fn all_listed(&self) {
        self.changes.wait_until_listed().await;
    }

    /// Waits until an identity, a class or a namespace has changed since the last call.
    pub(crate) async fn changed(&self) {
        self.changes.changed().await;
    }

    /// Applies a watch event to the index. Returns the identities that the event affects.
    pub(crate) fn apply(&self, apply: impl FnOnce(&mut ClassIndex) -> Affected) -> Affected {
        let mut affected = Affected::None;
        self.index.send_modify(|index| affected = apply(index));
        if affected != Affected::None {
            self.changes.notify();
        }
        affected
    }

    /// Decides on a spec under the class of its object. Takes a rollout slot if the decision needs one.
    pub fn rule(&self, spec: &Spec, identity: &Decoded, cluster: &Cluster) -> ClassDecision {
        self.decide(spec, identity, cluster, |class| {
            self.rollouts.lock().grant(class, key(identity))
        })
    }

    /// Decides on a spec without taking a rollout slot. An identity that would need one keeps its method.
    pub fn rule_at_rest(&self, spec: &Spec, identity: &Decoded, cluster: &Cluster) -> ClassDecision {
        self.decide(spec, identity, cluster, |_| false)
    }

    fn decide(
        &self,
        spec: &Spec,
        identity: &Decoded,
        cluster: &Cluster,
        grant: impl FnOnce(&Class) -> bool,
    ) -> ClassDecision {
        let context = SpecContext {
            subject: &identity.target.subject,
            cluster,
        };
        let index = self.index.borrow();
        index.select(spec, identity, |selection| {
            decide_class(spec, context, selection, record(identity), grant)
        })
    }

    /// The account of the roles of an identity, as given by its class. A live identity has to be allowed by the class.
    /// A deleted one only needs the account to remove its roles, whatever the class allows now.
    pub fn account(&self, identity: &Decoded) -> Aws {
        let index = self.index.borrow();
        if let (Ok(spec), false) = (&identity.spec, identity.is_deleting) {
            let aws = |selection: &Selection<'_>| selection.aws().cloned();
            return index.select(spec, identity, aws).unwrap_or_default();
        }
        account_of(index.classes(), identity)
    }

    /// The accounts of all classes.
    pub fn accounts(&self) -> Vec<Aws> {
        let index = self.index.borrow();
        index.classes().filter_map(ClassEntry::aws).cloned().collect()
    }

    /// Counts the followers of every class. `get` returns an identity by its key. Returns the names of the classes to
    /// reconcile.
    pub(crate) fn count(
        &self,
        identities: impl IntoIterator<Item = Decoded>,
        get: impl Fn(&(String, String)) -> Option<Decoded>,
    ) -> BTreeSet<String> {
        let followers = Followers::by_class(identities);
        let classes: Vec<ClassEntry> = self.index.borrow().classes().cloned().collect();
        self.rollouts.lock().observe(followers, &classes, |class, key| {
            get(key).is_some_and(|identity| is_to_start(&identity, class))
        })
    }

    /// Returns the counts and the next identities of a class. Returns `None` if the watch does not show the class, or
    /// if the followers were not counted in this leader term.
    pub(crate) fn rollout(&self, listed: &ClassEntry) -> Option<ClassRollout> {
        let is_known = self
            .index
            .borrow()
            .classes()
            .any(|known| known.name == listed.name);
        is_known.then(|| self.rollouts.lock().get(listed))?
    }

    /// Starts a leader term. Another replica may have granted slots since, so the followers are counted again first.
    pub fn forget_turns(&self) {
        self.rollouts.lock().begin_term();
        self.changes.notify();
    }
}
