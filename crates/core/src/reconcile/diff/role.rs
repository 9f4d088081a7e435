//! Diff, the role's part: its settings, trust, policies and tags, aspect by aspect.
//! Facts of one role in, differences out; no I/O. Called by `diff` only.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cause, Differ, conflict};
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
    pub(super) fn role(&mut self, wanted: &DesiredState, observed: &Observed) {
        let arn = &wanted.binding.role_arn;
        let facts = observed.role(arn);
        match &wanted.role {
            DesiredRole::Managed(role) => self.managed(wanted, role, &facts),
            DesiredRole::Adopted(role, entries) => {
                self.managed(wanted, role, &facts);
                self.adopted_trust(wanted, entries, &facts, observed);
            }
            DesiredRole::Shared(entries) => self.entries(wanted, entries, &facts, observed),
            // Somebody else's role and one that is only held are judged for their effect by `summarise`. Of the first
            // nothing is ours, so nothing is remembered as applied either.
            DesiredRole::Existing => drop(self.drift.judged.insert(Resource::Role)),
            DesiredRole::Held => {}
        }
    }

    /// All of a role but the trust of one that was adopted, which others share.
    fn managed(&mut self, wanted: &DesiredState, role: &ManagedRole, facts: &RoleFacts) {
        let arn = &wanted.binding.role_arn;
        let value = Value::role(arn);
        if facts.id.present().is_some() {
            match self.whose(wanted, facts) {
                Whose::Ours => {}
                Whose::Unknown(why) => return self.unreadable(Field::Role, Some(value), why),
                Whose::Others(message) => {
                    return self.conflict(Resource::Role, Reason::RoleConflict, message);
                }
            }
            if self.lacks_boundary(wanted, role, facts) {
                return;
            }
        }
        if facts.id.is_absent() && !may_be_made(wanted) {
            let message = format!(
                "Role {arn} is to be adopted, or was, and does not exist. Lanyard makes no role in the place of one that others made: make it again, correct the ARN in {ANNOTATION_ADOPT}, or choose another role.managed.name without it."
            );
            return self.conflict(Resource::Role, Reason::RoleNotFound, message);
        }
        let found = facts.id.as_ref().map(|_| value.clone());
        self.field(Field::Role, Some(value), found);
        if facts.id.present().is_some() {
            if !self.adopted {
                self.trust(&wanted.trust, facts);
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
            role.boundary.as_ref().map(Value::text),
            facts.boundary.as_ref().map(Value::text),
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

    /// Whose a role is that is there: its tags say so, or the id that our own create or adoption recorded.
    fn whose(&self, wanted: &DesiredState, facts: &RoleFacts) -> Whose {
        let (subject, arn) = (&wanted.subject, &wanted.binding.role_arn);
        let here = facts.elsewhere.is_none();
        if here
            && (wanted.holds.role.is_owned()
                || current_role_ownership(subject, self.previous, arn, facts).is_owned())
        {
            return Whose::Ours;
        }
        let owner = match &facts.tags {
            Fact::Present(tags) => TaggedOwner::of(subject, tags),
            Fact::Absent => TaggedOwner::Untagged,
            Fact::Unreadable(_) if !here => TaggedOwner::Untagged,
            Fact::Unreadable(why) => return Whose::Unknown(why.clone()),
        };
        Whose::Others(conflict::role(wanted, &owner, facts.elsewhere.as_ref()))
    }

    /// The trust policy by meaning. Foreign statements that only deny are an emergency measure and stand apart.
    fn trust(&mut self, wanted: &Document, facts: &RoleFacts) {
        let found = match &facts.trust {
            Fact::Present(found) => found,
            Fact::Absent => return self.field(Field::Trust, Some(Value::document(wanted)), Fact::Absent),
            Fact::Unreadable(why) => {
                return self.unreadable(Field::Trust, Some(Value::document(wanted)), why.clone());
            }
        };
        let (kept, denials) = split_denials(wanted, found);
        for (id, denial) in denials {
            self.not_ours(
                Field::TrustOther(id),
                Value::document(&Document::of(vec![denial])),
            );
        }
        let parts = lanyard_iam_policy::differences(wanted, &kept)
            .into_iter()
            .map(|part| (format!("trustPolicy.{}", part.field), part.desired, part.observed))
            .collect();
        self.aspect_in_parts(
            Field::Trust,
            Some(Value::document(wanted)),
            Fact::Present(Value::document(&kept)),
            parts,
        );
    }

    fn role_tags(&mut self, wanted: &BTreeMap<String, String>, found: &Fact<BTreeMap<String, String>>) {
        self.tags(wanted, found, Field::RoleTag);
    }

    /// Tags that we set are ours to keep; tags that we never set are somebody else's and only reported. That a thing was let
    /// go is Lanyard's word, and no longer true of what is held.
    pub(super) fn tags(
        &mut self,
        wanted: &BTreeMap<String, String>,
        found: &Fact<BTreeMap<String, String>>,
        field: fn(String) -> Field,
    ) {
        let none = BTreeMap::new();
        let seen = found.present().unwrap_or(&none);
        let keys: BTreeSet<&String> = wanted.keys().chain(seen.keys()).collect();
        for key in keys {
            let field = field(key.clone());
            let value = seen.get(key).map(Value::text);
            let never_ours = !wanted.contains_key(key) && self.applied(&field).is_none();
            match value {
                Some(_) if never_ours && key.starts_with("aws:") => {}
                Some(value) if key == TAG_RETAINED => self.unwanted(field, value),
                Some(value) if never_ours => self.not_ours(field, value),
                value => {
                    let value = match found {
                        Fact::Unreadable(why) => Fact::Unreadable(why.clone()),
                        Fact::Present(_) | Fact::Absent => value.into(),
                    };
                    self.field(field, wanted.get(key).map(Value::text), value);
                }
            }
        }
    }

    fn attached(&mut self, wanted: &BTreeSet<PolicyArn>, found: &Fact<BTreeMap<PolicyArn, Fact<Effect>>>) {
        if let Fact::Unreadable(why) = found {
            self.unreadable(Field::Attachments, None, why.clone());
        }
        let none = BTreeMap::new();
        let seen = found.present().unwrap_or(&none);
        let arns: BTreeSet<&PolicyArn> = wanted.iter().chain(seen.keys()).collect();
        for arn in arns {
            let field = Field::Attached(arn.clone());
            let want = wanted.contains(arn).then(|| Value::text(arn));
            match (found, seen.get(arn)) {
                (Fact::Unreadable(why), _) => self.unreadable(field, want, why.clone()),
                (_, Some(effect)) if want.is_none() => self.extra_attachment(field, arn, effect),
                (_, Some(_)) => self.field(field, want, Fact::Present(Value::text(arn))),
                (_, None) => self.field(field, want, Fact::Absent),
            }
        }
    }

    /// An attachment that the spec does not ask for: removed only when it is known to grant something, or was ours.
    fn extra_attachment(&mut self, field: Field, arn: &PolicyArn, effect: &Fact<Effect>) {
        if self.applied(&field).is_some() {
            return self.unwanted(field, Value::text(arn));
        }
        if self.adopted && *effect != Fact::Present(Effect::OnlyDenies) {
            return self.stands(field, None, Value::text(arn), Cause::Adopted);
        }
        match effect {
            Fact::Present(Effect::OnlyDenies) => self.not_ours(field, Value::text(arn)),
            Fact::Present(Effect::Grants | Effect::Chains) | Fact::Absent => {
                self.field(field, None, Fact::Present(Value::text(arn)))
            }
            Fact::Unreadable(why) => self.unreadable(field, None, why.clone()),
        }
    }

    fn inline(
        &mut self,
        wanted: &BTreeMap<PolicyName, Document>,
        found: &Fact<BTreeMap<PolicyName, Document>>,
    ) {
        if let Fact::Unreadable(why) = found {
            self.unreadable(Field::InlinePolicies, None, why.clone());
        }
        let none = BTreeMap::new();
        let seen = found.present().unwrap_or(&none);
        let names: BTreeSet<&PolicyName> = wanted.keys().chain(seen.keys()).collect();
        for name in names {
            let field = Field::Inline(name.clone());
            let want = wanted.get(name);
            let value = match found {
                Fact::Unreadable(why) => Fact::Unreadable(why.clone()),
                Fact::Present(_) | Fact::Absent => seen.get(name).map(Value::document).into(),
            };
            let never_ours = want.is_none() && self.applied(&field).is_none();
            match seen.get(name) {
                Some(document) if never_ours && lanyard_iam_policy::only_denies(document) => {
                    self.not_ours(field, Value::document(document));
                }
                document => {
                    let parts = inline_parts(name, want, document);
                    self.aspect_in_parts(field, want.map(Value::document), value, parts);
                }
            }
        }
    }

    /// A role that is to go with its object.
    pub(super) fn role_gone(&mut self, removal: &Removal, arn: &RoleArn, facts: &RoleFacts) {
        if facts
            .elsewhere
            .as_ref()
            .is_some_and(|found| removal.roles.contains_key(found))
        {
            return;
        }
        let Fact::Present(_) = &facts.id else {
            if let Fact::Unreadable(why) = &facts.id {
                self.unreadable(Field::Role, None, why.clone());
            }
            return;
        };
        match &facts.tags {
            Fact::Unreadable(why) => self.unreadable(Field::Role, None, why.clone()),
            Fact::Present(_) | Fact::Absent
                if current_role_ownership(&removal.subject, self.previous, arn, facts).is_owned() =>
            {
                self.unwanted(Field::Role, Value::role(arn));
            }
            Fact::Present(_) | Fact::Absent => {}
        }
    }
}

/// Whose a role is.
enum Whose {
    Ours,
    /// Somebody else's, with the sentence for it.
    Others(String),
    Unknown(ReadError),
}

/// Whether a role that is not there is Lanyard's to make: not one that is to be there already, nor on another's path.
fn may_be_made(wanted: &DesiredState) -> bool {
    let arn = &wanted.binding.role_arn;
    let base = wanted.cluster.role_path();
    let on_our_path = base.is_ok_and(|base| arn.path.as_str().starts_with(base.as_str()));
    on_our_path && !wanted.adoption.requests_role(arn) && !wanted.holds.role.is_adopted()
}

/// A trust policy without the foreign statements that only deny, and those, each with its label.
pub(crate) fn split_denials(wanted: &Document, found: &Document) -> (Document, Vec<(String, Statement)>) {
    let mut denials = Vec::new();
    for (at, statement) in found.statements().iter().enumerate() {
        let denies = statement.element("Effect").and_then(|effect| effect.as_str()) == Some("Deny");
        if denies && !wanted.statements().contains(statement) {
            denials.push((statement.label(at), statement.clone()));
        }
    }
    let mut kept = found.clone();
    kept.retain(|statement| !denials.iter().any(|(_, denial)| denial == statement));
    (kept, denials)
}

fn inline_parts(
    name: &PolicyName,
    wanted: Option<&Document>,
    found: Option<&Document>,
) -> Vec<(String, Option<String>, Option<String>)> {
    let (Some(wanted), Some(found)) = (wanted, found) else {
        return Vec::new();
    };
    lanyard_iam_policy::differences(wanted, found)
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
