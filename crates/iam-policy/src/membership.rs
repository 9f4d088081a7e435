//! A trust policy that others share: one subject put into a statement of Lanyard's there, or taken out of it.
//! A document, a seat and the statement for its subject alone in, a document or a judgement out; no I/O. Called by
//! `diff` to judge, by the engine to merge into what it has just read, and by `assume`.
//!
//! Every other statement stays as it was written. Put and remove may be repeated, and for different subjects they may
//! come in any order.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::canonical::normal_statement;
use super::document::{Document, Statement};

/// The condition key with the ServiceAccount's name, which Pod Identity sends as a session tag (docs/dev/aws-behaviour.md#session-tags).
pub const TAG_SERVICE_ACCOUNT: &str = "aws:RequestTag/kubernetes-service-account";

/// Stands in a list that nobody is in any more: no ServiceAccount is called so. IAM refuses a trust policy without any
/// statement, so the last one stays and admits nobody.
const NOBODY: &str = "-";

/// A subject's place in one of Lanyard's statements.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Membership {
    /// The statement's `Sid`.
    pub sid: String,
    /// The key under `StringEquals` with the list of who is let in; absent: the statement is the subject's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// How the subject is called there.
    pub member: String,
}

/// How a seat stands in a trust policy.
#[derive(Debug, Clone, PartialEq)]
pub enum MembershipState {
    /// The subject is not let in by the statement, which is missing or as it should be for others.
    Free,
    /// The subject is in the list, and the statement is as it should be.
    Taken,
    /// Others changed the statement elsewhere than in its list. What of it concerns the subject is inside.
    Edited(Statement),
    /// A statement has the id and is so changed that nobody can tell who else is let in: it is left alone.
    Illegible,
}

impl Membership {
    /// How the seat stands. `alone`: the statement as it is for this subject alone.
    #[must_use]
    pub fn state(&self, document: &Document, alone: &Statement) -> MembershipState {
        let Some(found) = document.statement(&self.sid) else {
            return MembershipState::Free;
        };
        let Some(members) = self.members(found) else {
            return MembershipState::Illegible;
        };
        let is_in = members.contains(&self.member);
        if members.is_empty() {
            return MembershipState::Free;
        }
        match (same(found, &self.listing(alone, &members)), is_in) {
            (true, true) => MembershipState::Taken,
            (true, false) => MembershipState::Free,
            (false, _) => {
                let own: BTreeSet<String> = members.into_iter().filter(|name| *name == self.member).collect();
                MembershipState::Edited(self.listing(found, &own))
            }
        }
    }

    /// Whether the statement, whatever else became of it, lists the subject; `None`: nobody can tell.
    #[must_use]
    pub fn is_taken(&self, document: &Document) -> Option<bool> {
        document.statement(&self.sid).map_or(Some(false), |found| {
            self.members(found).map(|members| members.contains(&self.member))
        })
    }

    /// The document with the subject in the statement, which is otherwise brought to what it should be. One whose list
    /// cannot be read stays as it is.
    #[must_use]
    pub fn put(&self, document: &Document, alone: &Statement) -> Document {
        let Some(found) = document.statement(&self.sid) else {
            return document.clone().with_statement(alone.clone());
        };
        let Some(mut members) = self.members(found) else {
            return document.clone();
        };
        members.insert(self.member.clone());
        let wanted = self.listing(alone, &members);
        if same(found, &wanted) {
            return document.clone();
        }
        document.clone().with_statement(wanted)
    }

    /// The document without the subject in the statement; the statement goes with the last of its subjects.
    #[must_use]
    pub fn remove(&self, document: &Document) -> Document {
        let Some((found, mut members)) = document
            .statement(&self.sid)
            .and_then(|found| Some((found, self.members(found)?)))
        else {
            return document.clone();
        };
        if !members.remove(&self.member) {
            return document.clone();
        }
        if members.is_empty() && document.statements().len() > 1 {
            return document.clone().without_statement(&self.sid);
        }
        let left = self.listing(found, &members);
        document.clone().with_statement(left)
    }

    /// How many subjects of a statement that is too large by so many characters fit, and how many are in it.
    #[must_use]
    pub fn fitting(&self, document: &Document, excess: usize) -> (usize, usize) {
        let listed = document
            .statement(&self.sid)
            .and_then(|found| self.members(found));
        let listed = listed.map_or(0, |members| members.len());
        // Two quotation marks and a comma.
        let each = self.member.chars().count() + 3;
        (listed.saturating_sub(excess.div_ceil(each)), listed)
    }

    /// Who is listed; `None`: that cannot be read.
    fn members(&self, found: &Statement) -> Option<BTreeSet<String>> {
        let listed = found
            .element("Condition")
            .and_then(|condition| condition.get("StringEquals")?.get(self.key()));
        let mut members: BTreeSet<String> = match (listed, &self.list) {
            (Some(Value::String(nobody)), None) if nobody == NOBODY => BTreeSet::new(),
            (_, None) => BTreeSet::from([self.member.clone()]),
            (Some(Value::String(one)), Some(_)) => BTreeSet::from([one.clone()]),
            (Some(Value::Array(several)), Some(_)) => several
                .iter()
                .map(|name| name.as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
            (_, Some(_)) => return None,
        };
        members.remove(NOBODY);
        Some(members)
    }

    /// A statement with just these in its list. One without a list has nothing to change, unless nobody is left.
    fn listing(&self, statement: &Statement, members: &BTreeSet<String>) -> Statement {
        let listed = match (&self.list, members.is_empty()) {
            (None, false) => return statement.clone(),
            (_, true) => Value::from(NOBODY),
            (Some(_), false) => super::trust::one_or_list(members.iter().cloned()),
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

/// Whether two statements mean the same, whatever their ids.
fn same(a: &Statement, b: &Statement) -> bool {
    normal_statement(a) == normal_statement(b)
}

/// The object behind a value; one that is none becomes an empty one.
fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}
