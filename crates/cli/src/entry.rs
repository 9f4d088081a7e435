//! The entry point: parses the arguments and runs the command. Input: the arguments of the process. Output: the exit code.
//! Also called by the binary that the suites build.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::args::{Cli, Command};
use crate::completion;
use crate::doctor;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{say, show, write};
use crate::plan;
use crate::trust;
use crate::version::Version;

/// Runs the program with the arguments of this process.
pub async fn main() -> ExitCode {
    if let Some(answer) = completion::for_kubectl(std::env::args()) {
        // kubectl ignores a completion that fails.
        drop(write(&answer));
        return ExitCode::SUCCESS;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    let exit = run(&cli).await.unwrap_or_else(|error| {
        say(&format!("error: {error}"));
        Exit::Failed
    });
    exit.into()
}

async fn run(cli: &Cli) -> Result<Exit, CliError> {
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
        Command::Version => show(&Version::new(), &cli.global),
        Command::Completion { shell } => write(&completion::script(*shell)).map(|()| Exit::Done),
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
