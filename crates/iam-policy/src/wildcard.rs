//! Patterns of the policy language: `*` stands for any text, `?` for one character, everything else for itself.
//! Texts in, yes or no out; no I/O. Called by `evaluate` and by `guardrail`.

/// Whether the whole text fits the pattern, case-sensitive.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    fits(&pattern, &text, '*', |wanted, found| {
        wanted == '?' || wanted == found
    })
}

/// Whether the whole text fits a pattern, both in pieces. `many`: the piece that stands for any text; `takes`: whether
/// another piece of the pattern stands for one piece of the text.
pub fn fits<P: Copy + PartialEq, T: Copy>(
    pattern: &[P],
    text: &[T],
    many: P,
    takes: impl Fn(P, T) -> bool,
) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last `many` stood, and how far its text reaches so far: the only place one ever needs to go back to.
    let mut star: Option<(usize, usize)> = None;
    while let Some(found) = text.get(t) {
        match (pattern.get(p), star) {
            (Some(wanted), _) if *wanted == many => {
                star = Some((p, t));
                p += 1;
            }
            (Some(wanted), _) if takes(*wanted, *found) => {
                p += 1;
                t += 1;
            }
            (_, Some((at, reach))) => {
                star = Some((at, reach + 1));
                p = at + 1;
                t = reach + 1;
            }
            (_, None) => return false,
        }
    }
    pattern.iter().skip(p).all(|piece| *piece == many)
}

/// Whether the text has a wildcard, or a policy variable that may stand for one.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?']) || has_variable(text)
}

/// Whether the text has a policy variable such as `${aws:username}` (version 2012-10-17 only).
pub(super) fn has_variable(text: &str) -> bool {
    text.contains("${")
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text_and_a_question_mark_for_one_character() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "a"),
            ("a*c", "abbc"),
            ("a?c", "abc"),
            ("*b*b", "abab"),
            ("a**", "a"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("?", ""),
            ("a?c", "ac"),
            ("a*c", "abcd"),
            ("A", "a"),
            ("*b?b", "ab"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
