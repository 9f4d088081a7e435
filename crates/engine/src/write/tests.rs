//! Tests of writes to the API server, against an in-memory server that records requests. Input: a write gate
//! that closes after a number of writes. Output: the sent requests and the result of the step. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use kube::client::Body;
use lanyard_aws::{Aws, AwsSettings};
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::name::Region;
use lanyard_core::model::subject::Subject;
use lanyard_core::model::timings::Timings;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::error::EngineError;

const ROLE: &str = "eks.amazonaws.com/role-arn";
const AUDIENCE: &str = "eks.amazonaws.com/audience";

/// The requests that reached the API server, in order.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<Method>>>);

impl Sent {
    fn writes(&self) -> Vec<Method> {
        let sent = self.0.lock().unwrap();
        sent.iter()
            .filter(|method| **method != Method::GET)
            .cloned()
            .collect()
    }

    /// A client of an API server with one ServiceAccount, which `exists` or not. The server answers every write
    /// with an object that still has an annotation owned by another field manager too.
    fn client(&self, exists: bool) -> kube::Client {
        let sent = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let method = request.method().clone();
            sent.0.lock().unwrap().push(method.clone());
            let (status, body) = match method {
                Method::GET if !exists => (StatusCode::NOT_FOUND, not_found()),
                _ => (StatusCode::OK, account()),
            };
            let body = Body::from(serde_json::to_vec(&body).unwrap());
            async move { Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap()) }
        });
        kube::Client::new(service, "default")
    }
}

fn not_found() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404,
           "message": "serviceaccounts \"orders\" not found"})
}

fn account() -> Value {
    let managed = json!({"manager": "lanyard", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:labels": {"f:app.kubernetes.io/managed-by": {}}}}});
    json!({"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {
        "name": "orders", "namespace": "shop", "uid": "1", "resourceVersion": "1",
        "labels": {"app.kubernetes.io/managed-by": "lanyard"},
        "annotations": {AUDIENCE: "old"}, "managedFields": [managed]}})
}

/// An engine whose write gate closes after this number of writes.
async fn engine(kube: kube::Client, writes: usize) -> Engine {
    let cluster: Cluster = serde_json::from_value(json!({
        "identity": "arn:aws:eks:eu-west-1:111122223333:cluster/prod", "platform": "EKS", "name": "prod", "region": "eu-west-1",
        "partition": "aws", "account": "111122223333", "issuer": "https://oidc.eks.eu-west-1.amazonaws.com/id/A1",
    }))
    .unwrap();
    let settings = AwsSettings {
        region: Some(Region::parse("eu-west-1").unwrap()),
        ..AwsSettings::default()
    };
    let remaining = AtomicUsize::new(writes);
    let may_write = move || {
        let update = remaining.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1));
        update.is_ok()
    };
    let aws = Aws::connect(settings).await;
    Engine::new(aws, kube, cluster, false, Timings::default(), Arc::new(may_write))
}

fn subject(engine: &Engine) -> Subject {
    let identity = &engine.cluster().identity;
    serde_json::from_value(json!({"cluster": identity, "namespace": "shop", "name": "orders"})).unwrap()
}

/// The step with the most requests: create the ServiceAccount; or apply to an existing one, and remove an annotation that
/// another field manager owns too.
async fn annotate(engine: &Engine) -> Result<(), EngineError> {
    let set = BTreeMap::from([(
        ROLE.to_owned(),
        "arn:aws:iam::111122223333:role/orders".to_owned(),
    )]);
    let remove = BTreeSet::from([AUDIENCE.to_owned()]);
    engine.annotate(&subject(engine), &set, &remove, true).await
}

#[tokio::test]
async fn each_write_of_a_step_checks_the_gate() {
    for (exists, all) in [
        (false, vec![Method::POST]),
        (true, vec![Method::PATCH, Method::PATCH]),
    ] {
        for allowed in 0..=all.len() {
            let sent = Sent::default();
            let result = annotate(&engine(sent.client(exists), allowed).await).await;
            assert_eq!(sent.writes(), all[..allowed]);
            let blocked = matches!(result, Err(EngineError::GateClosed { .. }));
            assert_eq!(blocked, allowed < all.len(), "{allowed}: {result:?}");
        }
    }
}

#[tokio::test]
async fn closed_gate_prevents_deletion() {
    for (allowed, expected) in [(0, vec![]), (1, vec![Method::DELETE])] {
        let sent = Sent::default();
        let engine = engine(sent.client(true), allowed).await;
        let result = engine.delete_service_account(&subject(&engine)).await;
        assert_eq!(sent.writes(), expected);
        assert_eq!(result.is_ok(), allowed == 1, "{result:?}");
    }
}
