//! The entry point: reads the command line, starts logging and runs the command.
//! Input: the arguments of the process. Output: the exit code. Also called by the binary that the suites build.

use std::process::ExitCode;

use crate::command_line::{self, Command, CommandLineError};
use crate::probe;
use crate::release::{self, ReleaseSettings};
use crate::settings::{LogFormat, Settings};
use crate::{logging, run};

/// The exit code for wrong settings, as in most Unix tools.
const USAGE_ERROR: u8 = 2;

/// Runs the program with the arguments of this process.
pub async fn main() -> ExitCode {
    match command_line::read(std::env::args_os()) {
        Ok(Command::Run(settings)) => run_operator(&settings).await,
        Ok(Command::Release(settings)) => run_release(&settings).await,
        Ok(Command::Probe(settings)) => probe::run(&settings).await,
        Err(CommandLineError::Help(text)) => text.print().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Err(CommandLineError::Invalid(message)) => {
            eprintln!("lanyard: {message}");
            ExitCode::from(USAGE_ERROR)
        }
    }
}

async fn run_operator(settings: &Settings) -> ExitCode {
    logging::start(settings.log_format, &settings.log_level);
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run_release(settings: &ReleaseSettings) -> ExitCode {
    logging::start(LogFormat::Text, &settings.log_level);
    match release::run(settings).await {
        Ok(outcome) => outcome.exit_code(),
        Err(error) => {
            eprintln!("lanyard: {error}");
            ExitCode::FAILURE
        }
    }
}
