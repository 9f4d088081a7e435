//! Diff of the role: settings, trust policy, policies and tags, field by field. Facts of one role in,
//! differences out; no I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::conflict;
use super::differ::Differ;
use super::drift::Cause;
use crate::identity::ManagedRole;
use crate::model::annotation::ANNOTATION_ADOPT;
use crate::model::arn::{PolicyArn, RoleArn};
use crate::model::fact::{Fact, ReadError};
use crate::model::field::{Field, Resource, Value};
use crate::model::name::PolicyName;
use crate::model::observed::{Effect, Observed, RoleFacts};
use crate::model::reason::Reason;
use crate::model::subject::TAG_RETAINED;
use crate::ownership::current_role_ownership;
use crate::ownership::tags::TaggedOwner;
use crate::reconcile::desired::{DesiredRole, DesiredState, Removal};
use lanyard_iam_policy::{self, Document, Statement};

impl Differ<'_> {
    pub(super) fn role(&mut self, desired: &DesiredState, observed: &Observed) {
        let arn = &desired.binding.role_arn;
        let facts = observed.role(arn);
        match &desired.role {
            DesiredRole::Managed(role) => self.managed(desired, role, &facts),
            DesiredRole::Adopted(role, entries) => {
                self.managed(desired, role, &facts);
                self.adopted_trust(desired, entries, &facts, observed);
            }
            DesiredRole::Shared(entries) => self.entries(desired, entries, &facts, observed),
            // `summarise` judges an existing or held role by its effect. Nothing of an existing role is
            // Lanyard's, so nothing is recorded as applied either.
            DesiredRole::Existing => drop(self.drift.judged.insert(Resource::Role)),
            DesiredRole::Unchanged => {}
        }
    }

    /// Compares everything of a role except the trust policy of an adopted one, which has other writers too.
    fn managed(&mut self, desired: &DesiredState, role: &ManagedRole, facts: &RoleFacts) {
        let arn = &desired.binding.role_arn;
        let value = Value::role(arn);
        if facts.id.present().is_some() {
            match self.owner(desired, facts) {
                Owner::Lanyard => {}
                Owner::Unknown(error) => return self.unreadable(Field::Role, Some(value), error),
                Owner::Other(message) => {
                    return self.conflict(Resource::Role, Reason::RoleConflict, message);
                }
            }
            if self.lacks_boundary(desired, role, facts) || self.lacks_tag_room(desired, role, facts) {
                return;
            }
        }
        if facts.id.is_absent() && !may_create(desired) {
            let message = format!(
                "Role {arn} is to be adopted, or was adopted, and does not exist. Lanyard does not create a role in place of an adopted one. Create it, correct the ARN in {ANNOTATION_ADOPT}, or choose another role.managed.name without that annotation."
            );
            return self.conflict(Resource::Role, Reason::RoleNotFound, message);
        }
        let observed = facts.id.as_ref().map(|_| value.clone());
        self.field(Field::Role, Some(value), observed);
        if facts.id.present().is_some() {
            if !self.adopted {
                self.trust(&desired.trust, facts);
            }
            self.parts_of_role(role, facts);
        }
    }

    fn parts_of_role(&mut self, role: &ManagedRole, facts: &RoleFacts) {
        let text = |value: &String| Value::text(value);
        self.field(
            Field::Description,
            role.description.as_ref().map(text),
            facts.description.as_ref().map(text),
        );
        self.max_session(role.max_session, facts);
        self.field(
            Field::Boundary,
            role.boundary.as_ref().map(Value::policy),
            facts.boundary.as_ref().map(Value::policy),
        );
        self.role_tags(&role.tags, &facts.tags);
        self.attached(&role.attached, &facts.attached);
        self.inline(&role.inline, &facts.inline);
        let readable = facts.attached.present().is_some()
            && facts.inline.present().is_some()
            && facts.tags.present().is_some();
        if readable {
            self.drift.judged.insert(Resource::Role);
        }
    }

    /// The owner of an existing role, by its tags or by the id that Lanyard recorded when it created or
    /// adopted it.
    fn owner(&self, desired: &DesiredState, facts: &RoleFacts) -> Owner {
        let (subject, arn) = (&desired.subject, &desired.binding.role_arn);
        let is_at_path = facts.elsewhere.is_none();
        let is_recorded = || current_role_ownership(subject, self.previous, arn, facts).is_owned();
        if is_at_path && (desired.ownership.role.is_owned() || is_recorded()) {
            return Owner::Lanyard;
        }
        let owner = match &facts.tags {
            Fact::Present(tags) => TaggedOwner::of(subject, tags),
            Fact::Absent => TaggedOwner::Untagged,
            Fact::Unreadable(_) if !is_at_path => TaggedOwner::Untagged,
            Fact::Unreadable(error) => return Owner::Unknown(error.clone()),
        };
        Owner::Other(conflict::role(desired, &owner, facts.elsewhere.as_ref()))
    }

    /// Compares the trust policy by meaning. Foreign statements that only deny may be an emergency measure:
    /// they are reported one by one and stay.
    fn trust(&mut self, desired: &Document, facts: &RoleFacts) {
        let observed = match &facts.trust {
            Fact::Present(observed) => observed,
            Fact::Absent => return self.field(Field::Trust, Some(Value::document(desired)), Fact::Absent),
            Fact::Unreadable(error) => {
                return self.unreadable(Field::Trust, Some(Value::document(desired)), error.clone());
            }
        };
        let (kept, denials) = split_denials(desired, observed);
        for (id, denial) in denials {
            self.unmanaged(
                Field::TrustOther(id),
                Value::document(&Document::of(vec![denial])),
            );
        }
        let parts = lanyard_iam_policy::differences(desired, &kept)
            .into_iter()
            .map(|part| (format!("trustPolicy.{}", part.field), part.desired, part.observed))
            .collect();
        self.field_with_parts(
            Field::Trust,
            Some(Value::document(desired)),
            Fact::Present(Value::document(&kept)),
            parts,
        );
    }

    fn role_tags(&mut self, desired: &BTreeMap<String, String>, observed: &Fact<BTreeMap<String, String>>) {
        // IAM has one tag for all spellings of a key, and a later spelling replaces an earlier one.
        let spellings = observed
            .as_ref()
            .map(|observed| self.role_tag_spellings(desired, observed));
        self.tags(desired, &spellings, Field::RoleTag);
    }

    /// The observed tags, with those that another tool set under another spelling of a desired key under the desired
    /// spelling. A tag that Lanyard set under another spelling is left out: to set it again replaces it.
    fn role_tag_spellings(
        &self,
        desired: &BTreeMap<String, String>,
        observed: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let respelled = |(key, value): (&String, &String)| {
            let mut spellings = desired.keys();
            let spelling = spellings.find(|desired| desired.eq_ignore_ascii_case(key));
            match spelling {
                Some(desired) if desired != key => {
                    let is_own = self.applied(&Field::RoleTag(key.clone())).is_some();
                    (!is_own).then(|| (desired.clone(), value.clone()))
                }
                Some(_) | None => Some((key.clone(), value.clone())),
            }
        };
        observed.iter().filter_map(respelled).collect()
    }

    /// Tags that Lanyard set are corrected. Tags that it never set are reported. The tag that marks a
    /// released resource is Lanyard's and is removed from a resource in use.
    pub(super) fn tags(
        &mut self,
        desired: &BTreeMap<String, String>,
        observed: &Fact<BTreeMap<String, String>>,
        field: fn(String) -> Field,
    ) {
        let none = BTreeMap::new();
        let existing = observed.present().unwrap_or(&none);
        let keys: BTreeSet<&String> = desired.keys().chain(existing.keys()).collect();
        for key in keys {
            let field = field(key.clone());
            let value = existing.get(key).map(Value::text);
            let is_foreign = !desired.contains_key(key) && self.applied(&field).is_none();
            match value {
                Some(_) if is_foreign && key.starts_with("aws:") => {}
                Some(value) if key == TAG_RETAINED => self.obsolete(field, value),
                Some(value) if is_foreign => self.unmanaged(field, value),
                value => {
                    let value = match observed {
                        Fact::Unreadable(error) => Fact::Unreadable(error.clone()),
                        Fact::Present(_) | Fact::Absent => value.into(),
                    };
                    self.field(field, desired.get(key).map(Value::text), value);
                }
            }
        }
    }

    fn attached(
        &mut self,
        desired: &BTreeSet<PolicyArn>,
        observed: &Fact<BTreeMap<PolicyArn, Fact<Effect>>>,
    ) {
        if let Fact::Unreadable(error) = observed {
            self.unreadable(Field::Attachments, None, error.clone());
        }
        let none = BTreeMap::new();
        let existing = observed.present().unwrap_or(&none);
        let arns: BTreeSet<&PolicyArn> = desired.iter().chain(existing.keys()).collect();
        for arn in arns {
            let field = Field::Attached(arn.clone());
            let value = desired.contains(arn).then(|| Value::policy(arn));
            match (observed, existing.get(arn)) {
                (Fact::Unreadable(error), _) => self.unreadable(field, value, error.clone()),
                (_, Some(effect)) if value.is_none() => self.extra_attachment(field, arn, effect),
                (_, Some(_)) => self.field(field, value, Fact::Present(Value::policy(arn))),
                (_, None) => self.field(field, value, Fact::Absent),
            }
        }
    }

    /// Compares an attachment that the spec does not include. It is removed only if it was Lanyard's or is
    /// known to grant something.
    fn extra_attachment(&mut self, field: Field, arn: &PolicyArn, effect: &Fact<Effect>) {
        if self.applied(&field).is_some() {
            return self.obsolete(field, Value::policy(arn));
        }
        if self.adopted && *effect != Fact::Present(Effect::OnlyDenies) {
            return self.existing(field, None, Value::policy(arn), Cause::Adopted);
        }
        match effect {
            Fact::Present(Effect::OnlyDenies) => self.unmanaged(field, Value::policy(arn)),
            Fact::Present(Effect::Grants | Effect::Chains) | Fact::Absent => {
                self.field(field, None, Fact::Present(Value::policy(arn)))
            }
            Fact::Unreadable(error) => self.unreadable(field, None, error.clone()),
        }
    }

    fn inline(
        &mut self,
        desired: &BTreeMap<PolicyName, Document>,
        observed: &Fact<BTreeMap<PolicyName, Document>>,
    ) {
        if let Fact::Unreadable(error) = observed {
            self.unreadable(Field::InlinePolicies, None, error.clone());
        }
        let none = BTreeMap::new();
        let existing = observed.present().unwrap_or(&none);
        let names: BTreeSet<&PolicyName> = desired.keys().chain(existing.keys()).collect();
        for name in names {
            let field = Field::Inline(name.clone());
            let document = desired.get(name);
            let value = match observed {
                Fact::Unreadable(error) => Fact::Unreadable(error.clone()),
                Fact::Present(_) | Fact::Absent => existing.get(name).map(Value::document).into(),
            };
            let is_foreign = document.is_none() && self.applied(&field).is_none();
            match existing.get(name) {
                Some(existing) if is_foreign && lanyard_iam_policy::only_denies(existing) => {
                    self.unmanaged(field, Value::document(existing));
                }
                existing => {
                    let parts = inline_parts(name, document, existing);
                    self.field_with_parts(field, document.map(Value::document), value, parts);
                }
            }
        }
    }

    /// Records a role of a deleted object if it is Lanyard's.
    pub(super) fn removed_role(&mut self, removal: &Removal, arn: &RoleArn, facts: &RoleFacts) {
        if facts
            .elsewhere
            .as_ref()
            .is_some_and(|actual| removal.roles.contains_key(actual))
        {
            return;
        }
        let Fact::Present(_) = &facts.id else {
            if let Fact::Unreadable(error) = &facts.id {
                self.unreadable(Field::Role, None, error.clone());
            }
            return;
        };
        match &facts.tags {
            Fact::Unreadable(error) => self.unreadable(Field::Role, None, error.clone()),
            Fact::Present(_) | Fact::Absent
                if current_role_ownership(&removal.subject, self.previous, arn, facts).is_owned() =>
            {
                self.obsolete(Field::Role, Value::role(arn));
            }
            Fact::Present(_) | Fact::Absent => {}
        }
    }
}

/// The owner of an existing role.
enum Owner {
    Lanyard,
    /// Another owner, with the message of the conflict.
    Other(String),
    Unknown(ReadError),
}

/// Returns whether Lanyard may create a role that does not exist: not one that has to exist for its adoption,
/// and not outside Lanyard's path.
fn may_create(desired: &DesiredState) -> bool {
    let arn = &desired.binding.role_arn;
    let base = desired.cluster.role_path();
    let is_on_own_path = base.is_ok_and(|base| arn.path.as_str().starts_with(base.as_str()));
    is_on_own_path && !desired.adoption.requests_role(arn) && !desired.ownership.role.is_adopted()
}

/// Splits a trust policy into the policy without foreign statements that only deny, and those statements,
/// each with its label.
pub(crate) fn split_denials(desired: &Document, observed: &Document) -> (Document, Vec<(String, Statement)>) {
    let mut denials = Vec::new();
    for (at, statement) in observed.statements().iter().enumerate() {
        let denies = statement.element("Effect").and_then(|effect| effect.as_str()) == Some("Deny");
        if denies && !desired.statements().contains(statement) {
            denials.push((statement.label(at), statement.clone()));
        }
    }
    let mut kept = observed.clone();
    kept.retain(|statement| !denials.iter().any(|(_, denial)| denial == statement));
    (kept, denials)
}

fn inline_parts(
    name: &PolicyName,
    desired: Option<&Document>,
    observed: Option<&Document>,
) -> Vec<(String, Option<String>, Option<String>)> {
    let (Some(desired), Some(observed)) = (desired, observed) else {
        return Vec::new();
    };
    lanyard_iam_policy::differences(desired, observed)
        .into_iter()
        .map(|part| {
            (
                format!("inlinePolicies[{name}].{}", part.field),
                part.desired,
                part.observed,
            )
        })
        .collect()
}
