//! Logging: one subscriber for the whole process, text for people or JSON for collectors, on standard error.
//! The settings in, nothing out. Called once by `main`, before anything is logged.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::fmt;

use crate::settings::LogFormat;

/// Starts logging. `level` is a level or directives, as the settings have checked them. Tests that log call nothing.
pub fn start(format: LogFormat, level: &str) {
    let filter = EnvFilter::new(directives(level));
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_ansi(coloured()).try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    };
    if let Err(error) = started {
        tracing::warn!(%error, "logging was started already");
    }
}

/// kube logs every attempt to connect that fails, as an error; whoever asked says it too, once and with what it means.
const HUSHED: &str = "kube_client::client::builder=off";

/// A bare level is meant for Lanyard: what its libraries have to say below a warning drowns everything else.
fn directives(level: &str) -> String {
    match level {
        "info" | "debug" | "trace" => format!("warn,{HUSHED},lanyard={level}"),
        "error" | "warn" => format!("{level},{HUSHED}"),
        other => other.to_owned(),
    }
}

/// <https://no-color.org>: any value but an empty one asks for none.
fn coloured() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !refused
}

#[cfg(test)]
mod tests {
    use super::directives;

    #[test]
    fn a_bare_level_is_lanyards_own_and_directives_are_taken_as_they_are() {
        assert!(directives("debug").starts_with("warn,") && directives("debug").ends_with(",lanyard=debug"));
        assert!(directives("error").starts_with("error,"));
        assert_eq!(directives("info,lanyard_aws=debug"), "info,lanyard_aws=debug");
    }
}
