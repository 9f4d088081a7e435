//! The metrics of requests to the API server. Input: method, path and status of each request. Output: a counter. No I/O.
//! Labels come from closed sets: a path of another resource counts as `other`.

use http::{Method, Uri};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The resources that the operator requests, as the RBAC rules name them.
const RESOURCES: [&str; 12] = [
    "workloadidentities",
    "workloadidentityclasses",
    "serviceaccounts",
    "pods",
    "namespaces",
    "leases",
    "events",
    "deployments",
    "statefulsets",
    "daemonsets",
    "replicasets",
    "mutatingwebhookconfigurations",
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    verb: &'static str,
    resource: &'static str,
    code: u16,
}

/// The metrics of requests to the API server.
#[derive(Debug, Clone, Default)]
pub struct RequestMetrics {
    requests: Family<RequestLabels, Counter>,
}

/// A request that is not answered yet.
#[derive(Debug)]
pub struct PendingRequest {
    metrics: RequestMetrics,
    verb: &'static str,
    resource: &'static str,
}

impl RequestMetrics {
    /// Registers the metrics.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "kube_requests",
            "Requests to the API server by verb, resource and status; code 0 means that there was no answer",
            metrics.requests.clone(),
        );
        metrics
    }

    /// A request begins.
    #[must_use]
    pub fn request(&self, method: &Method, uri: &Uri) -> PendingRequest {
        let (resource, is_named) = resource(uri.path());
        PendingRequest {
            metrics: self.clone(),
            verb: verb(method, uri, is_named),
            resource,
        }
    }
}

impl PendingRequest {
    /// Counts the request. `code`: the status of the answer, or `None` if there was none.
    pub fn ended(self, code: Option<u16>) {
        let labels = RequestLabels {
            verb: self.verb,
            resource: self.resource,
            code: code.unwrap_or_default(),
        };
        self.metrics.requests.get_or_create(&labels).inc();
    }
}

/// The resource of a path, and whether the path names an object of it.
fn resource(path: &str) -> (&'static str, bool) {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let skipped = match parts.next() {
        Some("api") => 1,
        Some("apis") => 2,
        _ => return ("other", true),
    };
    let parts: Vec<&str> = parts.skip(skipped).collect();
    let rest = match parts.as_slice() {
        ["namespaces", _, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    let requested = rest.first().copied().unwrap_or_default();
    let known = RESOURCES.into_iter().find(|known| *known == requested);
    (known.unwrap_or("other"), rest.len() > 1)
}

fn verb(method: &Method, uri: &Uri, is_named: bool) -> &'static str {
    let watches = || {
        uri.query()
            .is_some_and(|query| query.split('&').any(|pair| pair == "watch=true"))
    };
    match *method {
        Method::GET if watches() => "watch",
        Method::GET if is_named => "get",
        Method::GET => "list",
        Method::POST => "create",
        Method::PATCH => "patch",
        Method::PUT => "update",
        Method::DELETE => "delete",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(method: Method, uri: &'static str) -> (&'static str, &'static str) {
        let request = RequestMetrics::default().request(&method, &Uri::from_static(uri));
        (request.verb, request.resource)
    }

    #[test]
    fn requests_are_named_as_in_rbac() {
        let identity = "/apis/lanyard.dev/v1alpha1/namespaces/shop/workloadidentities/orders";
        assert_eq!(labels(Method::GET, identity), ("get", "workloadidentities"));
        let status = "/apis/lanyard.dev/v1alpha1/namespaces/shop/workloadidentities/orders/status?force=true";
        assert_eq!(labels(Method::PATCH, status), ("patch", "workloadidentities"));
        assert_eq!(labels(Method::GET, "/api/v1/pods?limit=500"), ("list", "pods"));
        assert_eq!(
            labels(Method::GET, "/api/v1/pods?&watch=true&timeoutSeconds=45"),
            ("watch", "pods")
        );
        assert_eq!(labels(Method::GET, "/api/v1/namespaces"), ("list", "namespaces"));
        assert_eq!(
            labels(Method::GET, "/.well-known/openid-configuration"),
            ("get", "other")
        );
        assert_eq!(labels(Method::GET, "/api/v1/secrets"), ("list", "other"));
    }
}
