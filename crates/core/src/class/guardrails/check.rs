//! The check of a spec against the guardrails of its class.
//! Input: a spec, its resolved method, its subject and its class; output: the violations. No I/O.

use std::fmt;

use serde_json::Value;

use crate::class::definition::{Class, ExistingRow, Guardrails, Row};
use crate::class::guardrails::adoption_policy::AdoptionPolicy;
use crate::class::guardrails::glob;
use crate::class::guardrails::inline;
use crate::class::guardrails::patterns::{all_filled, allows, filled, fits_role};
use crate::class::guardrails::tag_variables;
use crate::model::annotation::FIELD_ADOPT;
use crate::model::arn::RoleArn;
use crate::model::duration::{Seconds, parse_seconds};
use crate::model::spec::{DEFAULT_AUDIENCE, DEFAULT_MAX_SESSION};
use crate::model::spec::{ExistingTrust, ManagedRoleSpec, Method, Spec};
use crate::model::subject::Subject;
use crate::model::text::quote;

/// One violation of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// The field, as a path below `spec`, or of the annotation.
    pub field: String,
    /// The value of the field.
    pub value: String,
    /// The violated rule, with its class.
    pub rule: String,
    /// The allowed values, as the end of a sentence that begins with the rule.
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

/// All violations of the class by a spec.
#[must_use]
pub fn forbidden(spec: &Spec, method: Method, subject: &Subject, class: &Class) -> Vec<Forbidden> {
    let Some(guardrails) = class.guardrails() else {
        return Vec::new();
    };
    let mut check = GuardrailCheck {
        class,
        guardrails,
        subject,
        violations: Vec::new(),
    };
    check.method(method);
    if let Some(managed) = &spec.managed {
        check.managed(managed, &spec.adopt);
    }
    for arn in &spec.adopt {
        check.adopt(arn);
    }
    if let Some(role) = &spec.existing {
        check.existing(&role.arn, role.trust);
    }
    if let Some(arn) = &spec.pod_identity.target_role_arn {
        check.target(arn);
    }
    if let Some(audience) = &spec.irsa.audience {
        check.audience(audience);
    }
    check.violations
}

/// The check of one spec. It continues after a violation so that the user sees all of them at once.
pub(super) struct GuardrailCheck<'a> {
    pub class: &'a Class,
    pub guardrails: &'a Guardrails,
    pub subject: &'a Subject,
    pub violations: Vec<Forbidden>,
}

impl GuardrailCheck<'_> {
    fn forbid(&mut self, field: &str, value: &str, rule: &str, allowed: impl Into<String>) {
        self.violations.push(Forbidden {
            field: field.to_owned(),
            value: quote(value),
            rule: format!("{rule} of {}", self.class),
            allowed: allowed.into(),
        });
    }

    fn inline(&mut self, field: &str, document: &Value) {
        let rows = self.rows();
        for violation in inline::violations(document, &rows) {
            let field = format!("{field}.{}", violation.place);
            self.forbid(
                &field,
                &violation.value,
                "guardrails.inline",
                inline::allows(&rows),
            );
        }
    }

    fn rows(&self) -> Vec<Row> {
        self.guardrails.inline.iter().map(|row| self.row(row)).collect()
    }

    fn row(&self, row: &Row) -> Row {
        Row {
            actions: self.all_filled(&row.actions),
            resources: self.all_filled(&row.resources),
        }
    }

    fn filled(&self, pattern: &str) -> String {
        filled(self.subject, pattern)
    }

    fn all_filled(&self, patterns: &[String]) -> Vec<String> {
        all_filled(self.subject, patterns)
    }

    /// Checks that a text matches one of the patterns exactly.
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

    /// A managed role may have the name of a role that may be adopted by its exact ARN.
    fn managed(&mut self, managed: &ManagedRoleSpec, adopted: &[String]) {
        let guardrails = self.guardrails;
        let policy = AdoptionPolicy::of(self.subject, self.class);
        let has_name = |arn: &RoleArn| managed.name.as_deref() == Some(arn.name.as_str());
        let mut adopted = adopted.iter().filter(|arn| policy.allows(arn));
        let may_have_name = adopted.any(|arn| RoleArn::parse(arn).is_ok_and(|arn| has_name(&arn)));
        if let Some(name) = managed.name.as_ref().filter(|_| !may_have_name) {
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

    /// Checks a name that the class allows tenants to set and that cannot be the derived name of another tenant's
    /// role.
    fn role_name(&mut self, name: &str) {
        let field = "role.managed.name";
        self.one_of(field, name, "roleNames", &self.guardrails.role_names);
        if looks_derived(name) && !self.subject.derives(name) {
            let allowed =
                "does not allow a name that ends in a hyphen and eight hex digits, as derived names do";
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

    /// If the class sets no boundary, a boundary of the tenant can only restrict the role.
    fn boundary(&mut self, arn: &str) {
        let Some(required) = &self.guardrails.permissions_boundary_arn else {
            return;
        };
        if required.as_str() != arn {
            let field = "role.managed.permissionsBoundaryArn";
            let allowed = format!("puts {required} on every role");
            self.forbid(field, arn, "guardrails.permissionsBoundaryArn", allowed);
        }
    }

    /// IAM treats keys that differ only in case as equal.
    fn tag(&mut self, key: &str, value: &str) {
        let field = format!("role.managed.tags[{}]", quote(key));
        let enforced = self.class.enforced_tags.iter();
        let mut same = enforced.filter(|(enforced, _)| enforced.as_str().eq_ignore_ascii_case(key));
        if let Some((enforced, required)) = same.next() {
            if (enforced.as_str(), required.as_str()) != (key, value) {
                let allowed = format!("puts {enforced}={} on every role", quote(required));
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
        } else if tag_variables::read_keys(&self.rows()).contains(&key.to_lowercase()) {
            let allowed = format!(
                "does not allow {}, which guardrails.inline reads as ${{aws:PrincipalTag/{key}}}: only enforcedTags can set it",
                quote(key)
            );
            self.forbid(&field, value, "guardrails.tagKeys", allowed);
        }
    }

    pub fn existing(&mut self, arn: &str, trust: ExistingTrust) {
        let rows: Vec<&ExistingRow> = self.guardrails.existing_roles.iter().collect();
        let fits = |row: &&&ExistingRow| trust <= row.trust && self.fits_role(&row.arn, arn);
        if rows.iter().any(|row| fits(&row)) {
            return;
        }
        let shown = |row: &&ExistingRow| format!("{} ({:?})", self.filled(&row.arn), row.trust);
        let allowed = allows(&rows.iter().map(shown).collect::<Vec<_>>());
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
        let policy = AdoptionPolicy::of(self.subject, self.class);
        if !policy.allows(arn) {
            self.forbid(FIELD_ADOPT, arn, "guardrails.adopt", allows(policy.patterns()));
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

/// The maximum session duration of a role of the class.
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
