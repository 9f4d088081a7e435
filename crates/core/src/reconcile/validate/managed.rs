//! Validates every field of `role.managed` and adds the values of the class. Input is the role's spec; outputs are the
//! managed role, or defects. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::validator::Validator;
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

/// The number of tags that a role may have besides Lanyard's own: three for the owner, and one that marks a released
/// or adopted role (IAM: 50 in all).
pub const TAGS_LIMIT: usize = 46;
/// The number of managed policies on one role: the largest quota that AWS grants (IAM quotas).
pub const ATTACHED_LIMIT: usize = 25;
/// The number of characters of all inline policies of a role, without white space (IAM quotas).
pub const INLINE_LIMIT: usize = 10_240;

impl Validator<'_> {
    pub(super) fn managed(&mut self, spec: &ManagedRoleSpec) -> Option<ManagedRole> {
        let boundary = match &spec.permissions_boundary_arn {
            None => None,
            Some(text) => Some(self.valid(
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
            self.invalid(
                "role.managed.description",
                "must have at most 1,000 characters of the Latin-1 set",
            );
        }
        Some(text.to_owned())
    }

    fn max_session(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else {
            return self.default_max_session();
        };
        let field = "role.managed.maxSessionDuration";
        match parse_seconds(text) {
            Some(seconds) if (3600..=43_200).contains(&seconds) => return seconds,
            Some(_) => self.invalid(field, format!("must be from 1h to 12h; got {}", quote(text))),
            None => self.invalid(
                field,
                format!("must be a duration such as 1h or 90m; got {:?}", quote(text)),
            ),
        }
        DEFAULT_MAX_SESSION
    }

    /// The session duration of a role whose spec sets none: the default of the class, up to its limit.
    fn default_max_session(&self) -> u32 {
        let Seconds(default) = self
            .class
            .defaults
            .max_session_duration
            .unwrap_or(Seconds(DEFAULT_MAX_SESSION));
        let limit = self
            .class
            .guardrails()
            .map(|guardrails| max_session_limit(self.class, guardrails));
        limit.map_or(default, |Seconds(limit)| default.min(limit))
    }

    fn attached(&mut self, arns: &[String]) -> BTreeSet<PolicyArn> {
        if arns.len() > ATTACHED_LIMIT {
            self.invalid(
                "role.managed.policyArns",
                format!("must have at most {ATTACHED_LIMIT} policies; got {}", arns.len()),
            );
        }
        let mut attached = BTreeSet::new();
        for (at, text) in arns.iter().enumerate() {
            attached.extend(self.valid(
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
            let name = self.valid(&format!("{field}.name"), PolicyName::parse(name.as_str()));
            let document = self.document(&format!("{field}.document"), value, lint::Kind::Identity);
            let (Some(name), Some(document)) = (name, document) else {
                continue;
            };
            if inline.insert(name.clone(), document).is_some() {
                self.invalid(
                    format!("{field}.name"),
                    format!("must be unique; {name} is listed twice"),
                );
            }
        }
        let size: usize = inline.values().map(Document::size).sum();
        if size > INLINE_LIMIT {
            self.invalid(
                "role.managed.inlinePolicies",
                format!(
                    "must have at most {INLINE_LIMIT} characters in all; got {size}. Move some statements to a managed policy."
                ),
            );
        }
        inline
    }

    fn tags(&mut self, tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let field = "role.managed.tags";
        for (key, value) in tags {
            let place = format!("{field}[{}]", quote(key));
            if let Some(key) = self.valid(&place, TagKey::parse(key.as_str()))
                && is_reserved_tag(&key)
            {
                self.invalid(
                    &place,
                    "is reserved for the ownership tags of Lanyard and the session tags of Pod Identity; choose another key",
                );
            }
            if !sized(value, 0, 256) || !value.chars().all(is_tag_char) {
                self.invalid(
                    &place,
                    "must have a value of at most 256 letters, digits, spaces and _.:/=+-@",
                );
            }
        }
        let all = self.with_tags_of_class(tags);
        if all.len() > TAGS_LIMIT {
            self.invalid(
                field,
                format!(
                    "must have at most {TAGS_LIMIT} tags, including the tags of the class; got {}",
                    all.len()
                ),
            );
        }
        let mut folded = BTreeSet::new();
        for key in all.keys() {
            if !folded.insert(key.to_ascii_lowercase()) {
                self.invalid(
                    format!("{field}[{}]", quote(key)),
                    "must differ from every other key in more than case, since IAM ignores the case of keys",
                );
            }
        }
        all.into_iter().chain(self.subject.ownership_tags()).collect()
    }

    /// The tags of the spec and of the class. A tag of the class replaces one whose key differs only in case, since IAM
    /// ignores the case of keys.
    fn with_tags_of_class(&self, tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let enforced = &self.class.enforced_tags;
        let is_enforced = |key: &str| {
            enforced
                .keys()
                .any(|other| other.as_str().eq_ignore_ascii_case(key))
        };
        let own = tags.iter().filter(|(key, _)| !is_enforced(key));
        let own = own.map(|(key, value)| (key.clone(), value.clone()));
        let enforced = enforced
            .iter()
            .map(|(key, value)| (key.to_string(), value.clone()));
        own.chain(enforced).collect()
    }
}
