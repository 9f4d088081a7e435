//! Lists that come in pages: one call a page, so that each page takes its turn in the budget.
//! A function that reads one page in, all items out; the I/O is that function's. Called by the reads of IAM and EKS.

use std::future::Future;

use crate::call::Call;
use crate::error::AwsError;

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// What is on it.
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
    fn every_page_is_asked_for_with_the_marker_of_the_one_before() {
        let next = |at: Option<&str>| match at {
            None => Some("second"),
            Some("second") => Some("third"),
            Some(_) => None,
        };
        assert_eq!(read(next).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn a_list_whose_marker_stands_still_is_not_read_for_ever() {
        assert!(matches!(read(|_| Some("same")), Err(AwsError::Unclear { .. })));
    }
}
