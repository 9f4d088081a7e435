//! The pages of a bulk read, with retries. Input: a function that requests a page. Output: the items of the page, or
//! the error. Does the I/O of the given function.

use lanyard_core::model::fact::ReadError;
use lanyard_engine::Page;

use super::cursor::Cursor;
use super::read::Read;
use super::scan::Scan;

/// Attempts for each page.
const ATTEMPTS: u32 = 3;

impl Scan<'_> {
    /// Reads the next page of a list. Retries errors that a retry may resolve.
    ///
    /// # Errors
    /// Returns the error of the last attempt, or an error if the list repeats a marker or the operator is no longer the
    /// leader.
    pub async fn next_page<T, F>(
        &self,
        read: Read,
        cursor: &mut Cursor,
        request: impl Fn(Option<String>) -> F,
    ) -> Result<Vec<T>, ReadError>
    where
        F: Future<Output = Result<Page<T>, ReadError>>,
    {
        let marker = match cursor {
            Cursor::Start | Cursor::End => None,
            Cursor::At(marker) => Some(marker.clone()),
            Cursor::Repeated => {
                return Err(ReadError::Failed(
                    "two pages of a list have the same marker".to_owned(),
                ));
            }
        };
        let mut attempt = 1;
        loop {
            if !self.term.leads() {
                return Err(ReadError::Failed(
                    "this operator is no longer the leader".to_owned(),
                ));
            }
            let error = match request(marker.clone()).await {
                Ok(page) => {
                    self.term.context.metrics.drift_scan.page(read.as_str());
                    cursor.advance(page.next);
                    return Ok(page.items);
                }
                Err(error) => error,
            };
            // The client has retried throttled calls already.
            if attempt == ATTEMPTS || matches!(error, ReadError::Denied(_) | ReadError::Throttled) {
                return Err(error);
            }
            // The same delays as after the first failures of a reconcile.
            tokio::time::sleep(crate::backoff::delay(attempt)).await;
            attempt += 1;
        }
    }

    /// Records that a list is incomplete. Items missing from an incomplete list are not treated as absent. `access`:
    /// the account access that the list was read with.
    pub fn list_failed(&mut self, read: Read, access: Option<u16>, error: &ReadError) {
        let listed = access.and_then(|access| self.accesses.get(usize::from(access)));
        let own_account = &self.term.context.engine.cluster().account;
        let account = listed.map_or(own_account, |access| &access.account);
        if let ReadError::Denied(missing) = error {
            self.term.orphans.refused(read.as_str(), account, missing);
            self.refused = true;
            return self.leave_to_reconciles(read, access);
        }
        tracing::warn!(
            %account, read = read.as_str(), %error,
            "drift scan incomplete: could not read a list; the next scan starts early"
        );
        self.failed = true;
    }
}
