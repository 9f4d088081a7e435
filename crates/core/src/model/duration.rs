//! Durations in the notation of the API: `90m`, `1h30m`, `24h`. Input: text; output: seconds. No I/O.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::name::NameError;

/// A number of seconds, serialised in the notation of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Seconds(pub u32);

impl TryFrom<String> for Seconds {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        let invalid = || NameError::new(&text, "a duration such as 12h or 90m");
        parse_seconds(&text).map(Self).ok_or_else(invalid)
    }
}

impl From<Seconds> for String {
    fn from(seconds: Seconds) -> String {
        seconds.to_string()
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes, seconds) = (self.0 / 3600, self.0 / 60 % 60, self.0 % 60);
        for (number, unit) in [(hours, 'h'), (minutes, 'm')] {
            if number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        if seconds > 0 || self.0 == 0 {
            write!(f, "{seconds}s")?;
        }
        Ok(())
    }
}

/// Parses a duration made of hours, minutes and seconds, each at most once and in that order.
///
/// Returns `None` if the text has any other form.
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
    use super::{Seconds, parse_seconds};

    #[test]
    fn seconds_display_parses_to_the_same_value() {
        for text in ["0s", "1h", "1h30m", "90s", "2h5s"] {
            let seconds = Seconds::try_from(text.to_owned()).unwrap();
            assert_eq!(parse_seconds(&seconds.to_string()), Some(seconds.0), "{text}");
        }
        assert_eq!(Seconds(5400).to_string(), "1h30m");
    }

    #[test]
    fn duration_of_hours_minutes_seconds_is_parsed() {
        assert_eq!(parse_seconds("1h"), Some(3600));
        assert_eq!(parse_seconds("1h30m"), Some(5400));
        assert_eq!(parse_seconds("90m"), Some(5400));
        assert_eq!(parse_seconds("600s"), Some(600));
    }

    #[test]
    fn duration_of_another_form_is_rejected() {
        for text in ["", "1", "h", "-1h", "1m1h", "1h 30m", "99999999h", "1.5h"] {
            assert_eq!(parse_seconds(text), None, "{text}");
        }
    }
}
