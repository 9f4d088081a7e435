//! Effects: applies a completed step to the observed facts, so that no read follows a write. The engine folds
//! completed steps with it, and the property tests of the planner rely on it. Facts, a step and its answer
//! in; facts out. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use crate::identity::ManagedRole;
use crate::model::arn::RoleArn;
use crate::model::fact::Fact;
use crate::model::observed::{
    Agent, Annotation, Association, ControlMetadata, Effect, Observed, Provider, RoleFacts, ServiceAccount,
};
use crate::model::shared_trust::RoleMembership;
use crate::model::subject::{OWN_TAGS, TAG_RETAINED};
use crate::model::workload::{RestartedFor, WorkloadRef};
use crate::reconcile::desired::DesiredAssociation;
use crate::reconcile::outcome::Answer;
use crate::reconcile::step::Step;
use lanyard_iam_policy::Document;

/// Placeholder for an id that the server assigns, until an answer contains it.
const ASSUMED: &str = "assumed";

impl Observed {
    /// Updates the facts for a step that took effect, with its answer.
    pub fn assume(&mut self, step: &Step, answer: &Answer) {
        match step {
            Step::RecordInventory { inventory } => {
                self.object.finalizer = true;
                self.object.inventory = Some(inventory.clone());
            }
            Step::ReleaseObject { .. } => self.object = ControlMetadata::default(),
            Step::CreateProvider { client_id, .. } => {
                self.provider = Fact::Present(Provider {
                    client_ids: BTreeSet::from([client_id.to_string()]),
                    modified_at: None,
                });
            }
            Step::AddClientId { client_id, .. } => {
                if let Fact::Present(provider) = &mut self.provider {
                    provider.client_ids.insert(client_id.to_string());
                }
            }
            Step::InstallAgent {} => {
                self.agent = Fact::Present(Agent {
                    ready: false,
                    found: "add-on CREATING".to_owned(),
                });
            }
            Step::AdoptAssociation { .. }
            | Step::CreateAssociation { .. }
            | Step::UpdateAssociation { .. }
            | Step::TagAssociation { .. }
            | Step::UntagAssociation { .. }
            | Step::DeleteAssociation { .. }
            | Step::ReleaseAssociation {} => self.assume_association(step, answer),
            Step::Annotate { set, remove, .. } => self.assume_annotations(set, remove),
            Step::DeleteServiceAccount {} => self.service_account = Fact::Absent,
            Step::CreateRole { role, desired, trust } => {
                drop(self.roles.insert(role.clone(), created(desired, trust, answer)));
            }
            Step::DeleteRole { role } => drop(self.roles.insert(role.clone(), RoleFacts::absent())),
            Step::LeaveInstanceProfiles { .. } => {}
            Step::RestartWorkload { owner, mark } => self.assume_restart(owner, mark),
            Step::AdoptRole { role, .. }
            | Step::SetBoundary { role, .. }
            | Step::RemoveBoundary { role }
            | Step::UpdateRole { role, .. }
            | Step::TagRole { role, .. }
            | Step::UntagRole { role, .. }
            | Step::AttachPolicy { role, .. }
            | Step::PutInlinePolicy { role, .. }
            | Step::DetachPolicy { role, .. }
            | Step::DeleteInlinePolicy { role, .. }
            | Step::SetTrust { role, .. }
            | Step::ReleaseRole { role } => self.assume_role(role, step),
            Step::PutSubject { role, .. } | Step::RemoveSubject { role, .. } => {
                self.assume_trust(role, step, answer);
            }
        }
    }

    fn assume_role(&mut self, arn: &RoleArn, step: &Step) {
        let Some(role) = self.roles.get_mut(arn) else {
            return;
        };
        match step {
            Step::SetBoundary { boundary, .. } => role.boundary = Fact::Present(boundary.clone()),
            Step::RemoveBoundary { .. } => role.boundary = Fact::Absent,
            Step::UpdateRole {
                description,
                max_session,
                ..
            } => {
                if let Some(text) = description {
                    role.description = Some(text.clone()).filter(|text| !text.is_empty()).into();
                }
                if let Some(seconds) = max_session {
                    role.max_session = Fact::Present(*seconds);
                }
            }
            Step::SetTrust { document, .. } => role.trust = Fact::Present(document.clone()),
            Step::AdoptRole { tags, replaced, .. } => {
                edit(&mut role.tags, |current| {
                    untagged(current, replaced);
                    tagged(current, tags);
                });
            }
            Step::TagRole { tags, .. } => edit(&mut role.tags, |current| tagged(current, tags)),
            Step::UntagRole { keys, .. } => edit(&mut role.tags, |current| untagged(current, keys)),
            Step::ReleaseRole { .. } => edit(&mut role.tags, released),
            Step::AttachPolicy { policy, .. } => {
                edit(&mut role.attached, |current| {
                    drop(current.insert(policy.clone(), Fact::Present(Effect::Grants)))
                });
            }
            Step::DetachPolicy { policy, .. } => {
                edit(&mut role.attached, |current| drop(current.remove(policy)))
            }
            Step::PutInlinePolicy { name, document, .. } => {
                edit(&mut role.inline, |current| {
                    drop(current.insert(name.clone(), document.clone()))
                });
            }
            Step::DeleteInlinePolicy { name, .. } => {
                edit(&mut role.inline, |current| drop(current.remove(name)))
            }
            _ => {}
        }
    }

    /// The policy has other writers, so only the answer contains the result of the merge.
    fn assume_trust(&mut self, arn: &RoleArn, step: &Step, answer: &Answer) {
        if let Step::PutSubject { role, membership, .. } = step {
            self.confirmed.insert(RoleMembership {
                role: role.clone(),
                membership: membership.clone(),
            });
        }
        let Some(trust) = self.roles.get_mut(arn).and_then(|role| role.trust.present_mut()) else {
            return;
        };
        match (step, answer) {
            (_, Answer::Trust(written)) => *trust = written.clone(),
            (
                Step::PutSubject {
                    membership, alone, ..
                },
                _,
            ) => *trust = membership.put(trust, alone),
            (Step::RemoveSubject { membership, .. }, _) => *trust = membership.remove(trust),
            _ => {}
        }
    }

    fn assume_association(&mut self, step: &Step, answer: &Answer) {
        if let Answer::Association(answered) = answer {
            self.association = Fact::Present((**answered).clone());
            return;
        }
        match (step, &mut self.association) {
            (Step::CreateAssociation { desired, .. }, _) => {
                self.association = Fact::Present(associated(desired))
            }
            (Step::DeleteAssociation { .. }, _) => self.association = Fact::Absent,
            (Step::UpdateAssociation { desired, .. }, Fact::Present(current)) => {
                current.role_arn = desired.role_arn.clone();
                current.target_role_arn = desired.target_role_arn.clone();
                current.session_tags = desired.session_tags;
                current.policy = desired.policy.clone();
            }
            (Step::AdoptAssociation { tags, replaced, .. }, Fact::Present(current)) => {
                adopted(&mut current.tags, tags, replaced);
            }
            (Step::TagAssociation { tags }, Fact::Present(current)) => current.tags.extend(tags.clone()),
            (Step::UntagAssociation { keys }, Fact::Present(current)) => {
                current.tags.retain(|key, _| !keys.contains(key));
            }
            (Step::ReleaseAssociation {}, Fact::Present(current)) => released(&mut current.tags),
            _ => {}
        }
    }

    fn assume_restart(&mut self, owner: &WorkloadRef, mark: &RestartedFor) {
        let workloads = self.workloads.present_mut().into_iter().flatten();
        for workload in workloads.filter(|workload| workload.owner == *owner) {
            workload.restarted_for = Some(mark.clone());
            workload.rolled_out = false;
        }
    }

    fn assume_annotations(&mut self, set: &BTreeMap<String, String>, remove: &BTreeSet<String>) {
        if self.service_account.is_absent() {
            self.service_account = Fact::Present(ServiceAccount {
                created_by_us: true,
                ..ServiceAccount::default()
            });
        }
        let Fact::Present(account) = &mut self.service_account else {
            return;
        };
        account
            .annotations
            .retain(|key, current| !remove.contains(key) && (set.contains_key(key) || !current.ours));
        for (key, value) in set {
            let annotation = Annotation {
                value: value.clone(),
                ours: true,
                manager: None,
            };
            account.annotations.insert(key.clone(), annotation);
        }
    }
}

fn created(desired: &ManagedRole, trust: &Document, answer: &Answer) -> RoleFacts {
    let id = match answer {
        Answer::RoleId(id) => id.clone(),
        Answer::Nothing | Answer::Association(_) | Answer::Trust(_) => ASSUMED.to_owned(),
    };
    RoleFacts {
        id: Fact::Present(id),
        elsewhere: None,
        modified_at: None,
        trust: Fact::Present(trust.clone()),
        description: desired.description.clone().into(),
        max_session: Fact::Present(desired.max_session),
        boundary: desired.boundary.clone().into(),
        tags: Fact::Present(desired.tags.clone()),
        attached: Fact::Present(BTreeMap::new()),
        inline: Fact::Present(BTreeMap::new()),
    }
}

fn associated(desired: &DesiredAssociation) -> Association {
    Association {
        id: ASSUMED.to_owned(),
        arn: ASSUMED.to_owned(),
        role_arn: desired.role_arn.clone(),
        target_role_arn: desired.target_role_arn.clone(),
        session_tags: desired.session_tags,
        policy: desired.policy.clone(),
        tags: desired.tags.clone(),
        owner_arn: None,
        external_id: None,
        modified_at: None,
    }
}

/// Edits the map behind a fact. An unreadable fact stays unreadable: no step needs it.
fn edit<K: Ord, V>(fact: &mut Fact<BTreeMap<K, V>>, change: impl FnOnce(&mut BTreeMap<K, V>)) {
    if fact.is_absent() {
        *fact = Fact::Present(BTreeMap::new());
    }
    if let Some(map) = fact.present_mut() {
        change(map);
    }
}

/// Sets tags of a role. IAM has one tag for all spellings of a key.
fn tagged(current: &mut BTreeMap<String, String>, tags: &BTreeMap<String, String>) {
    untagged(current, &tags.keys().cloned().collect());
    current.extend(tags.clone());
}

fn untagged(current: &mut BTreeMap<String, String>, keys: &BTreeSet<String>) {
    current.retain(|key, _| !keys.iter().any(|other| other.eq_ignore_ascii_case(key)));
}

fn adopted(
    current: &mut BTreeMap<String, String>,
    tags: &BTreeMap<String, String>,
    replaced: &BTreeSet<String>,
) {
    current.retain(|key, _| !replaced.contains(key));
    current.extend(tags.clone());
}

fn released(tags: &mut BTreeMap<String, String>) {
    tags.retain(|key, _| !OWN_TAGS.contains(&key.as_str()));
    tags.insert(TAG_RETAINED.to_owned(), "true".to_owned());
}
