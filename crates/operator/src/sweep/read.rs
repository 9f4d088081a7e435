//! The kinds of reads of a sweep, and one page of any of them. How to ask for a page in, the page out, or why there is
//! none. Does the I/O of whatever it is given.

use lanyard_core::fact::Why;
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
    pub const fn word(self) -> &'static str {
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

/// A list of which two pages have the same marker.
pub(super) fn does_not_end() -> Why {
    Why::Failed("two pages of a list have the same marker".to_owned())
}

impl Round<'_> {
    /// A page, asked for again where that may help.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn page<T, F>(&self, read: Read, ask: impl Fn() -> F) -> Result<Page<T>, Why>
    where
        F: Future<Output = Result<Page<T>, Why>>,
    {
        let mut tries = 1;
        loop {
            if !self.term.leads() {
                return Err(Why::Failed("the term is over".to_owned()));
            }
            let why = match ask().await {
                Ok(page) => {
                    self.context.metrics.sweeps.page(read.word());
                    return Ok(page);
                }
                Err(why) => why,
            };
            // A throttled call was made again often enough, in its turn.
            if tries == TRIES || matches!(why, Why::Denied(_) | Why::Throttled) {
                return Err(why);
            }
            // As long as a first failure of an object waits, and twice that.
            tokio::time::sleep(crate::backoff::delay(tries)).await;
            tries += 1;
        }
    }
}
