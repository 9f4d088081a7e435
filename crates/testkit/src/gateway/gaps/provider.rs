//! Gaps of both emulators: no calls that change an IAM OIDC provider. Of ministack: a URL with its scheme where AWS gives none,
//! any URL accepted.
//! Input: requests about providers. Output: answers as IAM would give them. Asks the emulator of IAM: an unknown change
//! is made by deleting the provider and creating it again, while all readers of providers wait.

use tokio::sync::RwLock;

use super::super::call::Call;
use super::super::emulator::Emulators;
use super::super::error::{code, error};
use super::super::form::Form;
use super::super::message::{Answer, Request};
use super::super::service::Service;
use super::super::xml;

/// The number of client IDs (audiences) of one provider (docs/dev/aws-behaviour.md#iam-limits).
const CLIENT_IDS: usize = 100;

/// Blocks readers while a provider is deleted and created again.
#[derive(Debug, Default)]
pub(crate) struct Providers(RwLock<()>);

/// A provider as the emulator has it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Provider {
    pub url: String,
    pub client_ids: Vec<String>,
    thumbprints: Vec<String>,
    tags: Vec<(String, String)>,
}

impl Providers {
    /// A call about providers: as the emulator answers it, or, where it does not know the operation, as IAM would.
    pub async fn ask(&self, emulators: &Emulators, call: &Call, request: &Request) -> Answer {
        let form = request.form();
        if call.operation == "CreateOpenIDConnectProvider"
            && !form.get("Url").is_some_and(|url| url.starts_with("https://"))
        {
            return error(
                Service::Iam,
                400,
                "InvalidInput",
                "Invalid Open ID Connect Provider URL",
            );
        }
        let answer = {
            let _reading = self.0.read().await;
            emulators.forward(Service::Iam, request).await
        };
        match code(&answer).as_deref() {
            // ministack's word for an operation that it does not know, and LocalStack's.
            Some("InvalidAction" | "InternalFailure") => self.change(emulators, call, &form).await,
            None if call.operation == "GetOpenIDConnectProvider" => without_scheme(answer),
            _ => answer,
        }
    }

    /// The provider of this ARN, as the root of its account sees it.
    pub async fn read(&self, emulators: &Emulators, arn: &str) -> Result<Provider, Answer> {
        let _reading = self.0.read().await;
        get(emulators, arn).await
    }

    async fn change(&self, emulators: &Emulators, call: &Call, form: &Form) -> Answer {
        let _changing = self.0.write().await;
        let arn = form.get("OpenIDConnectProviderArn").unwrap_or_default();
        let mut provider = match get(emulators, arn).await {
            Ok(provider) => provider,
            Err(answer) => return answer,
        };
        if call.operation == "ListOpenIDConnectProviderTags" {
            return worded(&call.operation, &provider.tags_xml());
        }
        let client_id = form.get("ClientID").unwrap_or_default();
        if call.operation == "AddClientIDToOpenIDConnectProvider" && provider.is_full(client_id) {
            let message = format!("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {CLIENT_IDS}");
            return error(Service::Iam, 409, "LimitExceeded", &message);
        }
        if !provider.change(&call.operation, form) {
            return error(
                Service::Iam,
                400,
                "InvalidAction",
                &format!("Could not find operation {}", call.operation),
            );
        }
        let account = account_of(arn);
        let deleted = emulators
            .ask_iam(
                account,
                "DeleteOpenIDConnectProvider",
                &[("OpenIDConnectProviderArn", arn)],
            )
            .await;
        if !deleted.status.is_success() {
            return deleted;
        }
        let parameters = provider.parameters();
        let parameters: Vec<(&str, &str)> =
            parameters.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let created = emulators
            .ask_iam(account, "CreateOpenIDConnectProvider", &parameters)
            .await;
        if created.status.is_success() {
            worded(&call.operation, "")
        } else {
            created
        }
    }
}

impl Provider {
    fn parse(text: &str) -> Self {
        let list = |name: &str| xml::members(xml::inner(text, name).unwrap_or_default());
        let owned = |members: Vec<&str>| members.into_iter().map(str::to_owned).collect();
        let field = |tag: &str, name: &str| xml::text(tag, name).unwrap_or_default();
        Self {
            url: xml::text(text, "Url").unwrap_or_default(),
            client_ids: owned(list("ClientIDList")),
            thumbprints: owned(list("ThumbprintList")),
            tags: list("Tags")
                .into_iter()
                .map(|tag| (field(tag, "Key"), field(tag, "Value")))
                .collect(),
        }
    }

    fn is_full(&self, client_id: &str) -> bool {
        self.client_ids.len() >= CLIENT_IDS && !self.client_ids.iter().any(|known| known == client_id)
    }

    /// Makes the change that the operation asks for; false for an operation that changes no provider.
    fn change(&mut self, operation: &str, form: &Form) -> bool {
        let client_id = form.get("ClientID").unwrap_or_default();
        match operation {
            "AddClientIDToOpenIDConnectProvider"
                if self.client_ids.iter().any(|known| known == client_id) => {}
            "AddClientIDToOpenIDConnectProvider" => self.client_ids.push(client_id.to_owned()),
            "RemoveClientIDFromOpenIDConnectProvider" => self.client_ids.retain(|known| known != client_id),
            "UpdateOpenIDConnectProviderThumbprint" => {
                self.thumbprints = form
                    .members("ThumbprintList", "")
                    .into_iter()
                    .map(str::to_owned)
                    .collect();
            }
            "TagOpenIDConnectProvider" => {
                let tags = form
                    .members("Tags", "Key")
                    .into_iter()
                    .zip(form.members("Tags", "Value"));
                let tags: Vec<_> = tags
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect();
                self.tags
                    .retain(|(known, _)| !tags.iter().any(|(key, _)| key == known));
                self.tags.extend(tags);
            }
            "UntagOpenIDConnectProvider" => {
                let gone = form.members("TagKeys", "");
                self.tags.retain(|(known, _)| !gone.contains(&known.as_str()));
            }
            _ => return false,
        }
        true
    }

    fn parameters(&self) -> Vec<(String, String)> {
        let url = if self.url.contains("://") {
            self.url.clone()
        } else {
            format!("https://{}", self.url)
        };
        let numbered = |name: &str, values: &[String]| {
            let one = |(n, value): (usize, &String)| (format!("{name}.member.{}", n + 1), value.clone());
            values.iter().enumerate().map(one).collect::<Vec<_>>()
        };
        let tag = |(n, (key, value)): (usize, &(String, String))| {
            let name = format!("Tags.member.{}", n + 1);
            [
                (format!("{name}.Key"), key.clone()),
                (format!("{name}.Value"), value.clone()),
            ]
        };
        let mut all = vec![("Url".to_owned(), url)];
        all.extend(numbered("ClientIDList", &self.client_ids));
        all.extend(numbered("ThumbprintList", &self.thumbprints));
        all.extend(self.tags.iter().enumerate().flat_map(tag));
        all
    }

    fn tags_xml(&self) -> String {
        let member = |(key, value): &(String, String)| {
            format!(
                "<member><Key>{}</Key><Value>{}</Value></member>",
                xml::escape(key),
                xml::escape(value)
            )
        };
        let members: String = self.tags.iter().map(member).collect();
        format!("<Tags>{members}</Tags><IsTruncated>false</IsTruncated>")
    }
}

async fn get(emulators: &Emulators, arn: &str) -> Result<Provider, Answer> {
    let named = [("OpenIDConnectProviderArn", arn)];
    let answer = emulators
        .ask_iam(account_of(arn), "GetOpenIDConnectProvider", &named)
        .await;
    if answer.status.is_success() {
        Ok(Provider::parse(&answer.text()))
    } else {
        Err(answer)
    }
}

fn account_of(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

fn without_scheme(answer: Answer) -> Answer {
    let text = answer.text();
    let url = xml::inner(&text, "Url").unwrap_or_default().to_owned();
    let bare = url.split_once("://").map_or(url.as_str(), |(_, bare)| bare);
    let corrected = xml::replace(&text, "Url", bare);
    answer.with_body(corrected)
}

fn worded(operation: &str, result: &str) -> Answer {
    Answer::xml(
        http::StatusCode::OK,
        format!(
            "<{operation}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{operation}Result>{result}</{operation}Result>\
             <ResponseMetadata><RequestId>gateway</RequestId></ResponseMetadata></{operation}Response>"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: &str = "<R><Url>https://i/id/A</Url><ClientIDList><member>sts.amazonaws.com</member></ClientIDList><ThumbprintList/>\
                         <Tags><member><Key>a</Key><Value>1</Value></member></Tags></R>";

    #[test]
    fn client_ids_are_added_once_and_removed() {
        let mut provider = Provider::parse(FOUND);
        let form = Form::of(&[("ClientID", "other")]);
        for _ in 0..2 {
            assert!(provider.change("AddClientIDToOpenIDConnectProvider", &form));
        }
        assert_eq!(provider.client_ids, ["sts.amazonaws.com", "other"]);
        assert!(provider.change("RemoveClientIDFromOpenIDConnectProvider", &form));
        assert_eq!(provider, Provider::parse(FOUND));
        assert!(!provider.change("RenameProvider", &form));
    }

    #[test]
    fn tags_are_changed_by_key() {
        let mut provider = Provider::parse(FOUND);
        let tag = Form::parse(
            "Tags.member.1.Key=a&Tags.member.1.Value=2&Tags.member.2.Key=b&Tags.member.2.Value=3",
        );
        provider.change("TagOpenIDConnectProvider", &tag);
        provider.change(
            "UntagOpenIDConnectProvider",
            &Form::of(&[("TagKeys.member.1", "b")]),
        );
        assert_eq!(
            provider.parameters().last(),
            Some(&("Tags.member.1.Value".into(), "2".into()))
        );
    }

    #[test]
    fn provider_is_recreated_from_read_values() {
        let again: Vec<String> = Provider::parse(FOUND)
            .parameters()
            .into_iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let expected = [
            "Url=https://i/id/A",
            "ClientIDList.member.1=sts.amazonaws.com",
            "Tags.member.1.Key=a",
            "Tags.member.1.Value=1",
        ];
        assert_eq!(again, expected);
    }

    #[test]
    fn provider_url_has_no_scheme() {
        let answer = without_scheme(Answer::xml(http::StatusCode::OK, FOUND.to_owned()));
        assert_eq!(xml::text(&answer.text(), "Url").as_deref(), Some("i/id/A"));
    }
}
