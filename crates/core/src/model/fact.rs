//! A fact: one value read from AWS or the cluster, or the error that prevented the read. Pure values; no I/O.
//! `Unreadable` is never treated as `Absent`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One value read from AWS or from the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fact<T> {
    /// The object exists and has this value.
    Present(T),
    /// The read succeeded and the object does not exist.
    Absent,
    /// The read failed: no step may depend on this fact.
    Unreadable(ReadError),
}

/// The error that prevented a read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReadError {
    /// AWS or the API server denied the read; the text names the missing permission.
    Denied(String),
    /// AWS throttled the read.
    Throttled,
    /// This reconciliation did not read it.
    NotRead,
    /// The read contradicts a recent write by Lanyard, so it may be stale.
    AwaitingConsistency,
    /// A server or network error; the text is the error.
    Failed(String),
}

impl<T> Fact<T> {
    /// The value. Returns `None` if the object does not exist or could not be read.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// The mutable value. Returns `None` if the object does not exist or could not be read.
    pub fn present_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// The read error. Returns `None` if the read succeeded.
    pub fn unreadable(&self) -> Option<&ReadError> {
        match self {
            Self::Unreadable(error) => Some(error),
            Self::Present(_) | Self::Absent => None,
        }
    }

    /// Returns true if the read succeeded and the object does not exist.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The fact about a part of the value.
    pub fn map<U>(self, part: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Present(value) => Fact::Present(part(value)),
            Self::Absent => Fact::Absent,
            Self::Unreadable(error) => Fact::Unreadable(error),
        }
    }

    /// A fact that borrows the value.
    pub fn as_ref(&self) -> Fact<&T> {
        match self {
            Self::Present(value) => Fact::Present(value),
            Self::Absent => Fact::Absent,
            Self::Unreadable(error) => Fact::Unreadable(error.clone()),
        }
    }
}

impl<T> From<Option<T>> for Fact<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Present)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(text) => write!(f, "access denied: {text}"),
            Self::Throttled => f.write_str("throttled by AWS"),
            Self::NotRead => f.write_str("not read"),
            Self::AwaitingConsistency => f.write_str("the read contradicts a recent write by Lanyard"),
            Self::Failed(text) => f.write_str(text),
        }
    }
}
