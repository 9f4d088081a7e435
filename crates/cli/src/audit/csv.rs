//! The audit as CSV (RFC 4180). Input: items. Output: text. No I/O. A cell that a spreadsheet would run as a formula begins
//! with an apostrophe (OWASP, CSV injection).

use super::item::AuditItem;
use crate::inert::inert;

const HEAD: [&str; 16] = [
    "namespace",
    "kind",
    "name",
    "container",
    "serviceAccount",
    "pods",
    "effective",
    "certain",
    "evidence",
    "roleArn",
    "account",
    "lastUsed",
    "managedBy",
    "findings",
    "move",
    "why",
];

/// The whole text.
pub(super) fn text(items: &[AuditItem]) -> String {
    let mut text = line(&HEAD.map(str::to_owned));
    for item in items {
        text.push_str(&line(&cells(item)));
    }
    text
}

fn cells(item: &AuditItem) -> [String; 16] {
    let role = item.role.as_ref();
    let of_role = |part: fn(&super::item::RoleItem) -> String| role.map(part).unwrap_or_default();
    let codes: Vec<&str> = item.findings.iter().map(|finding| finding.code).collect();
    [
        item.namespace.clone(),
        item.kind.clone(),
        item.name.clone(),
        item.container.clone(),
        item.service_account.clone(),
        item.pods.to_string(),
        item.effective.to_owned(),
        item.certain.to_string(),
        item.evidence.join("; "),
        of_role(|role| role.arn.clone()),
        of_role(|role| role.account.clone()),
        of_role(|role| role.last_used.clone().unwrap_or_default()),
        item.managed_by.clone().unwrap_or_default(),
        codes.join(" "),
        item.advice.when.to_owned(),
        item.advice.why.clone(),
    ]
}

fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    cells.join(",") + "\r\n"
}

/// A cell in quotes. `-` alone is a value of the audit and no formula.
fn quoted(cell: &str) -> String {
    let is_formula = cell != "-" && cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if is_formula { "'" } else { "" };
    format!("\"{guard}{}\"", inert(cell).replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::super::item::testing::item;
    use super::*;

    #[test]
    fn formulas_quotes_and_control_characters_are_inert() {
        for (cell, expected) in [
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("\t=1", "\"'\\u{9}=1\""),
            ("a\nb", "\"a\\u{a}b\""),
            ("-", "\"-\""),
            ("orders", "\"orders\""),
        ] {
            assert_eq!(quoted(cell), expected);
        }
    }

    #[test]
    fn every_line_has_all_columns() {
        let text = text(&[item(&[])]);
        for line in text.lines() {
            assert_eq!(line.split("\",\"").count(), HEAD.len(), "{line}");
        }
    }
}
