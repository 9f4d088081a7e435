//! The manifests of `import`, with the evidence as comments. Items in, YAML out; no I/O. Foreign text cannot leave its comment
//! or its value: line breaks and control characters are escaped.

use serde_json::Value;

use super::item::{ExitLine, ImportItem, ImportState};
use crate::envelope::Envelope;
use crate::error::CliError;
use crate::inert::{inert, inert_json};

/// The manifests: those to apply first, then those that would do more as comments, then what is left to its owner.
pub(super) fn render(report: &Envelope<ImportItem>, exit_plan: &[ExitLine]) -> Result<String, CliError> {
    let mut text = String::new();
    let count = |state: ImportState| report.items.iter().filter(|item| item.state == state).count();
    comment(
        &mut text,
        &format!(
            "{} WorkloadIdentities to apply, {} held as comments, {} not imported. Taken at {}.",
            count(ImportState::Ready),
            count(ImportState::Held),
            count(ImportState::Left),
            report.taken_at,
        ),
    );
    for unread in &report.unread {
        let line = format!(
            "NOT READ {}: {}; {}",
            unread.resource, unread.cause, unread.consequence
        );
        comment(&mut text, &line);
    }
    for state in [ImportState::Ready, ImportState::Held, ImportState::Left] {
        for item in report.items.iter().filter(|item| item.state == state) {
            add(&mut text, item)?;
        }
    }
    if !exit_plan.is_empty() {
        text.push('\n');
        exit(&mut text, exit_plan);
    }
    Ok(text)
}

fn add(text: &mut String, item: &ImportItem) -> Result<(), CliError> {
    text.push_str(if item.state == ImportState::Ready {
        "---\n"
    } else {
        "\n"
    });
    let subject = item.subject();
    match item.state {
        ImportState::Ready => comment(text, &format!("{subject}: made by {}", item.made_by())),
        ImportState::Held => comment(
            text,
            &format!("{subject}: not applied as it stands, made by {}", item.made_by()),
        ),
        ImportState::Left => comment(text, &format!("{subject}: not imported")),
    }
    for reason in &item.reasons {
        comment(text, &format!("  because {reason}"));
    }
    for line in &item.origins {
        comment(
            text,
            &format!("  {} ({}): {}", line.part, line.certainty, line.evidence),
        );
    }
    for note in &item.notes {
        comment(text, &format!("  note: {note}"));
    }
    for step in &item.steps {
        comment(text, &format!("  step: {step}"));
    }
    let Some(object) = &item.object else {
        return Ok(());
    };
    let yaml = yaml(object)?;
    match item.state {
        ImportState::Ready => text.push_str(&yaml),
        ImportState::Held | ImportState::Left => yaml.lines().for_each(|line| comment(text, line)),
    }
    Ok(())
}

/// The steps of the exit plan, as comments and commands.
pub(super) fn exit(text: &mut String, lines: &[ExitLine]) {
    comment(
        text,
        "EXIT PLAN. First apply the WorkloadIdentities, and wait until each is Ready. Then, for each tool in order:",
    );
    let mut tool = "";
    for (number, step) in lines.iter().enumerate() {
        if step.tool != tool {
            tool = step.tool;
            comment(text, tool);
        }
        comment(text, &format!("{}. {}", number + 1, step.text));
        step.lines
            .iter()
            .for_each(|line| comment(text, &format!("     {line}")));
    }
}

fn comment(text: &mut String, line: &str) {
    text.push_str("# ");
    text.push_str(inert(line).trim_end());
    text.push('\n');
}

/// The object as YAML. An object with characters that a terminal interprets is written as JSON, where they are escaped. JSON
/// is YAML too.
fn yaml(object: &Value) -> Result<String, CliError> {
    let encoding = |error: &dyn std::fmt::Display| CliError::Encoding(error.to_string());
    let yaml = serde_saphyr::to_string(object).map_err(|error| encoding(&error))?;
    if yaml.lines().all(|line| inert(line) == line) {
        return Ok(yaml);
    }
    let json = serde_json::to_string_pretty(object).map_err(|error| encoding(&error))?;
    Ok(inert_json(&json) + "\n")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\n---\nkind: Secret\u{202e}";

    fn item(state: ImportState, object: Value) -> ImportItem {
        ImportItem {
            state,
            object: Some(object),
            notes: vec![HOSTILE.to_owned()],
            ..ImportItem::new("shop", "orders", &[])
        }
    }

    fn rendered(items: Vec<ImportItem>) -> String {
        let report = Envelope::new("Import", None, Timestamp::UNIX_EPOCH, Vec::new(), items);
        render(&report, &[]).unwrap()
    }

    #[test]
    fn manifests_read_back_as_the_objects() {
        for value in ["plain", HOSTILE, "yes", "1e3", ": #", "- x"] {
            let object = json!({"kind": "WorkloadIdentity", "spec": {"description": value}});
            let text = rendered(vec![item(ImportState::Ready, object.clone())]);
            let read: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
            let read: Vec<Value> = read.into_iter().filter(|value| !value.is_null()).collect();
            assert_eq!(read, [object], "{text}");
            assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
        }
    }

    #[test]
    fn held_object_is_a_comment_in_every_line() {
        let object = json!({"spec": {"description": HOSTILE}});
        let text = rendered(vec![item(ImportState::Held, object)]);
        assert!(
            text.lines().all(|line| line.is_empty() || line.starts_with('#')),
            "{text}"
        );
    }
}
