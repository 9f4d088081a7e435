//! The identities in the material: their origins, their proposals, and if the plan of a proposal only sets marks. Material and
//! a plan in, items out; no I/O.

use std::collections::{BTreeMap, BTreeSet};

use lanyard_api::{ANNOTATION_ADOPT, WorkloadIdentity};
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::name::{Namespace, ServiceAccountName};
use lanyard_core::model::observed::{Association, RoleFacts};
use lanyard_core::model::subject::Subject;
use lanyard_core::origin::exit::Handed;
use lanyard_core::origin::object::Maker;
use lanyard_core::origin::proposal::{Bound, Found, Left, Proposal, Takeover, bound};
use lanyard_core::origin::terraform::Terraform;
use lanyard_core::origin::{Origin, Part, account, form, tags};
use serde_json::{Map, Value, json};

use super::item::{ImportItem, ImportState};
use super::read::{FoundAssociation, Key, Material};
use crate::plan::{PlanItem, State};

/// The step that adds the trust statement of the subject to an adopted role.
const OWN_STATEMENT: &str = "PutSubject";

/// One identity in the material.
pub(super) struct Identity<'a> {
    /// The subject.
    pub subject: Subject,
    /// The sources of its role.
    pub found: Found<'a>,
    /// Its binding, or the reason to leave it.
    pub bound: Result<Bound, Left>,
}

/// The identities of the material: each ServiceAccount with a role, and each requested one.
pub(super) fn identities<'a>(
    material: &'a Material,
    cluster: &Cluster,
    requested: bool,
) -> Vec<Identity<'a>> {
    let with_role = material
        .accounts
        .iter()
        .filter(|(_, account)| requested || account.role().is_some());
    let keys: BTreeSet<&Key> = with_role
        .map(|(key, _)| key)
        .chain(material.associations.keys())
        .collect();
    keys.into_iter()
        .filter_map(|key| identity(material, cluster, key))
        .collect()
}

fn identity<'a>(material: &'a Material, cluster: &Cluster, key: &Key) -> Option<Identity<'a>> {
    let subject = Subject {
        cluster: cluster.identity.clone(),
        namespace: Namespace::parse(key.0.clone()).ok()?,
        name: ServiceAccountName::parse(key.1.clone()).ok()?,
    };
    let (association, owner, error) = match material.associations.get(key) {
        None => (None, None, None),
        Some(FoundAssociation::OfAddOn(owner)) => (None, Some(owner.clone()), None),
        Some(FoundAssociation::Other(fact)) => (fact.present(), None, fact.unreadable()),
    };
    let found = Found {
        account: material.accounts.get(key),
        association,
    };
    let bound = match owner {
        _ if material.identities.contains(key) => Err(Left::Exists),
        Some(owner) => Err(Left::AddOn(owner)),
        None => match error {
            Some(error) => Err(Left::UnreadAssociation(error.clone())),
            None => bound(found),
        },
    };
    Some(Identity {
        subject,
        found,
        bound,
    })
}

impl Identity<'_> {
    /// The key in the material.
    pub fn key(&self) -> Key {
        (self.subject.namespace.to_string(), self.subject.name.to_string())
    }

    /// Every origin of its parts.
    pub fn origins(
        &self,
        role: Option<&RoleFacts>,
        material: &Material,
        terraform: &Terraform,
    ) -> Vec<Origin> {
        let mut origins = Vec::new();
        if let Ok(bound) = &self.bound {
            origins.extend(terraform.role(&bound.role));
            origins.extend(
                material
                    .makers
                    .iter()
                    .filter(|maker| makes_role(maker, &bound.role))
                    .map(Maker::origin),
            );
            if let Some(facts) = role {
                let of_tags = facts.tags.present().map(|tags| tags::origins(Part::Role, tags));
                origins.extend(of_tags.unwrap_or_default());
                origins.extend(form::origins(&bound.role, facts));
            }
        }
        if let Some(association) = self.found.association {
            origins.extend(terraform.association(&association.arn));
            let makers = material
                .makers
                .iter()
                .filter(|maker| maker.arn == association.arn);
            origins.extend(makers.map(Maker::origin));
            origins.extend(tags::origins(Part::Association, &association.tags));
        }
        if let Some(found) = self.found.account.filter(|account| account.role().is_some()) {
            origins.extend(terraform.account(&self.subject));
            origins.extend(account::origins(found));
        }
        origins
    }

    /// The identity for the exit of its tools.
    pub fn handed<'a>(
        &'a self,
        origins: &'a [Origin],
        takeover: Takeover,
        role: Option<&RoleFacts>,
        (makers, terraform): (&'a [Maker], &'a Terraform),
    ) -> Option<Handed<'a>> {
        let bound = self.bound.as_ref().ok()?;
        let association = self.found.association;
        let takes_role = takeover == Takeover::Adopt;
        let stack = |tags: &BTreeMap<String, String>| tags.get(tags::TAG_STACK).cloned();
        let of_role = role
            .filter(|_| takes_role)
            .and_then(|facts| stack(facts.tags.present()?));
        let of_association = association.and_then(|association| stack(&association.tags));
        let made = makers.iter().filter(|maker| {
            makes_role(maker, &bound.role)
                || association.is_some_and(|association| association.arn == maker.arn)
        });
        let role_part = takes_role.then_some(Part::Role);
        Some(Handed {
            subject: &self.subject,
            role: &bound.role,
            origins,
            parts: role_part
                .into_iter()
                .chain(association.map(|_| Part::Association))
                .collect(),
            stacks: of_role.into_iter().chain(of_association).collect(),
            makers: made.collect(),
            policies: terraform.policies(&bound.role),
        })
    }

    /// The association as a fact for the plan.
    pub fn association(&self, material: &Material) -> Fact<Association> {
        match (self.found.association, &material.no_associations) {
            (Some(association), _) => Fact::Present(association.clone()),
            (None, Some(error)) => Fact::Unreadable(error.clone()),
            (None, None) => Fact::Absent,
        }
    }
}

fn makes_role(maker: &Maker, role: &RoleArn) -> bool {
    maker.kind.part == Part::Role && maker.arn == role.to_string()
}

/// The WorkloadIdentity of a proposal, as a manifest.
pub(super) fn manifest(subject: &Subject, proposal: &Proposal) -> Value {
    let mut metadata = Map::from_iter([
        ("name".to_owned(), json!(subject.name.to_string())),
        ("namespace".to_owned(), json!(subject.namespace.to_string())),
    ]);
    if !proposal.adopt.is_empty() {
        let adopt = json!({ANNOTATION_ADOPT: proposal.adopt.join(",")});
        metadata.insert("annotations".to_owned(), adopt);
    }
    let version = <WorkloadIdentity as kube::Resource>::api_version(&()).into_owned();
    let kind = <WorkloadIdentity as kube::Resource>::kind(&()).into_owned();
    json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": proposal.spec})
}

/// Adds the plan to an item. The object is ready only if the plan is complete and sets nothing but marks.
pub(super) fn with_plan(mut item: ImportItem, plan: PlanItem, takeover: Takeover) -> ImportItem {
    item.effects = plan.effects();
    item.steps = plan.steps.iter().map(|step| step.text.clone()).collect();
    let mut reasons = Vec::new();
    match plan.state {
        State::Planned => {}
        State::Invalid => reasons.push("the spec is invalid".to_owned()),
        State::Rejected => reasons.push("the class does not allow it".to_owned()),
        State::Unknown => reasons.push("it could not be planned".to_owned()),
    }
    reasons.extend(plan.messages.iter().cloned());
    let waits = plan.waiting_for.iter();
    reasons.extend(waits.map(|event| format!("it would wait for {event}")));
    let is_own_statement = |step: &str| takeover == Takeover::Adopt && step == OWN_STATEMENT;
    let more = plan.steps.iter().filter(|step| {
        !(step.effects.iter().all(|effect| *effect == "marks") || is_own_statement(step.step))
    });
    reasons.extend(more.map(|step| format!("it would {}", step.text)));
    let unread = plan.unread.iter();
    reasons.extend(unread.map(|unread| format!("{} not read: {}", unread.resource, unread.cause)));
    item.unread.extend(plan.unread);
    item.state = match reasons.is_empty() {
        true => ImportState::Ready,
        false => ImportState::Held,
    };
    item.reasons = reasons;
    item
}
