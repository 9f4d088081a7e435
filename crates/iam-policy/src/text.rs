//! Foreign text in messages: policy documents are written by other people and tools, so what is quoted is cut and
//! stripped of control characters first. Text in, text out; no I/O.

/// The longest piece of foreign text that a message quotes, in characters.
pub const QUOTE_LIMIT: usize = 200;

/// Foreign text made safe to quote: control characters become spaces, and the end beyond [`QUOTE_LIMIT`] becomes `…`.
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
