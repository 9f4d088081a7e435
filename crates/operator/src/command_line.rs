//! The command line.
//! Input: arguments and the environment. Output: the command with its settings, or a message for the user. Reads only
//! the environment.

use std::ffi::OsString;

use clap::error::{ContextKind, ErrorKind};
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use lanyard_core::model::timings::Timings;

use crate::probe::ProbeSettings;
use crate::release::ReleaseSettings;
use crate::settings::{Settings, durations};

/// A command of the program.
#[derive(Debug)]
pub enum Command {
    /// Run the operator.
    Run(Box<Settings>),
    /// Release the objects before an uninstall.
    Release(Box<ReleaseSettings>),
    /// Report who this pod is in AWS.
    Probe(ProbeSettings),
}

/// A command line without a command to run.
#[derive(Debug)]
pub enum CommandLineError {
    /// The user requested the help or the version. This is not an error.
    Help(clap::Error),
    /// A setting is invalid: the message to show.
    Invalid(String),
}

/// Reads the arguments and the environment. The first argument is the name of the program.
///
/// # Errors
/// Returns an error if the user requested the help or the version, or if a setting is invalid.
pub fn read<A: Into<OsString> + Clone>(
    arguments: impl IntoIterator<Item = A>,
) -> Result<Command, CommandLineError> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let help = match arguments.get(1).and_then(|first| first.to_str()) {
        Some(RELEASE) => "lanyard release --help",
        Some(PROBE) => "lanyard probe --help",
        _ => "lanyard --help",
    };
    let parsed = command()
        .try_get_matches_from(arguments)
        .and_then(|matches| command_of(&matches));
    let (command, timings) = parsed.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => CommandLineError::Help(error),
        _ => CommandLineError::Invalid(message(&error, help)),
    })?;
    if let Some(conflict) = durations::conflict(&timings) {
        return Err(CommandLineError::Invalid(format!("--timings: {conflict}")));
    }
    match &command {
        Command::Run(settings) => match settings.conflict() {
            Some(conflict) => Err(CommandLineError::Invalid(conflict.to_owned())),
            None => Ok(command),
        },
        Command::Release(_) | Command::Probe(_) => Ok(command),
    }
}

/// The names of the subcommands.
const RELEASE: &str = "release";
const PROBE: &str = "probe";

/// Without a subcommand the operator runs. Its required settings are not required with a subcommand.
fn command() -> clap::Command {
    Settings::command()
        .subcommand_negates_reqs(true)
        .subcommand(ReleaseSettings::command())
        .subcommand(ProbeSettings::command())
}

fn command_of(matches: &ArgMatches) -> Result<(Command, Timings), clap::Error> {
    if let Some((RELEASE, matches)) = matches.subcommand() {
        let settings = ReleaseSettings::from_arg_matches(matches)?;
        let timings = settings.timings();
        return Ok((Command::Release(Box::new(settings)), timings));
    }
    if let Some((PROBE, matches)) = matches.subcommand() {
        let settings = ProbeSettings::from_arg_matches(matches)?;
        return Ok((Command::Probe(settings), Timings::default()));
    }
    let settings = Settings::from_arg_matches(matches)?;
    let timings = settings.timings();
    Ok((Command::Run(Box::new(settings)), timings))
}

/// The error of clap as one sentence. Its own form takes several lines and repeats the usage.
fn message(error: &clap::Error, help: &str) -> String {
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    let message = match (error.kind(), argument, std::error::Error::source(error)) {
        (ErrorKind::ValueValidation, Some(argument), Some(source)) => format!("{argument}: {source}"),
        (ErrorKind::MissingRequiredArgument, Some(missing), _) => format!("{missing} is required"),
        _ => first_paragraph(&error.render().to_string()),
    };
    format!(
        "{} (see `{help}`)",
        message.replace('\n', " ").trim_end_matches('.')
    )
}

fn first_paragraph(rendered: &str) -> String {
    let text = rendered.strip_prefix("error: ").unwrap_or(rendered);
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Command, CommandLineError> {
        super::read([&["lanyard"], arguments].concat())
    }

    #[test]
    fn clap_command_is_valid() {
        command().debug_assert();
    }

    #[test]
    fn probe_requires_nothing() {
        assert!(matches!(read(&["probe"]), Ok(Command::Probe(_))));
    }

    #[test]
    fn release_requires_a_scope_and_a_cluster() {
        let command = read(&["release", "--all", "--cluster-name", "prod", "--yes"]);
        assert!(matches!(command, Ok(Command::Release(settings)) if settings.yes && settings.scope.all));
        for (arguments, expected) in [
            (
                vec!["release", "--cluster-name", "prod"],
                "<--all|--namespace <NAMESPACE>> is required (see `lanyard release --help`)",
            ),
            (
                vec!["release", "--all"],
                "--cluster-name is required, or --cluster-id for a cluster outside EKS (see `lanyard release --help`)",
            ),
        ] {
            match read(&arguments) {
                Err(CommandLineError::Invalid(message)) => assert_eq!(message, expected),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(
            read(&["release", "--help"]),
            Err(CommandLineError::Help(_))
        ));
    }
}
