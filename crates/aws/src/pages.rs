//! Paginated lists, with one call per page, so that each page waits for the call budget. Input: a function that
//! reads one page. Output: the items of all pages. The function does the I/O.

use std::future::Future;

use crate::call::Call;
use crate::error::AwsError;

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items of the page.
    pub items: Vec<T>,
    /// The marker of the next page. `None` on the last page.
    pub next: Option<String>,
}

/// Reads all pages. `call` describes the list in errors.
pub(crate) async fn all<T, F>(
    call: &Call,
    mut page: impl FnMut(Option<String>) -> F,
) -> Result<Vec<T>, AwsError>
where
    F: Future<Output = Result<Page<T>, AwsError>>,
{
    let mut items = Vec::new();
    let mut marker = None;
    loop {
        let read = page(marker.clone()).await?;
        items.extend(read.items);
        if read.next.is_none() {
            return Ok(items);
        }
        if read.next == marker {
            return Err(AwsError::unclear(
                call,
                "the list does not end: two consecutive pages have the same marker",
            ));
        }
        marker = read.next;
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::call::Service;

    fn read(next: impl Fn(Option<&str>) -> Option<&'static str>) -> Result<Vec<usize>, AwsError> {
        let call = Call::read(Service::Iam, "ListRolePolicies", "a role");
        let mut pages = 0;
        let all = pin!(all(&call, |at| {
            pages += 1;
            ready(Ok(Page {
                items: vec![pages],
                next: next(at.as_deref()).map(str::to_owned),
            }))
        }));
        match all.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(read) => read,
            Poll::Pending => panic!("a list of ready pages is ready"),
        }
    }

    #[test]
    fn each_page_is_read_with_the_previous_marker() {
        let next = |at: Option<&str>| match at {
            None => Some("second"),
            Some("second") => Some("third"),
            Some(_) => None,
        };
        assert_eq!(read(next).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn repeated_marker_is_an_error() {
        assert!(matches!(read(|_| Some("same")), Err(AwsError::Unclear { .. })));
    }
}
