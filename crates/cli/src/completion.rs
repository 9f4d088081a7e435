//! Completion: scripts for shells, and answers to kubectl, which calls a program named `kubectl_complete-lanyard` with the
//! words typed so far. The definition of the command line in, text out. `names` reads from the API server, and `install` writes
//! a link.

mod install;
mod names;

use std::fmt::Write as _;
use std::path::Path;

use clap_complete::{Shell, generate};

use crate::args::{CompletionArgs, Target, command};
use crate::error::CliError;
use install::FOR_KUBECTL;

/// The end of an answer: the directive of cobra that the shell must not complete files.
const NO_FILES: &str = ":4\n";

/// Prints a script, or creates the link of kubectl. Returns the text for stdout.
pub(crate) fn run(args: &CompletionArgs) -> Result<String, CliError> {
    let shell = match args.target {
        Target::Bash => Shell::Bash,
        Target::Elvish => Shell::Elvish,
        Target::Fish => Shell::Fish,
        Target::Powershell => Shell::PowerShell,
        Target::Zsh => Shell::Zsh,
        Target::Install => {
            let place = install::install(args.dir.as_deref())?;
            return Ok(format!(
                "created {}; kubectl completes `kubectl lanyard` in shells that load `kubectl completion`\n",
                place.display()
            ));
        }
    };
    Ok(script(shell))
}

/// The completion script of a shell.
fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut command(), "kubectl-lanyard", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The words of kubectl. Returns `None` if the program does not run under kubectl's name for completion.
pub(crate) fn words_of_kubectl(arguments: impl IntoIterator<Item = String>) -> Option<Vec<String>> {
    let mut arguments = arguments.into_iter();
    let program = arguments.next()?;
    let name = Path::new(&program).file_stem()?.to_str()?;
    (name == FOR_KUBECTL).then(|| arguments.collect())
}

/// The answer to kubectl, with names of the cluster.
pub(crate) async fn for_kubectl(words: &[String]) -> String {
    let (last, before) = words
        .split_last()
        .map_or(("", words), |(last, before)| (last.as_str(), before));
    let listed = match last.starts_with('-') {
        true => Vec::new(),
        false => names::candidates(before).await,
    };
    answer(words, &listed)
}

/// The candidates for the last word, one per line, each with its help after a tab.
fn answer(words: &[String], names: &[String]) -> String {
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
        Some(_) if !names.is_empty() && !last.starts_with('-') => {
            for name in names {
                offer(name.clone(), None);
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
        let words = [&[program], words].concat().into_iter().map(str::to_owned);
        answer(&words_of_kubectl(words).unwrap(), &[])
    }

    #[test]
    fn names_of_the_cluster_are_offered_instead_of_flags() {
        let words = ["plan".to_owned(), "or".to_owned()];
        let names = ["orders".to_owned(), "search".to_owned()];
        assert_eq!(answer(&words, &names), format!("orders\t\n{NO_FILES}"));
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
        assert_eq!(words_of_kubectl(["/bin/kubectl-lanyard".to_owned()]), None);
    }
}
