//! Diff, the ServiceAccount's part: that it is there, and our annotations on it.
//! Facts in, differences out; no I/O. Called by `diff` only.

use std::collections::BTreeSet;

use super::Differ;
use crate::model::annotation::{ANNOTATION_AUDIENCE, is_token_setting};
use crate::model::fact::Fact;
use crate::model::field::{Field, Resource, Value};
use crate::model::observed::{Annotation, Observed, ServiceAccount};
use crate::model::reason::Reason;
use crate::model::spec::DEFAULT_AUDIENCE;
use crate::model::spec::Method;
use crate::model::text::quote;
use crate::reconcile::desired::{DesiredState, Others};

impl Differ<'_> {
    pub(super) fn service_account(&mut self, wanted: &DesiredState, observed: &Observed) {
        let there = observed.service_account.as_ref().map(|_| Value::present());
        let needed = wanted.create_service_account || !wanted.annotations.is_empty();
        if needed || there.unreadable().is_some() {
            self.field(Field::ServiceAccount, needed.then(Value::present), there);
        }
        let Fact::Present(account) = &observed.service_account else {
            return;
        };
        if let Some(message) = self.foreign_annotation(wanted, account) {
            return self.conflict(Resource::ServiceAccount, Reason::AnnotationConflict, message);
        }
        // Our annotations for another binding stay while pods may depend on it.
        let kept = wanted.others != Others::Drift && wanted.annotations.is_empty();
        if !kept {
            self.drift.judged.insert(Resource::ServiceAccount);
        }
        let keys: BTreeSet<&String> = wanted
            .annotations
            .keys()
            .chain(account.annotations.keys())
            .filter(|key| !(wanted.held && is_token_setting(key)))
            .filter(|key| !(kept && self.is_ours(account, key)))
            .collect();
        for key in keys {
            self.annotation(key, wanted.annotations.get(key), account.annotations.get(key));
        }
    }

    fn annotation(&mut self, key: &str, want: Option<&String>, found: Option<&Annotation>) {
        let field = Field::Annotation(key.to_owned());
        match (want, found) {
            (None, Some(found)) if !self.set_by_us(&field, found) => {
                self.not_ours(field, Value::text(&found.value));
            }
            (None, Some(found)) => self.unwanted(field, Value::text(&found.value)),
            // As wanted, but not by us: nothing to do, and nothing to remember as ours.
            (Some(want), Some(found)) if found.value == *want && !self.set_by_us(&field, found) => {}
            (want, found) => {
                let found = found.map(|found| Value::text(&found.value));
                self.field(field, want.map(Value::text), found.into());
            }
        }
    }

    fn is_ours(&self, account: &ServiceAccount, key: &str) -> bool {
        let found = account.annotations.get(key);
        found.is_some_and(|found| self.set_by_us(&Field::Annotation(key.to_owned()), found))
    }

    /// Whether an annotation is ours: our field manager holds it, or the status says that we set it.
    fn set_by_us(&self, field: &Field, found: &Annotation) -> bool {
        found.ours || self.applied(field).is_some()
    }

    /// The message of a conflict when an annotation that decides what pods get was never ours and says something else.
    fn foreign_annotation(&self, wanted: &DesiredState, account: &ServiceAccount) -> Option<String> {
        let needed = wanted
            .annotations
            .iter()
            .map(|(key, want)| (key.as_str(), Some(want.as_str())))
            .filter(|(key, _)| !(wanted.held && is_token_setting(key)));
        let (key, want, found) = needed.chain(default_audience(wanted)).find_map(|(key, want)| {
            let found = account.annotations.get(key)?;
            let serves = found.value == want.unwrap_or(DEFAULT_AUDIENCE);
            let foreign = !serves && !self.set_by_us(&Field::Annotation(key.to_owned()), found);
            foreign.then_some((key, want, found))
        })?;
        let manager = found.manager.as_deref().unwrap_or("somebody else");
        Some(format!(
            "ServiceAccount {} already has {key}: {}, set by {}; wanted {}. Remove that annotation where it is set, then Lanyard sets its own.",
            wanted.subject,
            quote(&found.value),
            quote(manager),
            want.unwrap_or("none"),
        ))
    }

    /// Annotations that are to go with their object: only those that are ours.
    pub(super) fn annotations_gone(&mut self, observed: &Observed) {
        match &observed.service_account {
            Fact::Unreadable(why) => self.unreadable(Field::ServiceAccount, None, why.clone()),
            Fact::Absent => {}
            Fact::Present(account) => {
                for (key, found) in &account.annotations {
                    let field = Field::Annotation(key.clone());
                    if self.set_by_us(&field, found) {
                        self.unwanted(field, Value::text(&found.value));
                    }
                }
                if account.created_by_us {
                    self.unwanted(Field::ServiceAccount, Value::present());
                }
            }
        }
    }
}

/// The default audience needs no annotation, and any other that stands there would take its place in the tokens.
fn default_audience(wanted: &DesiredState) -> Option<(&'static str, Option<&'static str>)> {
    let irsa = wanted.binding.method() == Method::Irsa;
    (irsa && !wanted.annotations.contains_key(ANNOTATION_AUDIENCE)).then_some((ANNOTATION_AUDIENCE, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::decide;
    use crate::example::{applied, identity, spec, world};
    use crate::model::annotation::{ANNOTATION_ROLE_ARN, ANNOTATION_TOKEN_EXPIRATION};
    use crate::model::status::Status;
    use crate::reconcile::diff::{Cause, Drift};

    /// The drift of a new IRSA object whose ServiceAccount somebody annotated before.
    fn annotated_by_helm(key: &str, value: &str) -> Drift {
        let identity = identity(&spec(Method::Irsa));
        let mut world = world(&identity);
        let annotation = Annotation {
            value: value.to_owned(),
            ours: false,
            manager: Some("helm".to_owned()),
        };
        let account = world.service_account.present_mut().unwrap();
        account.annotations.insert(key.to_owned(), annotation);
        decide(&identity, &Status::default(), &world).drift
    }

    #[test]
    fn an_annotation_of_others_that_says_something_else_is_a_conflict() {
        let drift = annotated_by_helm(ANNOTATION_ROLE_ARN, "arn:aws:iam::111122223333:role/other");
        let conflict = drift.conflict_on(Resource::ServiceAccount).unwrap();
        assert!(conflict.message.contains("set by helm"), "{}", conflict.message);
    }

    #[test]
    fn an_audience_of_others_would_take_the_place_of_the_default() {
        let drift = annotated_by_helm(ANNOTATION_AUDIENCE, "vault");
        assert!(drift.conflict_on(Resource::ServiceAccount).is_some());
        let same = annotated_by_helm(ANNOTATION_AUDIENCE, DEFAULT_AUDIENCE);
        assert_eq!(same.conflict_on(Resource::ServiceAccount), None);
    }

    #[test]
    fn what_others_set_as_wanted_serves_and_is_not_remembered_as_ours() {
        let role = identity(&spec(Method::Irsa)).role_arn().to_string();
        let drift = annotated_by_helm(ANNOTATION_ROLE_ARN, &role);
        let field = Field::Annotation(ANNOTATION_ROLE_ARN.to_owned());
        assert_eq!(drift.of(&field), None);
        assert!(!drift.agreed.iter().any(|(agreed, _)| *agreed == field));
    }

    #[test]
    fn a_setting_that_nobody_asked_for_is_told_and_left() {
        let drift = annotated_by_helm(ANNOTATION_TOKEN_EXPIRATION, "3600");
        let field = Field::Annotation(ANNOTATION_TOKEN_EXPIRATION.to_owned());
        assert_eq!(drift.of(&field).unwrap().cause, Cause::Unmanaged);
    }

    #[test]
    fn what_the_status_says_we_set_is_drift_whoever_changed_it() {
        let (identity, mut world, status) = applied(&spec(Method::Irsa));
        let account = world.service_account.present_mut().unwrap();
        let annotation = account.annotations.get_mut(ANNOTATION_ROLE_ARN).unwrap();
        annotation.value = "arn:aws:iam::111122223333:role/other".to_owned();
        annotation.ours = false;
        let drift = decide(&identity, &status, &world).drift;
        let field = Field::Annotation(ANNOTATION_ROLE_ARN.to_owned());
        assert_eq!(drift.of(&field).unwrap().cause, Cause::OutOfBand);
    }
}
