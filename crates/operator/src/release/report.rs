//! The report of a release: what was let go, what is still held, and what in AWS keeps Lanyard's tags.
//! Accounts of objects and classes in; text for people or JSON for programs on standard output, and the exit code, out.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::classes::Class;
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
    classes: Vec<Class>,
    #[serde(skip)]
    output: Output,
}

impl Report {
    pub(super) fn new(
        objects: Vec<Account>,
        classes: Vec<Class>,
        aws_silent: Option<String>,
        output: Output,
    ) -> Self {
        Self {
            aws_silent,
            objects,
            classes,
            output,
        }
    }

    /// Prints it. What cannot be printed changes nothing about what was done.
    pub(super) fn fingerprint(&self) -> Ended {
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
        let of_objects = self.objects.iter().map(|account| account.outcome);
        let of_classes = self.classes.iter().map(|class| class.outcome);
        let all: Vec<Outcome> = of_objects.chain(of_classes).collect();
        let any = |outcome| all.contains(&outcome);
        if any(Outcome::Held) {
            Ended::Held
        } else if any(Outcome::WouldRelease) {
            Ended::WouldRelease
        } else {
            Ended::Released
        }
    }

    fn text(&self) -> String {
        if self.objects.is_empty() && self.classes.is_empty() {
            return "Nothing is held: neither a WorkloadIdentity nor a class carries Lanyard's finalizer.\n"
                .to_owned();
        }
        let mut lines = Vec::new();
        for account in &self.objects {
            let name = format!("{}/{}", account.namespace, account.name);
            lines.push(headline(&name, account.outcome, account.error.as_deref()));
            lines.extend(account.released.iter().map(|what| match account.outcome {
                Outcome::WouldRelease => format!("  would be no longer Lanyard's: {what}"),
                Outcome::Released | Outcome::Held => format!("  no longer Lanyard's: {what}"),
            }));
            let left = account.left.iter();
            lines.extend(left.map(|left| format!("  keeps Lanyard's tags: {}: {}", left.what, left.why)));
        }
        for class in &self.classes {
            let name = format!("class {}", class.name);
            lines.push(headline(&name, class.outcome, class.error.as_deref()));
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
        let left: usize = self.objects.iter().map(|account| account.left.len()).sum();
        let objects = counted(self.objects.iter().map(|account| account.outcome));
        let classes = counted(self.classes.iter().map(|class| class.outcome));
        let kinds = [("WorkloadIdentities", objects), ("Classes", classes)];
        let kinds = kinds.into_iter().filter(|(_, told)| !told.is_empty());
        let kinds: Vec<String> = kinds.map(|(kind, told)| format!("{kind}: {told}.")).collect();
        format!(
            "{} Things in AWS that keep Lanyard's tags: {left}.",
            kinds.join(" ")
        )
    }
}

/// How many came to what.
fn counted(outcomes: impl Iterator<Item = Outcome>) -> String {
    let outcomes: Vec<Outcome> = outcomes.collect();
    let kinds = [
        (Outcome::Released, "released"),
        (Outcome::Held, "still held"),
        (Outcome::WouldRelease, "to be released"),
    ];
    let told = kinds.into_iter().filter_map(|(outcome, word)| {
        let count = outcomes.iter().filter(|known| **known == outcome).count();
        (count > 0).then(|| format!("{count} {word}"))
    });
    told.collect::<Vec<_>>().join(", ")
}

fn headline(name: &str, outcome: Outcome, error: Option<&str>) -> String {
    match (outcome, error) {
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
        let classes = vec![Class {
            name: "tenants".to_owned(),
            outcome: Outcome::Held,
            error: Some("1 WorkloadIdentity that is still held follows it".to_owned()),
        }];
        let report = Report::new(objects, classes, None, Output::Text);
        let wanted = "\
shop/orders: released
  no longer Lanyard's: role r
shop/carts: still held: no answer
  keeps Lanyard's tags: role s: throttled by AWS
class tenants: still held: 1 WorkloadIdentity that is still held follows it
WorkloadIdentities: 1 released, 1 still held. Classes: 1 still held. Things in AWS that keep Lanyard's tags: 1.
";
        assert_eq!((report.text().as_str(), report.ended()), (wanted, Ended::Held));
    }

    #[test]
    fn without_consent_the_text_asks_for_it() {
        let report = Report::new(
            vec![account("orders", Outcome::WouldRelease)],
            Vec::new(),
            Some("no credentials".to_owned()),
            Output::Text,
        );
        let text = report.text();
        assert!(text.ends_with("AWS was not asked: no credentials\nNothing was done. Add --yes to do it.\n"));
        assert_eq!(report.ended(), Ended::WouldRelease);
        assert_eq!(
            Report::new(Vec::new(), Vec::new(), None, Output::Text).ended(),
            Ended::Released
        );
    }
}
