//! Diff of the ServiceAccount: its existence, and Lanyard's annotations on it. Facts in, differences out; no I/O.

use std::collections::BTreeSet;

use super::differ::Differ;
use crate::model::annotation::{ANNOTATION_AUDIENCE, is_token_setting};
use crate::model::fact::Fact;
use crate::model::field::{Field, Resource, Value};
use crate::model::observed::{Annotation, Observed, ServiceAccount};
use crate::model::reason::Reason;
use crate::model::spec::DEFAULT_AUDIENCE;
use crate::model::spec::Method;
use crate::model::text::quote;
use crate::reconcile::desired::{DesiredState, OtherBindings};

impl Differ<'_> {
    pub(super) fn service_account(&mut self, desired: &DesiredState, observed: &Observed) {
        let exists = observed.service_account.as_ref().map(|_| Value::present());
        let is_needed = desired.create_service_account || !desired.annotations.is_empty();
        if is_needed || exists.unreadable().is_some() {
            self.field(Field::ServiceAccount, is_needed.then(Value::present), exists);
        }
        let Fact::Present(account) = &observed.service_account else {
            return;
        };
        if let Some(message) = self.foreign_annotation(desired, account) {
            return self.conflict(Resource::ServiceAccount, Reason::AnnotationConflict, message);
        }
        // Annotations of another binding stay while pods may depend on it.
        let is_kept = desired.other_bindings != OtherBindings::Drift && desired.annotations.is_empty();
        if !is_kept {
            self.drift.judged.insert(Resource::ServiceAccount);
        }
        let keys: BTreeSet<&String> = desired
            .annotations
            .keys()
            .chain(account.annotations.keys())
            .filter(|key| !(desired.held && is_token_setting(key)))
            .filter(|key| !(is_kept && self.is_own_annotation(account, key)))
            .collect();
        for key in keys {
            self.annotation(key, desired.annotations.get(key), account.annotations.get(key));
        }
    }

    fn annotation(&mut self, key: &str, desired: Option<&String>, observed: Option<&Annotation>) {
        let field = Field::Annotation(key.to_owned());
        match (desired, observed) {
            (None, Some(observed)) if !self.is_set_by_lanyard(&field, observed) => {
                self.unmanaged(field, Value::text(&observed.value));
            }
            (None, Some(observed)) => self.obsolete(field, Value::text(&observed.value)),
            // In sync by another field manager: nothing to do, and nothing to record as applied.
            (Some(desired), Some(observed))
                if observed.value == *desired && !self.is_set_by_lanyard(&field, observed) => {}
            (desired, observed) => {
                let observed = observed.map(|observed| Value::text(&observed.value));
                self.field(field, desired.map(Value::text), observed.into());
            }
        }
    }

    fn is_own_annotation(&self, account: &ServiceAccount, key: &str) -> bool {
        let observed = account.annotations.get(key);
        observed.is_some_and(|observed| self.is_set_by_lanyard(&Field::Annotation(key.to_owned()), observed))
    }

    /// Returns whether Lanyard is the field manager of an annotation, or the status records that Lanyard set it.
    fn is_set_by_lanyard(&self, field: &Field, observed: &Annotation) -> bool {
        observed.ours || self.applied(field).is_some()
    }

    /// Returns the conflict message if an annotation that decides the credentials of pods was set by another field
    /// manager to another value, or `None` if there is no such annotation.
    fn foreign_annotation(&self, desired: &DesiredState, account: &ServiceAccount) -> Option<String> {
        let needed = desired
            .annotations
            .iter()
            .map(|(key, value)| (key.as_str(), Some(value.as_str())))
            .filter(|(key, _)| !(desired.held && is_token_setting(key)));
        let (key, value, observed) = needed.chain(default_audience(desired)).find_map(|(key, value)| {
            let observed = account.annotations.get(key)?;
            let is_in_sync = observed.value == value.unwrap_or(DEFAULT_AUDIENCE);
            let field = Field::Annotation(key.to_owned());
            let is_foreign = !is_in_sync && !self.is_set_by_lanyard(&field, observed);
            is_foreign.then_some((key, value, observed))
        })?;
        let manager = observed.manager.as_deref().unwrap_or("another field manager");
        let expected = value.map_or(format!("unset or {DEFAULT_AUDIENCE}"), str::to_owned);
        Some(format!(
            "ServiceAccount {}: annotation {key} must be {expected}. It is {}, set by {}. Remove the annotation at its source, and Lanyard sets its own.",
            desired.subject,
            quote(&observed.value),
            quote(manager),
        ))
    }

    /// Records the annotations of a deleted object that are Lanyard's, and the ServiceAccount if Lanyard
    /// created it.
    pub(super) fn removed_annotations(&mut self, observed: &Observed) {
        match &observed.service_account {
            Fact::Unreadable(error) => self.unreadable(Field::ServiceAccount, None, error.clone()),
            Fact::Absent => {}
            Fact::Present(account) => {
                for (key, annotation) in &account.annotations {
                    let field = Field::Annotation(key.clone());
                    if self.is_set_by_lanyard(&field, annotation) {
                        self.obsolete(field, Value::text(&annotation.value));
                    }
                }
                if account.created_by_us {
                    self.obsolete(Field::ServiceAccount, Value::present());
                }
            }
        }
    }
}

/// The default audience needs no annotation. An annotation with another audience would replace it in the tokens.
fn default_audience(desired: &DesiredState) -> Option<(&'static str, Option<&'static str>)> {
    let is_irsa = desired.binding.method() == Method::Irsa;
    (is_irsa && !desired.annotations.contains_key(ANNOTATION_AUDIENCE)).then_some((ANNOTATION_AUDIENCE, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{applied, decide, identity, spec, world};
    use crate::model::annotation::{ANNOTATION_ROLE_ARN, ANNOTATION_TOKEN_EXPIRATION};
    use crate::model::status::Status;
    use crate::reconcile::diff::{Cause, Drift};

    /// The drift of a new IRSA object whose ServiceAccount was annotated before.
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
    fn foreign_annotation_with_other_value_is_conflict() {
        let drift = annotated_by_helm(ANNOTATION_ROLE_ARN, "arn:aws:iam::111122223333:role/other");
        let conflict = drift.conflict_on(Resource::ServiceAccount).unwrap();
        assert!(conflict.message.contains("set by helm"), "{}", conflict.message);
    }

    #[test]
    fn foreign_audience_annotation_is_conflict() {
        let drift = annotated_by_helm(ANNOTATION_AUDIENCE, "vault");
        assert!(drift.conflict_on(Resource::ServiceAccount).is_some());
        let same = annotated_by_helm(ANNOTATION_AUDIENCE, DEFAULT_AUDIENCE);
        assert_eq!(same.conflict_on(Resource::ServiceAccount), None);
    }

    #[test]
    fn foreign_annotation_in_sync_is_not_recorded() {
        let role = identity(&spec(Method::Irsa)).role_arn().to_string();
        let drift = annotated_by_helm(ANNOTATION_ROLE_ARN, &role);
        let field = Field::Annotation(ANNOTATION_ROLE_ARN.to_owned());
        assert_eq!(drift.of(&field), None);
        assert!(!drift.agreed.iter().any(|(agreed, _)| *agreed == field));
    }

    #[test]
    fn unrequested_foreign_annotation_is_unmanaged() {
        let drift = annotated_by_helm(ANNOTATION_TOKEN_EXPIRATION, "3600");
        let field = Field::Annotation(ANNOTATION_TOKEN_EXPIRATION.to_owned());
        assert_eq!(drift.of(&field).unwrap().cause, Cause::Unmanaged);
    }

    #[test]
    fn recorded_annotation_with_other_value_is_drift() {
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
