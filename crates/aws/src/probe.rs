//! The probe of a pod's own credentials: only those that the pod identity webhook gave it, never keys, profiles or the node.
//! Input: the environment of the process. Output: the caller, or the error. Does I/O: the agent or STS, then STS.

use std::error::Error;
use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use lanyard_core::proof::{CredentialSource, ProbeReport};

use crate::client::{Aws, AwsSettings};
use crate::error::{AwsError, Class};

/// The variables that the webhook sets (docs/dev/aws-behaviour.md#pod-wiring).
const CONTAINER: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const WEB_IDENTITY: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

const NOTHING: &str = "the pod identity webhook gave the pod no credentials: it has neither \
                       AWS_CONTAINER_CREDENTIALS_FULL_URI nor AWS_WEB_IDENTITY_TOKEN_FILE";

/// The time limit of one call.
const LIMIT: Duration = Duration::from_secs(10);

/// Gets credentials from the source that the pod was given, and asks STS for the caller.
pub async fn probe_credentials() -> ProbeReport {
    let source = source(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
    let provider = match source {
        CredentialSource::Nothing => return ProbeReport::failed(source, NOTHING, false),
        CredentialSource::Container => container(),
        CredentialSource::WebIdentity => web_identity(&config),
    };
    if let Err(error) = provider.provide_credentials().await {
        let unanswered = matches!(error, CredentialsError::ProviderTimedOut(_));
        return ProbeReport::failed(source, &chain(&error), unanswered);
    }
    let config = config.to_builder().credentials_provider(provider).build();
    let settings = AwsSettings {
        operation_timeout: LIMIT,
        ..AwsSettings::default()
    };
    match Aws::with_config(&config, settings).caller_arn().await {
        Ok(caller) => ProbeReport::answered(source, caller),
        Err(error) => ProbeReport::failed(source, &error.to_string(), is_unanswered(&error)),
    }
}

/// The source, in the order of the SDKs: a web identity precedes a container.
fn source(is_set: impl Fn(&str) -> bool) -> CredentialSource {
    match (is_set(WEB_IDENTITY), is_set(CONTAINER)) {
        (true, _) => CredentialSource::WebIdentity,
        (false, true) => CredentialSource::Container,
        (false, false) => CredentialSource::Nothing,
    }
}

fn container() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(EcsCredentialsProvider::builder().build())
}

fn web_identity(config: &SdkConfig) -> SharedCredentialsProvider {
    let settings = ProviderConfig::default().with_region(config.region().cloned());
    let provider = WebIdentityTokenCredentialsProvider::builder().configure(&settings);
    SharedCredentialsProvider::new(provider.build())
}

/// An error with its causes: the SDK's own message names none of them.
fn chain(error: &dyn Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !parts.contains(&text) {
            parts.push(text);
        }
        cause = error.source();
    }
    parts.join(": ")
}

fn is_unanswered(error: &AwsError) -> bool {
    matches!(
        error.class(),
        Class::Throttled | Class::Server | Class::Network | Class::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_identity_precedes_container_and_no_other_source_counts() {
        let of = |set: &[&str]| source(|name| set.contains(&name));
        assert_eq!(of(&[WEB_IDENTITY, CONTAINER]), CredentialSource::WebIdentity);
        assert_eq!(of(&[CONTAINER]), CredentialSource::Container);
        assert_eq!(of(&["AWS_ACCESS_KEY_ID"]), CredentialSource::Nothing);
    }

    #[test]
    fn chain_has_each_cause_once() {
        let cause = std::io::Error::other("agent answered 400");
        let error = CredentialsError::provider_error(cause);
        let text = chain(&error);
        assert!(text.ends_with(": agent answered 400"), "{text}");
    }
}
