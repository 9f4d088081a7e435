//! Diff, the ServiceAccount's part: that it is there, and our annotations on it.
//! Facts in, differences out; no I/O. Called by `diff` only.

use std::collections::BTreeSet;

use super::Judge;
use crate::aspect::{Aspect, Resource, Value};
use crate::desired::Wanted;
use crate::fact::Fact;
use crate::observed::{Annotation, Observed, ServiceAccount};
use crate::reason::Reason;
use crate::stage::is_token_setting;
use crate::text::quote;

impl Judge<'_> {
    pub(super) fn service_account(&mut self, wanted: &Wanted, observed: &Observed) {
        let there = observed.service_account.as_ref().map(|_| Value::there());
        let needed = wanted.create_service_account || !wanted.annotations.is_empty();
        if needed || there.unreadable().is_some() {
            self.aspect(Aspect::ServiceAccount, needed.then(Value::there), there);
        }
        let Fact::Present(account) = &observed.service_account else {
            return;
        };
        if let Some(message) = self.foreign_annotation(wanted, account) {
            return self.conflict(Resource::ServiceAccount, Reason::AnnotationConflict, message);
        }
        self.drift.judged.insert(Resource::ServiceAccount);
        let keys: BTreeSet<&String> = wanted
            .annotations
            .keys()
            .chain(account.annotations.keys())
            .filter(|key| !(wanted.held && is_token_setting(key)))
            .collect();
        for key in keys {
            self.annotation(key, wanted.annotations.get(key), account.annotations.get(key));
        }
    }

    fn annotation(&mut self, key: &str, want: Option<&String>, found: Option<&Annotation>) {
        let aspect = Aspect::Annotation(key.to_owned());
        match (want, found) {
            (None, Some(found)) if !self.set_by_us(&aspect, found) => {
                self.not_ours(aspect, Value::text(&found.value));
            }
            (None, Some(found)) => self.unwanted(aspect, Value::text(&found.value)),
            // As wanted, but not by us: nothing to do, and nothing to remember as ours.
            (Some(want), Some(found)) if found.value == *want && !self.set_by_us(&aspect, found) => {}
            (want, found) => {
                let found = found.map(|found| Value::text(&found.value));
                self.aspect(aspect, want.map(Value::text), found.into());
            }
        }
    }

    /// Whether an annotation is ours: our field manager holds it, or the status says that we set it.
    fn set_by_us(&self, aspect: &Aspect, found: &Annotation) -> bool {
        found.ours || self.applied(aspect).is_some()
    }

    /// The message of a conflict when an annotation that we need says something else and was never ours.
    fn foreign_annotation(&self, wanted: &Wanted, account: &ServiceAccount) -> Option<String> {
        let mut needed = wanted
            .annotations
            .iter()
            .filter(|(key, _)| !(wanted.held && is_token_setting(key)));
        let (key, want, found) = needed.find_map(|(key, want)| {
            let found = account.annotations.get(key)?;
            let foreign = found.value != *want && !self.set_by_us(&Aspect::Annotation(key.clone()), found);
            foreign.then_some((key, want, found))
        })?;
        let manager = found.manager.as_deref().unwrap_or("somebody else");
        Some(format!(
            "ServiceAccount {} already has {key}: {}, set by {}; wanted {want}. Remove that annotation where it is set, then Lanyard sets its own.",
            wanted.subject,
            quote(&found.value),
            quote(manager),
        ))
    }

    /// Annotations that are to go with their object: only those that are ours.
    pub(super) fn annotations_gone(&mut self, observed: &Observed) {
        match &observed.service_account {
            Fact::Unreadable(why) => self.unreadable(Aspect::ServiceAccount, None, why.clone()),
            Fact::Absent => {}
            Fact::Present(account) => {
                for (key, found) in &account.annotations {
                    let aspect = Aspect::Annotation(key.clone());
                    if self.set_by_us(&aspect, found) {
                        self.unwanted(aspect, Value::text(&found.value));
                    }
                }
                if account.created_by_us {
                    self.unwanted(Aspect::ServiceAccount, Value::there());
                }
            }
        }
    }
}
