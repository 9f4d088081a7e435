//! The whole of the program: reads the settings, starts logging, runs the operator. Arguments in, an exit code out.
//! Called by the binary `lanyard`, and by the one that the suites build to put it under test.

use std::process::ExitCode;

use crate::settings::{Settings, Unset};
use crate::{logging, run};

/// The exit code for wrong settings, as most Unix tools have it.
const WRONG_USAGE: u8 = 2;

/// Runs the program with the arguments of this process.
pub async fn main() -> ExitCode {
    let settings = match Settings::read(std::env::args_os()) {
        Ok(settings) => settings,
        Err(Unset::Asked(text)) => return text.print().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Err(Unset::Wrong(sentence)) => {
            eprintln!("lanyard: {sentence}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    logging::start(settings.log_format, &settings.log_level);
    match run(&settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
