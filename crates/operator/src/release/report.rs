//! The report of a release: what was let go, what is still held, and what in AWS keeps Lanyard's tags.
//! Accounts in; text for people or JSON for programs on standard output, and the exit code, out.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::one::{Account, Outcome};
use super::settings::Output;

/// The exit code for "nothing was done, and there is something to do".
const WOULD_CHANGE: u8 = 2;

/// How a release ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Nothing is held any more.
    Released,
    /// Nobody said `--yes`, and something is held.
    WouldRelease,
    /// Something is still held.
    Held,
}

impl Ended {
    /// The exit code for it.
    #[must_use]
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Released => ExitCode::SUCCESS,
            Self::WouldRelease => ExitCode::from(WOULD_CHANGE),
            Self::Held => ExitCode::FAILURE,
        }
    }
}

/// The whole report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// Why AWS was not asked at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    aws_silent: Option<String>,
    objects: Vec<Account>,
    #[serde(skip)]
    output: Output,
}

impl Report {
    pub(super) fn new(objects: Vec<Account>, aws_silent: Option<String>, output: Output) -> Self {
        Self {
            aws_silent,
            objects,
            output,
        }
    }

    /// Prints it. What cannot be printed changes nothing about what was done.
    pub(super) fn print(&self) -> Ended {
        let text = match self.output {
            Output::Text => self.text(),
            Output::Json => serde_json::to_string_pretty(self).unwrap_or_default() + "\n",
        };
        if let Err(error) = std::io::stdout().write_all(text.as_bytes()) {
            tracing::error!(%error, "the report could not be printed");
        }
        self.ended()
    }

    fn ended(&self) -> Ended {
        let any = |outcome| self.objects.iter().any(|account| account.outcome == outcome);
        if any(Outcome::Held) {
            Ended::Held
        } else if any(Outcome::WouldRelease) {
            Ended::WouldRelease
        } else {
            Ended::Released
        }
    }

    fn text(&self) -> String {
        if self.objects.is_empty() {
            return "Nothing is held: no WorkloadIdentity carries Lanyard's finalizer.\n".to_owned();
        }
        let mut lines = Vec::new();
        for account in &self.objects {
            lines.push(headline(account));
            lines.extend(account.released.iter().map(|what| match account.outcome {
                Outcome::WouldRelease => format!("  would be no longer Lanyard's: {what}"),
                Outcome::Released | Outcome::Held => format!("  no longer Lanyard's: {what}"),
            }));
            let left = account.left.iter();
            lines.extend(left.map(|left| format!("  keeps Lanyard's tags: {}: {}", left.what, left.why)));
        }
        lines.push(self.sum());
        lines.extend(
            self.aws_silent
                .as_ref()
                .map(|why| format!("AWS was not asked: {why}")),
        );
        if self.ended() == Ended::WouldRelease {
            lines.push("Nothing was done. Add --yes to do it.".to_owned());
        }
        lines.join("\n") + "\n"
    }

    fn sum(&self) -> String {
        let count = |outcome| {
            let of = |account: &&Account| account.outcome == outcome;
            self.objects.iter().filter(of).count()
        };
        let left: usize = self.objects.iter().map(|account| account.left.len()).sum();
        let kinds = [
            (Outcome::Released, "released"),
            (Outcome::Held, "still held"),
            (Outcome::WouldRelease, "to be released"),
        ];
        let told = kinds.into_iter().filter_map(|(outcome, word)| {
            let count = Some(count(outcome)).filter(|count| *count > 0)?;
            Some(format!("{count} {word}"))
        });
        let told: Vec<String> = told.collect();
        format!(
            "WorkloadIdentities: {}. Things in AWS that keep Lanyard's tags: {left}.",
            told.join(", ")
        )
    }
}

fn headline(account: &Account) -> String {
    let name = format!("{}/{}", account.namespace, account.name);
    match (account.outcome, &account.error) {
        (Outcome::Released, _) => format!("{name}: released"),
        (Outcome::WouldRelease, _) => format!("{name}: to be released"),
        (Outcome::Held, Some(why)) => format!("{name}: still held: {why}"),
        (Outcome::Held, None) => format!("{name}: still held"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::one::Left;
    use super::*;

    fn account(name: &str, outcome: Outcome) -> Account {
        Account {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            outcome,
            released: vec!["role r".to_owned()],
            left: Vec::new(),
            error: None,
        }
    }

    #[test]
    fn the_text_says_of_each_object_what_became_of_it_and_counts() {
        let stuck = Account {
            released: Vec::new(),
            left: vec![Left {
                what: "role s".to_owned(),
                why: "throttled by AWS".to_owned(),
            }],
            error: Some("no answer".to_owned()),
            ..account("carts", Outcome::Held)
        };
        let objects = vec![account("orders", Outcome::Released), stuck];
        let report = Report::new(objects, None, Output::Text);
        let wanted = "\
shop/orders: released
  no longer Lanyard's: role r
shop/carts: still held: no answer
  keeps Lanyard's tags: role s: throttled by AWS
WorkloadIdentities: 1 released, 1 still held. Things in AWS that keep Lanyard's tags: 1.
";
        assert_eq!((report.text().as_str(), report.ended()), (wanted, Ended::Held));
    }

    #[test]
    fn without_consent_the_text_asks_for_it() {
        let report = Report::new(
            vec![account("orders", Outcome::WouldRelease)],
            Some("no credentials".to_owned()),
            Output::Text,
        );
        let text = report.text();
        assert!(text.ends_with("AWS was not asked: no credentials\nNothing was done. Add --yes to do it.\n"));
        assert_eq!(report.ended(), Ended::WouldRelease);
        assert_eq!(
            Report::new(Vec::new(), None, Output::Text).ended(),
            Ended::Released
        );
    }
}
