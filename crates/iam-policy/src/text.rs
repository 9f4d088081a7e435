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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quote_strips_control_characters_and_cuts_length() {
        assert_eq!(quote("a\u{1b}[31m\nb"), "a [31m b");
        assert_eq!(quote(&"x".repeat(300)).chars().count(), QUOTE_LIMIT + 1);
    }
}
