//! One planned object, as it is shown. Plain values; no I/O.

use std::collections::BTreeMap;

use kube::{Resource, ResourceExt};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::collect::Candidate;
use super::gate::FailOn;
use crate::envelope::Unread;
use crate::exit::Exit;

/// The plan for one WorkloadIdentity.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanItem {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The file of the spec. Absent if the spec is that of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The state of the plan.
    pub state: State,
    /// The sources of the plan.
    pub depth: Depth,
    /// The method of the spec, or of its class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// True if the object is being deleted.
    pub deleting: bool,
    /// True if `spec.suspend` stops the steps.
    pub suspended: bool,
    /// Defects of the spec, objections of the class, conflicts, and probable mistakes in policies.
    pub messages: Vec<String>,
    /// The steps of the next reconcile, in their order.
    pub steps: Vec<PlannedStep>,
    /// The fields that the spec changes, if AWS was not read.
    pub fields: Vec<FieldChange>,
    /// The events for which the plan waits.
    pub waiting_for: Vec<String>,
    /// The effects of the later stages of a transition, which retire the previous binding.
    pub later_effects: Vec<&'static str>,
    /// The fields that differ from the desired state.
    pub drift: Vec<DriftLine>,
    /// Everything about this object that could not be read.
    pub unread: Vec<Unread>,
}

/// The state of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// The spec is valid, and `steps` or `fields` are its changes.
    Planned,
    /// The spec is invalid: nothing would be applied.
    Invalid,
    /// The class does not allow the spec: nothing of it would be applied.
    Rejected,
    /// The object could not be read.
    Unknown,
}

/// The sources of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Depth {
    /// The cluster and AWS.
    Full,
    /// The cluster alone: the status says what was last applied.
    Status,
    /// Files alone, as if nothing existed.
    Offline,
}

/// One step.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// The wave: a wave begins when every step of the earlier waves is done.
    pub wave: usize,
    /// The kind of the step.
    pub step: &'static str,
    /// The effects on access: `marks`, `widens`, `binds`, `narrows`, `unbinds`, `removes`, `restarts`.
    pub effects: Vec<&'static str>,
    /// The step in words.
    pub text: String,
    /// False if the step does not run while the object is suspended.
    pub runs: bool,
    /// The policy document of the step against the one that it replaces, as the lines of a unified diff of their canonical
    /// forms. Empty for a step without a document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diff: Vec<String>,
    /// The step with all its values.
    pub change: Value,
}

/// A field that the spec changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// The key of the field, as in `status.lastAppliedHashes`.
    pub field: String,
    /// The kind of the change.
    pub change: ChangeKind,
}

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ChangeKind {
    /// The field was not applied before.
    Added,
    /// The field has another value.
    Changed,
    /// The field is no longer desired.
    Removed,
}

/// A field that differs from the desired state.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftLine {
    /// The resource.
    pub resource: &'static str,
    /// The field.
    pub field: String,
    /// The cause: `spec`, `frozen`, `outOfBand`, `contested`, `unmanaged`, `adopted` or `unreadable`.
    pub cause: &'static str,
    /// The desired value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<String>,
    /// The observed value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
}

impl PlanItem {
    /// An item without a plan.
    pub(crate) fn of(candidate: &Candidate) -> Self {
        let object = &candidate.object;
        Self {
            file: candidate.file.clone(),
            deleting: object.meta().deletion_timestamp.is_some(),
            ..Self::named(&object.namespace().unwrap_or_default(), &object.name_any())
        }
    }

    /// An item without a plan, for an object with this name.
    pub(super) fn named(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            file: None,
            state: State::Planned,
            depth: Depth::Full,
            method: None,
            class: None,
            deleting: false,
            suspended: false,
            messages: Vec::new(),
            steps: Vec::new(),
            fields: Vec::new(),
            waiting_for: Vec::new(),
            later_effects: Vec::new(),
            drift: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// The item of an invalid spec.
    pub(crate) fn invalid(mut self, messages: Vec<String>) -> Self {
        self.state = State::Invalid;
        self.messages = messages;
        self
    }

    /// The item of a spec that the class does not allow.
    pub(crate) fn rejected(mut self, message: String) -> Self {
        self.state = State::Rejected;
        self.messages = vec![message];
        self
    }

    /// The item of an object that could not be read.
    pub(crate) fn unknown(mut self, unread: Unread) -> Self {
        self.state = State::Unknown;
        self.unread = vec![unread];
        self
    }

    /// True if the next reconcile would change something.
    pub(crate) fn would_change(&self) -> bool {
        self.steps.iter().any(|step| step.runs) || !self.fields.is_empty()
    }

    /// The exit code of this item alone.
    pub(crate) fn exit(&self) -> Exit {
        match self.state {
            State::Invalid | State::Rejected => Exit::Failed,
            State::Planned if self.would_change() => Exit::Changes,
            State::Planned if self.unread.is_empty() => Exit::Done,
            State::Planned | State::Unknown => Exit::Incomplete,
        }
    }

    /// The exit code of this item with a gate. A change without an effect that fails the command is no reason to fail.
    /// Fields whose effects are not known leave the result incomplete.
    pub(crate) fn gated_exit(&self, fail_on: &[FailOn]) -> Exit {
        let exit = self.exit();
        if exit != Exit::Changes || fail_on.contains(&FailOn::Any) {
            return exit;
        }
        let running = self.steps.iter().filter(|step| step.runs);
        let now = running.flat_map(|step| &step.effects);
        let mut effects = now.chain(&self.later_effects);
        if effects.any(|effect| fail_on.iter().any(|fails| fails.matches(effect))) {
            return Exit::Changes;
        }
        match self.fields.is_empty() && self.unread.is_empty() {
            true => Exit::Done,
            false => Exit::Incomplete,
        }
    }

    /// The number of steps by effect.
    pub(crate) fn effects(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        let running = self.steps.iter().filter(|step| step.runs);
        for effect in running.flat_map(|step| &step.effects) {
            *counts.entry(*effect).or_default() += 1;
        }
        counts
    }
}
