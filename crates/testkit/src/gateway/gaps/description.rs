//! Gaps of ministack: it writes a role's description into XML unescaped, gives an empty one where AWS gives none,
//! and cannot clear one (it drops empty form fields).
//! In: IAM's answers and UpdateRole requests. Out: them as AWS would have it. Asks the emulator of IAM.

use http::{HeaderValue, Method};
use serde_json::json;

use super::super::call::Service;
use super::super::emulator::{Emulators, Origin};
use super::super::message::{Answer, Request};
use super::super::xml;

/// The answer with its descriptions escaped, and without the empty ones.
pub(crate) fn mend(answer: Answer) -> Answer {
    let text = answer.text();
    if !text.contains("<Description>") {
        return answer;
    }
    let mut mended = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, description, after)) = next(rest) {
        mended.push_str(before);
        if !description.is_empty() {
            mended.push_str(&format!("<Description>{}</Description>", escaped(description)));
        }
        rest = after;
    }
    mended.push_str(rest);
    answer.with_body(mended)
}

fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("<Description>")?;
    let (description, after) = rest.split_once("</Description>")?;
    Some((before, description, after))
}

/// What is escaped already (by LocalStack, or by a ministack that has learned it) stays as it is.
fn escaped(description: &str) -> String {
    let entity = ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#"]
        .iter()
        .any(|entity| description.contains(entity));
    if entity {
        description.to_owned()
    } else {
        xml::escape(description)
    }
}

/// UpdateRole as it is; when it was to clear the description and did not, once more in the JSON protocol, which keeps empty fields.
pub(crate) async fn update_role(emulators: &Emulators, request: &Request) -> Answer {
    let answer = emulators.forward(Service::Iam, request).await;
    let form = request.form();
    let role = form.get("RoleName").unwrap_or_default();
    if !answer.status.is_success() || form.get("Description") != Some("") {
        return answer;
    }
    let origin = Origin::of(request);
    let read = emulators
        .ask_iam(&origin.account, "GetRole", &[("RoleName", role)])
        .await;
    let standing = xml::text(&read.text(), "Description").unwrap_or_default();
    if standing.is_empty() {
        return answer;
    }
    let body = json!({"RoleName": role, "Description": ""}).to_string();
    let mut clearing = origin.sign(
        Service::Iam,
        Method::POST,
        "/",
        body,
        "application/x-amz-json-1.1",
    );
    clearing
        .headers
        .insert("x-amz-target", HeaderValue::from_static("IAMService.UpdateRole"));
    let cleared = emulators.forward(Service::Iam, &clearing).await;
    if cleared.status.is_success() {
        answer
    } else {
        cleared
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn mended(xml: &str) -> String {
        mend(Answer::xml(StatusCode::OK, xml.to_owned())).text()
    }

    #[test]
    fn descriptions_become_good_xml() {
        let roles = "<m><Description>a & b <c></Description></m><m><Description>x &amp; y</Description></m>";
        let expected = "<m><Description>a &amp; b &lt;c&gt;</Description></m><m><Description>x &amp; y</Description></m>";
        assert_eq!(mended(roles), expected);
    }

    #[test]
    fn an_empty_description_is_left_out() {
        assert_eq!(
            mended("<R><Description></Description><A>1</A></R>"),
            "<R><A>1</A></R>"
        );
    }
}
