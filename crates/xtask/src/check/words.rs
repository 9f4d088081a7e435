//! Checks that strings, comments and documentation use the field's words: no private vocabulary, no vague actors.
//! Inputs: the Rust, Markdown and YAML files of the work tree. Output: one problem per word and line. Reads files.
//! The rules are written down in CONTRIBUTING.md.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result};
use proc_macro2::{Literal, TokenStream, TokenTree};
use regex::Regex;

use super::checkout::Checkout;
use super::finding::Finding;
use super::live::Live;

/// This file names the words that it rejects.
const THIS: &str = "crates/xtask/src/check/words.rs";

/// A pattern that is rejected, and the wording to use instead.
const BANNED: &[(&str, &str)] = &[
    (
        r"(?i)\b(some|no|any)body\b",
        "name the actor: the operator, another tool, a user, EKS, kubelet",
    ),
    (r"(?i)\bwhoever\b", "name the actor"),
    (r"(?i)\blook(s|ed|ing)? at\b", "reconcile, read or check"),
    (
        r"(?i)\b(is|are|was|were|be|been|has|have|as) told\b",
        "reported, recorded or configured",
    ),
    (r"(?i)\bmend(s|ed|ing)?\b", "fix or repair"),
    (r"(?i)\b(anew|afresh)\b", "again, or read again"),
    (r"(?i)\bwhose it is\b", "the owner"),
    (r"(?i)\blets? (\w+ ){0,2}in\b", "admits or trusts"),
    (r"(?i)\bas ever\b", "as before"),
    (r"(?i)\ball the same\b", "still, or anyway"),
    (
        r"(?i)\b(the|its|a|no|without|of|by|gives?) leave\b",
        "permission; a class allows",
    ),
    (r"(?i)\bgo(es)? on\b", "continues"),
];

/// A comment that begins with a relative clause names no subject.
const CLAUSES: [&str; 6] = ["What ", "Whether ", "Who ", "Whose ", "Whoever ", "Why "];

pub(super) fn judge(checkout: &Checkout, live: &Live) -> Result<Finding> {
    let rules = Rules::new()?;
    let mut problems = Vec::new();
    let mut files = 0;
    for path in checkout.files.iter().filter(|path| **path != Path::new(THIS)) {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let name = path.display().to_string();
        live.at(&name);
        let found = match extension {
            Some("rs") => rules.rust(&checkout.read(path)?).with_context(|| name.clone())?,
            Some("md" | "yaml" | "txt") => rules.prose(&checkout.read(path)?),
            _ => continue,
        };
        files += 1;
        problems.extend(
            found
                .into_iter()
                .map(|(line, problem)| format!("{name}:{line}: {problem}")),
        );
    }
    Ok(Finding::of(&problems, format!("{files} files")))
}

/// The banned patterns, compiled once.
struct Rules(Vec<(Regex, &'static str)>);

impl Rules {
    fn new() -> Result<Self> {
        let compile = |(pattern, instead): &(&str, &'static str)| Ok((Regex::new(pattern)?, *instead));
        BANNED.iter().map(compile).collect::<Result<_>>().map(Self)
    }

    /// Problems by line in text where every word is read by people.
    fn prose(&self, text: &str) -> Vec<(usize, String)> {
        let lines = text.lines().enumerate();
        lines
            .flat_map(|(index, line)| self.objections(line).map(move |problem| (index + 1, problem)))
            .collect()
    }

    /// Problems by line in the string literals and comments of a Rust file.
    fn rust(&self, text: &str) -> Result<Vec<(usize, String)>> {
        let mut problems = Vec::new();
        let mut in_comment = false;
        for (index, line) in text.lines().enumerate() {
            let comment = comment_of(line);
            if let Some(comment) = comment {
                problems.extend(self.objections(comment).map(|problem| (index + 1, problem)));
                let begins = !in_comment && CLAUSES.iter().any(|clause| comment.starts_with(clause));
                if begins {
                    let problem = "a comment begins with a relative clause: begin with a noun or a verb";
                    problems.push((index + 1, problem.to_owned()));
                }
            }
            in_comment = comment.is_some_and(|comment| !comment.is_empty());
        }
        let tokens = TokenStream::from_str(text).map_err(|error| anyhow::anyhow!("not Rust: {error}"))?;
        let mut literals = Vec::new();
        collect_strings(tokens, &mut literals);
        for literal in literals {
            let line = literal.span().start().line;
            problems.extend(
                self.objections(&literal.to_string())
                    .map(|problem| (line, problem)),
            );
        }
        problems.sort();
        Ok(problems)
    }

    fn objections(&self, text: &str) -> impl Iterator<Item = String> {
        let found = self.0.iter().filter_map(|(pattern, instead)| {
            let found = pattern.find(text)?;
            Some(format!("`{}`: {instead}", found.as_str()))
        });
        found.collect::<Vec<_>>().into_iter()
    }
}

/// Returns the text of a line that is a comment, documentation comments included, or `None` for code.
fn comment_of(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("//")?;
    Some(rest.trim_start_matches(['/', '!']).trim())
}

/// Collects the string literals of a token stream, macros included. Documentation comments are left to `comment_of`.
fn collect_strings(tokens: TokenStream, into: &mut Vec<Literal>) {
    let mut after_doc = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => collect_strings(group.stream(), into),
            TokenTree::Literal(literal) if !after_doc && literal.to_string().contains('"') => {
                into.push(literal)
            }
            TokenTree::Ident(ident) => {
                after_doc = ident == "doc";
                continue;
            }
            TokenTree::Punct(punct) if after_doc && punct.as_char() == '=' => continue,
            TokenTree::Literal(_) | TokenTree::Punct(_) => {}
        }
        after_doc = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<usize> {
        let rules = Rules::new().unwrap();
        rules
            .rust(text)
            .unwrap()
            .into_iter()
            .map(|(line, _)| line)
            .collect()
    }

    #[test]
    fn strings_in_macros_are_checked() {
        assert_eq!(problems("fn a() {\n    bail!(\"nobody answers\");\n}"), [2]);
        assert_eq!(problems("fn a() { bail!(\"no answer from {host}\"); }"), [0; 0]);
    }

    #[test]
    fn comments_are_checked_once_per_word() {
        assert_eq!(problems("/// Somebody changed it.\nfn a() {}"), [1]);
        assert_eq!(problems("//! Reads it afresh,\n//! and mends it."), [1, 2]);
    }

    #[test]
    fn comment_beginning_with_clause_is_rejected_only_at_its_start() {
        assert_eq!(problems("/// Whether it is ready.\nfn a() {}"), [1]);
        assert_eq!(
            problems("/// Returns a flag.\n/// What the flag means is documented.\nfn a() {}"),
            [0; 0]
        );
    }

    #[test]
    fn identifiers_are_not_prose() {
        assert_eq!(problems("fn looks_at(leave: u8) {}"), [0; 0]);
    }

    #[test]
    fn markdown_is_checked_line_by_line() {
        let rules = Rules::new().unwrap();
        let lines = rules.prose("# Trust\n\nThe statement lets the subject in.\nIt goes on.");
        let lines: Vec<usize> = lines.into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [3, 4]);
    }
}
