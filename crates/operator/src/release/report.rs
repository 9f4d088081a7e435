//! The report of a release: released objects, held objects, and AWS resources that keep Lanyard's tags.
//! Input: the results for objects and classes. Output: text or JSON on standard output, and the exit code.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::class::ClassResult;
use super::object::{ObjectResult, Outcome};
use super::settings::Output;

/// The exit code for pending changes without `--yes`.
const WOULD_CHANGE: u8 = 2;

/// The outcome of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseOutcome {
    /// No object is held.
    Released,
    /// `--yes` is missing, and an object is held.
    WouldRelease,
    /// An object is still held.
    Held,
}

impl ReleaseOutcome {
    /// The exit code.
    #[must_use]
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Released => ExitCode::SUCCESS,
            Self::WouldRelease => ExitCode::from(WOULD_CHANGE),
            Self::Held => ExitCode::FAILURE,
        }
    }
}

/// The report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// The cause if AWS was not available.
    #[serde(skip_serializing_if = "Option::is_none")]
    aws_unavailable: Option<String>,
    objects: Vec<ObjectResult>,
    classes: Vec<ClassResult>,
    #[serde(skip)]
    output: Output,
}

impl Report {
    pub(super) fn new(
        objects: Vec<ObjectResult>,
        classes: Vec<ClassResult>,
        aws_unavailable: Option<String>,
        output: Output,
    ) -> Self {
        Self {
            aws_unavailable,
            objects,
            classes,
            output,
        }
    }

    /// Prints the report. A failed print does not change the outcome.
    pub(super) fn print(&self) -> ReleaseOutcome {
        let text = match self.output {
            Output::Text => self.text(),
            Output::Json => serde_json::to_string_pretty(self).unwrap_or_default() + "\n",
        };
        if let Err(error) = std::io::stdout().write_all(text.as_bytes()) {
            tracing::error!(%error, "could not print the report");
        }
        self.outcome()
    }

    fn outcome(&self) -> ReleaseOutcome {
        let of_objects = self.objects.iter().map(|object| object.outcome);
        let of_classes = self.classes.iter().map(|class| class.outcome);
        let all: Vec<Outcome> = of_objects.chain(of_classes).collect();
        let any = |outcome| all.contains(&outcome);
        if any(Outcome::Held) {
            ReleaseOutcome::Held
        } else if any(Outcome::WouldRelease) {
            ReleaseOutcome::WouldRelease
        } else {
            ReleaseOutcome::Released
        }
    }

    fn text(&self) -> String {
        if self.objects.is_empty() && self.classes.is_empty() {
            return "Nothing is held: no WorkloadIdentity and no class has Lanyard's finalizer.\n".to_owned();
        }
        let mut lines = Vec::new();
        for object in &self.objects {
            let name = format!("{}/{}", object.namespace, object.name);
            lines.push(headline(&name, object.outcome, object.error.as_deref()));
            lines.extend(object.released.iter().map(|resource| match object.outcome {
                Outcome::WouldRelease => format!("  would be untagged: {resource}"),
                Outcome::Released | Outcome::Held => format!("  untagged: {resource}"),
            }));
            let tagged = object.still_tagged.iter();
            lines.extend(
                tagged
                    .map(|tagged| format!("  keeps Lanyard's tags: {}: {}", tagged.resource, tagged.reason)),
            );
        }
        for class in &self.classes {
            let name = format!("class {}", class.name);
            lines.push(headline(&name, class.outcome, class.error.as_deref()));
        }
        lines.push(self.sum());
        lines.extend(
            self.aws_unavailable
                .as_ref()
                .map(|cause| format!("AWS is not available: {cause}")),
        );
        if self.outcome() == ReleaseOutcome::WouldRelease {
            lines.push("No changes were made. Add --yes to make them.".to_owned());
        }
        lines.join("\n") + "\n"
    }

    fn sum(&self) -> String {
        let tagged: usize = self.objects.iter().map(|object| object.still_tagged.len()).sum();
        let objects = counted(self.objects.iter().map(|object| object.outcome));
        let classes = counted(self.classes.iter().map(|class| class.outcome));
        let kinds = [("WorkloadIdentities", objects), ("Classes", classes)];
        let kinds = kinds.into_iter().filter(|(_, counts)| !counts.is_empty());
        let kinds: Vec<String> = kinds.map(|(kind, counts)| format!("{kind}: {counts}.")).collect();
        format!(
            "{} AWS resources that keep Lanyard's tags: {tagged}.",
            kinds.join(" ")
        )
    }
}

/// The number of results for each outcome.
fn counted(outcomes: impl Iterator<Item = Outcome>) -> String {
    let outcomes: Vec<Outcome> = outcomes.collect();
    let kinds = [
        (Outcome::Released, "released"),
        (Outcome::Held, "still held"),
        (Outcome::WouldRelease, "to be released"),
    ];
    let counts = kinds.into_iter().filter_map(|(outcome, label)| {
        let count = outcomes.iter().filter(|known| **known == outcome).count();
        (count > 0).then(|| format!("{count} {label}"))
    });
    counts.collect::<Vec<_>>().join(", ")
}

fn headline(name: &str, outcome: Outcome, error: Option<&str>) -> String {
    match (outcome, error) {
        (Outcome::Released, _) => format!("{name}: released"),
        (Outcome::WouldRelease, _) => format!("{name}: to be released"),
        (Outcome::Held, Some(cause)) => format!("{name}: still held: {cause}"),
        (Outcome::Held, None) => format!("{name}: still held"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::object::TaggedResource;
    use super::*;

    fn object(name: &str, outcome: Outcome) -> ObjectResult {
        ObjectResult {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            outcome,
            released: vec!["role r".to_owned()],
            still_tagged: Vec::new(),
            error: None,
        }
    }

    #[test]
    fn text_lists_each_object_and_counts_the_outcomes() {
        let stuck = ObjectResult {
            released: Vec::new(),
            still_tagged: vec![TaggedResource {
                resource: "role s".to_owned(),
                reason: "throttled by AWS".to_owned(),
            }],
            error: Some("no answer".to_owned()),
            ..object("carts", Outcome::Held)
        };
        let objects = vec![object("orders", Outcome::Released), stuck];
        let classes = vec![ClassResult {
            name: "tenants".to_owned(),
            outcome: Outcome::Held,
            error: Some("followed by 1 WorkloadIdentity that is still held".to_owned()),
        }];
        let report = Report::new(objects, classes, None, Output::Text);
        let expected = "\
shop/orders: released
  untagged: role r
shop/carts: still held: no answer
  keeps Lanyard's tags: role s: throttled by AWS
class tenants: still held: followed by 1 WorkloadIdentity that is still held
WorkloadIdentities: 1 released, 1 still held. Classes: 1 still held. AWS resources that keep Lanyard's tags: 1.
";
        assert_eq!(
            (report.text().as_str(), report.outcome()),
            (expected, ReleaseOutcome::Held)
        );
    }

    #[test]
    fn text_without_yes_asks_for_it() {
        let report = Report::new(
            vec![object("orders", Outcome::WouldRelease)],
            Vec::new(),
            Some("no credentials".to_owned()),
            Output::Text,
        );
        let text = report.text();
        assert!(text.ends_with(
            "AWS is not available: no credentials\nNo changes were made. Add --yes to make them.\n"
        ));
        assert_eq!(report.outcome(), ReleaseOutcome::WouldRelease);
        assert_eq!(
            Report::new(Vec::new(), Vec::new(), None, Output::Text).outcome(),
            ReleaseOutcome::Released
        );
    }
}
