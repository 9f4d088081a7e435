//! The patterns of AWS's models. They are regular expressions of Java and apply to the whole value.
//! Input: a pattern and a value. Output: whether the value matches; a pattern that the `regex` crate cannot express is not
//! checked. Each pattern is compiled on its first use. No I/O.

use std::collections::HashMap;
use std::iter::Peekable;
use std::str::Chars;

use parking_lot::Mutex;
use regex::Regex;

/// The compiled patterns; `None` for one that cannot be expressed.
#[derive(Debug, Default)]
pub(super) struct Patterns(Mutex<HashMap<String, Option<Regex>>>);

impl Patterns {
    /// Returns false if the value does not match, and true for a pattern that cannot be expressed.
    pub fn matches(&self, pattern: &str, value: &str) -> bool {
        let mut known = self.0.lock();
        let compiled = known
            .entry(pattern.to_owned())
            .or_insert_with(|| compile(pattern));
        compiled.as_ref().is_none_or(|pattern| pattern.is_match(value))
    }
}

/// Returns `None` if the `regex` crate cannot express the pattern, as it can express no look-ahead.
pub(super) fn compile(pattern: &str) -> Option<Regex> {
    Regex::new(&format!(r"\A(?:{})\z", translated(pattern))).ok()
}

/// The range that the models write for all characters above U+FFFF. Java reads `\u1000` and a zero in it.
const SUPPLEMENTARY: (&str, &str) = (r"\u10000-\u10FFFF", r"\x{10000}-\x{10FFFF}");

/// Java's classes `\d` and `\w` are of ASCII, those of `regex` of Unicode; Java writes a code point as `\u002F`.
fn translated(java: &str) -> String {
    let java = java.replace(SUPPLEMENTARY.0, SUPPLEMENTARY.1);
    let mut translated = String::with_capacity(java.len());
    let mut rest = java.chars().peekable();
    let mut in_class = false;
    while let Some(character) = rest.next() {
        match character {
            '\\' => translated.push_str(&escape(&mut rest, in_class)),
            '[' if in_class => translated.push_str(r"\["),
            // Two of them are an operation on sets in `regex`.
            '&' | '~' if in_class => translated.extend(['\\', character]),
            other => {
                in_class = (in_class || other == '[') && other != ']';
                translated.push(other);
            }
        }
    }
    translated
}

fn escape(rest: &mut Peekable<Chars<'_>>, in_class: bool) -> String {
    let class = |characters: &str| match in_class {
        true => characters.to_owned(),
        false => format!("[{characters}]"),
    };
    match rest.next() {
        Some('d') => class("0-9"),
        Some('w') => class("0-9A-Za-z_"),
        Some('s') => class(r" \t\n\x0B\x0C\r"),
        Some('u') => {
            let digits: String = rest.take(4).collect();
            format!(r"\x{{{digits}}}")
        }
        Some(other) => format!(r"\{other}"),
        None => r"\".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, value: &str) -> bool {
        Patterns::default().matches(pattern, value)
    }

    #[test]
    fn pattern_applies_to_the_whole_value() {
        assert!(matches(r"[\w+=,.@-]+", "orders-1@shop"));
        assert!(!matches(r"[\w+=,.@-]+", "orders 1"));
        assert!(matches(
            r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)",
            "/lanyard/shop/"
        ));
        assert!(!matches(r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)", "/lanyard"));
    }

    #[test]
    fn classes_are_of_ascii_and_properties_of_unicode() {
        assert!(!matches(r"\w+", "ü") && !matches(r"[\d]+", "٣"));
        assert!(matches(
            r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*",
            "Kostenstelle für Läden 7"
        ));
        assert!(!matches(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "a;b"));
    }

    #[test]
    fn supplementary_range_holds_emojis() {
        let pattern = r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+";
        assert!(matches(pattern, "{\"Sid\":\"😀\"}"));
        assert!(!matches(pattern, "\u{1}"));
    }

    #[test]
    fn look_ahead_is_not_checked() {
        assert!(compile(r"^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$").is_none());
        assert!(matches(r"(?!x)a", "anything"));
    }
}
