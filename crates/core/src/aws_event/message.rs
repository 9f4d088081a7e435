//! The JSON of an event: the envelope of EventBridge and the CloudTrail record in it, as far as Lanyard reads them.
//! Input: JSON; output: borrowed text. No I/O. The fields are those of the AWS documentation.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::aws_event::caller::Caller;

/// The detail types of an API call in EventBridge. The documentation of the China partition shows both.
const RECORDED_CALLS: [&str; 2] = ["AWS API Call via CloudTrail", "Amazon API Call via CloudTrail"];

/// The envelope of EventBridge.
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

/// The record of CloudTrail.
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

    /// The caller; for a session of a role, the role.
    pub fn caller(&self) -> Option<Caller> {
        let identity = self.user_identity.as_ref()?;
        let session = identity.session_context.as_ref();
        let issuer = session.and_then(|session| session.session_issuer.as_ref());
        let arn = issuer
            .and_then(|issuer| issuer.arn.as_ref())
            .or(identity.arn.as_ref())?;
        Some(Caller::parse(arn))
    }

    /// The request parameters. Each operation has its own fields; a field that is read here has one meaning in all of
    /// them.
    pub fn request(&self) -> Request {
        part(self.request_parameters)
    }

    /// The response elements.
    pub fn response(&self) -> Response {
        part(self.response_elements)
    }
}

/// CloudTrail replaces elements that are too long with a note. All fields are then absent.
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
    /// IAM: the name of the role, without its path.
    pub role_name: Option<String>,
    /// IAM: the ARN of the provider.
    #[serde(rename = "openIDConnectProviderArn")]
    pub provider_arn: Option<String>,
    /// EKS: the cluster, by its name in the API model.
    pub cluster_name: Option<String>,
    /// EKS: the cluster, by its name in the API reference.
    pub name: Option<String>,
    /// EKS: the namespace.
    pub namespace: Option<String>,
    /// EKS: the ServiceAccount.
    pub service_account: Option<String>,
    /// EKS: the association.
    pub association_id: Option<String>,
    /// EKS: the tagged resource.
    pub resource_arn: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Response {
    /// IAM: the ARN of a created provider.
    #[serde(rename = "openIDConnectProviderArn")]
    pub provider_arn: Option<String>,
    /// EKS: the current association, or the deleted one.
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
