//! The kinds of reads of a sweep, and the way through the pages of any of them. How to ask for a page in, what is on it
//! out, or why there is none. Does the I/O of whatever it is given.

use lanyard_core::model::fact::ReadError;
use lanyard_engine::Page;

use super::round::Round;

/// How often a page is asked for.
const TRIES: u32 = 3;

/// One kind of read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// All roles of an account.
    Roles,
    /// The roles under the cluster's path, for the two fields that the first lacks.
    Settings,
    /// The list of associations.
    Associations,
    /// ServiceAccounts, and what all share.
    Cluster,
}

impl Read {
    /// The word for it, as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Roles => "roles",
            Self::Settings => "settings",
            Self::Associations => "associations",
            Self::Cluster => "service_accounts",
        }
    }

    pub const fn bit(self) -> u8 {
        match self {
            Self::Roles => 1,
            Self::Settings => 2,
            Self::Associations => 4,
            Self::Cluster => 8,
        }
    }
}

/// How far the pages of a list have been read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Cursor {
    /// None of them.
    #[default]
    Begins,
    /// Up to this marker.
    At(String),
    /// Two pages have the same marker.
    Stuck,
    /// All of them.
    Ended,
}

impl Cursor {
    /// Whether there is more to ask for.
    pub fn goes_on(&self) -> bool {
        *self != Self::Ended
    }

    fn moves_to(&mut self, next: Option<String>) {
        *self = match next {
            None => Self::Ended,
            Some(next) if *self == Self::At(next.clone()) => Self::Stuck,
            Some(next) => Self::At(next),
        };
    }
}

impl Round<'_> {
    /// The next page of a list, asked for again where that may help.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn page<T, F>(
        &self,
        read: Read,
        cursor: &mut Cursor,
        ask: impl Fn(Option<String>) -> F,
    ) -> Result<Vec<T>, ReadError>
    where
        F: Future<Output = Result<Page<T>, ReadError>>,
    {
        let after = match cursor {
            Cursor::Begins | Cursor::Ended => None,
            Cursor::At(marker) => Some(marker.clone()),
            Cursor::Stuck => {
                return Err(ReadError::Failed(
                    "two pages of a list have the same marker".to_owned(),
                ));
            }
        };
        let mut tries = 1;
        loop {
            if !self.term.leads() {
                return Err(ReadError::Failed("the term is over".to_owned()));
            }
            let why = match ask(after.clone()).await {
                Ok(page) => {
                    self.term.context.metrics.sweeps.page(read.as_str());
                    cursor.moves_to(page.next);
                    return Ok(page.items);
                }
                Err(why) => why,
            };
            // A throttled call was made again often enough, in its turn.
            if tries == TRIES || matches!(why, ReadError::Denied(_) | ReadError::Throttled) {
                return Err(why);
            }
            // As long as a first failure of an object waits, and twice that.
            tokio::time::sleep(crate::backoff::delay(tries)).await;
            tries += 1;
        }
    }

    /// From a list that broke off nothing follows for what it did not show. `way`: it was of the roles reached so.
    pub fn broke_off(&mut self, read: Read, way: Option<u16>, why: &ReadError) {
        let leads = way.and_then(|way| self.ways.get(usize::from(way)));
        let home = &self.term.context.engine.cluster().account;
        let account = leads.map_or(home, |leads| &leads.account);
        if let ReadError::Denied(missing) = why {
            self.term.sweeps.refused(read.as_str(), account, missing);
            self.refused = true;
            return self.leave_to_looks(read, way);
        }
        tracing::warn!(%account, read = read.as_str(), %why, "a sweep broke off; it begins again soon");
        self.failed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_goes_on_from_marker_to_marker_and_never_by_the_same_twice() {
        let mut cursor = Cursor::default();
        let mut to = |next: Option<&str>| {
            cursor.moves_to(next.map(str::to_owned));
            (cursor.goes_on(), cursor == Cursor::Stuck)
        };
        assert_eq!(to(Some("a")), (true, false));
        assert_eq!(to(Some("b")), (true, false));
        assert_eq!(to(Some("b")), (true, true));
        assert_eq!(to(None), (false, false));
    }
}
