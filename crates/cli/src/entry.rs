//! The entry point: parses the arguments and runs the command. Input: the arguments of the process. Output: the exit code.
//! Also called by the binary that the suites build.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::args::{Cli, Command};
use crate::audit;
use crate::completion;
use crate::doctor;
use crate::error::CliError;
use crate::exit::Exit;
use crate::import;
use crate::output::{Report, say, show, write};
use crate::plan;
use crate::rights;
use crate::trust;
use crate::verify;
use crate::version::Version;

/// Runs the program with the arguments of this process.
pub async fn main() -> ExitCode {
    if let Some(words) = completion::words_of_kubectl(std::env::args()) {
        // kubectl ignores a completion that fails.
        drop(write(&completion::for_kubectl(&words).await));
        return ExitCode::SUCCESS;
    }
    let cli = match parse(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    let exit = run(&cli).await.unwrap_or_else(|error| {
        say(&format!("error: {error}"));
        Exit::Failed
    });
    exit.into()
}

/// Parses the arguments. The rights of a command need no name of an object.
fn parse(mut arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let parsed = Cli::try_parse_from(&arguments);
    let lacks_name = |error: &clap::Error| error.kind() == ErrorKind::MissingRequiredArgument;
    if parsed.as_ref().is_err_and(lacks_name) && arguments.iter().any(|argument| argument == "--rights") {
        arguments.push("name".into());
        return Cli::try_parse_from(&arguments);
    }
    parsed
}

async fn run(cli: &Cli) -> Result<Exit, CliError> {
    if cli.global.rights {
        return show(&rights::report(&cli.command)?, &cli.global);
    }
    match &cli.command {
        Command::Plan(args) => show(&plan::run(args, &cli.global).await?, &cli.global),
        Command::Trust(args) => {
            let trust = trust::run(args, &cli.global).await?;
            match trust.document(args.form, cli.global.output) {
                Some(text) => write(&text).map(|()| Exit::Done),
                None => show(&trust, &cli.global),
            }
        }
        Command::Doctor(args) => show(&doctor::run(args, &cli.global).await?, &cli.global),
        Command::Verify(args) => show(&verify::run(args, &cli.global).await?, &cli.global),
        Command::Audit(args) => audit::show(args, &cli.global).await,
        Command::Import(args) => {
            let import = import::run(args, &cli.global).await?;
            match import.document(cli.global.output) {
                Some(text) => write(&text?).map(|()| import.exit()),
                None => show(&import, &cli.global),
            }
        }
        Command::Version => show(&Version::new(), &cli.global),
        Command::Completion(args) => write(&completion::run(args)?).map(|()| Exit::Done),
    }
}

/// Prints the help, the version or the error of clap. Its own exit code for an error, 2, means changes here.
fn usage(error: &clap::Error) -> Exit {
    // A closed pipe is no error of the command.
    drop(error.print());
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
        _ => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_need_no_name() {
        for command in ["plan", "trust", "doctor", "verify"] {
            let arguments = ["kubectl-lanyard", command, "--rights"];
            assert!(
                parse(arguments.map(OsString::from).to_vec())
                    .unwrap()
                    .global
                    .rights
            );
            let without = ["kubectl-lanyard", "doctor"];
            assert!(parse(without.map(OsString::from).to_vec()).is_err());
        }
    }
}
