//! The one entry point for everything that is done in this repository besides `cargo build`: `cargo xtask <command>`.
//! In: the command line. Out: an exit code. Each command is a module of its own; nothing else happens here.

mod bench;
mod build;
mod check;
mod codegen;
mod demo;
mod iam_reference;
mod test;
mod testbed;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Develops Lanyard on this machine: no AWS account, no cluster and no Docker needed.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Bench(bench::BenchArgs),
    Test(test::TestArgs),
    Check(check::CheckArgs),
    Codegen(codegen::CodegenArgs),
    IamReference(iam_reference::IamReferenceArgs),
    #[command(subcommand)]
    Testbed(testbed::Command),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo(args) => demo::run(&args).await,
        Command::Bench(args) => bench::run(&args).await,
        Command::Test(args) => test::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Codegen(args) => codegen::run(&args),
        Command::IamReference(args) => iam_reference::run(&args),
        Command::Testbed(command) => testbed::run(command).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
