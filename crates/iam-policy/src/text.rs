//! Foreign text in messages: policy documents are foreign input, so quoted parts are truncated and stripped of
//! control characters. Input and output: text; no I/O.

/// The maximum length of quoted foreign text, in characters.
pub const QUOTE_LIMIT: usize = 200;

/// Foreign text that is safe to quote: control characters become spaces, and text beyond [`QUOTE_LIMIT`] becomes `…`.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted: String = text
        .chars()
        .take(QUOTE_LIMIT)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(QUOTE_LIMIT).is_some() {
        quoted.push('…');
    }
    quoted
}

/// The number of inserted, removed and replaced characters between two texts (Levenshtein).
#[must_use]
pub fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, left) in one.chars().enumerate() {
        let mut next = vec![at + 1];
        for (right, pair) in other.iter().zip(row.windows(2)) {
            let &[diagonal, above] = pair else { continue };
            let beside = next.last().copied().unwrap_or_default();
            let replaced = diagonal + usize::from(left != *right);
            next.push(replaced.min(above + 1).min(beside + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quote_strips_control_characters_and_cuts_length() {
        assert_eq!(quote("a\u{1b}[31m\nb"), "a [31m b");
        assert_eq!(quote(&"x".repeat(300)).chars().count(), QUOTE_LIMIT + 1);
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
