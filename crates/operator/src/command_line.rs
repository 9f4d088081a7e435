//! The command line: what the program was asked to do. Arguments and the environment in; settings out, or what to tell
//! the person and the exit code. Reads the environment and nothing else. Called by `main`.

use std::ffi::OsString;

use clap::error::{ContextKind, ErrorKind};
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use lanyard_core::model::timings::Timings;

use crate::release::ReleaseSettings;
use crate::settings::{Settings, durations};

/// What the program is to do.
#[derive(Debug)]
pub enum Command {
    /// Run the operator.
    Run(Box<Settings>),
    /// Let go of objects, before an uninstall.
    Release(Box<ReleaseSettings>),
}

/// Why there are no settings.
#[derive(Debug)]
pub enum Unset {
    /// Somebody asked for the help or the version, which is not wrong.
    Command(clap::Error),
    /// A setting is wrong: the sentence to show.
    Wrong(String),
}

/// Reads arguments, the first being the program's own name, and the environment.
///
/// # Errors
/// When the help or version was asked for, or a setting is wrong.
pub fn read<A: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = A>) -> Result<Command, Unset> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let help = match arguments.get(1).is_some_and(|first| first == RELEASE) {
        true => "lanyard release --help",
        false => "lanyard --help",
    };
    let parsed = command()
        .try_get_matches_from(arguments)
        .and_then(|matches| asked(&matches));
    let (asked, timings) = parsed.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Unset::Command(error),
        _ => Unset::Wrong(sentence(&error, help)),
    })?;
    if let Some(contradiction) = durations::contradiction(&timings) {
        return Err(Unset::Wrong(format!("--timings: {contradiction}")));
    }
    match &asked {
        Command::Run(settings) => match settings.contradiction() {
            Some(contradiction) => Err(Unset::Wrong(contradiction.to_owned())),
            None => Ok(asked),
        },
        Command::Release(_) => Ok(asked),
    }
}

/// The name of the subcommand.
const RELEASE: &str = "release";

/// Without a subcommand the operator runs; what that needs is not needed otherwise.
fn command() -> clap::Command {
    Settings::command()
        .subcommand_negates_reqs(true)
        .subcommand(ReleaseSettings::command())
}

fn asked(matches: &ArgMatches) -> Result<(Command, Timings), clap::Error> {
    if let Some((RELEASE, matches)) = matches.subcommand() {
        let settings = ReleaseSettings::from_arg_matches(matches)?;
        let timings = settings.timings();
        return Ok((Command::Release(Box::new(settings)), timings));
    }
    let settings = Settings::from_arg_matches(matches)?;
    let timings = settings.timings();
    Ok((Command::Run(Box::new(settings)), timings))
}

/// What clap says, as one sentence: its own form takes several lines and repeats the usage.
fn sentence(error: &clap::Error, help: &str) -> String {
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string);
    let what = match (error.kind(), argument, std::error::Error::source(error)) {
        (ErrorKind::ValueValidation, Some(argument), Some(source)) => format!("{argument}: {source}"),
        (ErrorKind::MissingRequiredArgument, Some(missing), _) => format!("{missing} is required"),
        _ => first_paragraph(&error.render().to_string()),
    };
    format!("{} (see `{help}`)", what.replace('\n', " ").trim_end_matches('.'))
}

fn first_paragraph(rendered: &str) -> String {
    let text = rendered.strip_prefix("error: ").unwrap_or(rendered);
    let lines = text.lines().take_while(|line| !line.trim().is_empty());
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Command, Unset> {
        super::read([&["lanyard"], arguments].concat())
    }

    #[test]
    fn the_command_line_is_put_together_well() {
        command().debug_assert();
    }

    #[test]
    fn a_release_is_asked_for_by_its_own_name_and_says_of_what() {
        let asked = read(&["release", "--all", "--cluster-name", "prod", "--yes"]);
        assert!(matches!(asked, Ok(Command::Release(settings)) if settings.yes && settings.which.all));
        for (arguments, wanted) in [
            (
                vec!["release", "--cluster-name", "prod"],
                "<--all|--namespace <NAMESPACE>> is required (see `lanyard release --help`)",
            ),
            (
                vec!["release", "--all"],
                "--cluster-name is required, or --cluster-id for a cluster that is not EKS's (see `lanyard release --help`)",
            ),
        ] {
            match read(&arguments) {
                Err(Unset::Wrong(sentence)) => assert_eq!(sentence, wanted),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(read(&["release", "--help"]), Err(Unset::Command(_))));
    }
}
