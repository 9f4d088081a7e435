//! Rejects paths of one machine, package mirrors, merge leftovers and tests that never run, in every file.
//! Input: the work tree. Output: findings. Reads files.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::checkout::Checkout;
use super::finding::Finding;
use super::live::Live;

/// This file names what it looks for.
const THIS: &str = "crates/xtask/src/check/hygiene.rs";

/// A text that must not occur, and why.
struct Banned {
    text: &'static str,
    why: &'static str,
}

const PATH: &str = "a path that exists on one machine only";
const MIRROR: &str = "a package mirror: each machine has its own settings for that";
const MERGE: &str = "left over from a merge";

const BANNED: [Banned; 12] = [
    Banned {
        text: "/home/",
        why: PATH,
    },
    Banned {
        text: "/root/",
        why: PATH,
    },
    Banned {
        text: "/Users/",
        why: PATH,
    },
    Banned {
        text: "/work/",
        why: PATH,
    },
    Banned {
        text: "GOPROXY=",
        why: MIRROR,
    },
    Banned {
        text: "index-url",
        why: MIRROR,
    },
    Banned {
        text: "PIP_INDEX",
        why: MIRROR,
    },
    Banned {
        text: "replace-with",
        why: MIRROR,
    },
    Banned {
        text: "[source.",
        why: MIRROR,
    },
    Banned {
        text: "<<<<<<< ",
        why: MERGE,
    },
    Banned {
        text: ">>>>>>> ",
        why: MERGE,
    },
    Banned {
        text: "#[ignore]",
        why: "a test that never runs: repair it, or remove it",
    },
];

/// Marked so, a function is what a test starts in a process of its own.
const NO_TEST: &str = "#[ignore = \"not a test: ";

pub(super) fn judge(checkout: &Checkout, _live: &Live) -> Result<Finding> {
    let mut problems = Vec::new();
    let mut files = 0;
    for path in checkout.files.iter().filter(|path| **path != Path::new(THIS)) {
        // Only text can be searched for text.
        let Ok(text) = String::from_utf8(fs::read(checkout.root.join(path))?) else {
            continue;
        };
        files += 1;
        for (index, line) in text.lines().enumerate() {
            let at = format!("{}:{}", path.display(), index + 1);
            problems.extend(objections(line).map(|objection| format!("{at}: {objection}")));
        }
    }
    Ok(Finding::of(&problems, format!("{files} files")))
}

fn objections(line: &str) -> impl Iterator<Item = String> {
    let banned = BANNED
        .iter()
        .filter(move |banned| occurs(line, banned.text))
        .map(|banned| format!("`{}`: {}", banned.text.trim_end(), banned.why));
    let skipped = line.trim_start().starts_with("#[ignore = ") && !line.contains(NO_TEST);
    banned.chain(skipped.then(|| "a test that never runs: repair it, or remove it".to_owned()))
}

/// A path counts only where it begins, not as a part of a longer path or of an address.
fn occurs(line: &str, text: &str) -> bool {
    let within = |before: char| before.is_alphanumeric() || "/._-}*".contains(before);
    line.match_indices(text).any(|(at, _)| {
        !text.starts_with('/') || !line.get(..at).is_some_and(|before| before.ends_with(within))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(line: &str) -> usize {
        objections(line).count()
    }

    #[test]
    fn machine_path_is_rejected_and_longer_path_allowed() {
        assert_eq!(problems("cache: /home/user/.cache"), 1);
        assert_eq!(problems("see https://example.com/home/page"), 0);
        assert_eq!(problems("$HOME/.cache"), 0);
    }

    #[test]
    fn ignored_test_is_rejected_unless_child_process() {
        assert_eq!(problems("    #[ignore]"), 1);
        assert_eq!(problems("#[ignore = \"flaky\"]"), 1);
        assert_eq!(
            problems("#[ignore = \"not a test: the owner that is killed\"]"),
            0
        );
    }
}
