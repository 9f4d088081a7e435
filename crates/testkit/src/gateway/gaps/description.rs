//! Gaps in what the emulators say of a role's description: ministack writes it into XML unescaped, gives an empty one where AWS
//! gives none, and cannot clear one (it drops empty form fields); LocalStack forgets what an UpdateRole does not name.
//! Input: IAM's answers and UpdateRole requests. Output: them as AWS would have it. Asks the emulator of IAM.

use http::{HeaderValue, Method};
use serde_json::json;

use super::super::emulator::{Emulators, Origin};
use super::super::message::{Answer, Request};
use super::super::service::Service;
use super::super::xml;

/// The answer with its descriptions escaped, and without the empty ones.
pub(crate) fn correct(answer: Answer) -> Answer {
    let text = answer.text();
    if !text.contains("<Description>") {
        return answer;
    }
    let mut corrected = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, description, after)) = next(rest) {
        corrected.push_str(before);
        if !description.is_empty() {
            corrected.push_str(&format!("<Description>{}</Description>", escaped(description)));
        }
        rest = after;
    }
    corrected.push_str(rest);
    answer.with_body(corrected)
}

fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("<Description>")?;
    let (description, after) = rest.split_once("</Description>")?;
    Some((before, description, after))
}

/// Text that LocalStack or a later ministack has escaped already stays unchanged.
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

/// Fields that UpdateRole changes.
#[derive(Debug, PartialEq, Eq)]
struct Fields {
    description: String,
    session: String,
}

/// UpdateRole as it is; when a field then stands otherwise than the request and what stood before say, it is put right.
pub(crate) async fn update_role(emulators: &Emulators, request: &Request) -> Answer {
    let form = request.form();
    let role = form.get("RoleName").unwrap_or_default();
    let origin = Origin::of(request);
    let before = read(emulators, &origin, role).await;
    let answer = emulators.forward(Service::Iam, request).await;
    if !answer.status.is_success() {
        return answer;
    }
    let wanted = Fields {
        description: form.get("Description").map_or(before.description, str::to_owned),
        session: form
            .get("MaxSessionDuration")
            .map_or(before.session, str::to_owned),
    };
    for repair in [restate, clear] {
        if read(emulators, &origin, role).await == wanted {
            break;
        }
        let repaired = emulators
            .forward(Service::Iam, &repair(&origin, role, &wanted))
            .await;
        if !repaired.status.is_success() {
            return repaired;
        }
    }
    answer
}

async fn read(emulators: &Emulators, origin: &Origin, role: &str) -> Fields {
    let answer = correct(
        emulators
            .ask_iam(&origin.account, "GetRole", &[("RoleName", role)])
            .await,
    )
    .text();
    Fields {
        description: xml::text(&answer, "Description").unwrap_or_default(),
        session: xml::text(&answer, "MaxSessionDuration").unwrap_or_default(),
    }
}

/// UpdateRole with every field, for an emulator that forgets the others.
fn restate(origin: &Origin, role: &str, fields: &Fields) -> Request {
    let Fields { description, session } = fields;
    origin.query(
        "UpdateRole",
        &[
            ("RoleName", role),
            ("Description", description),
            ("MaxSessionDuration", session),
        ],
    )
}

/// UpdateRole in the JSON protocol, in which ministack keeps empty fields.
fn clear(origin: &Origin, role: &str, fields: &Fields) -> Request {
    let Fields { description, session } = fields;
    let body =
        json!({"RoleName": role, "Description": description, "MaxSessionDuration": session}).to_string();
    let mut request = origin.sign(
        Service::Iam,
        Method::POST,
        "/",
        body,
        "application/x-amz-json-1.1",
    );
    request
        .headers
        .insert("x-amz-target", HeaderValue::from_static("IAMService.UpdateRole"));
    request
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn corrected(xml: &str) -> String {
        correct(Answer::xml(StatusCode::OK, xml.to_owned())).text()
    }

    #[test]
    fn description_is_escaped_as_xml() {
        let roles = "<m><Description>a & b <c></Description></m><m><Description>x &amp; y</Description></m>";
        let expected = "<m><Description>a &amp; b &lt;c&gt;</Description></m><m><Description>x &amp; y</Description></m>";
        assert_eq!(corrected(roles), expected);
    }

    #[test]
    fn empty_description_is_omitted() {
        assert_eq!(
            corrected("<R><Description></Description><A>1</A></R>"),
            "<R><A>1</A></R>"
        );
    }
}
