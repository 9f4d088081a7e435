//! The shapes of a message: EventBridge's envelope, and in it a record of CloudTrail, as far as anything of them is read.
//! JSON in, borrowed text out; no I/O. Called by `notice::read`; the fields are those of AWS's documents.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::caller::Caller;

/// How EventBridge calls a call of the API. Documents of the China partition have either.
const RECORDED_CALLS: [&str; 2] = ["AWS API Call via CloudTrail", "Amazon API Call via CloudTrail"];

/// EventBridge's envelope.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, rename = "detail-type", default)]
    detail_type: Cow<'a, str>,
    #[serde(borrow, default)]
    pub account: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    pub fn is_recorded_call(&self) -> bool {
        RECORDED_CALLS.contains(&self.detail_type.as_ref())
    }

    pub fn detail(&self) -> Option<Detail<'a>> {
        serde_json::from_str(self.detail?.get()).ok()
    }

    pub fn at(&self) -> Option<Timestamp> {
        self.time.parse().ok()
    }
}

/// CloudTrail's record.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Detail<'a> {
    #[serde(borrow)]
    pub event_source: Cow<'a, str>,
    #[serde(borrow)]
    pub event_name: Cow<'a, str>,
    #[serde(borrow, default)]
    event_time: Cow<'a, str>,
    #[serde(borrow, default)]
    pub aws_region: Cow<'a, str>,
    #[serde(default)]
    pub read_only: bool,
    #[serde(borrow, default)]
    error_code: Option<Cow<'a, str>>,
    #[serde(default)]
    user_identity: Option<UserIdentity>,
    #[serde(borrow, default)]
    request_parameters: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response_elements: Option<&'a RawValue>,
}

impl Detail<'_> {
    pub fn failed(&self) -> bool {
        self.error_code.is_some()
    }

    pub fn at(&self) -> Option<Timestamp> {
        self.event_time.parse().ok()
    }

    /// Who made the call: of a session of a role, the role.
    pub fn caller(&self) -> Option<Caller> {
        let identity = self.user_identity.as_ref()?;
        let session = identity.session_context.as_ref();
        let issuer = session.and_then(|session| session.session_issuer.as_ref());
        let arn = issuer
            .and_then(|issuer| issuer.arn.as_ref())
            .or(identity.arn.as_ref())?;
        Some(Caller::parse(arn))
    }

    /// What was asked for. Every operation has its own fields; of those that are read, each means one thing.
    pub fn request(&self) -> Request {
        part(self.request_parameters)
    }

    /// What was answered.
    pub fn response(&self) -> Response {
        part(self.response_elements)
    }
}

/// CloudTrail leaves out what is too long and puts a note in its place: then nothing is named.
fn part<T: for<'a> Deserialize<'a> + Default>(raw: Option<&RawValue>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_default()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserIdentity {
    arn: Option<String>,
    session_context: Option<SessionContext>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionContext {
    session_issuer: Option<SessionIssuer>,
}

#[derive(Debug, Deserialize)]
struct SessionIssuer {
    arn: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Request {
    /// IAM: the role's name, without its path.
    pub role_name: Option<String>,
    /// IAM.
    #[serde(rename = "openIDConnectProviderArn")]
    pub provider_arn: Option<String>,
    /// EKS: the cluster, as the API's model names the path's part.
    pub cluster_name: Option<String>,
    /// EKS: the cluster, as the API's reference names it.
    pub name: Option<String>,
    /// EKS.
    pub namespace: Option<String>,
    /// EKS.
    pub service_account: Option<String>,
    /// EKS.
    pub association_id: Option<String>,
    /// EKS: what was tagged.
    pub resource_arn: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Response {
    /// IAM, when a provider was created.
    #[serde(rename = "openIDConnectProviderArn")]
    pub provider_arn: Option<String>,
    /// EKS: the association as it is now, or was.
    pub association: Option<Association>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Association {
    pub cluster_name: Option<String>,
    pub namespace: Option<String>,
    pub service_account: Option<String>,
    pub association_id: Option<String>,
}
