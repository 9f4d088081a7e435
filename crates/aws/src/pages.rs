//! Lists that come in pages: one call a page, so that each page takes its turn in the budget.
//! A function that reads one page in, all items out; the I/O is that function's. Called by the reads of IAM and EKS.

use std::future::Future;

use crate::call::Call;
use crate::error::AwsError;

/// One page of a list.
pub(crate) struct Page<T> {
    pub items: Vec<T>,
    /// What to ask the next page with; `None` on the last one.
    pub next: Option<String>,
}

/// Reads all pages. `call` is what the list is called in an error.
pub(crate) async fn all<T, F>(
    call: &Call,
    mut page: impl FnMut(Option<String>) -> F,
) -> Result<Vec<T>, AwsError>
where
    F: Future<Output = Result<Page<T>, AwsError>>,
{
    let mut items = Vec::new();
    let mut at = None;
    loop {
        let read = page(at.clone()).await?;
        items.extend(read.items);
        if read.next.is_none() {
            return Ok(items);
        }
        if read.next == at {
            return Err(AwsError::unclear(
                call,
                "the list does not end: two pages have the same marker",
            ));
        }
        at = read.next;
    }
}
