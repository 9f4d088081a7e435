//! Plan of adoption: a role or an association that Lanyard did not create is tagged as Lanyard's for the
//! subject before any other change to it. Facts in, at most one step each out; no I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::builder::PlanBuilder;
use crate::model::field::Resource;
use crate::model::observed::RoleFacts;
use crate::model::subject::OWN_TAGS;
use crate::ownership::Ownership;
use crate::reconcile::desired::DesiredState;
use crate::reconcile::step::Step;

impl PlanBuilder<'_> {
    pub(super) fn adopt_role(&mut self, desired: &DesiredState, facts: &RoleFacts) {
        if desired.ownership.role != Ownership::Adopting {
            return;
        }
        self.steps.push(Step::AdoptRole {
            role: desired.binding.role_arn.clone(),
            tags: desired.subject.adoption_tags(),
            replaced: own_tags(facts.tags.present()),
        });
    }

    pub(super) fn adopt_association(&mut self, desired: &DesiredState) {
        let is_blocked = |resource| self.drift.conflict_on(resource).is_some();
        let adopts = desired.ownership.association == Ownership::Adopting;
        if !adopts || is_blocked(Resource::Role) || is_blocked(Resource::Association) {
            return;
        }
        if let Some(association) = self.observed.association.present() {
            self.steps.push(Step::AdoptAssociation {
                arn: association.arn.clone(),
                tags: desired.subject.adoption_tags(),
                replaced: own_tags(Some(&association.tags)),
            });
        }
    }
}

/// The keys of Lanyard's own tags that remain on the resource from a previous owner.
fn own_tags(tags: Option<&BTreeMap<String, String>>) -> BTreeSet<String> {
    let keys = tags.into_iter().flat_map(BTreeMap::keys);
    keys.filter(|key| OWN_TAGS.contains(&key.as_str()))
        .cloned()
        .collect()
}

/// Removes from tag changes (set, removed) the changes that the adoption step makes.
pub(super) fn besides_adopting(
    ownership: Ownership,
    (mut set, mut removed): (BTreeMap<String, String>, BTreeSet<String>),
) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let is_other = |key: &str| ownership != Ownership::Adopting || !OWN_TAGS.contains(&key);
    set.retain(|key, _| is_other(key));
    removed.retain(|key| is_other(key));
    (set, removed)
}
