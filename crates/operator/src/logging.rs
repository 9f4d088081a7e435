//! Logging: one subscriber for the process, on standard error, as text or JSON.
//! Input: the settings. Started once, before the first log line.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::fmt;

use crate::settings::LogFormat;

/// Starts logging. `level` is a level or a list of directives that the settings have validated.
pub fn start(format: LogFormat, level: &str) {
    let filter = EnvFilter::new(directives(level));
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_ansi(is_coloured()).try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    };
    if let Err(error) = started {
        tracing::warn!(%error, "logging is already started");
    }
}

/// kube logs every failed connection attempt as an error. The caller logs it too, once and with its meaning.
const SILENCED: &str = "kube_client::client::builder=off";

/// A bare level applies to Lanyard only. The libraries log so much below `warn` that it would hide everything else.
fn directives(level: &str) -> String {
    match level {
        "info" | "debug" | "trace" => format!("warn,{SILENCED},lanyard={level}"),
        "error" | "warn" => format!("{level},{SILENCED}"),
        other => other.to_owned(),
    }
}

/// <https://no-color.org>: any value but an empty one disables colours.
fn is_coloured() -> bool {
    let disabled = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !disabled
}

#[cfg(test)]
mod tests {
    use super::directives;

    #[test]
    fn bare_level_applies_to_lanyard_and_directives_to_all() {
        assert!(directives("debug").starts_with("warn,") && directives("debug").ends_with(",lanyard=debug"));
        assert!(directives("error").starts_with("error,"));
        assert_eq!(directives("info,lanyard_aws=debug"), "info,lanyard_aws=debug");
    }
}
