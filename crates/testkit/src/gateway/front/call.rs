//! Parses a request to the API server into verb and resource, as in RBAC: `patch workloadidentities/status`.
//! Input: a request. Output: a `Call`. No I/O. Called once for each request that comes through a front.

use http::Method;
use serde_json::Value;

use crate::gateway::call::Call;
use crate::gateway::message::Request;
use crate::gateway::service::Service;

/// Names a request by verb and resource, and by the object that it is about: `namespace/name`.
pub(super) fn of(request: &Request) -> Call {
    let path = Path::of(request.uri.path());
    let verb = verb(request, &path);
    let resource = match (&path.resource, &path.subresource) {
        (Some(resource), Some(subresource)) => format!("{resource}/{subresource}"),
        (Some(resource), None) => resource.clone(),
        (None, _) => request.uri.path().to_owned(),
    };
    let object = path.name.clone().or_else(|| name_in_body(request));
    let subject = match (&path.namespace, object) {
        (Some(namespace), Some(name)) => Some(format!("{namespace}/{name}")),
        (None, Some(name)) => Some(name),
        (_, None) => path.namespace.clone(),
    };
    Call {
        service: Service::Kubernetes,
        operation: format!("{verb} {resource}"),
        write: !matches!(verb, "get" | "list" | "watch"),
        subjects: subject.into_iter().collect(),
    }
}

/// Returns true if the answer is a stream without an end.
pub(super) fn is_watch(call: &Call) -> bool {
    call.operation.starts_with("watch ")
}

/// `/api/v1/...` or `/apis/<group>/<version>/...`, then `[namespaces/<namespace>/]<resource>[/<name>[/<subresource>]]`.
#[derive(Default)]
struct Path {
    namespace: Option<String>,
    resource: Option<String>,
    name: Option<String>,
    subresource: Option<String>,
}

impl Path {
    fn of(path: &str) -> Self {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let skipped = match parts.next() {
            Some("api") => 1,
            Some("apis") => 2,
            _ => return Self::default(),
        };
        let parts: Vec<&str> = parts.skip(skipped).collect();
        let text = |part: Option<&&str>| part.map(|part| (*part).to_owned());
        let (namespace, rest) = match parts.as_slice() {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
            all => (None, all),
        };
        Self {
            namespace,
            resource: text(rest.first()),
            name: text(rest.get(1)),
            subresource: text(rest.get(2)),
        }
    }
}

fn verb(request: &Request, path: &Path) -> &'static str {
    let one = path.name.is_some() || path.resource.is_none();
    match request.method {
        Method::GET | Method::HEAD if watches(request) => "watch",
        Method::GET | Method::HEAD if one => "get",
        Method::GET | Method::HEAD => "list",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if one => "delete",
        Method::DELETE => "deletecollection",
        _ => "create",
    }
}

fn watches(request: &Request) -> bool {
    matches!(request.query().get("watch"), Some("true" | "1"))
}

fn name_in_body(request: &Request) -> Option<String> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    body.pointer("/metadata/name")
        .and_then(Value::as_str)
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn call(method: &str, uri: &str, body: &str) -> Call {
        of(&Request {
            method: method.parse().unwrap(),
            uri: uri.parse().unwrap(),
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        })
    }

    fn named(method: &str, uri: &str) -> (String, bool) {
        let call = call(method, uri, "");
        (call.operation, call.write)
    }

    #[test]
    fn request_has_rbac_verb_and_resource() {
        let wid = "/apis/lanyard.dev/v1alpha1/namespaces/shop/workloadidentities/orders";
        let read = |operation: &str| (operation.to_owned(), false);
        let write = |operation: &str| (operation.to_owned(), true);
        assert_eq!(named("GET", wid), read("get workloadidentities"));
        assert_eq!(
            named("PATCH", &format!("{wid}/status?force=true")),
            write("patch workloadidentities/status")
        );
        assert_eq!(named("GET", "/api/v1/pods?limit=500"), read("list pods"));
        assert_eq!(
            named("GET", "/api/v1/pods?watch=true&resourceVersion=4"),
            read("watch pods")
        );
        assert_eq!(
            named("GET", "/api/v1/namespaces/kube-system"),
            read("get namespaces")
        );
        assert_eq!(
            named("GET", "/.well-known/openid-configuration"),
            read("get /.well-known/openid-configuration")
        );
    }

    #[test]
    fn object_name_is_read_from_path_or_body() {
        let lease = call(
            "PUT",
            "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/lanyard",
            "{}",
        );
        assert!(lease.is_about("kube-system/lanyard") && !lease.is_deed());
        let created = call(
            "POST",
            "/api/v1/namespaces/shop/serviceaccounts",
            r#"{"metadata":{"name":"orders"}}"#,
        );
        assert_eq!(created.operation, "create serviceaccounts");
        assert!(created.is_about("shop/orders") && created.is_about("orders") && created.is_deed());
    }
}
