//! Masks account ids in a finished text. Text in, text out; no I/O. The whole text is masked, so that no field is forgotten.

/// The digits of an account id.
const DIGITS: usize = 12;
/// The digits at the end that stay.
const KEPT: usize = 4;

/// The text with every run of exactly twelve digits masked but for its last four.
pub(super) fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut run = String::new();
    for character in text.chars() {
        if character.is_ascii_digit() {
            run.push(character);
            continue;
        }
        flush(&mut run, &mut masked);
        masked.push(character);
    }
    flush(&mut run, &mut masked);
    masked
}

fn flush(run: &mut String, masked: &mut String) {
    if run.len() == DIGITS {
        masked.push_str(&"x".repeat(DIGITS - KEPT));
        masked.push_str(run.get(DIGITS - KEPT..).unwrap_or_default());
    } else {
        masked.push_str(run);
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_keep_four_digits() {
        assert_eq!(
            masked("arn:aws:iam::111122223333:role/a1234567890123 444455556666"),
            "arn:aws:iam::xxxxxxxx3333:role/a1234567890123 xxxxxxxx6666"
        );
    }
}
