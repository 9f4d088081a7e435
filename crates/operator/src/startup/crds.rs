//! The wait for the CRDs: discovery is asked until it names our kinds; this needs no permission beyond what every
//! ServiceAccount has. Answers in; done, or a sentence that stops the operator, out. Talks to the API server.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::Resource;
use lanyard_api::WorkloadIdentity;
use tokio::time::{sleep, timeout};

use super::{ANSWER_LIMIT, LOOK_AGAIN};
use crate::admin::{Readiness, What};
use crate::error::{OperatorError, plainly};

/// What an answer of discovery means.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Served,
    /// Not yet; what is known about why, empty when the CRD just is not there.
    Wait(String),
    /// Waiting would not help.
    Refused(String),
}

/// Waits until the API server serves our kinds.
///
/// # Errors
/// When the API server refuses to tell.
pub async fn wait_for_crds(kube: &kube::Client, readiness: &Readiness) -> Result<(), OperatorError> {
    let version = WorkloadIdentity::api_version(&());
    let mut said = None;
    loop {
        let asked = timeout(ANSWER_LIMIT, kube.list_api_group_resources(&version)).await;
        let answer = match asked {
            Ok(answered) => judge(answered),
            Err(_) => Answer::Wait(format!("the API server does not answer within {ANSWER_LIMIT:?}")),
        };
        match answer {
            Answer::Served => {
                readiness.met(What::Crds);
                return Ok(());
            }
            Answer::Refused(message) => {
                let what = "to tell which kinds it serves";
                return Err(OperatorError::Refused { what, message });
            }
            Answer::Wait(why) => {
                let sentence = readiness.unmet_because(What::Crds, &why);
                if said.as_ref() != Some(&sentence) {
                    tracing::warn!("{sentence}");
                    said = Some(sentence);
                }
            }
        }
        sleep(LOOK_AGAIN).await;
    }
}

fn judge(answered: Result<APIResourceList, kube::Error>) -> Answer {
    let plural = WorkloadIdentity::plural(&());
    match answered {
        Ok(list) if list.resources.iter().any(|resource| resource.name == plural) => Answer::Served,
        Ok(_) => Answer::Wait(String::new()),
        Err(error) => match &error {
            kube::Error::Api(status) if matches!(status.code, 401 | 403) => Answer::Refused(plainly(&error)),
            kube::Error::Api(status) if status.code == 404 => Answer::Wait(String::new()),
            _ => Answer::Wait(plainly(&error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource;
    use kube::core::Status;

    use super::*;

    fn refusal(code: u16) -> Answer {
        let status = Status::failure("it says so", "Reason").with_code(code);
        judge(Err(kube::Error::Api(Box::new(status))))
    }

    #[test]
    fn what_may_pass_is_waited_for() {
        assert_eq!(refusal(404), Answer::Wait(String::new()));
        for code in [429, 500, 503] {
            assert_eq!(refusal(code), Answer::Wait("it says so".to_owned()), "{code}");
        }
        let lost = kube::Error::Service("connection refused".into());
        assert_eq!(judge(Err(lost)), Answer::Wait("connection refused".to_owned()));
    }

    #[test]
    fn who_is_not_let_in_stops() {
        for code in [401, 403] {
            assert_eq!(refusal(code), Answer::Refused("it says so".to_owned()), "{code}");
        }
    }

    #[test]
    fn the_group_alone_is_not_enough() {
        let mut list = APIResourceList::default();
        assert_eq!(judge(Ok(list.clone())), Answer::Wait(String::new()));
        list.resources.push(APIResource {
            name: "workloadidentities".to_owned(),
            ..APIResource::default()
        });
        assert_eq!(judge(Ok(list)), Answer::Served);
    }
}
