//! The command line in the demo, as a user runs it. Input: arguments. Output: what it printed, which is shown. Runs the program
//! built from this tree against the test bed.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use lanyard_testkit::TestBed;

use super::show::Show;

/// The program.
pub struct CommandLine {
    /// Its path.
    pub program: PathBuf,
}

impl CommandLine {
    /// Runs a command, shows it with its output, and checks its exit code. Returns the output.
    pub fn run(&self, bed: &TestBed, show: &Show, arguments: &[&str], exit: i32) -> Result<String> {
        self.run_with(bed, show, arguments, "", exit)
    }

    /// The same with this text on stdin.
    pub fn run_with(
        &self,
        bed: &TestBed,
        show: &Show,
        arguments: &[&str],
        stdin: &str,
        exit: i32,
    ) -> Result<String> {
        let line = format!("kubectl lanyard {}", arguments.join(" "));
        show.plain(&format!("$ {line}"));
        let mut command = Command::new(&self.program);
        command.args(arguments);
        bed.equip(&mut command);
        command.env("LANYARD_CLUSTER_NAME", "lanyard");
        let piped = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = piped.spawn().context("starting kubectl-lanyard")?;
        let mut input = child.stdin.take().context("stdin")?;
        // A command that does not read its input closes it.
        drop(input.write_all(stdin.as_bytes()));
        drop(input);
        let output = child.wait_with_output()?;
        let (text, errors) = (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        show.plain(&text);
        let code = output.status.code();
        ensure!(
            code == Some(exit),
            "{line} ended with {code:?} instead of {exit}: {errors}"
        );
        show.check("exit code", &exit.to_string());
        Ok(text)
    }
}
