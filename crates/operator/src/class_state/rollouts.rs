//! The followers and the rollout slots of every class.
//! Input: the counted followers, and requests for a slot. Output: granted slots, and the classes to reconcile. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use lanyard_core::class::{Class, ClassEntry, IdentityCounts, RolloutSlots};

use super::followers::{FollowerKey, Followers};

/// The followers and the rollout slots of every class. Unknown until the followers were counted in this leader term.
#[derive(Debug, Default)]
pub(super) struct Rollouts {
    by_class: Option<BTreeMap<String, Rollout>>,
}

#[derive(Debug, Default)]
struct Rollout {
    followers: Followers,
    slots: RolloutSlots<FollowerKey>,
}

/// The state of one class that its reconcile needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClassRollout {
    /// The counts of the followers.
    pub counts: IdentityCounts,
    /// The waiting identities for which a slot is free.
    pub next: Vec<FollowerKey>,
}

impl Rollouts {
    /// Takes over the counted followers. `is_to_start` returns true if an identity with a granted slot still has to
    /// start. Returns the names of the classes to reconcile: those with changed counts, with waiting followers or with
    /// a granted slot that is not used yet, and every class on the first count of a term.
    pub fn observe<'a>(
        &mut self,
        mut followers: BTreeMap<String, Followers>,
        classes: impl IntoIterator<Item = &'a ClassEntry>,
        is_to_start: impl Fn(&Class, &FollowerKey) -> bool,
    ) -> BTreeSet<String> {
        let is_first = self.by_class.is_none();
        let mut before = self.by_class.take().unwrap_or_default();
        let (mut now, mut due) = (BTreeMap::new(), BTreeSet::new());
        for listed in classes {
            let followers = followers.remove(&listed.name).unwrap_or_default();
            let mut rollout = before.remove(&listed.name).unwrap_or_default();
            rollout.slots.observe(&followers.counts, |identity| {
                listed
                    .class
                    .as_ref()
                    .is_ok_and(|class| is_to_start(class, identity))
            });
            let is_active = !followers.waiting.is_empty() || rollout.slots.is_any_pending();
            if is_first || is_active || followers != rollout.followers {
                due.insert(listed.name.clone());
            }
            rollout.followers = followers;
            now.insert(listed.name.clone(), rollout);
        }
        // Classes that the watch does not show yet, or that were deleted while identities followed them.
        now.extend(followers.into_iter().map(|(name, followers)| {
            let mut rollout = Rollout::default();
            rollout.slots.observe(&followers.counts, |_| false);
            rollout.followers = followers;
            (name, rollout)
        }));
        self.by_class = Some(now);
        due
    }

    /// Grants a slot of a class if one is free.
    pub fn grant(&mut self, class: &Class, identity: FollowerKey) -> bool {
        let Some(name) = &class.name else { return true };
        let Some(by_class) = &mut self.by_class else {
            return false;
        };
        let rollout = by_class.entry(name.clone()).or_default();
        rollout.slots.grant(identity, &class.transition)
    }

    /// Returns the state of a class. Returns `None` if the followers were not counted yet.
    pub fn get(&self, listed: &ClassEntry) -> Option<ClassRollout> {
        let Some(rollout) = self.by_class.as_ref()?.get(&listed.name) else {
            return Some(ClassRollout::default());
        };
        let class = listed.class.as_ref();
        let free = class.map_or(0, |class| rollout.slots.free(&class.transition));
        Some(ClassRollout {
            counts: rollout.followers.counts,
            next: rollout.followers.waiting.iter().take(free).cloned().collect(),
        })
    }

    /// Starts a leader term. Another replica may have granted slots since the last count.
    pub fn begin_term(&mut self) {
        self.by_class = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> FollowerKey {
        ("shop".to_owned(), name.to_owned())
    }

    fn listed(max_concurrent: u32) -> ClassEntry {
        let mut class = Class {
            name: Some("tenants".to_owned()),
            ..Class::default()
        };
        class.transition.max_concurrent = max_concurrent;
        ClassEntry {
            name: "tenants".to_owned(),
            is_default: false,
            is_deleting: false,
            class: Ok(class),
        }
    }

    fn followers(running: usize, waiting: &[&str]) -> BTreeMap<String, Followers> {
        let counts = IdentityCounts {
            total: running + waiting.len(),
            waiting: waiting.len(),
            running,
            ..IdentityCounts::default()
        };
        let waiting = waiting.iter().map(|name| key(name)).collect();
        [("tenants".to_owned(), Followers { counts, waiting })].into()
    }

    fn observe(rollouts: &mut Rollouts, listed: &ClassEntry, followers: BTreeMap<String, Followers>) -> bool {
        let due = rollouts.observe(followers, [listed], |_, _| false);
        due.contains("tenants")
    }

    #[test]
    fn no_slot_is_granted_before_the_first_count_of_a_term() {
        let (mut rollouts, listed) = (Rollouts::default(), listed(2));
        let class = listed.class.clone().unwrap();
        assert!(!rollouts.grant(&class, key("a")));
        assert_eq!(rollouts.get(&listed), None);
        assert!(observe(&mut rollouts, &listed, BTreeMap::new()));
        assert!(rollouts.grant(&class, key("a")));
        rollouts.begin_term();
        assert!(!rollouts.grant(&class, key("a")));
        assert!(rollouts.grant(&Class::unrestricted(), key("a")));
    }

    #[test]
    fn free_slots_go_to_the_first_waiting_identities() {
        let (mut rollouts, listed) = (Rollouts::default(), listed(3));
        observe(&mut rollouts, &listed, followers(1, &["c", "a", "b"]));
        let next = rollouts.get(&listed).unwrap().next;
        assert_eq!(next, [key("a"), key("b")]);
        let class = listed.class.clone().unwrap();
        assert!(rollouts.grant(&class, key("a")) && rollouts.grant(&class, key("b")));
        assert!(!rollouts.grant(&class, key("c")));
        assert!(rollouts.get(&listed).unwrap().next.is_empty());
    }

    #[test]
    fn class_is_due_when_its_followers_change_or_wait() {
        let (mut rollouts, listed) = (Rollouts::default(), listed(1));
        assert!(observe(&mut rollouts, &listed, followers(1, &[])), "first count");
        assert!(!observe(&mut rollouts, &listed, followers(1, &[])));
        assert!(observe(&mut rollouts, &listed, followers(0, &["a"])));
        assert!(
            observe(&mut rollouts, &listed, followers(0, &["a"])),
            "still waiting"
        );
        let class = listed.class.clone().unwrap();
        assert!(rollouts.grant(&class, key("a")));
        assert!(observe(&mut rollouts, &listed, followers(0, &[])));
        assert!(
            !observe(&mut rollouts, &listed, followers(0, &[])),
            "the slot is free again"
        );
    }

    #[test]
    fn followers_of_an_unlisted_class_hold_its_slots() {
        let (mut rollouts, listed) = (Rollouts::default(), listed(1));
        rollouts.observe(followers(1, &[]), [], |_, _| false);
        let class = listed.class.clone().unwrap();
        assert!(!rollouts.grant(&class, key("b")));
    }
}
