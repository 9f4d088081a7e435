//! Runs a command to its end, with its output as one stream in the order in which it was written.
//! Input: a command. Output: each line while it runs, and all of them at the end. Starts a process.

use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// Result of a command.
pub(crate) struct Ended {
    pub(crate) success: bool,
    pub(crate) output: String,
}

/// Runs the command; `each_line` is called as its lines come.
pub(crate) fn run(mut command: Command, mut each_line: impl FnMut(&str)) -> Result<Ended> {
    let program = command.get_program().to_string_lossy().into_owned();
    let (reader, writer) = io::pipe()?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()
        .with_context(|| format!("starting {program}"))?;
    // The command holds writing ends of the pipe too, and the stream ends only when all of them are closed.
    drop(command);

    let mut output = String::new();
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        let line = String::from_utf8_lossy(&bytes);
        each_line(line.trim_end());
        output.push_str(&line);
        bytes.clear();
    }
    let success = child.wait()?.success();
    Ok(Ended { success, output })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stdout_and_stderr_are_merged_in_order() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; printf three; exit 3"]);
        let mut lines = Vec::new();
        let ended = run(command, |line| lines.push(line.to_owned())).unwrap();
        assert!(!ended.success);
        assert_eq!(lines, ["one", "two", "three"]);
        assert_eq!(ended.output, "one\ntwo\nthree");
    }
}
