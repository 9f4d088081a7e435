//! Text for users: foreign text is truncated and stripped of control characters before it is quoted. Input and
//! output: text; no I/O.

pub use lanyard_iam_policy::text::{QUOTE_LIMIT, quote};

/// The maximum length of a condition or event message, in bytes: the API server rejects event notes above 1,024.
pub const MESSAGE_LIMIT: usize = 1000;

/// A message without control characters, truncated to [`MESSAGE_LIMIT`] bytes on a character boundary.
#[must_use]
pub fn message(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    cut(&text, MESSAGE_LIMIT)
}

/// The parts separated by semicolons, without the full stops of sentences.
fn listed(parts: &[String]) -> String {
    let parts = parts.iter().map(|part| part.strip_suffix('.').unwrap_or(part));
    parts.collect::<Vec<_>>().join("; ")
}

/// A message of as many parts as fit, the number of omitted parts, and the end, which is never truncated.
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

/// The text, truncated to at most `limit` bytes.
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

/// The path of a field for messages: below `spec`, unless it is part of the metadata.
#[must_use]
pub fn field(path: &str) -> String {
    match path.starts_with("metadata.") {
        true => path.to_owned(),
        false => format!("spec.{path}"),
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

/// A text in which each ARN is complete only once: later occurrences are shortened to the name at their end.
#[must_use]
pub fn with_arns_once(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "\"'`,;()[]{}".contains(c);
    let mut seen: Vec<&str> = Vec::new();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.find("arn:").and_then(|at| rest.split_at_checked(at)) {
        let length = from.find(is_end).unwrap_or(from.len());
        let (token, after) = from.split_at_checked(length).unwrap_or((from, ""));
        let arn = token.trim_end_matches(['.', ':']);
        out.push_str(before);
        match seen.contains(&arn) {
            true => out.push_str(arn.rsplit(['/', ':']).next().unwrap_or(arn)),
            false => out.push_str(arn),
        }
        seen.push(arn);
        out.push_str(token.get(arn.len()..).unwrap_or_default());
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_arn_is_shortened_to_its_name() {
        let policy = "arn:aws:iam::111122223333:policy/a/team";
        let text =
            format!("Could not attach {policy} to orders: {policy} at x: Policy {policy}. ({policy}:*)");
        let expected = format!("Could not attach {policy} to orders: team at x: Policy team. ({policy}:*)");
        assert_eq!(with_arns_once(&text), expected);
        assert_eq!(with_arns_once("no name here"), "no name here");
    }

    #[test]
    fn message_is_truncated_on_a_character_boundary() {
        let cut = message(&"é".repeat(800));
        assert!(cut.len() <= MESSAGE_LIMIT && cut.ends_with('…'));
    }

    #[test]
    fn joined_sentences_have_one_full_stop() {
        let parts = ["a.".to_owned(), "b.".to_owned()];
        assert_eq!(joined(&parts, ""), "a; b.");
        assert_eq!(joined(&parts, "; the rest stays"), "a; b; the rest stays");
    }

    #[test]
    fn joined_message_end_is_never_truncated() {
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
