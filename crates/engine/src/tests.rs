//! Steps on the cluster's side, against an API server in memory that counts what reaches it.
//! A gate that closes after so many writes in; which requests were sent, and what became of the step, out.

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

use crate::Engine;
use crate::error::EngineError;

const ROLE: &str = "eks.amazonaws.com/role-arn";
const AUDIENCE: &str = "eks.amazonaws.com/audience";

/// What reached the API server, in order.
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

    /// A client of an API server whose one ServiceAccount is `there` or not, and which answers every write with one
    /// that still carries an annotation of ours beside somebody else's.
    fn client(&self, there: bool) -> kube::Client {
        let sent = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let method = request.method().clone();
            sent.0.lock().unwrap().push(method.clone());
            let (status, body) = match method {
                Method::GET if !there => (StatusCode::NOT_FOUND, not_found()),
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

/// A world in which so many writes may be sent, and then no more.
async fn world(kube: kube::Client, writes: usize) -> Engine {
    let cluster: Cluster = serde_json::from_value(json!({
        "identity": "arn:aws:eks:eu-west-1:111122223333:cluster/prod", "platform": "EKS", "name": "prod", "region": "eu-west-1",
        "partition": "aws", "account": "111122223333", "issuer": "https://oidc.eks.eu-west-1.amazonaws.com/id/A1",
    }))
    .unwrap();
    let settings = AwsSettings {
        region: Some(Region::parse("eu-west-1").unwrap()),
        ..AwsSettings::default()
    };
    let left = AtomicUsize::new(writes);
    let may_write = move || {
        let taken = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        taken.is_ok()
    };
    let aws = Aws::connect(settings).await;
    Engine::new(aws, kube, cluster, false, Timings::default(), Arc::new(may_write))
}

fn subject(world: &Engine) -> Subject {
    let identity = &world.cluster().identity;
    serde_json::from_value(json!({"cluster": identity, "namespace": "shop", "name": "orders"})).unwrap()
}

/// The step that takes the most requests: create, apply, and remove what somebody else's field manager holds too.
async fn annotated(world: &Engine) -> Result<(), EngineError> {
    let set = BTreeMap::from([(
        ROLE.to_owned(),
        "arn:aws:iam::111122223333:role/orders".to_owned(),
    )]);
    let remove = BTreeSet::from([AUDIENCE.to_owned()]);
    world.annotate(&subject(world), &set, &remove, true).await
}

#[tokio::test]
async fn every_write_of_a_step_asks_the_gate_for_itself() {
    let all = [Method::POST, Method::PATCH, Method::PATCH];
    for allowed in 0..=all.len() {
        let sent = Sent::default();
        let ended = annotated(&world(sent.client(false), allowed).await).await;
        assert_eq!(sent.writes(), all[..allowed]);
        let refused = matches!(ended, Err(EngineError::GateClosed { .. }));
        assert_eq!(refused, allowed < all.len(), "{allowed}: {ended:?}");
    }
}

#[tokio::test]
async fn nothing_is_deleted_once_nothing_may_be_written() {
    for (allowed, wanted) in [(0, vec![]), (1, vec![Method::DELETE])] {
        let sent = Sent::default();
        let world = world(sent.client(true), allowed).await;
        let ended = world.delete_service_account(&subject(&world)).await;
        assert_eq!(sent.writes(), wanted);
        assert_eq!(ended.is_ok(), allowed == 1, "{ended:?}");
    }
}
