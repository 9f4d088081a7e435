//! Validate, the role that Lanyard makes: every field of `role.managed`, with what the class adds to it.
//! The role's spec in, the role or faults out; no I/O. Called by `validate`.

use std::collections::{BTreeMap, BTreeSet};

use super::{ATTACHED_LIMIT, Check, INLINE_LIMIT, TAGS_LIMIT};
use crate::class::guardrails::max_session_limit;
use crate::identity::ManagedRole;
use crate::model::arn::PolicyArn;
use crate::model::duration::{Seconds, parse_seconds};
use crate::model::name::{PolicyName, TagKey, is_tag_char, sized};
use crate::model::spec::DEFAULT_MAX_SESSION;
use crate::model::spec::ManagedRoleSpec;
use crate::model::subject::is_reserved_tag;
use crate::model::text::quote;
use lanyard_iam_policy::{Document, lint};

impl Check<'_> {
    pub(super) fn managed(&mut self, spec: &ManagedRoleSpec) -> Option<ManagedRole> {
        let boundary = match &spec.permissions_boundary_arn {
            None => None,
            Some(text) => Some(self.ok(
                "role.managed.permissionsBoundaryArn",
                PolicyArn::parse(text.as_str()),
            )?),
        };
        let guardrails = self.class.guardrails();
        let of_class = guardrails.and_then(|guardrails| guardrails.permissions_boundary_arn.clone());
        Some(ManagedRole {
            description: self.description(spec.description.as_deref()),
            max_session: self.max_session(spec.max_session_duration.as_deref()),
            boundary: of_class.or(boundary),
            attached: self.attached(&spec.policy_arns),
            inline: self.inline(&spec.inline_policies),
            tags: self.tags(&spec.tags),
        })
    }

    fn description(&mut self, text: Option<&str>) -> Option<String> {
        let text = text.filter(|text| !text.is_empty())?;
        let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}');
        if !sized(text, 1, 1000) || !text.chars().all(allowed) {
            self.wrong(
                "role.managed.description",
                "at most 1,000 characters of the Latin-1 set",
            );
        }
        Some(text.to_owned())
    }

    fn max_session(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else {
            return self.usual_max_session();
        };
        let field = "role.managed.maxSessionDuration";
        match parse_seconds(text) {
            Some(seconds) if (3600..=43_200).contains(&seconds) => return seconds,
            Some(_) => self.wrong(field, format!("{} is not between 1h and 12h", quote(text))),
            None => self.wrong(
                field,
                format!("{:?} is not a duration such as 1h or 90m", quote(text)),
            ),
        }
        DEFAULT_MAX_SESSION
    }

    /// What the class has for roles that say nothing, and never more than it allows.
    fn usual_max_session(&self) -> u32 {
        let Seconds(usual) = self
            .class
            .defaults
            .max_session_duration
            .unwrap_or(Seconds(DEFAULT_MAX_SESSION));
        let limit = self
            .class
            .guardrails()
            .map(|guardrails| max_session_limit(self.class, guardrails));
        limit.map_or(usual, |Seconds(limit)| usual.min(limit))
    }

    fn attached(&mut self, arns: &[String]) -> BTreeSet<PolicyArn> {
        if arns.len() > ATTACHED_LIMIT {
            self.wrong(
                "role.managed.policyArns",
                format!(
                    "{} policies; a role can have at most {ATTACHED_LIMIT}",
                    arns.len()
                ),
            );
        }
        let mut attached = BTreeSet::new();
        for (at, text) in arns.iter().enumerate() {
            attached.extend(self.ok(
                &format!("role.managed.policyArns[{at}]"),
                PolicyArn::parse(text.as_str()),
            ));
        }
        attached
    }

    fn inline(&mut self, policies: &[(String, serde_json::Value)]) -> BTreeMap<PolicyName, Document> {
        let mut inline = BTreeMap::new();
        for (at, (name, value)) in policies.iter().enumerate() {
            let field = format!("role.managed.inlinePolicies[{at}]");
            let name = self.ok(&format!("{field}.name"), PolicyName::parse(name.as_str()));
            let document = self.document(&format!("{field}.document"), value, lint::Kind::Identity);
            let (Some(name), Some(document)) = (name, document) else {
                continue;
            };
            if inline.insert(name.clone(), document).is_some() {
                self.wrong(format!("{field}.name"), format!("{name} is there twice"));
            }
        }
        let size: usize = inline.values().map(Document::size).sum();
        if size > INLINE_LIMIT {
            self.wrong(
                "role.managed.inlinePolicies",
                format!("{size} characters in all; a role's inline policies can have at most {INLINE_LIMIT}; move some to a managed policy"),
            );
        }
        inline
    }

    fn tags(&mut self, tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let field = "role.managed.tags";
        for (key, value) in tags {
            let place = format!("{field}[{}]", quote(key));
            if let Some(key) = self.ok(&place, TagKey::parse(key.as_str()))
                && is_reserved_tag(&key)
            {
                self.wrong(
                    &place,
                    "is reserved: it would pass for a tag of Lanyard's own or of a Pod Identity session",
                );
            }
            if !sized(value, 0, 256) || !value.chars().all(is_tag_char) {
                self.wrong(
                    &place,
                    "its value must be at most 256 letters, digits, spaces and _.:/=+-@",
                );
            }
        }
        let all = self.with_tags_of_class(tags);
        if all.len() > TAGS_LIMIT {
            self.wrong(
                field,
                format!(
                    "{} tags with those of the class; at most {TAGS_LIMIT} beside the three of Lanyard's own",
                    all.len()
                ),
            );
        }
        all.into_iter().chain(self.subject.ownership_tags()).collect()
    }

    /// The tags of the class take the place of those that IAM would take for the same: it ignores the case of keys.
    fn with_tags_of_class(&self, tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let enforced = &self.class.enforced_tags;
        let same = |key: &str| {
            enforced
                .keys()
                .any(|other| other.as_str().eq_ignore_ascii_case(key))
        };
        let own = tags.iter().filter(|(key, _)| !same(key));
        let own = own.map(|(key, value)| (key.clone(), value.clone()));
        let enforced = enforced
            .iter()
            .map(|(key, value)| (key.to_string(), value.clone()));
        own.chain(enforced).collect()
    }
}
