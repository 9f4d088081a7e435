//! The wait for the CRDs.
//! Input: the discovery of the API server, which every ServiceAccount may read. Output: returns once it lists the kinds
//! of Lanyard. Reads from the API server.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::Resource;
use lanyard_api::{WorkloadIdentity, WorkloadIdentityClass};
use tokio::time::{sleep, timeout};

use crate::admin::{Readiness, Requirement};
use crate::error::{OperatorError, kube_message};
use lanyard_engine::issuer::RESPONSE_TIMEOUT;

/// The interval between two discoveries.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// The meaning of a discovery response.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Served,
    /// Not served yet: the cause, empty if the CRD is only missing.
    Wait(String),
    /// Denied: waiting would not help.
    Refused(String),
}

/// Waits until the API server serves both kinds of Lanyard. Without classes, every identity would be unrestricted, and
/// what was applied then would stay.
///
/// # Errors
/// Returns an error if the API server denies the discovery.
pub async fn wait_for_crds(kube: &kube::Client, readiness: &Readiness) -> Result<(), OperatorError> {
    let version = WorkloadIdentity::api_version(&());
    let mut logged = None;
    loop {
        let response = timeout(RESPONSE_TIMEOUT, kube.list_api_group_resources(&version)).await;
        let answer = match response {
            Ok(response) => classify(response),
            Err(_) => Answer::Wait(format!(
                "no response from the API server within {RESPONSE_TIMEOUT:?}"
            )),
        };
        match answer {
            Answer::Served => {
                readiness.set_met(Requirement::Crds);
                return Ok(());
            }
            Answer::Refused(message) => {
                let action = "the discovery of the kinds that it serves";
                return Err(OperatorError::Refused { action, message });
            }
            Answer::Wait(cause) => {
                let message = readiness.set_unmet(Requirement::Crds, &cause);
                if logged.as_ref() != Some(&message) {
                    tracing::warn!("{message}");
                    logged = Some(message);
                }
            }
        }
        sleep(POLL_INTERVAL).await;
    }
}

fn classify(response: Result<APIResourceList, kube::Error>) -> Answer {
    let kinds = [WorkloadIdentity::plural(&()), WorkloadIdentityClass::plural(&())];
    let is_served = |list: &APIResourceList, plural: &str| {
        let mut served = list.resources.iter();
        served.any(|resource| resource.name == plural)
    };
    match response {
        Ok(list) if kinds.iter().all(|plural| is_served(&list, plural)) => Answer::Served,
        Ok(_) => Answer::Wait(String::new()),
        Err(error) => match &error {
            kube::Error::Api(status) if matches!(status.code, 401 | 403) => {
                Answer::Refused(kube_message(&error))
            }
            kube::Error::Api(status) if status.code == 404 => Answer::Wait(String::new()),
            _ => Answer::Wait(kube_message(&error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource;
    use kube::core::Status;

    use super::*;

    fn refusal(code: u16) -> Answer {
        let status = Status::failure("denied for a test", "Reason").with_code(code);
        classify(Err(kube::Error::Api(Box::new(status))))
    }

    #[test]
    fn temporary_error_is_waited_for() {
        assert_eq!(refusal(404), Answer::Wait(String::new()));
        for code in [429, 500, 503] {
            assert_eq!(
                refusal(code),
                Answer::Wait("denied for a test".to_owned()),
                "{code}"
            );
        }
        let lost = kube::Error::Service("connection refused".into());
        assert_eq!(classify(Err(lost)), Answer::Wait("connection refused".to_owned()));
    }

    #[test]
    fn denied_discovery_is_an_error() {
        for code in [401, 403] {
            assert_eq!(
                refusal(code),
                Answer::Refused("denied for a test".to_owned()),
                "{code}"
            );
        }
    }

    #[test]
    fn group_is_served_only_with_both_kinds() {
        let mut list = APIResourceList::default();
        assert_eq!(classify(Ok(list.clone())), Answer::Wait(String::new()));
        for (name, answer) in [
            ("workloadidentities", Answer::Wait(String::new())),
            ("workloadidentityclasses", Answer::Served),
        ] {
            list.resources.push(APIResource {
                name: name.to_owned(),
                ..APIResource::default()
            });
            assert_eq!(classify(Ok(list.clone())), answer, "{name}");
        }
    }
}
