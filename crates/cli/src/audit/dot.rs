//! The audit as a graph for Graphviz: ServiceAccount, form, role. Input: items. Output: text. No I/O.

use std::collections::BTreeSet;

use super::item::AuditItem;
use crate::inert::inert;

/// The whole text.
pub(super) fn text(items: &[AuditItem]) -> String {
    let mut lines = BTreeSet::new();
    for item in items.iter().filter(|item| item.uses_aws) {
        let account = format!("{}/{}", item.namespace, item.service_account);
        let how = item.how();
        lines.insert(format!("  {} -> {};", quoted(&account), quoted(&how)));
        if let Some(role) = &item.role {
            lines.insert(format!("  {} -> {};", quoted(&how), quoted(&role.arn)));
        }
    }
    let lines: Vec<String> = lines.into_iter().collect();
    format!(
        "digraph credentials {{\n  rankdir=LR;\n  node [shape=box];\n{}\n}}\n",
        lines.join("\n")
    )
}

/// An identifier in quotes, in which only quotes and backslashes have a meaning.
fn quoted(text: &str) -> String {
    let text = inert(text).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::super::item::testing::item;
    use super::*;

    #[test]
    fn graph_leads_from_service_account_to_role() {
        let mut hostile = item(&[]);
        hostile.service_account = "a\"];x\u{1b}".to_owned();
        let text = text(&[item(&[]), hostile]);
        for line in [
            "  \"shop/orders\" -> \"IRSA\";",
            "  \"IRSA\" -> \"arn:aws:iam::111122223333:role/orders\";",
            "  \"shop/a\\\"];x\\\\u{1b}\" -> \"IRSA\";",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
