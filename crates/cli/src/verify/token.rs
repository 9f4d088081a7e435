//! The proof by a token: the API server issues one for the ServiceAccount, and STS exchanges it. Input: an identity. Output: the
//! caller that STS returned, or its refusal. Asks the API server and STS; keeps and shows neither token nor keys.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{SelfSubjectReview, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Client;
use kube::api::{Api, PostParams};
use lanyard_aws::{Aws, AwsError, AwsSettings, Class, Secret, WebIdentity};
use lanyard_core::model::binding::MethodSettings;
use lanyard_core::model::cluster::Platform;
use lanyard_core::model::name::{Audience, Region};
use lanyard_core::proof::session_name;
use lanyard_engine::kube_message;

use super::item::Outcome;
use super::request::Request;
use crate::discovery::limit;
use crate::envelope::Unread;
use crate::error::CliError;

/// The lifetime of the token in seconds, the shortest that the API server issues.
const TOKEN_SECONDS: i64 = 600;

/// The user if the API server does not return one.
const UNKNOWN_USER: &str = "unknown";

/// Proves an identity of IRSA.
pub(super) async fn prove(request: &Request<'_>) -> Result<Outcome, CliError> {
    let MethodSettings::Irsa { audience, .. } = &request.identity.binding.settings else {
        return Err(CliError::Usage("a proof by token requires IRSA".to_owned()));
    };
    let token = match token(request, audience).await {
        Ok(token) => token,
        Err(outcome) => return Ok(outcome),
    };
    let user = user(&request.connection.client).await;
    let identity = WebIdentity {
        role: &request.identity.binding.role_arn,
        token,
        session_name: session_name(user.as_deref().unwrap_or(UNKNOWN_USER)),
    };
    let aws = aws(request).await?;
    Ok(match aws.caller_with_web_identity(&identity).await {
        Ok(arn) => Outcome::Answered(arn),
        Err(error) => refused(&error),
    })
}

/// The token of the ServiceAccount for an audience, or the outcome without one.
async fn token(request: &Request<'_>, audience: &Audience) -> Result<Secret, Outcome> {
    let subject = &request.decoded.target.subject;
    let client = request.connection.client.clone();
    let api: Api<ServiceAccount> = Api::namespaced(client, subject.namespace.as_str());
    let body = TokenRequest {
        spec: TokenRequestSpec {
            audiences: vec![audience.to_string()],
            expiration_seconds: Some(TOKEN_SECONDS),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let name = subject.name.as_str();
    let unknown = |cause: String| {
        Outcome::Unknown(Unread {
            resource: format!("a token of ServiceAccount {subject}"),
            cause,
            consequence: "nothing is proved".to_owned(),
        })
    };
    match api
        .create_token_request(name, &PostParams::default(), &body)
        .await
    {
        Ok(answer) => match answer.status {
            Some(status) => Ok(Secret::new(status.token)),
            None => Err(unknown("the API server returned no token".to_owned())),
        },
        Err(kube::Error::Api(status)) if status.code == 404 => Err(Outcome::Refused {
            code: Some("LY101".to_owned()),
            message: format!("the ServiceAccount {subject} does not exist"),
        }),
        Err(error) => Err(unknown(kube_message(&error))),
    }
}

/// The name of the user, as the API server authenticated them.
async fn user(client: &Client) -> Option<String> {
    let api: Api<SelfSubjectReview> = Api::all(client.clone());
    let answer = api
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await
        .ok()?;
    answer.status?.user_info?.username
}

/// A client of STS in the Region of the cluster. It has no credentials of the user to sign with, and needs none.
async fn aws(request: &Request<'_>) -> Result<Aws, CliError> {
    let flag = &request.global.aws.region;
    let flag = flag.clone().map(Region::parse).transpose();
    let flag = flag.map_err(|error| CliError::Usage(format!("--region: {error}")))?;
    let of_cluster = match &request.identity.cluster.platform {
        Platform::Eks { region, .. } => Some(region.clone()),
        Platform::Other => None,
    };
    let settings = AwsSettings {
        region: flag.or(of_cluster),
        operation_timeout: limit(request.global),
        throttled_limit: Duration::ZERO,
        may_write: Arc::new(|| false),
        ..AwsSettings::default()
    };
    Ok(Aws::connect(settings).await)
}

/// The outcome of a failed call. An answer of STS about the token or the role is a verdict; a call that STS throttled or did
/// not answer is none.
fn refused(error: &AwsError) -> Outcome {
    match error {
        AwsError::Answered { answer, .. } if answer.status < 500 && error.class() != Class::Throttled => {
            Outcome::Refused {
                code: Some(answer.code.clone()),
                message: answer.message.clone(),
            }
        }
        AwsError::Answered { .. }
        | AwsError::TimedOut { .. }
        | AwsError::Undelivered { .. }
        | AwsError::NoCredentials { .. }
        | AwsError::Unsendable { .. }
        | AwsError::Unclear { .. }
        | AwsError::GateClosed { .. } => Outcome::Unknown(Unread {
            resource: "STS".to_owned(),
            cause: error.to_string(),
            consequence: "nothing is proved".to_owned(),
        }),
    }
}
