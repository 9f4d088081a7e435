//! A fact: one thing read from the world, or the reason why it could not be read.
//! Pure values; the engine fills them, every decision reads them. `Unreadable` is never `Absent`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing read from AWS or from the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fact<T> {
    /// It is there, and this is what it is.
    Present(T),
    /// It was looked for and is not there.
    Absent,
    /// Nobody knows: no step may rest on it.
    Unreadable(ReadError),
}

/// Why a fact could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReadError {
    /// AWS or the API server refused the read; the text names the missing permission.
    Denied(String),
    /// AWS asked for fewer calls.
    Throttled,
    /// This look did not include it.
    NotRead,
    /// The read contradicts a recent write by Lanyard, so it may be stale.
    AwaitingConsistency,
    /// A server or network error; the text is the error.
    Failed(String),
}

impl<T> Fact<T> {
    /// The value when it is known to be there.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// The value for changing it in place, when it is known to be there.
    pub fn present_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// Why the fact is not known, when it is not.
    pub fn unreadable(&self) -> Option<&ReadError> {
        match self {
            Self::Unreadable(why) => Some(why),
            Self::Present(_) | Self::Absent => None,
        }
    }

    /// Whether it was looked for and is not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The same knowledge of a part of the value.
    pub fn map<U>(self, part: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Present(value) => Fact::Present(part(value)),
            Self::Absent => Fact::Absent,
            Self::Unreadable(why) => Fact::Unreadable(why),
        }
    }

    /// A borrowed view.
    pub fn as_ref(&self) -> Fact<&T> {
        match self {
            Self::Present(value) => Fact::Present(value),
            Self::Absent => Fact::Absent,
            Self::Unreadable(why) => Fact::Unreadable(why.clone()),
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
            Self::NotRead => f.write_str("not read this time"),
            Self::AwaitingConsistency => f.write_str("the read contradicts a recent write by Lanyard"),
            Self::Failed(text) => f.write_str(text),
        }
    }
}
