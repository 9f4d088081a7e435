//! A plan as Markdown, for a comment of a pull request. Input: the report. Output: text of less than 60 kB. No I/O. Every
//! foreign text is inert: no Markdown, HTML, link or mention in it takes effect.

use super::item::{ChangeKind, PlanItem, PlannedStep, State};
use super::text::total;
use crate::envelope::Envelope;
use crate::inert::inert;

/// The limit in bytes. GitHub accepts comments of 65,536 characters.
const LIMIT: usize = 60_000;

/// The first line, by which a script finds its earlier comment.
const MARKER: &str = "<!-- kubectl-lanyard-plan -->\n";

/// The whole plan. Objects beyond the limit are counted, not shown.
pub(super) fn render(report: &Envelope<PlanItem>) -> String {
    let mut text = format!("{MARKER}**{}**\n", total(&report.items));
    let mut end = String::new();
    if !report.unread.is_empty() {
        end.push_str("\n**Not read**\n\n| resource | cause | consequence |\n|---|---|---|\n");
        for line in report.unread.iter().take(20) {
            end.push_str(&row(&[&line.resource, &line.cause, &line.consequence]));
        }
        if report.unread.len() > 20 {
            end.push_str(&format!(
                "\n{} further lines are not shown.\n",
                report.unread.len() - 20
            ));
        }
    }
    let shown = report.items.iter().filter(|item| is_shown(item));
    let mut omitted = 0;
    for item in shown {
        let part = section(item);
        match text.len() + part.len() + end.len() < LIMIT {
            true => text.push_str(&part),
            false => omitted += 1,
        }
    }
    if omitted > 0 {
        text.push_str(&format!("\n{omitted} further objects are not shown.\n"));
    }
    text + &end
}

fn is_shown(item: &PlanItem) -> bool {
    item.would_change() || item.state != State::Planned || !item.messages.is_empty()
}

fn section(item: &PlanItem) -> String {
    let state = match item.state {
        State::Planned => "",
        State::Invalid => ": invalid, nothing would be applied",
        State::Rejected => ": rejected, nothing would be applied",
        State::Unknown => ": not known",
    };
    let name = format!("{}/{}", item.namespace, item.name);
    let mut text = format!("\n### {}{state}\n\n", code(&name));
    for message in &item.messages {
        text.push_str(&format!("- {}\n", code(message)));
    }
    if !item.steps.is_empty() {
        text.push_str("\n| | step | effect |\n|---|---|---|\n");
        for (number, step) in item.steps.iter().enumerate() {
            let effects = step.effects.join(", ");
            let suspended = if step.runs { "" } else { " (suspended)" };
            text.push_str(&format!(
                "| {} | {} | {effects}{suspended} |\n",
                number + 1,
                code(&step.text)
            ));
        }
    }
    for field in &item.fields {
        let change = match field.change {
            ChangeKind::Added => "added",
            ChangeKind::Changed => "changed",
            ChangeKind::Removed => "removed",
        };
        text.push_str(&format!("- {change}: {}\n", code(&field.field)));
    }
    for event in &item.waiting_for {
        text.push_str(&format!("\nThen it waits for {event}.\n"));
    }
    for step in item.steps.iter().filter(|step| !step.diff.is_empty()) {
        text.push_str(&details(step));
    }
    text
}

fn details(step: &PlannedStep) -> String {
    // A preformatted HTML block ends only with its tag, which the escaped text cannot contain. An empty line would end it too.
    let lines: Vec<String> = step.diff.iter().map(|line| escaped(line)).collect();
    format!(
        "\n<details><summary>{}</summary>\n<pre>\n{}\n</pre>\n</details>\n",
        escaped(&step.text),
        lines.join("\n")
    )
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| code(cell)).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// Text in which only the words have a meaning. Inside of `code`, mentions and references of issues are not links.
fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

/// Every character that Markdown or HTML could interpret as a character reference.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in inert(text).chars() {
        match character.is_ascii_punctuation() && !"-,/".contains(character) {
            true => escaped.push_str(&format!("&#{};", u32::from(character))),
            false => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::Value;

    use super::*;

    fn step(text: &str) -> PlannedStep {
        PlannedStep {
            wave: 1,
            step: "TagRole",
            effects: vec!["widens"],
            text: text.to_owned(),
            runs: true,
            diff: vec![format!("+ {text}")],
            change: Value::Null,
        }
    }

    fn rendered(items: Vec<PlanItem>) -> String {
        render(&Envelope::new(
            "Plan",
            None,
            Timestamp::UNIX_EPOCH,
            Vec::new(),
            items,
        ))
    }

    fn item(text: &str) -> PlanItem {
        let mut item = PlanItem::named("shop", "orders");
        item.steps = vec![step(text)];
        item
    }

    #[test]
    fn steps_are_a_table_with_effects_and_details() {
        let text = rendered(vec![item("tag the role")]);
        assert!(text.starts_with(MARKER), "{text}");
        for part in [
            "1 of 1 object would change",
            "### <code>shop/orders</code>",
            "| 1 | <code>tag the role</code> | widens |",
            "<details><summary>tag the role</summary>",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn hostile_text_has_no_effect() {
        let hostile = "</pre><script>x</script> | `a` [b](https://c) @team #1 \u{1b}[2J\n\n# d";
        let text = rendered(vec![item(hostile)]);
        for part in [
            "<script", "`a`", "](", "https:", "@team", " #1", "\u{1b}", "\n# d",
        ] {
            assert!(!text.contains(part), "{part:?}: {text}");
        }
        let table = text.lines().find(|line| line.starts_with("| 1 |")).unwrap();
        assert_eq!(table.matches('|').count(), 4, "{table}");
    }

    #[test]
    fn objects_beyond_the_limit_are_counted() {
        let text = rendered(vec![item(&"x".repeat(1000)); 100]);
        assert!(text.len() < LIMIT + 100, "{}", text.len());
        assert!(text.contains("further objects are not shown"));
    }
}
