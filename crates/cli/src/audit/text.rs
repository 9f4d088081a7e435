//! The audit as text for people. Input: items. Output: a table, the totals and everything that was not read. No I/O.

use jiff::Timestamp;

use super::item::AuditItem;
use super::totals::Totals;
use crate::screen::{Screen, Tone};

/// The maximum width of a column.
const WIDEST: usize = 44;

const HEAD: [&str; 8] = [
    "NAMESPACE",
    "WORKLOAD",
    "CONTAINER",
    "SA",
    "HOW",
    "ROLE",
    "MANAGED",
    "LAST USED",
];

/// Writes the table. Containers without a sign of AWS are only part of the wide form.
pub(super) fn table(items: &[AuditItem], now: Timestamp, screen: &mut Screen, wide: bool) {
    let shown: Vec<&AuditItem> = items.iter().filter(|item| wide || item.uses_aws).collect();
    let cells: Vec<[String; 8]> = shown.iter().map(|item| cells(item, now)).collect();
    let width = |column: usize| {
        let lengths = cells.iter().filter_map(|row| row.get(column));
        let longest = lengths
            .map(|cell| cell.chars().count().min(WIDEST))
            .max()
            .unwrap_or_default();
        longest.max(HEAD.get(column).map_or(0, |head| head.len())) + 2
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    if !shown.is_empty() {
        for (head, width) in HEAD.iter().zip(&widths) {
            screen.cell(Tone::Strong, head, *width);
        }
        screen.put(Tone::Strong, "MOVE").end();
    }
    for (item, cells) in shown.iter().zip(&cells) {
        for (cell, width) in cells.iter().zip(&widths) {
            screen.cell(Tone::Plain, &shortened(cell, *width - 2), *width);
        }
        screen.put(tone(item), &item.advice_text()).end();
        if wide {
            details(item, screen);
        }
    }
}

/// Writes the totals.
pub(super) fn totals(items: &[AuditItem], unread_loads: usize, screen: &mut Screen, wide: bool) {
    let totals = Totals::of(items);
    screen.put(Tone::Strong, &totals.line()).end();
    if totals.quiet > 0 && !wide {
        let text = format!("{} containers show no sign of AWS (-o wide)", totals.quiet);
        screen.put(Tone::Faint, &text).end();
    }
    if unread_loads > 0 {
        let text = format!("{unread_loads} objects of envFrom were not read (--read-secrets)");
        screen.put(Tone::Faint, &text).end();
    }
}

fn details(item: &AuditItem, screen: &mut Screen) {
    let line = |name: &str, text: &str, screen: &mut Screen| {
        screen
            .put(Tone::Faint, "    ")
            .cell(Tone::Faint, name, 10)
            .put(Tone::Plain, text)
            .end();
    };
    for place in &item.evidence {
        line("evidence", place, screen);
    }
    if let Some(role) = &item.role {
        line("role", &role.arn, screen);
    }
    for finding in &item.findings {
        line(
            finding.level,
            &format!("{}  {}", finding.code, finding.message),
            screen,
        );
    }
}

fn cells(item: &AuditItem, now: Timestamp) -> [String; 8] {
    let role = item.role.as_ref();
    [
        item.namespace.clone(),
        item.workload(),
        item.container.clone(),
        item.service_account.clone(),
        item.how(),
        role.map_or_else(|| "-".to_owned(), |role| role.name.clone()),
        item.managed_by.clone().unwrap_or_else(|| "-".to_owned()),
        last_used(item, now),
    ]
}

/// The age of the last use of the role.
pub(super) fn last_used(item: &AuditItem, now: Timestamp) -> String {
    let last_used = item.role.as_ref().and_then(|role| role.last_used.as_deref());
    let Some(time) = last_used.and_then(|text| text.parse::<Timestamp>().ok()) else {
        return "-".to_owned();
    };
    match now.duration_since(time).as_hours() / 24 {
        days if days < 1 => "today".to_owned(),
        days => format!("{days} d"),
    }
}

/// The text, cut in the middle to a width in characters.
pub(super) fn shortened(text: &str, width: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let head = kept / 2;
    let tail = characters.len() - (kept - head);
    let part = |part: Option<&[char]>| part.unwrap_or_default().iter().collect::<String>();
    format!(
        "{}…{}",
        part(characters.get(..head)),
        part(characters.get(tail..))
    )
}

fn tone(item: &AuditItem) -> Tone {
    match (
        item.findings.iter().any(|finding| finding.level == "fault"),
        item.is_due(),
    ) {
        (true, _) => Tone::Bad,
        (false, true) => Tone::Careful,
        (false, false) => Tone::Faint,
    }
}

#[cfg(test)]
mod tests {
    use lanyard_core::audit::AuditCode;

    use super::super::item::testing::item;
    use super::*;

    fn shown(items: &[AuditItem], wide: bool) -> String {
        let mut screen = Screen::new(false);
        table(items, "2026-05-11T00:00:00Z".parse().unwrap(), &mut screen, wide);
        totals(items, 3, &mut screen, wide);
        screen.into_text()
    }

    #[test]
    fn table_has_a_line_per_item_and_totals() {
        let mut quiet = item(&[]);
        quiet.uses_aws = false;
        let text = shown(&[item(&[AuditCode::Ly709]), quiet], false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "NAMESPACE  WORKLOAD    CONTAINER  SA      HOW   ROLE    MANAGED  LAST USED  MOVE",
                "shop       deploy/api  app        orders  IRSA  orders  -        10 d       now: nothing is against it: import the role",
                "1 in use: 1 IRSA. 0 managed by Lanyard. Faults: 0, warnings: 1.",
                "1 containers show no sign of AWS (-o wide)",
                "3 objects of envFrom were not read (--read-secrets)",
            ]
        );
    }

    #[test]
    fn wide_table_has_evidence_and_findings() {
        let text = shown(&[item(&[AuditCode::Ly709])], true);
        for words in [
            "evidence  AWS_WEB_IDENTITY_TOKEN_FILE",
            "warning   LY709  Remove it.",
        ] {
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn long_cell_is_cut_in_the_middle() {
        assert_eq!(shortened("abcdefghij", 5), "ab…ij");
        assert_eq!(shortened("abcde", 5), "abcde");
    }
}
