//! The membership of a subject in a statement of a shared trust policy: add, remove and check. Input: a document, a
//! membership and the statement for its subject alone; output: a document or a state. No I/O.
//!
//! All other statements stay as written. Adding and removing are idempotent, and commute for different subjects.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::canonical::canonical_statement;
use crate::document::{Document, Statement};
use crate::trust::{TAG_SERVICE_ACCOUNT, one_or_list};

/// The placeholder in an empty list: no ServiceAccount has this name. IAM rejects a trust policy without statements,
/// so the last statement stays and admits no subject.
const NO_MEMBER: &str = "-";

/// The entry of a subject in a shared statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Membership {
    /// The `Sid` of the statement.
    pub sid: String,
    /// The key under `StringEquals` with the list of members; absent: the statement has a single subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// The name of the subject in the list.
    pub member: String,
}

/// The state of a membership in a trust policy.
#[derive(Debug, Clone, PartialEq)]
pub enum MembershipState {
    /// The statement is missing or valid, and does not contain the subject.
    Absent,
    /// The statement is valid and contains the subject.
    Present,
    /// The statement was edited outside its list. Contains the statement with this subject as its only member.
    Modified(Statement),
    /// The statement exists, but its list cannot be read. It is never changed.
    Unreadable,
}

impl Membership {
    /// The state of the membership. `alone` is the statement with this subject as its only member.
    #[must_use]
    pub fn state(&self, document: &Document, alone: &Statement) -> MembershipState {
        let Some(statement) = document.statement(&self.sid) else {
            return MembershipState::Absent;
        };
        let Some(members) = self.members(statement) else {
            return MembershipState::Unreadable;
        };
        let is_member = members.contains(&self.member);
        if members.is_empty() {
            return MembershipState::Absent;
        }
        match (same(statement, &self.listing(alone, &members)), is_member) {
            (true, true) => MembershipState::Present,
            (true, false) => MembershipState::Absent,
            (false, _) => {
                let own: BTreeSet<String> = members.into_iter().filter(|name| *name == self.member).collect();
                MembershipState::Modified(self.listing(statement, &own))
            }
        }
    }

    /// Returns true if the statement lists the subject, regardless of other edits. Returns `None` if the list cannot
    /// be read.
    #[must_use]
    pub fn is_listed(&self, document: &Document) -> Option<bool> {
        document.statement(&self.sid).map_or(Some(false), |statement| {
            self.members(statement)
                .map(|members| members.contains(&self.member))
        })
    }

    /// The document with the subject in the statement and all edits of the statement reverted. A statement whose list
    /// cannot be read stays unchanged.
    #[must_use]
    pub fn put(&self, document: &Document, alone: &Statement) -> Document {
        let Some(statement) = document.statement(&self.sid) else {
            return document.clone().with_statement(alone.clone());
        };
        let Some(mut members) = self.members(statement) else {
            return document.clone();
        };
        members.insert(self.member.clone());
        let desired = self.listing(alone, &members);
        if same(statement, &desired) {
            return document.clone();
        }
        document.clone().with_statement(desired)
    }

    /// The document without the subject. The statement is removed with its last subject.
    #[must_use]
    pub fn remove(&self, document: &Document) -> Document {
        let Some((statement, mut members)) = document
            .statement(&self.sid)
            .and_then(|statement| Some((statement, self.members(statement)?)))
        else {
            return document.clone();
        };
        if !members.remove(&self.member) {
            return document.clone();
        }
        if members.is_empty() && document.statements().len() > 1 {
            return document.clone().without_statement(&self.sid);
        }
        let remaining = self.listing(statement, &members);
        document.clone().with_statement(remaining)
    }

    /// The number of subjects that fit into a statement that is `excess` characters too large, and the number that it
    /// has.
    #[must_use]
    pub fn fitting(&self, document: &Document, excess: usize) -> (usize, usize) {
        let listed = document
            .statement(&self.sid)
            .and_then(|statement| self.members(statement));
        let listed = listed.map_or(0, |members| members.len());
        // Two quotation marks and a comma.
        let each = self.member.chars().count() + 3;
        (listed.saturating_sub(excess.div_ceil(each)), listed)
    }

    /// The members of the list. Returns `None` if the list cannot be read.
    fn members(&self, statement: &Statement) -> Option<BTreeSet<String>> {
        let listed = statement
            .element("Condition")
            .and_then(|condition| condition.get("StringEquals")?.get(self.key()));
        let mut members: BTreeSet<String> = match (listed, &self.list) {
            (Some(Value::String(placeholder)), None) if placeholder == NO_MEMBER => BTreeSet::new(),
            (_, None) => BTreeSet::from([self.member.clone()]),
            (Some(Value::String(one)), Some(_)) => BTreeSet::from([one.clone()]),
            (Some(Value::Array(several)), Some(_)) => several
                .iter()
                .map(|name| name.as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
            (_, Some(_)) => return None,
        };
        members.remove(NO_MEMBER);
        Some(members)
    }

    /// The statement with exactly these members. A statement without a list changes only if no member remains.
    fn listing(&self, statement: &Statement, members: &BTreeSet<String>) -> Statement {
        let listed = match (&self.list, members.is_empty()) {
            (None, false) => return statement.clone(),
            (_, true) => Value::from(NO_MEMBER),
            (Some(_), false) => one_or_list(members.iter().cloned()),
        };
        let mut elements = statement.value().as_object().cloned().unwrap_or_default();
        let condition = elements.entry("Condition").or_insert(Value::Null);
        if let Some(equals) =
            object(condition).map(|tests| tests.entry("StringEquals").or_insert(Value::Null))
            && let Some(equals) = object(equals)
        {
            equals.insert(self.key().to_owned(), listed);
        }
        Statement::new(elements)
    }

    fn key(&self) -> &str {
        self.list.as_deref().unwrap_or(TAG_SERVICE_ACCOUNT)
    }
}

/// Returns true if two statements mean the same, ignoring their `Sid`s.
fn same(a: &Statement, b: &Statement) -> bool {
    canonical_statement(a) == canonical_statement(b)
}

/// The object of a value; any other value becomes an empty object.
fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}
