//! Text that people will read: foreign text is cut short and stripped before it is quoted anywhere.
//! Text in, text out; no I/O. Used by every message, condition, event and log line.

pub use lanyard_iam_policy::text::{QUOTE_LIMIT, quote};

/// The longest message of a condition or event, in bytes: the API server refuses event notes above 1,024.
pub const MESSAGE_LIMIT: usize = 1000;

/// A whole message without control characters, cut to [`MESSAGE_LIMIT`] bytes on a character boundary.
#[must_use]
pub fn message(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    cut(&text, MESSAGE_LIMIT)
}

/// Parts with semicolons between, without the full stops of those that are sentences.
fn listed(parts: &[String]) -> String {
    let parts = parts.iter().map(|part| part.strip_suffix('.').unwrap_or(part));
    parts.collect::<Vec<_>>().join("; ")
}

/// The parts of a message and its end, which always fits: as many parts as there is room for, and how many more there are.
#[must_use]
pub fn joined(parts: &[String], end: &str) -> String {
    let is_sentence = end.is_empty() && parts.last().is_some_and(|part| part.ends_with('.'));
    let end = if is_sentence { "." } else { end };
    let with = |shown: &str, count: usize| match parts.len() - count {
        0 => format!("{shown}{end}"),
        more => format!("{shown}; and {more} more{end}"),
    };
    let shown = |count: usize| with(&listed(parts.get(..count).unwrap_or(parts)), count);
    let mut whole = (1..=parts.len()).rev().map(shown);
    if let Some(fits) = whole.find(|text| text.len() <= MESSAGE_LIMIT) {
        return fits;
    }
    let first = parts.first().map(String::as_str).unwrap_or_default();
    let room = MESSAGE_LIMIT.saturating_sub(with("", 1.min(parts.len())).len());
    with(&cut(first, room), 1.min(parts.len()))
}

/// Text of at most so many bytes.
fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub('…'.len_utf8());
    let end = (0..=room)
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

/// What is said of a field, which is told by its path below `spec` unless it is of the metadata.
#[must_use]
pub fn field(told: &str) -> String {
    match told.starts_with("metadata.") {
        true => told.to_owned(),
        false => format!("spec.{told}"),
    }
}

/// `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn list<T: std::fmt::Display>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.to_string(),
        [head @ .., last] => {
            let head: Vec<String> = head.iter().map(ToString::to_string).collect();
            format!("{} and {last}", head.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_on_a_character_boundary() {
        let cut = message(&"é".repeat(800));
        assert!(cut.len() <= MESSAGE_LIMIT && cut.ends_with('…'));
    }

    #[test]
    fn sentences_in_a_row_have_one_full_stop() {
        let parts = ["a.".to_owned(), "b.".to_owned()];
        assert_eq!(joined(&parts, ""), "a; b.");
        assert_eq!(joined(&parts, "; the rest stays"), "a; b; the rest stays");
    }

    #[test]
    fn the_end_of_a_message_is_never_cut_off() {
        let end = "; the rest stays";
        let part = |size: usize| "x".repeat(size);
        let two = joined(&[part(10), part(10)], end);
        assert_eq!(two, "xxxxxxxxxx; xxxxxxxxxx; the rest stays");
        for sizes in [vec![400, 400, 400, 400], vec![3000], vec![3000, 10], vec![]] {
            let parts: Vec<String> = sizes.iter().map(|size| part(*size)).collect();
            let text = joined(&parts, end);
            assert!(text.len() <= MESSAGE_LIMIT && text.ends_with(end), "{text}");
        }
        let many = joined(&[part(400), part(400), part(400)], end);
        assert!(many.ends_with("x; and 1 more; the rest stays"), "{many}");
    }
}
