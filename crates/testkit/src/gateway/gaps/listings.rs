//! Gaps of the emulators: ministack answers ListRoles and GetAccountAuthorizationDetails in one piece, shows tags in the
//! first and no permissions boundary in the second, each the wrong way round (docs/dev/aws-behaviour.md#bulk-reads).
//! Input: the request. Output: one page as AWS would cut it. Asks the emulator of IAM.

use parking_lot::Mutex;
use std::collections::HashMap;

use super::super::call::Call;
use super::super::emulator::{Emulators, Origin};
use super::super::error::error;
use super::super::message::{Answer, Request};
use super::super::service::Service;
use super::super::xml;
use super::description;
use super::paging::{Item, Page, Pages};

/// Content of one listing: the lists in its answer, in order.
const ROLES: &[&str] = &["Roles"];
const DETAILS: &[&str] = &["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"];

/// Listings under way, and the boundaries of roles as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Listings {
    pages: Pages,
    boundaries: Boundaries,
}

impl Listings {
    /// A page of ListRoles or GetAccountAuthorizationDetails.
    pub async fn page(&self, emulators: &Emulators, call: &Call, request: &Request) -> Answer {
        let form = request.form();
        let size = form.get("MaxItems").map_or(Some(100), |items| {
            items.parse().ok().filter(|n| (1..=1000).contains(n))
        });
        let Some(size) = size else {
            return invalid("MaxItems must be between 1 and 1000");
        };
        if let Some(marker) = form.get("Marker") {
            return self
                .pages
                .next(marker, size)
                .map_or_else(|| invalid("Invalid Marker."), |page| worded(call, &page));
        }
        let answer = description::correct(emulators.forward(Service::Iam, request).await);
        if !answer.status.is_success() {
            return answer;
        }
        let mut items = taken_apart(&answer.text(), lists(call));
        for item in &mut items {
            self.dress(emulators, &Origin::of(request), item).await;
        }
        worded(call, &self.pages.first(items, size))
    }

    /// Takes note of what a write that succeeded says of a role's boundary.
    pub fn note(&self, call: &Call, request: &Request, answer: &Answer) {
        self.boundaries.note(call, request, answer);
    }

    async fn dress(&self, emulators: &Emulators, origin: &Origin, item: &mut Item) {
        if item.list == "Roles" {
            item.text = xml::without(&xml::without(&item.text, "Tags"), "PermissionsBoundary");
        }
        if item.list == "RoleDetailList" && xml::inner(&item.text, "PermissionsBoundary").is_none() {
            let boundary = self.boundaries.of(emulators, origin, &item.text).await;
            item.text.push_str(&boundary);
        }
    }
}

/// The boundaries of roles as XML (empty for none), by the role's ARN. Known from the writes that passed through the gateway,
/// else asked for once: a GetRole for each role of a large account would make every drift scan slow.
#[derive(Debug, Default)]
struct Boundaries(Mutex<HashMap<String, String>>);

impl Boundaries {
    fn note(&self, call: &Call, request: &Request, answer: &Answer) {
        let form = request.form();
        let mut known = self.0.lock();
        if call.operation == "CreateRole" {
            let arn = xml::text(&answer.text(), "Arn").unwrap_or_default();
            let boundary = xml::inner(&answer.text(), "PermissionsBoundary")
                .map(wrapped)
                .unwrap_or_default();
            known.insert(arn, boundary);
        } else if let Some(role) = form.get("RoleName") {
            let ending = format!("/{role}");
            known.retain(|arn, _| !arn.ends_with(&ending));
        }
    }

    async fn of(&self, emulators: &Emulators, origin: &Origin, role: &str) -> String {
        let arn = xml::child(role, "Arn").unwrap_or_default();
        if let Some(known) = self.0.lock().get(&arn) {
            return known.clone();
        }
        let name = xml::child(role, "RoleName").unwrap_or_default();
        let answer = emulators
            .ask_iam(&origin.account, "GetRole", &[("RoleName", &name)])
            .await;
        let boundary = xml::inner(&answer.text(), "PermissionsBoundary")
            .map(wrapped)
            .unwrap_or_default();
        if answer.status.is_success() {
            self.0.lock().insert(arn, boundary.clone());
        }
        boundary
    }
}

fn wrapped(boundary: &str) -> String {
    format!("<PermissionsBoundary>{boundary}</PermissionsBoundary>")
}

fn lists(call: &Call) -> &'static [&'static str] {
    if call.operation == "ListRoles" {
        ROLES
    } else {
        DETAILS
    }
}

fn taken_apart(text: &str, lists: &'static [&'static str]) -> Vec<Item> {
    let members = |list: &'static str| {
        let found = xml::members(xml::inner(text, list).unwrap_or_default());
        found
            .into_iter()
            .map(move |text| Item {
                list,
                text: text.to_owned(),
            })
            .collect::<Vec<_>>()
    };
    lists.iter().copied().flat_map(members).collect()
}

fn worded(call: &Call, page: &Page) -> Answer {
    let name = &call.operation;
    let list = |list: &&str| {
        let own = page.items.iter().filter(|item| item.list == *list);
        let members: String = own
            .map(|item| format!("<member>{}</member>", item.text))
            .collect();
        format!("<{list}>{members}</{list}>")
    };
    let lists: String = lists(call).iter().map(list).collect();
    let marker = page
        .token
        .as_ref()
        .map(|token| format!("<Marker>{token}</Marker>"))
        .unwrap_or_default();
    let truncated = page.token.is_some();
    Answer::xml(
        http::StatusCode::OK,
        format!(
            "<{name}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{name}Result>{lists}\
             <IsTruncated>{truncated}</IsTruncated>{marker}</{name}Result>\
             <ResponseMetadata><RequestId>gateway</RequestId></ResponseMetadata></{name}Response>"
        ),
    )
}

fn invalid(message: &str) -> Answer {
    error(Service::Iam, 400, "ValidationError", message)
}
