//! One identity of another tool, as `import` shows it. Plain values; no I/O.

use std::collections::BTreeMap;

use lanyard_core::origin::exit::ToolExit;
use lanyard_core::origin::{Origin, Part};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::envelope::Unread;

/// One ServiceAccount that gets a role without Lanyard.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportItem {
    /// The namespace.
    pub namespace: String,
    /// The name of the ServiceAccount, and of its WorkloadIdentity.
    pub name: String,
    /// The state.
    pub state: ImportState,
    /// The method in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The ARN of the role in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The part that Lanyard takes over: `existing` or `adopt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<&'static str>,
    /// The evidence for the tools that made its parts.
    pub origins: Vec<OriginLine>,
    /// The WorkloadIdentity. Absent if the identity is left to its owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<Value>,
    /// Remarks, such as values that the object does not contain.
    pub notes: Vec<String>,
    /// The steps of the first reconcile by effect.
    pub effects: BTreeMap<&'static str, usize>,
    /// The steps of the first reconcile.
    pub steps: Vec<String>,
    /// The reasons why the object is not imported, or would do more than marks.
    pub reasons: Vec<String>,
    /// With `--exit-plan`: how the old tools let go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exit_plan: Vec<ExitLine>,
    /// Everything about this identity that could not be read.
    pub unread: Vec<Unread>,
}

/// The state of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ImportState {
    /// The object only sets marks, and with `adopt` adds one trust statement of the same ServiceAccount.
    Ready,
    /// The object would do more, or its steps are not known.
    Held,
    /// The identity is left to its owner.
    Left,
}

/// One piece of evidence.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OriginLine {
    /// The part: `role`, `association` or `annotation`.
    pub part: &'static str,
    /// The tool with its name of the part.
    pub maker: String,
    /// The tool.
    pub tool: &'static str,
    /// `certain`, or `perhaps` for a guess.
    pub certainty: &'static str,
    /// The evidence.
    pub evidence: String,
}

/// One step by which a tool lets go.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExitLine {
    /// The tool.
    pub tool: &'static str,
    /// The step.
    pub text: String,
    /// Commands or configuration.
    pub lines: Vec<String>,
}

impl ImportItem {
    /// An item of an identity that is not judged yet.
    pub(super) fn new(namespace: &str, name: &str, origins: &[Origin]) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            state: ImportState::Left,
            method: None,
            role: None,
            mode: None,
            origins: origins.iter().map(OriginLine::of).collect(),
            object: None,
            notes: Vec::new(),
            effects: BTreeMap::new(),
            steps: Vec::new(),
            reasons: Vec::new(),
            exit_plan: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// The subject.
    pub(super) fn subject(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// The tool that made the role, otherwise the binding.
    pub(super) fn made_by(&self) -> &str {
        let parts = [Part::Role, Part::Association, Part::Annotation];
        let of_part = |part: Part| {
            let mut lines = self.origins.iter().filter(|line| line.part == part.as_str());
            let certain = lines.clone().find(|line| line.certainty == "certain");
            certain.or_else(|| lines.next())
        };
        let line = parts.into_iter().find_map(of_part);
        line.map_or("-", |line| line.maker.as_str())
    }
}

impl OriginLine {
    fn of(origin: &Origin) -> Self {
        Self {
            part: origin.part.as_str(),
            maker: origin.to_string(),
            tool: origin.tool.as_str(),
            certainty: origin.certainty.as_str(),
            evidence: origin.evidence.clone(),
        }
    }
}

impl ExitLine {
    /// The steps of all tools.
    pub(super) fn of(exits: &[ToolExit]) -> Vec<Self> {
        let lines = exits.iter().flat_map(|exit| {
            exit.steps.iter().map(|step| Self {
                tool: exit.tool.as_str(),
                text: step.text.clone(),
                lines: step.lines.clone(),
            })
        });
        lines.collect()
    }
}
