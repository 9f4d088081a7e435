//! Gap of ministack: ListPodIdentityAssociations gives no `nextToken`, so that what is beyond `maxResults` cannot be had.
//! Input: the request. Output: one page as EKS would cut it. Asks the emulator of EKS.

use http::Method;
use serde_json::{Value, json};

use super::super::emulator::{Emulators, Origin};
use super::super::error::error;
use super::super::form::Form;
use super::super::message::{Answer, Request};
use super::super::service::Service;
use super::associations::Associations;
use super::paging::{Item, Page, Pages};

/// More than any cluster can have: 5,000 (docs/dev/aws-behaviour.md#association-quotas).
const ALL: &str = "1000000";

/// A page of the cluster's associations.
pub(crate) async fn page(
    pages: &Pages,
    associations: &Associations,
    emulators: &Emulators,
    request: &Request,
) -> Answer {
    let query = request.query();
    let size = query.get("maxResults").map_or(Some(100), |size| {
        size.parse().ok().filter(|n| (1..=100).contains(n))
    });
    let Some(size) = size else {
        return invalid("maxResults must be between 1 and 100");
    };
    if let Some(token) = query.get("nextToken") {
        return pages
            .next(token, size)
            .map_or_else(|| invalid("Invalid nextToken"), |page| worded(&page));
    }
    let answer = emulators.forward(Service::Eks, request).await;
    let Some(mut found) = listed(&answer) else {
        return answer;
    };
    if found.len() >= size {
        found = all(emulators, request, query).await.unwrap_or(found);
    }
    found
        .iter_mut()
        .for_each(|association| associations.dress(association));
    let items = found.into_iter().map(|found| Item {
        list: "associations",
        text: found.to_string(),
    });
    worded(&pages.first(items.collect(), size))
}

/// The same question for everything at once, in the gateway's own name: the caller's signature would not fit it.
async fn all(emulators: &Emulators, request: &Request, mut query: Form) -> Option<Vec<Value>> {
    query.set("maxResults", ALL);
    let path = format!("{}?{}", request.uri.path(), query.encode());
    listed(
        &emulators
            .ask_eks(&Origin::of(request), Method::GET, &path, None)
            .await,
    )
}

fn listed(answer: &Answer) -> Option<Vec<Value>> {
    let body = answer.parse_json().filter(|_| answer.status.is_success())?;
    body.get("associations").and_then(Value::as_array).cloned()
}

fn worded(page: &Page) -> Answer {
    let associations: Vec<Value> = page
        .items
        .iter()
        .filter_map(|item| serde_json::from_str(&item.text).ok())
        .collect();
    let mut body = json!({ "associations": associations });
    if let (Some(token), Some(body)) = (&page.token, body.as_object_mut()) {
        body.insert("nextToken".to_owned(), json!(token));
    }
    Answer::json(http::StatusCode::OK, &body)
}

fn invalid(message: &str) -> Answer {
    error(Service::Eks, 400, "InvalidParameterException", message)
}
