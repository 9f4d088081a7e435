//! Writes a result in the requested format. Input: a report. Output: its exit code. Writes to stdout, once; a closed pipe
//! ends the command without a message.

use std::io::{self, ErrorKind, IsTerminal, Write};

use serde::Serialize;
use serde_json::Value;

use crate::envelope::Envelope;
use crate::error::CliError;
use crate::exit::Exit;
use crate::global::{ColorChoice, Format, Global};
use crate::inert::{inert, inert_json, inert_value};
use crate::screen::Screen;

/// A result that can be shown in every format.
pub(crate) trait Report {
    /// One result.
    type Item: Serialize;

    /// The result for machines.
    fn envelope(&self) -> &Envelope<Self::Item>;
    /// The exit code, which is the same in every format.
    fn exit(&self) -> Exit;
    /// The names of the format `name`.
    fn names(&self) -> Vec<String>;
    /// The result for people.
    fn text(&self, screen: &mut Screen, wide: bool);
    /// The result in a format of `audit` alone. Returns `None` if the command has no such form.
    fn document(&self, _format: Format) -> Option<Result<String, CliError>> {
        None
    }
    /// The result as Markdown. Returns `None` if the command has no such form.
    fn markdown(&self) -> Option<String> {
        None
    }
}

/// Writes a report to stdout.
pub(crate) fn show(report: &impl Report, global: &Global) -> Result<Exit, CliError> {
    write(&rendered(report, global.output, is_colored(global.color))?)?;
    Ok(report.exit())
}

/// Writes to stdout. A reader that ended, such as `head`, is no error.
pub(crate) fn write(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes a line to stderr, which may be closed.
pub(crate) fn say(line: &str) {
    drop(writeln!(io::stderr(), "{}", inert(line)));
}

/// The text of a report in a format.
pub(crate) fn rendered(report: &impl Report, format: Format, colored: bool) -> Result<String, CliError> {
    let encoding = |error: &dyn std::fmt::Display| CliError::Encoding(error.to_string());
    match format {
        Format::Json => {
            let json = serde_json::to_string_pretty(report.envelope()).map_err(|error| encoding(&error))?;
            Ok(inert_json(&json) + "\n")
        }
        Format::Yaml => {
            let value: Value = serde_json::to_value(report.envelope()).map_err(|error| encoding(&error))?;
            serde_saphyr::to_string(&inert_value(value)).map_err(|error| encoding(&error))
        }
        Format::Name => Ok(report.names().iter().map(|name| inert(name) + "\n").collect()),
        Format::Markdown => report
            .markdown()
            .ok_or_else(|| CliError::Usage("-o markdown is a format of plan alone".to_owned())),
        Format::Csv | Format::Dot | Format::Html => report.document(format).unwrap_or_else(|| {
            let message = "-o csv, dot and html are formats of audit alone";
            Err(CliError::Usage(message.to_owned()))
        }),
        Format::Text | Format::Wide => {
            let mut screen = Screen::new(colored);
            report.text(&mut screen, format == Format::Wide);
            Ok(screen.into_text())
        }
    }
}

/// Decides on colour: the flag, then NO_COLOR (no-color.org), CLICOLOR_FORCE and TERM, then the terminal.
pub(crate) fn is_colored(choice: ColorChoice) -> bool {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if !variable("NO_COLOR").is_empty() => false,
        ColorChoice::Auto if !matches!(variable("CLICOLOR_FORCE").as_str(), "" | "0") => true,
        ColorChoice::Auto => variable("TERM") != "dumb" && io::stdout().is_terminal(),
    }
}
