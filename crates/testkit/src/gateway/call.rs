//! Parses a request: service, operation, read or write, and the subject it concerns.
//! Input: a request. Output: a `Call`, or `None` if it names no AWS service. No I/O.
//! Called once for each request; ledger, faults, throttle and gaps all speak of the `Call`.

use http::Method;
use serde_json::Value;

use super::form::decode_path;
use super::message::Request;
use super::service::Service;

/// One call, as far as its request alone tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The service it goes to.
    pub service: Service,
    /// AWS's name of the operation, such as `CreateRole`; RBAC's verb and resource, such as `patch serviceaccounts`.
    pub operation: String,
    /// True if the call can change something.
    pub write: bool,
    /// Names that the request gives for what it is about: role name, ARN, `namespace/serviceAccount`, association id, and the
    /// text of a session policy.
    pub subjects: Vec<String>,
}

impl Call {
    /// Reads the call off a request: SigV4's credential scope names the service, an unsigned request must be one of STS.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        match scope(request).as_ref().map(|scope| scope.service.as_str()) {
            Some("iam") => query_call(Service::Iam, request),
            Some("sts") => query_call(Service::Sts, request),
            Some("eks") => Some(rest_call(request)),
            Some("sqs") => queue_call(request),
            Some(_) => None,
            None => {
                query_call(Service::Sts, request).filter(|call| call.operation.starts_with("AssumeRoleWith"))
            }
        }
    }

    /// Returns true for a write that other components act on: neither a lease renewal nor an event.
    pub fn is_deed(&self) -> bool {
        let resource = self.operation.split(' ').nth(1);
        let kept_aside = !self.service.is_aws() && matches!(resource, Some("leases" | "events"));
        self.write && !kept_aside
    }

    /// Returns true if the call concerns this subject: a role's name or ARN, `namespace/serviceAccount`, a ServiceAccount's name, an association's id or ARN.
    pub fn is_about(&self, subject: &str) -> bool {
        self.subjects.iter().any(|known| names(known, subject))
    }
}

/// Returns true if `known` is `subject` or, as an ARN or a path, ends in it.
pub(crate) fn names(known: &str, subject: &str) -> bool {
    known == subject
        || known
            .strip_suffix(subject)
            .is_some_and(|before| before.ends_with('/'))
}

/// Signer and scope of a request: `Credential=<key>/<date>/<region>/<service>/aws4_request`.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub key: String,
    pub region: String,
    pub service: String,
}

pub(crate) fn scope(request: &Request) -> Option<Scope> {
    let (_, rest) = request.header("authorization")?.split_once("Credential=")?;
    let mut parts = rest.split([',', ' ']).next()?.split('/');
    let key = parts.next()?.to_owned();
    let region = parts.nth(1)?.to_owned();
    let service = parts.next()?.to_owned();
    Some(Scope { key, region, service })
}

fn query_call(service: Service, request: &Request) -> Option<Call> {
    let form = request.form();
    let operation = form.get("Action")?.to_owned();
    let named = [
        "RoleName",
        "RoleArn",
        "OpenIDConnectProviderArn",
        "PolicyArn",
        "Url",
        "InstanceProfileName",
    ];
    // A session policy is the only policy in a request of STS.
    let session_policy = form.get("Policy").filter(|_| service == Service::Sts);
    let subjects = named
        .iter()
        .filter_map(|name| form.get(name))
        .chain(session_policy)
        .map(str::to_owned)
        .collect();
    let write = !["Get", "List", "Simulate", "Generate", "AssumeRole"]
        .iter()
        .any(|read| operation.starts_with(read));
    Some(Call {
        service,
        operation,
        write,
        subjects,
    })
}

fn rest_call(request: &Request) -> Call {
    let path: Vec<&str> = request
        .uri
        .path()
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    let operation = rest_operation(&request.method, &path).map_or_else(
        || format!("{} {}", request.method, request.uri.path()),
        str::to_owned,
    );
    Call {
        service: Service::Eks,
        operation,
        write: request.method != Method::GET,
        subjects: rest_subjects(request, &path),
    }
}

/// `X-Amz-Target: AmazonSQS.<operation>`, and the queue's URL in the body.
fn queue_call(request: &Request) -> Option<Call> {
    let operation = request.header("x-amz-target")?.strip_prefix("AmazonSQS.")?;
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let named = ["QueueUrl", "QueueName"].into_iter();
    let subjects = named.filter_map(|name| body.get(name)?.as_str().map(str::to_owned));
    Some(Call {
        service: Service::Sqs,
        operation: operation.to_owned(),
        write: !["Receive", "Get", "List"]
            .iter()
            .any(|read| operation.starts_with(read)),
        subjects: subjects.collect(),
    })
}

/// EKS's paths, as the API model (eks/2017-11-01) gives them.
fn rest_operation(method: &Method, path: &[&str]) -> Option<&'static str> {
    Some(match (method.as_str(), path) {
        ("POST", ["clusters"]) => "CreateCluster",
        ("GET", ["clusters"]) => "ListClusters",
        ("GET", ["clusters", _]) => "DescribeCluster",
        ("DELETE", ["clusters", _]) => "DeleteCluster",
        ("POST", ["clusters", _, "update-config"]) => "UpdateClusterConfig",
        ("POST", ["clusters", _, "pod-identity-associations"]) => "CreatePodIdentityAssociation",
        ("GET", ["clusters", _, "pod-identity-associations"]) => "ListPodIdentityAssociations",
        ("GET", ["clusters", _, "pod-identity-associations", _]) => "DescribePodIdentityAssociation",
        ("POST", ["clusters", _, "pod-identity-associations", _]) => "UpdatePodIdentityAssociation",
        ("DELETE", ["clusters", _, "pod-identity-associations", _]) => "DeletePodIdentityAssociation",
        ("POST", ["clusters", _, "addons"]) => "CreateAddon",
        ("GET", ["clusters", _, "addons"]) => "ListAddons",
        ("GET", ["clusters", _, "addons", _]) => "DescribeAddon",
        ("DELETE", ["clusters", _, "addons", _]) => "DeleteAddon",
        ("POST", ["clusters", _, "addons", _, "update"]) => "UpdateAddon",
        ("POST", ["tags", ..]) => "TagResource",
        ("DELETE", ["tags", ..]) => "UntagResource",
        ("GET", ["tags", ..]) => "ListTagsForResource",
        _ => return None,
    })
}

fn rest_subjects(request: &Request, path: &[&str]) -> Vec<String> {
    match path {
        ["clusters", cluster] => vec![(*cluster).to_owned()],
        ["clusters", _, "addons", addon, ..] => vec![(*addon).to_owned()],
        ["clusters", _, "pod-identity-associations"] if request.method == Method::GET => {
            let query = request.query();
            pair(query.get("namespace"), query.get("serviceAccount"))
                .into_iter()
                .collect()
        }
        ["clusters", _, "pod-identity-associations", rest @ ..] => {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let text = |name: &str| body.get(name).and_then(Value::as_str);
            let id = rest.first().map(|id| (*id).to_owned());
            let subject = pair(text("namespace"), text("serviceAccount"));
            let roles = ["roleArn", "targetRoleArn"]
                .into_iter()
                .filter_map(text)
                .map(str::to_owned);
            id.into_iter().chain(subject).chain(roles).collect()
        }
        ["tags", ..] => vec![tagged_arn(request)],
        _ => Vec::new(),
    }
}

/// The ARN in `/tags/<arn>`, whether its slashes came encoded or not.
pub(crate) fn tagged_arn(request: &Request) -> String {
    decode_path(request.uri.path().trim_start_matches("/tags/"))
}

fn pair(namespace: Option<&str>, service_account: Option<&str>) -> Option<String> {
    Some(format!("{}/{}", namespace?, service_account?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{eks, iam, sqs, unsigned};
    use super::*;

    #[test]
    fn signed_form_call_is_named_by_action() {
        let call = Call::of(&iam(&[("Action", "CreateRole"), ("RoleName", "orders")])).unwrap();
        assert_eq!(
            (call.service, call.operation.as_str(), call.write),
            (Service::Iam, "CreateRole", true)
        );
        assert!(call.is_about("orders") && !call.is_about("order"));
    }

    #[test]
    fn rest_call_is_named_by_method_and_path() {
        let create = Call::of(&eks(
            "POST",
            "/clusters/c/pod-identity-associations",
            r#"{"namespace":"shop","serviceAccount":"orders","roleArn":"arn:aws:iam::1:role/lanyard/r"}"#,
        ))
        .unwrap();
        assert_eq!(create.operation, "CreatePodIdentityAssociation");
        assert!(create.is_about("shop/orders") && create.is_about("orders") && create.is_about("r"));

        let describe = Call::of(&eks("GET", "/clusters/c/pod-identity-associations/a-1", "")).unwrap();
        assert_eq!(
            (describe.operation.as_str(), describe.write),
            ("DescribePodIdentityAssociation", false)
        );
        assert!(describe.is_about("a-1"));

        let tag = Call::of(&eks(
            "POST",
            "/tags/arn%3Aaws%3Aeks%3Ar%3A1%3Apodidentityassociation%2Fc%2Fa-1",
            "{}",
        ))
        .unwrap();
        assert_eq!(tag.operation, "TagResource");
        assert!(tag.is_about("a-1"));
    }

    #[test]
    fn sqs_call_is_named_by_header_with_queue_as_subject() {
        let body = r#"{"QueueUrl":"http://127.0.0.1:1/000000000000/events"}"#;
        let receive = Call::of(&sqs("ReceiveMessage", body)).unwrap();
        assert_eq!(
            (receive.service, receive.operation.as_str(), receive.write),
            (Service::Sqs, "ReceiveMessage", false)
        );
        assert!(receive.is_about("events"));
        assert!(Call::of(&sqs("DeleteMessageBatch", body)).unwrap().write);
    }

    #[test]
    fn unsigned_call_is_web_identity_only() {
        let assume = unsigned(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", "arn:aws:iam::1:role/r"),
        ]);
        assert_eq!(
            Call::of(&assume).map(|call| (call.service, call.write)),
            Some((Service::Sts, false))
        );
        assert_eq!(Call::of(&unsigned(&[("Action", "CreateRole")])), None);
    }
}
