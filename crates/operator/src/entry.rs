//! The whole of the program: reads the command line, starts logging, runs what was asked for. Arguments in, an exit code
//! out. Called by the binary `lanyard`, and by the one that the suites build to put it under test.

use std::process::ExitCode;

use crate::command_line::{self, Command, Unset};
use crate::release::{self, ReleaseSettings};
use crate::settings::{LogFormat, Settings};
use crate::{logging, run};

/// The exit code for wrong settings, as most Unix tools have it.
const WRONG_USAGE: u8 = 2;

/// Runs the program with the arguments of this process.
pub async fn main() -> ExitCode {
    match command_line::read(std::env::args_os()) {
        Ok(Command::Run(settings)) => operate(&settings).await,
        Ok(Command::Release(settings)) => let_go(&settings).await,
        Err(Unset::Command(text)) => text.print().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Err(Unset::Wrong(sentence)) => {
            eprintln!("lanyard: {sentence}");
            ExitCode::from(WRONG_USAGE)
        }
    }
}

async fn operate(settings: &Settings) -> ExitCode {
    logging::start(settings.log_format, &settings.log_level);
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn let_go(settings: &ReleaseSettings) -> ExitCode {
    logging::start(LogFormat::Text, &settings.log_level);
    match release::run(settings).await {
        Ok(ended) => ended.exit_code(),
        Err(error) => {
            eprintln!("lanyard: {error}");
            ExitCode::FAILURE
        }
    }
}
