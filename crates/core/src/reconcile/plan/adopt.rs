//! Plan, adoption: a role or an association that somebody else made is marked as Lanyard's for the subject, before
//! anything of it is touched. Facts in, at most one step each into the draft; no I/O. Called by `plan` only.

use std::collections::{BTreeMap, BTreeSet};

use super::PlanBuilder;
use crate::model::field::Resource;
use crate::model::observed::RoleFacts;
use crate::model::subject::OWN_TAGS;
use crate::ownership::Ownership;
use crate::reconcile::desired::DesiredState;
use crate::reconcile::step::Step;

impl PlanBuilder<'_> {
    pub(super) fn adopt_role(&mut self, wanted: &DesiredState, facts: &RoleFacts) {
        if wanted.ownership.role != Ownership::Adopting {
            return;
        }
        self.steps.push(Step::AdoptRole {
            role: wanted.binding.role_arn.clone(),
            tags: wanted.subject.adoption_tags(),
            replaced: own_tags(facts.tags.present()),
        });
    }

    pub(super) fn adopt_association(&mut self, wanted: &DesiredState) {
        let in_the_way = |on| self.drift.conflict_on(on).is_some();
        let adopts = wanted.ownership.association == Ownership::Adopting;
        if !adopts || in_the_way(Resource::Role) || in_the_way(Resource::Association) {
            return;
        }
        if let Some(found) = self.observed.association.present() {
            self.steps.push(Step::AdoptAssociation {
                arn: found.arn.clone(),
                tags: wanted.subject.adoption_tags(),
                replaced: own_tags(Some(&found.tags)),
            });
        }
    }
}

/// Tags of Lanyard's own that stand there from before, when somebody else held the thing.
fn own_tags(found: Option<&BTreeMap<String, String>>) -> BTreeSet<String> {
    let keys = found.into_iter().flat_map(BTreeMap::keys);
    keys.filter(|key| OWN_TAGS.contains(&key.as_str()))
        .cloned()
        .collect()
}

/// The same changes of tags, set and taken off, without those that adopting makes.
pub(super) fn besides_adopting(
    ownership: Ownership,
    (mut set, mut gone): (BTreeMap<String, String>, BTreeSet<String>),
) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let stays = |key: &str| ownership != Ownership::Adopting || !OWN_TAGS.contains(&key);
    set.retain(|key, _| stays(key));
    gone.retain(|key| stays(key));
    (set, gone)
}
