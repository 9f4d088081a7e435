//! The record of every call that went through the gateway, in order, with what became of it.
//! Input: calls and their answers, from `serve`. Output: counts and tables for tests and benches. No I/O.

use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;

use std::time::Instant;

use tokio::sync::watch;

use super::call::Call;
use super::service::Service;

/// The calls so far. Clones share one record.
#[derive(Clone, Debug)]
pub struct Ledger {
    entries: Arc<Mutex<Vec<Entry>>>,
    length: watch::Sender<usize>,
}

/// One call and what became of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The call.
    pub call: Call,
    /// The HTTP status the caller got; nothing when its connection was dropped instead.
    pub status: Option<u16>,
    /// The error code the caller got, such as `NoSuchEntity`.
    pub code: Option<String>,
    /// The caller: the name under which the test bed started the program, as it identifies itself.
    pub caller: Option<String>,
    /// The ways in which the request or its answer differs from AWS's model of the service.
    pub violations: Vec<String>,
    /// When the call had arrived, before anything happened to it.
    pub began: Instant,
    /// When what became of it was known, before the caller got its answer.
    pub ended: Instant,
}

/// A position in the ledger: tests read the entries after it. The default is the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark(usize);

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            entries: Arc::default(),
            length: watch::Sender::new(0),
        }
    }

    pub(crate) fn record(&self, entry: Entry) {
        let mut entries = self.entries.lock();
        entries.push(entry);
        self.length.send_replace(entries.len());
    }

    /// Where the ledger stands now.
    pub fn mark(&self) -> Mark {
        Mark(self.entries.lock().len())
    }

    /// The calls answered since `mark`. A call still under way is not among them.
    pub fn since(&self, mark: Mark) -> Calls {
        Calls(self.entries.lock().iter().skip(mark.0).cloned().collect())
    }

    /// Waits until the calls since `mark` satisfy `enough`, looking again after each call. Has no time limit of its own.
    pub async fn until(&self, mark: Mark, enough: impl Fn(&Calls) -> bool) -> Calls {
        let mut length = self.length.subscribe();
        loop {
            length.borrow_and_update();
            let calls = self.since(mark);
            if enough(&calls) {
                return calls;
            }
            if length.changed().await.is_err() {
                return calls;
            }
        }
    }
}

/// A choice of the ledger's entries, which can be narrowed further, counted, and printed as a table.
#[derive(Clone, Debug, Default)]
pub struct Calls(Vec<Entry>);

impl Calls {
    /// The number of calls, reads and writes, including refused ones.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there is no call.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that may have changed something (refused ones included).
    pub fn writes(&self) -> Self {
        self.only(|entry| entry.call.write)
    }

    /// Writes that other components act on: without lease renewals and events.
    pub fn deeds(&self) -> Self {
        self.only(|entry| entry.call.is_deed())
    }

    /// Those of one operation, such as `CreateRole` or `patch serviceaccounts`.
    pub fn of(&self, operation: &str) -> Self {
        self.only(|entry| entry.call.operation == operation)
    }

    /// Those of all other operations.
    pub fn except(&self, operation: &str) -> Self {
        self.only(|entry| entry.call.operation != operation)
    }

    /// Those to one service.
    pub fn to(&self, service: Service) -> Self {
        self.only(|entry| entry.call.service == service)
    }

    /// Those to AWS, whichever service.
    pub fn to_aws(&self) -> Self {
        self.only(|entry| entry.call.service.is_aws())
    }

    /// Those about a role, ServiceAccount, `namespace/serviceAccount`, association or ARN, as far as the gateway could tell.
    pub fn about(&self, subject: &str) -> Self {
        self.only(|entry| entry.call.is_about(subject))
    }

    /// Those with a subject that satisfies `is_meant`.
    pub fn with_subject(&self, is_meant: impl Fn(&str) -> bool) -> Self {
        self.only(|entry| entry.call.subjects.iter().any(|subject| is_meant(subject)))
    }

    /// Those of one caller; see [`Entry::caller`].
    pub fn by(&self, caller: &str) -> Self {
        self.only(|entry| entry.caller.as_deref() == Some(caller))
    }

    /// Those that were answered with an error or not at all.
    pub fn failed(&self) -> Self {
        self.only(|entry| entry.status.is_none_or(|status| status >= 400))
    }

    /// Those that differ from AWS's models.
    pub fn violations(&self) -> Self {
        self.only(|entry| !entry.violations.is_empty())
    }

    /// Those of all callers but these; see [`Entry::caller`].
    pub fn except_callers(&self, left_out: impl Fn(&str) -> bool) -> Self {
        self.only(|entry| !entry.caller.as_deref().is_some_and(&left_out))
    }

    /// Checks that requests and answers conform to AWS's models of the services.
    ///
    /// # Errors
    /// Returns an error that lists each distinct violation with its caller if one does not.
    pub fn check_conformance(&self) -> anyhow::Result<()> {
        let mut lines = Vec::new();
        for entry in self.violations().0 {
            let Entry { call, caller, .. } = &entry;
            let caller = caller.as_deref().unwrap_or("a caller without a name");
            let about = call.subjects.join(" ");
            let line = |violation| {
                format!(
                    "{caller}: {} {} {about}: {violation}",
                    call.service, call.operation
                )
            };
            lines.extend(entry.violations.iter().map(line));
        }
        lines.sort();
        lines.dedup();
        anyhow::ensure!(
            lines.is_empty(),
            "calls differ from AWS's service models:\n{}",
            lines.join("\n")
        );
        Ok(())
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    fn only(&self, keep: impl Fn(&Entry) -> bool) -> Self {
        Self(self.0.iter().filter(|entry| keep(entry)).cloned().collect())
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} calls, {} of them writes",
            self.count(),
            self.writes().count()
        )?;
        for entry in &self.0 {
            let Entry {
                call, status, code, ..
            } = entry;
            let kind = if call.write { "write" } else { "read" };
            let status = status.map_or("dropped".to_owned(), |status| status.to_string());
            let code = code.as_deref().unwrap_or_default();
            let about = call.subjects.join(" ");
            writeln!(
                f,
                "  {:<4} {:<32} {kind:<6} {status:<8} {code:<24} {about}",
                call.service, call.operation
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(operation: &str, write: bool, subject: &str, status: Option<u16>) -> Entry {
        let call = Call {
            service: Service::Iam,
            operation: operation.into(),
            write,
            subjects: vec![subject.into()],
        };
        Entry {
            call,
            status,
            code: None,
            caller: None,
            violations: Vec::new(),
            began: Instant::now(),
            ended: Instant::now(),
        }
    }

    #[test]
    fn calls_are_counted_since_a_mark() {
        let ledger = Ledger::new();
        ledger.record(entry("GetRole", false, "old", Some(200)));
        let mark = ledger.mark();
        ledger.record(entry("CreateRole", true, "orders", Some(200)));
        ledger.record(entry("GetRole", false, "orders", None));
        let calls = ledger.since(mark);
        assert_eq!(
            (calls.count(), calls.writes().count(), calls.failed().count()),
            (2, 1, 1)
        );
        assert_eq!(
            (
                calls.of("GetRole").count(),
                calls.about("orders").count(),
                calls.about("old").count()
            ),
            (1, 2, 0)
        );
        assert!(calls.to_string().contains("CreateRole"), "{calls}");
    }

    #[test]
    fn violations_are_reported_once_with_their_caller() {
        let ledger = Ledger::new();
        let mark = ledger.mark();
        for caller in ["lanyard", "test-shop", "lanyard"] {
            ledger.record(Entry {
                caller: Some(caller.to_owned()),
                violations: vec!["request: RoleName is required and not set".to_owned()],
                ..entry("GetRole", false, "orders", Some(200))
            });
        }
        let own = ledger.since(mark).except_callers(|caller| caller == "test-shop");
        let report = own.check_conformance().unwrap_err().to_string();
        assert_eq!(report.matches("lanyard: iam GetRole orders: request").count(), 1);
        assert!(!report.contains("test-shop"), "{report}");
        let conforming = own.except_callers(|caller| caller == "lanyard");
        assert!(conforming.check_conformance().is_ok());
    }

    #[tokio::test]
    async fn wait_ends_with_the_expected_call() {
        let ledger = Ledger::new();
        let mark = ledger.mark();
        let recorder = ledger.clone();
        let waiting = tokio::spawn(async move {
            ledger
                .until(mark, |calls| calls.of("DeleteRole").count() == 1)
                .await
        });
        recorder.record(entry("GetRole", false, "r", Some(200)));
        recorder.record(entry("DeleteRole", true, "r", Some(200)));
        assert_eq!(waiting.await.unwrap().count(), 2);
    }
}
