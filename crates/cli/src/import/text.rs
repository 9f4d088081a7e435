//! The table of `import` for people. Items in, lines out; no I/O.

use super::document;
use super::item::{ExitLine, ImportItem, ImportState};
use crate::envelope::Envelope;
use crate::screen::{Screen, Tone};

const HEAD: [&str; 6] = ["NAMESPACE/SA", "METHOD", "ROLE", "MADE BY", "AS", "PLAN"];

/// Writes the table, the reasons and the total.
pub(super) fn render(report: &Envelope<ImportItem>, exit_plan: &[ExitLine], screen: &mut Screen, wide: bool) {
    let rows: Vec<[String; 6]> = report.items.iter().map(|item| row(item, wide)).collect();
    if !rows.is_empty() {
        let head = HEAD.map(str::to_owned);
        let width = |column: usize| {
            let cells = rows.iter().chain([&head]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default() + 2
        };
        line(screen, Tone::Faint, &head, width);
        for (row, item) in rows.iter().zip(&report.items) {
            line(screen, tone(item.state), row, width);
            details(item, screen, wide);
        }
    }
    if !report.unread.is_empty() {
        screen.put(Tone::Strong, "NOT READ").end();
    }
    for unread in &report.unread {
        let text = format!(
            "  {}   {}   {}",
            unread.resource, unread.cause, unread.consequence
        );
        screen.put(Tone::Careful, &text).end();
    }
    if !exit_plan.is_empty() {
        let mut text = String::new();
        document::exit(&mut text, exit_plan);
        for line in text.lines() {
            screen.put(Tone::Plain, line.trim_start_matches("# ")).end();
        }
    }
    screen.put(Tone::Strong, &total(&report.items)).end();
}

fn line(screen: &mut Screen, tone: Tone, row: &[String; 6], width: impl Fn(usize) -> usize) {
    for (column, cell) in row.iter().enumerate() {
        let tone = if column == 5 { tone } else { Tone::Plain };
        screen.cell(tone, cell, width(column));
    }
    screen.end();
}

fn row(item: &ImportItem, wide: bool) -> [String; 6] {
    let none = || "-".to_owned();
    let role = item.role.as_deref().map(|arn| match wide {
        true => arn.to_owned(),
        false => arn.split_once(":role/").map_or(arn, |(_, name)| name).to_owned(),
    });
    let plan = match item.state {
        ImportState::Ready => {
            let more = item.effects.contains_key("widens");
            if more {
                "marks, one trust statement"
            } else {
                "marks only"
            }
            .to_owned()
        }
        ImportState::Held => "held".to_owned(),
        ImportState::Left => "not imported".to_owned(),
    };
    [
        item.subject(),
        item.method.clone().unwrap_or_else(none),
        role.unwrap_or_else(none),
        item.made_by().to_owned(),
        item.mode.map_or_else(none, str::to_owned),
        plan,
    ]
}

fn details(item: &ImportItem, screen: &mut Screen, wide: bool) {
    for reason in &item.reasons {
        screen.put(tone(item.state), &format!("  ! {reason}")).end();
    }
    if wide {
        for line in &item.origins {
            let text = format!("  {} ({}): {}", line.part, line.certainty, line.evidence);
            screen.put(Tone::Faint, &text).end();
        }
        for note in &item.notes {
            screen.put(Tone::Faint, &format!("  note: {note}")).end();
        }
    }
}

const fn tone(state: ImportState) -> Tone {
    match state {
        ImportState::Ready => Tone::Good,
        ImportState::Held => Tone::Careful,
        ImportState::Left => Tone::Faint,
    }
}

fn total(items: &[ImportItem]) -> String {
    let count = |state: ImportState| items.iter().filter(|item| item.state == state).count();
    let ready = count(ImportState::Ready);
    let next = match ready {
        0 => "",
        _ => ". Next: -o yaml prints the manifests",
    };
    format!(
        "{} found: {ready} ready, {} held, {} not imported{next}",
        items.len(),
        count(ImportState::Held),
        count(ImportState::Left)
    )
}
