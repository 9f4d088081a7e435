//! Foreign text that no terminal interprets: control characters and the marks that change the direction of text become
//! visible escapes. Text in, text out; no I/O.

use serde_json::Value;

/// The text with every character that a terminal could interpret written as `\u{...}`.
pub(crate) fn inert(text: &str) -> String {
    let mut inert = String::with_capacity(text.len());
    for character in text.chars() {
        match is_active(character) {
            true => inert.push_str(&format!("\\u{{{:x}}}", u32::from(character))),
            false => inert.push(character),
        }
    }
    inert
}

/// The same for every text of a value, keys included.
pub(crate) fn inert_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(inert(&text)),
        Value::Array(items) => items.into_iter().map(inert_value).collect(),
        Value::Object(fields) => {
            let fields = fields
                .into_iter()
                .map(|(key, value)| (inert(&key), inert_value(value)));
            Value::Object(fields.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// JSON text in which such characters, which can occur only inside strings, are JSON escapes.
pub(crate) fn inert_json(json: &str) -> String {
    let mut inert = String::with_capacity(json.len());
    for character in json.chars() {
        // All of them are in the basic multilingual plane.
        match is_active(character) && character != '\n' {
            true => inert.push_str(&format!("\\u{:04x}", u32::from(character))),
            false => inert.push(character),
        }
    }
    inert
}

/// Control characters of both sets, the Unicode marks and overrides of direction, separators of lines, and characters
/// without a width (Unicode Standard Annex 9, and chapter 23.2).
fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\u{202e}gpj\u{9b}1m\n";

    #[test]
    fn terminal_escapes_and_direction_marks_become_visible() {
        assert_eq!(inert(HOSTILE), "a\\u{1b}[2J\\u{202e}gpj\\u{9b}1m\\u{a}");
        assert_eq!(inert("Größe 東京 ✓"), "Größe 東京 ✓");
    }

    #[test]
    fn inert_json_has_the_same_value() {
        let value = json!({HOSTILE: [HOSTILE, 1, null]});
        let json = inert_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(
            !json
                .chars()
                .any(|character| is_active(character) && character != '\n'),
            "{json:?}"
        );
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
    }

    #[test]
    fn inert_value_has_no_active_character() {
        let text = inert_value(json!({HOSTILE: [HOSTILE]})).to_string();
        assert!(!text.chars().any(is_active), "{text:?}");
    }
}
