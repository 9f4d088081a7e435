//! The facts that only the diagnosis reads. Input: a connection and an object. Output: facts; what a right does not allow is
//! unreadable, and the rules that need it have no result. Reads from the API server.

use std::collections::BTreeMap;

use futures::future::{join, join4};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use lanyard_core::diagnose::{Leadership, ObjectState, PodDetail, Surroundings, TokenReader};
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::subject::Subject;
use lanyard_engine::kube_message;
use lanyard_engine::raw::Decoded;

use super::network::egress_policies;
use crate::connect::Connection;
use crate::discovery::Site;

/// The name of the operator's lease (`--lease-name` of the operator).
const LEASE: &str = "lanyard";

/// The group of the External Secrets operator, and its versions, newest first.
const SECRET_STORES: &str = "external-secrets.io";
const VERSIONS: [&str; 2] = ["v1", "v1beta1"];

/// Reads the facts around an object.
pub(super) async fn surroundings(
    connection: &Connection,
    site: &Site,
    decoded: &Decoded,
    error: Option<&str>,
) -> Surroundings {
    let subject = &decoded.target.subject;
    let pods = async {
        match site {
            Site::Full(engine, _) => engine.pods_in_detail(subject).await,
            Site::WithoutAws(..) => Fact::Unreadable(ReadError::NotRead),
        }
    };
    let ((pods, operator), policies, token_readers, clocks) = join4(
        join(pods, lease(connection)),
        network_policies(connection, subject),
        token_readers(connection, subject),
        clocks(connection),
    )
    .await;
    Surroundings {
        now: Timestamp::now(),
        network_policies: selected(policies, &pods),
        pods: pods.map(|pods| pods.into_iter().collect()),
        object: Fact::Present(object(decoded)),
        operator,
        issuer: issuer(site),
        clocks,
        token_readers,
        error: error.map(str::to_owned),
        ..Surroundings::default()
    }
}

fn object(decoded: &Decoded) -> ObjectState {
    let status = &decoded.status;
    ObjectState {
        generation: decoded.generation,
        observed_generation: status.observed_generation,
        conditions: status.conditions.clone(),
        role_id: status.role.as_ref().and_then(|role| role.id.clone()),
        approval_token: status
            .transition
            .as_ref()
            .and_then(|transition| transition.approval_token.clone()),
        suspended: decoded.is_suspended(),
    }
}

/// The issuer of the API server was compared when the cluster was identified. One that differs ends the command.
fn issuer(site: &Site) -> Fact<String> {
    match site {
        Site::Full(_, Some(unread)) => Fact::Unreadable(ReadError::Failed(unread.cause.clone())),
        Site::Full(engine, None) => Fact::Present(engine.cluster().issuer.to_string()),
        Site::WithoutAws(..) => Fact::Unreadable(ReadError::NotRead),
    }
}

async fn lease(connection: &Connection) -> Fact<Leadership> {
    let api: Api<Lease> = Api::all(connection.client.clone());
    let params = ListParams::default().fields(&format!("metadata.name={LEASE}"));
    match api.list(&params).await {
        Ok(list) => list.items.iter().find_map(leadership).into(),
        Err(error) => unreadable("list leases", &error),
    }
}

fn leadership(lease: &Lease) -> Option<Leadership> {
    let spec = lease.spec.as_ref()?;
    Some(Leadership {
        namespace: lease.namespace()?,
        holder: spec.holder_identity.clone()?,
        renewed: spec.renew_time.as_ref()?.0,
        duration: i64::from(spec.lease_duration_seconds.unwrap_or_default()),
    })
}

/// The policies of the namespace, and the labels of the pods of the subject, which the policies select.
type Policies = (Vec<NetworkPolicy>, Vec<(String, BTreeMap<String, String>)>);

async fn network_policies(connection: &Connection, subject: &Subject) -> Fact<Policies> {
    let namespace = subject.namespace.as_str();
    let policies: Api<NetworkPolicy> = Api::namespaced(connection.client.clone(), namespace);
    let policies = match policies.list(&ListParams::default()).await {
        Ok(list) => list.items,
        Err(error) => return unreadable(&format!("list networkpolicies in {namespace}"), &error),
    };
    if policies.is_empty() {
        return Fact::Absent;
    }
    let pods: Api<Pod> = Api::namespaced(connection.client.clone(), namespace);
    let fields = format!("spec.serviceAccountName={}", subject.name);
    match pods.list_metadata(&ListParams::default().fields(&fields)).await {
        Ok(list) => {
            let labels = list
                .items
                .iter()
                .map(|pod| (pod.name_any(), pod.labels().clone()));
            Fact::Present((policies, labels.collect()))
        }
        Err(error) => unreadable(&format!("list pods in {namespace}"), &error),
    }
}

/// The policies that restrict pods which are not terminal.
fn selected(
    policies: Fact<Policies>,
    pods: &Fact<Vec<PodDetail>>,
) -> Fact<Vec<lanyard_core::diagnose::EgressPolicy>> {
    let is_live = |name: &str| {
        pods.present()
            .is_none_or(|pods| pods.iter().any(|pod| pod.name == name))
    };
    policies.map(|(policies, mut labels)| {
        labels.retain(|(name, _)| is_live(name));
        egress_policies(&policies, &labels)
    })
}

/// The SecretStores that create tokens of the ServiceAccount. Absent if the kinds are not installed.
async fn token_readers(connection: &Connection, subject: &Subject) -> Fact<Vec<TokenReader>> {
    for version in VERSIONS {
        let own = secret_stores(connection, Some(subject.namespace.as_str()), version, subject).await;
        let (mut readers, all) = match own {
            Fact::Absent => continue,
            Fact::Unreadable(error) => return Fact::Unreadable(error),
            Fact::Present(readers) => (readers, secret_stores(connection, None, version, subject).await),
        };
        return match all {
            Fact::Present(more) => {
                readers.extend(more);
                Fact::Present(readers)
            }
            Fact::Absent => Fact::Present(readers),
            Fact::Unreadable(error) => Fact::Unreadable(error),
        };
    }
    Fact::Absent
}

async fn secret_stores(
    connection: &Connection,
    namespace: Option<&str>,
    version: &str,
    subject: &Subject,
) -> Fact<Vec<TokenReader>> {
    let (kind, plural) = match namespace {
        Some(_) => ("SecretStore", "secretstores"),
        None => ("ClusterSecretStore", "clustersecretstores"),
    };
    let resource = ApiResource {
        group: SECRET_STORES.to_owned(),
        version: version.to_owned(),
        api_version: format!("{SECRET_STORES}/{version}"),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    let client = connection.client.clone();
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    match api.list(&ListParams::default()).await {
        Ok(list) => {
            let uses = list.items.iter().filter(|store| uses(store, subject));
            let reader = |store: &DynamicObject| TokenReader {
                kind: kind.to_owned(),
                name: store.name_any(),
            };
            Fact::Present(uses.map(reader).collect())
        }
        Err(kube::Error::Api(status)) if status.code == 404 => Fact::Absent,
        Err(error) => unreadable(&format!("list {plural}"), &error),
    }
}

/// Returns true if a store creates tokens of the ServiceAccount.
fn uses(store: &DynamicObject, subject: &Subject) -> bool {
    let Some(reference) = store
        .data
        .pointer("/spec/provider/aws/auth/jwt/serviceAccountRef")
    else {
        return false;
    };
    let text = |key: &str| reference.get(key).and_then(serde_json::Value::as_str);
    let in_namespace = match text("namespace").map(str::to_owned).or_else(|| store.namespace()) {
        Some(namespace) => namespace == subject.namespace.to_string(),
        None => false,
    };
    in_namespace && text("name") == Some(subject.name.as_str())
}

/// The clock of the API server, by the `Date` header of its answer.
async fn clocks(connection: &Connection) -> Fact<BTreeMap<String, i64>> {
    match date(connection).await {
        Ok(Some(date)) => {
            let difference = date.duration_since(Timestamp::now()).as_secs();
            Fact::Present(BTreeMap::from([("the API server".to_owned(), difference)]))
        }
        Ok(None) => Fact::Absent,
        Err(error) => unreadable("get /version", &error),
    }
}

async fn date(connection: &Connection) -> Result<Option<Timestamp>, kube::Error> {
    let request = http::Request::get("/version").body(kube::client::Body::empty());
    let request = request.map_err(kube::Error::HttpError)?;
    let response = connection.client.send(request).await?;
    let header = response.headers().get("date").and_then(|date| date.to_str().ok());
    let parsed = header.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    Ok(parsed.map(|date| date.timestamp()))
}

/// A fact that could not be read, with the right that the caller lacks.
fn unreadable<T>(action: &str, error: &kube::Error) -> Fact<T> {
    Fact::Unreadable(match error {
        kube::Error::Api(status) if status.code == 403 => ReadError::Denied(format!("you may not {action}")),
        _ => ReadError::Failed(format!("{action}: {}", kube_message(error))),
    })
}
