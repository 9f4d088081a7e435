//! The log level.
//! Input: text. Output: a validated level or list of directives. No I/O.

use tracing_subscriber::EnvFilter;

/// Validates a log level. A bare word has to be a level: as a directive it would name a target and silence everything.
pub(crate) fn log_level(text: &str) -> Result<String, String> {
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let is_word = text.chars().all(|c| c.is_ascii_alphanumeric());
    if is_word && !levels.contains(&text) {
        return Err(format!("{text:?} is not one of {}", levels.join(", ")));
    }
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("cannot parse {text:?}: {error}")),
    }
}
