//! Patterns of the policy language: `*` matches any text, `?` matches one character, any other character matches
//! itself. Input: texts; output: a decision. No I/O.

/// Returns true if the whole text matches the pattern, case-sensitive.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    fits(&pattern, &text, '*', |expected, actual| {
        expected == '?' || expected == actual
    })
}

/// Returns true if the whole text matches a pattern, both as pieces. `many` is the piece that matches any text.
/// `takes` returns true if another piece of the pattern matches one piece of the text.
pub fn fits<P: Copy + PartialEq, T: Copy>(
    pattern: &[P],
    text: &[T],
    many: P,
    takes: impl Fn(P, T) -> bool,
) -> bool {
    let (mut p, mut t) = (0, 0);
    // The position of the last `many` and the end of the text that it matches so far: the only backtracking point
    // needed.
    let mut star: Option<(usize, usize)> = None;
    while let Some(piece) = text.get(t) {
        match (pattern.get(p), star) {
            (Some(expected), _) if *expected == many => {
                star = Some((p, t));
                p += 1;
            }
            (Some(expected), _) if takes(*expected, *piece) => {
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

/// Returns true if the text has a wildcard, or a policy variable whose value could contain one.
pub(crate) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?']) || has_variable(text)
}

/// Returns true if the text has a policy variable such as `${aws:username}` (version 2012-10-17 only).
pub(crate) fn has_variable(text: &str) -> bool {
    text.contains("${")
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn star_matches_any_text_question_mark_one_character() {
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
