//! Completion: scripts for shells, and answers to kubectl, which calls a program named `kubectl_complete-lanyard` with the
//! words typed so far. The definition of the command line in, text out; no I/O.

use std::fmt::Write as _;
use std::path::Path;

use clap_complete::{Shell, generate};

use crate::args::command;

/// The name under which kubectl asks a plugin for completions (kubernetes/kubectl, `pkg/cmd/plugin_completion.go`).
const FOR_KUBECTL: &str = "kubectl_complete-lanyard";

/// The end of an answer: the directive of cobra that the shell must not complete files.
const NO_FILES: &str = ":4\n";

/// The completion script of a shell.
pub(crate) fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut command(), "kubectl-lanyard", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The answer to kubectl. Returns `None` if the program does not run under kubectl's name for completion.
pub(crate) fn for_kubectl(arguments: impl IntoIterator<Item = String>) -> Option<String> {
    let mut arguments = arguments.into_iter();
    let program = arguments.next()?;
    let name = Path::new(&program).file_stem()?.to_str()?;
    let words: Vec<String> = arguments.collect();
    (name == FOR_KUBECTL).then(|| answer(&words))
}

/// The candidates for the last word, one per line, each with its help after a tab.
fn answer(words: &[String]) -> String {
    let (last, before) = words
        .split_last()
        .map_or(("", words), |(last, before)| (last.as_str(), before));
    let root = command();
    let chosen = before.iter().find_map(|word| root.find_subcommand(word));
    let mut answer = String::new();
    let mut offer = |word: String, help: Option<String>| {
        if word.starts_with(last) {
            let help = help.unwrap_or_default();
            let line = help.lines().next().unwrap_or_default();
            // A String accepts every write.
            let _ = writeln!(answer, "{word}\t{line}");
        }
    };
    match chosen {
        None if !last.starts_with('-') => {
            for child in root.get_subcommands() {
                offer(
                    child.get_name().to_owned(),
                    child.get_about().map(ToString::to_string),
                );
            }
        }
        None | Some(_) => {
            let own = chosen.into_iter().flat_map(clap::Command::get_arguments);
            for argument in own.chain(root.get_arguments()) {
                if let Some(long) = argument.get_long() {
                    offer(format!("--{long}"), argument.get_help().map(ToString::to_string));
                }
            }
        }
    }
    answer + NO_FILES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(words: &[&str]) -> String {
        let program = "/usr/local/bin/kubectl_complete-lanyard";
        for_kubectl([&[program], words].concat().into_iter().map(str::to_owned)).unwrap()
    }

    #[test]
    fn commands_are_offered_with_their_help() {
        let answer = answered(&["pl"]);
        assert!(answer.starts_with("plan\tShow the steps"), "{answer}");
        assert!(
            answer.ends_with(NO_FILES) && answer.lines().count() == 2,
            "{answer}"
        );
    }

    #[test]
    fn flags_of_the_command_and_of_every_command_are_offered() {
        let answer = answered(&["plan", "orders", "--"]);
        for flag in ["--filename\t", "--namespace\t", "--context\t"] {
            assert!(answer.contains(flag), "{flag}: {answer}");
        }
    }

    #[test]
    fn other_program_names_are_not_answered() {
        assert_eq!(for_kubectl(["/bin/kubectl-lanyard".to_owned()]), None);
    }
}
