//! Checks that every Rust file is short and begins with a header.
//! Input: the work tree. Output: findings. Reads files.

use std::path::Path;

use anyhow::Result;

use super::checkout::Checkout;
use super::finding::Finding;
use super::live::Live;

/// The longest a file may be, its tests included.
const LINES: usize = 400;

pub(super) fn judge(checkout: &Checkout, _live: &Live) -> Result<Finding> {
    let mut problems = Vec::new();
    let mut files = 0;
    for path in checkout.with_extension("rs") {
        files += 1;
        problems.extend(objections(path, &checkout.read(path)?));
    }
    Ok(Finding::of(&problems, format!("{files} files")))
}

fn objections(path: &Path, text: &str) -> Vec<String> {
    let path = path.display();
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > LINES {
        found.push(format!(
            "{path}: {lines} lines, more than {LINES}: split the concept"
        ));
    }
    if !text.starts_with("//!") {
        found.push(format!(
            "{path}: begin with a `//!` header: purpose, inputs, outputs, I/O"
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_file_without_header_has_two_findings() {
        let path = Path::new("a.rs");
        assert_eq!(
            objections(path, &format!("//! A header.\n{}", "\n".repeat(LINES - 1))),
            [""; 0]
        );
        assert_eq!(objections(path, &"\n".repeat(LINES + 1)).len(), 2);
    }
}
