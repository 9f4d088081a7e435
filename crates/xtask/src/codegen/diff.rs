//! A unified diff between a file as it is and as it should be, coloured when the terminal takes colour. Text in, text
//! out; no I/O.

use std::fmt::Write as _;
use std::path::Path;

use console::style;
use similar::{ChangeTag, TextDiff};

/// The diff that would bring the file from `found` to `wanted`.
pub(super) fn coloured(path: &Path, found: &str, wanted: &str) -> String {
    let diff = TextDiff::from_lines(found, wanted);
    let path = path.display();
    let mut text = format!(
        "{}\n{}\n",
        style(format!("--- {path} (as it is)")).red(),
        style(format!("+++ {path} (as generated)")).green()
    );
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        let _ = writeln!(text, "{}", style(hunk.header()).cyan());
        for change in hunk.iter_changes() {
            let line = change.value().trim_end_matches('\n');
            let _ = match change.tag() {
                ChangeTag::Delete => writeln!(text, "{}", style(format!("-{line}")).red()),
                ChangeTag::Insert => writeln!(text, "{}", style(format!("+{line}")).green()),
                ChangeTag::Equal => writeln!(text, " {line}"),
            };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diff_shows_removed_and_added_lines() {
        let text = coloured(Path::new("a.md"), "one\ntwo\n", "one\n2\n");
        let plain = console::strip_ansi_codes(&text);
        assert_eq!(
            plain,
            "--- a.md (as it is)\n+++ a.md (as generated)\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"
        );
    }
}
