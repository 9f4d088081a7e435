//! The binary `lanyard`: reads the settings, starts logging, runs the operator. Everything else is in the library.

use std::process::ExitCode;

use lanyard_operator::settings::{Settings, Unset};
use lanyard_operator::{logging, run};

/// The exit code for wrong settings, as most Unix tools have it.
const WRONG_USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
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
