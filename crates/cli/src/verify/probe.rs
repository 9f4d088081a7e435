//! The proof by a probe: a Job runs `lanyard probe` as the ServiceAccount, and its termination message has the answer. Input: an
//! identity. Output: the caller, a refusal, or why there is none. Creates and deletes a Job; waits for it.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use lanyard_core::model::cluster::Platform;
use lanyard_core::model::text::message;
use lanyard_core::proof::ProbeReport;
use lanyard_engine::kube_message;
use tokio::time::{Instant, sleep};

use super::args::VerifyArgs;
use super::item::Outcome;
use super::job::{CONTAINER, Probe};
use super::request::Request;
use crate::envelope::Unread;
use crate::error::CliError;
use crate::named::pod_spec;
use crate::output::say;

/// The interval between reads of the pod.
const POLL: Duration = Duration::from_millis(500);

/// The label of the pods of a Job (Kubernetes 1.27).
const JOB_NAME: &str = "batch.kubernetes.io/job-name";

/// Causes for which a container does not start, and that waiting does not remove.
const STUCK: [&str; 6] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
];

/// Proves an identity of any method.
pub(super) async fn prove(request: &Request<'_>, args: &VerifyArgs) -> Result<Outcome, CliError> {
    let (connection, global) = (request.connection, request.global);
    let operator = connection.operator(global).await;
    let Some(image) = args.image.as_deref().or(operator.image.as_deref()) else {
        return Err(CliError::Usage(format!(
            "the image of the operator is not known: namespace {} has no ConfigMap lanyard-info with it. Give --image",
            global.operator_namespace
        )));
    };
    let like = match &args.like {
        Some(workload) => Some(pod_spec(connection, workload).await?),
        None => None,
    };
    let region = match &request.identity.cluster.platform {
        Platform::Eks { region, .. } => Some(region.as_str()),
        Platform::Other => global.aws.region.as_deref(),
    };
    let target = &request.decoded.target;
    let probe = Probe {
        subject: &target.subject,
        uid: &target.uid,
        image,
        region,
        like: like.as_ref(),
        timeout: args.timeout,
        keep: args.keep,
    };
    let job = serde_json::from_value(probe.job()).map_err(|error| CliError::Encoding(error.to_string()))?;
    let api: Api<Job> = Api::namespaced(connection.client.clone(), target.subject.namespace.as_str());
    let created = match api.create(&PostParams::default(), &job).await {
        Ok(created) => created.name_any(),
        Err(error) => return Ok(unknown(request, kube_message(&error))),
    };
    if !global.quiet {
        say(&format!("waiting for job {}/{created}", target.subject.namespace));
    }
    let outcome = wait(request, args, &created).await;
    if !args.keep {
        // Kubernetes deletes it later if this fails.
        drop(api.delete(&created, &DeleteParams::background()).await);
    }
    Ok(outcome)
}

/// Waits until the probe has ended.
async fn wait(request: &Request<'_>, args: &VerifyArgs, job: &str) -> Outcome {
    let namespace = request.decoded.target.subject.namespace.as_str();
    let api: Api<Pod> = Api::namespaced(request.connection.client.clone(), namespace);
    let params = ListParams::default().labels(&format!("{JOB_NAME}={job}"));
    let deadline = Instant::now() + Duration::from_secs(args.timeout);
    loop {
        let state = match api.list(&params).await {
            Ok(list) => list.items.first().map_or(State::NoPod, State::of),
            Err(error) => return unknown(request, kube_message(&error)),
        };
        let cause = match state {
            State::Ended(text) => return outcome(request, &text),
            State::Stuck(cause) => return unknown(request, cause),
            State::NoPod => {
                format!("job {job} has no pod; kubectl describe job {job} -n {namespace} says why")
            }
            State::Waiting(cause) => cause,
        };
        if Instant::now() >= deadline {
            return unknown(request, format!("{cause} after {} s", args.timeout));
        }
        sleep(POLL).await;
    }
}

/// The state of the pod of a probe.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// The Job has no pod.
    NoPod,
    /// The container has not ended, for this reason.
    Waiting(String),
    /// The container will not start, for this reason.
    Stuck(String),
    /// The container has ended, with this message.
    Ended(String),
}

impl State {
    fn of(pod: &Pod) -> Self {
        let status = pod.status.as_ref();
        let mut containers = status
            .into_iter()
            .flat_map(|status| status.container_statuses.iter().flatten());
        let container = containers.find(|container| container.name == CONTAINER);
        if let Some(state) = container.and_then(Self::of_container) {
            return state;
        }
        let phase = status.and_then(|status| status.phase.as_deref());
        let scheduling = status
            .into_iter()
            .flat_map(|status| status.conditions.iter().flatten())
            .find(|condition| condition.type_ == "PodScheduled" && condition.status != "True")
            .and_then(|condition| condition.message.clone());
        let cause = scheduling.unwrap_or_else(|| format!("the pod is {}", phase.unwrap_or("Pending")));
        match phase {
            Some("Failed" | "Succeeded") => Self::Stuck(format!("{cause} without a result")),
            _ => Self::Waiting(message(&cause)),
        }
    }

    fn of_container(container: &ContainerStatus) -> Option<Self> {
        let state = container.state.as_ref()?;
        if let Some(ended) = &state.terminated {
            let code = ended.exit_code;
            let text = ended.message.clone();
            return Some(match text.filter(|text| !text.is_empty()) {
                Some(text) => Self::Ended(text),
                None => Self::Stuck(format!(
                    "the probe ended with exit code {code} and without a result"
                )),
            });
        }
        let waiting = state.waiting.as_ref()?;
        let reason = waiting.reason.as_deref().unwrap_or_default();
        let text = waiting.message.as_deref().unwrap_or_default();
        let cause = message(&format!("{reason} {text}"));
        match STUCK.contains(&reason) {
            true => Some(Self::Stuck(cause)),
            false => Some(Self::Waiting(cause)),
        }
    }
}

fn unknown(request: &Request<'_>, cause: String) -> Outcome {
    Outcome::Unknown(Unread {
        resource: format!("a probe of {}", request.decoded.target.subject),
        cause,
        consequence: "nothing is proved".to_owned(),
    })
}

/// The outcome of a termination message.
fn outcome(request: &Request<'_>, text: &str) -> Outcome {
    let report: ProbeReport = match serde_json::from_str(text) {
        Ok(report) => report,
        Err(_) => return unknown(request, format!("the image is not Lanyard's: {}", message(text))),
    };
    let error = report.error.unwrap_or_default();
    match report.caller {
        Some(caller) => Outcome::Answered(caller),
        None if report.unanswered => unknown(request, error),
        None => Outcome::Refused {
            code: None,
            message: message(&error),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn state(status: &Value) -> State {
        State::of(&serde_json::from_value(json!({"metadata": {}, "status": status})).unwrap())
    }

    fn container(state: &Value) -> Value {
        json!({"phase": "Pending", "containerStatuses": [{
            "name": CONTAINER, "image": "x", "imageID": "", "ready": false, "restartCount": 0, "state": state,
        }]})
    }

    #[test]
    fn container_that_cannot_start_ends_the_wait() {
        let backoff = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}});
        assert_eq!(
            state(&container(&backoff)),
            State::Stuck("ImagePullBackOff no such image".to_owned())
        );
        let creating = json!({"waiting": {"reason": "ContainerCreating"}});
        assert!(matches!(state(&container(&creating)), State::Waiting(_)));
    }

    #[test]
    fn message_of_an_ended_container_is_the_result() {
        let ended = json!({"terminated": {"exitCode": 1, "message": "{}"}});
        assert_eq!(state(&container(&ended)), State::Ended("{}".to_owned()));
        let silent = json!({"terminated": {"exitCode": 137}});
        assert!(matches!(state(&container(&silent)), State::Stuck(cause) if cause.contains("137")));
    }

    #[test]
    fn unscheduled_pod_says_why() {
        let conditions =
            json!([{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]);
        let pending = json!({"phase": "Pending", "conditions": conditions});
        assert_eq!(
            state(&pending),
            State::Waiting("0/3 nodes are available".to_owned())
        );
    }
}
