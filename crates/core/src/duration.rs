//! Durations as users write them in YAML: `90m`, `1h30m`, `24h`. Text in, seconds out; no I/O.

/// Reads a duration made of hours, minutes and seconds, each at most once and in that order.
///
/// Returns the seconds, or `None` when the text is anything else.
#[must_use]
pub fn parse_seconds(text: &str) -> Option<u32> {
    let mut rest = text;
    let mut seconds: u32 = 0;
    for (unit, worth) in [('h', 3600), ('m', 60), ('s', 1)] {
        let Some((number, after)) = rest.split_once(unit) else {
            continue;
        };
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        seconds = seconds.checked_add(number.parse::<u32>().ok()?.checked_mul(worth)?)?;
        rest = after;
    }
    (rest.is_empty() && !text.is_empty()).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::parse_seconds;

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(parse_seconds("1h"), Some(3600));
        assert_eq!(parse_seconds("1h30m"), Some(5400));
        assert_eq!(parse_seconds("90m"), Some(5400));
        assert_eq!(parse_seconds("600s"), Some(600));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "1", "h", "-1h", "1m1h", "1h 30m", "99999999h", "1.5h"] {
            assert_eq!(parse_seconds(text), None, "{text}");
        }
    }
}
