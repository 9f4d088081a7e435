//! Guardrails: what a spec asks for that its class does not allow.
//! A spec, the method it comes to, its subject and its class in; everything that is forbidden out. No I/O. Called by
//! `validate`; a spec that is wrong by itself is `validate`'s own business.
//!
//! Closed by default: an empty list allows nothing. A pattern's `*` stands for any text, `?` for one character, and
//! `{namespace}` for the subject's own namespace, whose name can hold neither.

use std::fmt;

use crate::class::{Class, ExistingRow, Guardrails};
use crate::model::annotation::FIELD_ADOPT;
use crate::model::arn::RoleArn;
use crate::model::duration::{Seconds, parse_seconds};
use crate::model::spec::{DEFAULT_AUDIENCE, DEFAULT_MAX_SESSION};
use crate::model::spec::{ExistingTrust, ManagedRoleSpec, Method, Spec};
use crate::model::subject::Subject;
use crate::model::text::{list, quote};

mod glob;
mod inline;
#[cfg(test)]
mod tests;

/// Patterns of a rule that a message names; more would bury the rest.
const NAMED_LIMIT: usize = 5;

/// One thing that a class does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// The field, as a path below `spec`, or of the annotation.
    pub field: String,
    /// What it says.
    pub value: String,
    /// The rule that forbids it, with its class.
    pub rule: String,
    /// What the rule allows, as the end of a sentence that begins with the rule.
    pub allowed: String,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field,
            value,
            rule,
            allowed,
        } = self;
        write!(f, "{field}: {value} is not allowed: {rule} {allowed}")
    }
}

/// Everything that a spec asks for and its class does not allow.
#[must_use]
pub fn forbidden(spec: &Spec, method: Method, subject: &Subject, class: &Class) -> Vec<Forbidden> {
    let Some(guardrails) = class.guardrails() else {
        return Vec::new();
    };
    let mut judge = GuardrailCheck {
        class,
        guardrails,
        subject,
        found: Vec::new(),
    };
    judge.method(method);
    if let Some(managed) = &spec.managed {
        judge.managed(managed, &spec.adopt);
    }
    for arn in &spec.adopt {
        judge.adopt(arn);
    }
    if let Some(role) = &spec.existing {
        judge.existing(&role.arn, role.trust);
    }
    if let Some(arn) = &spec.pod_identity.target_role_arn {
        judge.target(arn);
    }
    if let Some(audience) = &spec.irsa.audience {
        judge.audience(audience);
    }
    judge.found
}

/// What a class gives leave to adopt; by default nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdoptionPolicy {
    /// Whether it limits nothing.
    everything: bool,
    /// The patterns of which an ARN has to fit one, as they read for the subject.
    patterns: Vec<String>,
}

impl AdoptionPolicy {
    /// What a class gives a subject leave to adopt.
    #[must_use]
    pub fn of(subject: &Subject, class: &Class) -> Self {
        let patterns = class.guardrails().map(|guardrails| guardrails.adopt.as_slice());
        Self {
            everything: patterns.is_none(),
            patterns: all_filled(subject, patterns.unwrap_or_default()),
        }
    }

    /// Whether a role or an association may be adopted, by its ARN.
    #[must_use]
    pub fn covers(&self, arn: &str) -> bool {
        self.everything || self.patterns.iter().any(|pattern| fits_role(pattern, arn))
    }
}

/// A pattern of the class as it reads for a subject.
fn filled(subject: &Subject, pattern: &str) -> String {
    pattern.replace("{namespace}", subject.namespace.as_str())
}

fn all_filled(subject: &Subject, patterns: &[String]) -> Vec<String> {
    patterns.iter().map(|pattern| filled(subject, pattern)).collect()
}

/// Roles that Lanyard made for other tenants fit only a pattern that names Lanyard's own path, not `role/*`.
fn fits_role(pattern: &str, arn: &str) -> bool {
    let lanyards = |text: &str| text.to_ascii_lowercase().contains(":role/lanyard/");
    glob::matches(pattern, arn) && (lanyards(pattern) || !lanyards(arn))
}

/// The walk over one spec: goes on after a fault, so that the user sees all of them at once.
struct GuardrailCheck<'a> {
    class: &'a Class,
    guardrails: &'a Guardrails,
    subject: &'a Subject,
    found: Vec<Forbidden>,
}

impl GuardrailCheck<'_> {
    fn forbid(&mut self, field: &str, value: &str, rule: &str, allowed: impl Into<String>) {
        self.found.push(Forbidden {
            field: field.to_owned(),
            value: quote(value),
            rule: format!("{rule} of {}", self.class),
            allowed: allowed.into(),
        });
    }

    fn filled(&self, pattern: &str) -> String {
        filled(self.subject, pattern)
    }

    fn all_filled(&self, patterns: &[String]) -> Vec<String> {
        all_filled(self.subject, patterns)
    }

    /// A text that has to fit one of the patterns, letter by letter.
    fn one_of(&mut self, field: &str, value: &str, rule: &str, patterns: &[String]) {
        let patterns = self.all_filled(patterns);
        if !patterns.iter().any(|pattern| glob::matches(pattern, value)) {
            self.forbid(field, value, &format!("guardrails.{rule}"), allows(&patterns));
        }
    }

    fn method(&mut self, method: Method) {
        if !self.guardrails.methods.contains(&method) {
            let allowed = allows(&self.guardrails.methods);
            self.forbid("method", &method.to_string(), "guardrails.methods", allowed);
        }
    }

    /// A role whose exact ARN may be adopted may be called by its name.
    fn managed(&mut self, managed: &ManagedRoleSpec, adopted: &[String]) {
        let guardrails = self.guardrails;
        let leave = AdoptionPolicy::of(self.subject, self.class);
        let is_called = |arn: &RoleArn| managed.name.as_deref() == Some(arn.name.as_str());
        let mut adopted = adopted.iter().filter(|arn| leave.covers(arn));
        let may_be_called = adopted.any(|arn| RoleArn::parse(arn).is_ok_and(|arn| is_called(&arn)));
        if let Some(name) = managed.name.as_ref().filter(|_| !may_be_called) {
            self.role_name(name);
        }
        if let Some(duration) = &managed.max_session_duration {
            self.max_session(duration);
        }
        if let Some(boundary) = &managed.permissions_boundary_arn {
            self.boundary(boundary);
        }
        for (at, arn) in managed.policy_arns.iter().enumerate() {
            let field = format!("role.managed.policyArns[{at}]");
            self.one_of(&field, arn, "policyArns", &guardrails.policy_arns);
        }
        for (at, (_, document)) in managed.inline_policies.iter().enumerate() {
            let field = format!("role.managed.inlinePolicies[{at}].document");
            self.inline(&field, document);
        }
        for (key, value) in &managed.tags {
            self.tag(key, value);
        }
    }

    /// A name that the class lets tenants give, and that could not be the derived name of somebody else's role.
    fn role_name(&mut self, name: &str) {
        let field = "role.managed.name";
        self.one_of(field, name, "roleNames", &self.guardrails.role_names);
        if looks_derived(name) && !self.subject.derives(name) {
            let allowed =
                "lets nobody end a name in a hyphen and eight hex digits, as the derived names of others do";
            self.forbid(field, name, "guardrails.roleNames", allowed);
        }
    }

    fn max_session(&mut self, text: &str) {
        let limit = max_session_limit(self.class, self.guardrails);
        if parse_seconds(text).is_some_and(|seconds| seconds > limit.0) {
            let field = "role.managed.maxSessionDuration";
            let allowed = format!("allows {limit} at most");
            self.forbid(field, text, "guardrails.maxSessionDuration", allowed);
        }
    }

    /// Without a boundary in the class, one of the tenant's own can only narrow.
    fn boundary(&mut self, arn: &str) {
        let Some(ours) = &self.guardrails.permissions_boundary_arn else {
            return;
        };
        if ours.as_str() != arn {
            let field = "role.managed.permissionsBoundaryArn";
            let allowed = format!("puts {ours} on every role");
            self.forbid(field, arn, "guardrails.permissionsBoundaryArn", allowed);
        }
    }

    /// IAM takes keys that differ only in case for one.
    fn tag(&mut self, key: &str, value: &str) {
        let field = format!("role.managed.tags[{}]", quote(key));
        let enforced = self.class.enforced_tags.iter();
        let mut same = enforced.filter(|(enforced, _)| enforced.as_str().eq_ignore_ascii_case(key));
        if let Some((enforced, wanted)) = same.next() {
            if (enforced.as_str(), wanted.as_str()) != (key, value) {
                let allowed = format!("puts {enforced}={} on every role", quote(wanted));
                self.forbid(&field, value, "enforcedTags", allowed);
            }
            return;
        }
        let patterns = self.all_filled(&self.guardrails.tag_keys);
        if !patterns
            .iter()
            .any(|pattern| glob::matches_any_case(pattern, key))
        {
            self.forbid(&field, value, "guardrails.tagKeys", allows(&patterns));
        }
    }

    fn existing(&mut self, arn: &str, trust: ExistingTrust) {
        let rows: Vec<&ExistingRow> = self.guardrails.existing_roles.iter().collect();
        let fits = |row: &&&ExistingRow| trust <= row.trust && self.fits_role(&row.arn, arn);
        if rows.iter().any(|row| fits(&row)) {
            return;
        }
        let told = |row: &&ExistingRow| format!("{} ({:?})", self.filled(&row.arn), row.trust);
        let allowed = allows(&rows.iter().map(told).collect::<Vec<_>>());
        let (field, value) = match trust {
            ExistingTrust::Check => ("role.existing.arn", arn.to_owned()),
            ExistingTrust::Manage => ("role.existing.trust", format!("Manage on {arn}")),
        };
        self.forbid(field, &value, "guardrails.existingRoles", allowed);
    }

    fn target(&mut self, arn: &str) {
        let patterns = &self.guardrails.target_role_arns;
        if !patterns.iter().any(|pattern| self.fits_role(pattern, arn)) {
            let allowed = allows(&self.all_filled(patterns));
            self.forbid(
                "podIdentity.targetRoleArn",
                arn,
                "guardrails.targetRoleArns",
                allowed,
            );
        }
    }

    fn adopt(&mut self, arn: &str) {
        let leave = AdoptionPolicy::of(self.subject, self.class);
        if !leave.covers(arn) {
            self.forbid(FIELD_ADOPT, arn, "guardrails.adopt", allows(&leave.patterns));
        }
    }

    fn fits_role(&self, pattern: &str, arn: &str) -> bool {
        fits_role(&self.filled(pattern), arn)
    }

    fn audience(&mut self, audience: &str) {
        if audience != DEFAULT_AUDIENCE {
            self.one_of("irsa.audience", audience, "audiences", &self.guardrails.audiences);
        }
    }
}

/// The longest session that a role of the class may allow.
#[must_use]
pub fn max_session_limit(class: &Class, guardrails: &Guardrails) -> Seconds {
    let limit = guardrails.max_session_duration;
    limit
        .or(class.defaults.max_session_duration)
        .unwrap_or(Seconds(DEFAULT_MAX_SESSION))
}

fn looks_derived(name: &str) -> bool {
    let tail = name.rsplit_once('-').map(|(_, tail)| tail);
    tail.is_some_and(|tail| tail.len() == 8 && tail.chars().all(|c| c.is_ascii_hexdigit()))
}

/// What a list of patterns allows, as the end of a sentence.
fn allows<T: fmt::Display>(patterns: &[T]) -> String {
    let named: Vec<String> = patterns
        .iter()
        .take(NAMED_LIMIT)
        .map(|it| quote(&it.to_string()))
        .collect();
    match patterns.len().checked_sub(NAMED_LIMIT) {
        _ if named.is_empty() => "allows none".to_owned(),
        None | Some(0) => format!("allows {}", list(&named)),
        Some(more) => format!("allows {} and {more} more", named.join(", ")),
    }
}
