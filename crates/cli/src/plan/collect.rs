//! The objects to plan: those of the cluster, or those of files with the status of their live counterparts. Input: names or
//! manifests. Output: candidates. Reads from the API server.

use kube::ResourceExt;
use kube::api::{Api, ListParams};
use lanyard_api::{ANNOTATION_ADOPT, WorkloadIdentity};
use lanyard_engine::kube_message;
use lanyard_engine::raw::RawIdentity;
use serde_json::{Map, Value, json};

use super::args::PlanArgs;
use crate::connect::{Connection, namespace_exists};
use crate::envelope::Unread;
use crate::error::{CliError, nearest};
use crate::manifest::{FileObject, Manifests};
use crate::named::identity_name;

/// Objects per page of a list.
const PAGE: u32 = 500;

/// The uid of an object that does not exist yet.
const NO_UID: &str = "00000000-0000-0000-0000-000000000000";

/// An object to plan.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// The object.
    pub object: RawIdentity,
    /// The file of its spec.
    pub file: Option<String>,
    /// The annotations of its ServiceAccount in the files, if the files have it.
    pub account: Option<Vec<(String, String)>>,
    /// Set if the live object could not be read, so that nothing can be planned.
    pub unread: Option<Unread>,
}

impl Candidate {
    fn live(object: RawIdentity) -> Self {
        Self {
            object,
            file: None,
            account: None,
            unread: None,
        }
    }
}

/// The objects of the cluster. Requested names have to exist.
pub(crate) async fn live(connection: &Connection, args: &PlanArgs) -> Result<Vec<Candidate>, CliError> {
    let namespace = &connection.namespace;
    let api: Api<RawIdentity> = match args.all_namespaces {
        true => Api::all(connection.client.clone()),
        false => Api::namespaced(connection.client.clone(), namespace),
    };
    if args.names.is_empty() {
        let objects = list(&api, args.selector.as_deref()).await?;
        if objects.is_empty() && !args.all_namespaces {
            namespace_exists(connection).await?;
        }
        return Ok(objects.into_iter().map(Candidate::live).collect());
    }
    let mut candidates = Vec::new();
    for name in &args.names {
        let requested = name;
        let name = &identity_name(connection, requested).await?;
        match api.get_opt(name).await {
            Ok(Some(object)) => candidates.push(Candidate::live(object)),
            Ok(None) => return Err(unknown(connection, &api, name, requested).await),
            Err(error) => {
                return Err(failed(
                    &format!("get workloadidentity {namespace}/{name}"),
                    &error,
                ));
            }
        }
    }
    Ok(candidates)
}

async fn list(api: &Api<RawIdentity>, selector: Option<&str>) -> Result<Vec<RawIdentity>, CliError> {
    let mut params = ListParams::default().limit(PAGE);
    params.label_selector = selector.map(str::to_owned);
    let mut objects = Vec::new();
    loop {
        let page = api
            .list(&params)
            .await
            .map_err(|error| failed("list workloadidentities", &error))?;
        objects.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(objects),
        }
    }
}

/// The error for a WorkloadIdentity that does not exist. A pod or workload as requested has this ServiceAccount.
async fn unknown(connection: &Connection, api: &Api<RawIdentity>, name: &str, requested: &str) -> CliError {
    if let Err(error) = namespace_exists(connection).await {
        return error;
    }
    // The names only help: a failed list leaves them out.
    let known = list(api, None).await.unwrap_or_default();
    let names: Vec<String> = known.iter().map(ResourceExt::name_any).collect();
    let origin = match requested.rsplit_once('/').map_or(requested, |(_, bare)| bare) == name {
        true => String::new(),
        false => format!("; it is the ServiceAccount of {requested}"),
    };
    CliError::NoObject {
        kind: "workloadidentity".to_owned(),
        namespace: connection.namespace.clone(),
        name: name.to_owned(),
        hint: origin + &nearest(name, names.iter().map(String::as_str)),
    }
}

fn failed(action: &str, error: &kube::Error) -> CliError {
    CliError::Api {
        action: action.to_owned(),
        message: kube_message(error),
    }
}

/// The objects of files. A live object lends its status, inventory, finalizers and approval.
pub(crate) async fn from_files(
    connection: &Connection,
    manifests: &Manifests,
) -> Result<Vec<Candidate>, CliError> {
    let mut candidates = Vec::new();
    for file in &manifests.identities {
        let name = file.metadata("name").unwrap_or_default();
        let namespace = file.metadata("namespace").unwrap_or(&connection.namespace);
        let api: Api<WorkloadIdentity> = Api::namespaced(connection.client.clone(), namespace);
        let (live, unread) = match api.get_opt(name).await {
            Ok(live) => (live.and_then(|live| serde_json::to_value(live).ok()), None),
            Err(error) => (None, Some(not_read(namespace, name, &error))),
        };
        let candidate = of_file(file, manifests, &connection.namespace, live.as_ref(), unread)?;
        candidates.push(candidate);
    }
    Ok(candidates)
}

/// The object of one file with its ServiceAccount in the files. `namespace` is that of objects that name none.
pub(crate) fn of_file(
    file: &FileObject,
    manifests: &Manifests,
    namespace: &str,
    live: Option<&Value>,
    unread: Option<Unread>,
) -> Result<Candidate, CliError> {
    let namespace_of = |object: &FileObject| object.metadata("namespace").unwrap_or(namespace).to_owned();
    let (own, name) = (namespace_of(file), file.metadata("name"));
    let accounts = &mut manifests.service_accounts.iter();
    let account = accounts.find(|account| namespace_of(account) == own && account.metadata("name") == name);
    Ok(Candidate {
        object: merged(file, &own, live)?,
        file: Some(file.path.clone()),
        account: account.map(annotations),
        unread,
    })
}

fn not_read(namespace: &str, name: &str, error: &kube::Error) -> Unread {
    Unread {
        resource: format!("workloadidentity {namespace}/{name}"),
        cause: kube_message(error),
        consequence: "nothing is planned for it: its status and its inventory are not known".to_owned(),
    }
}

fn annotations(account: &FileObject) -> Vec<(String, String)> {
    let all = account
        .object
        .pointer("/metadata/annotations")
        .and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    all.into_iter().flatten().filter_map(text).collect()
}

/// The object as the API server would store it after the file was applied.
fn merged(file: &FileObject, namespace: &str, live: Option<&Value>) -> Result<RawIdentity, CliError> {
    let fields = |object: &Value, path: &str| object.pointer(path).and_then(Value::as_object).cloned();
    let new = || {
        Map::from_iter([
            ("uid".to_owned(), json!(NO_UID)),
            ("generation".to_owned(), json!(1)),
        ])
    };
    let mut metadata = live
        .and_then(|live| fields(live, "/metadata"))
        .unwrap_or_else(new);
    let stored = live
        .and_then(|live| fields(live, "/metadata/annotations"))
        .unwrap_or_default();
    let requested = fields(&file.object, "/metadata/annotations").unwrap_or_default();
    // The operator wrote these: a file that has them is a copy of an older object.
    let kept = [lanyard_api::ANNOTATION_INVENTORY, lanyard_api::ANNOTATION_APPROVE];
    let mut annotations = stored.clone();
    annotations.remove(ANNOTATION_ADOPT);
    annotations.extend(requested);
    annotations.extend(stored.into_iter().filter(|(key, _)| kept.contains(&key.as_str())));
    metadata.insert("name".to_owned(), json!(file.metadata("name")));
    metadata.insert("namespace".to_owned(), json!(namespace));
    metadata.insert("annotations".to_owned(), Value::Object(annotations));
    let (spec, status) = (file.object.get("spec"), live.and_then(|live| live.get("status")));
    let object = json!({"metadata": metadata, "spec": spec, "status": status});
    // Raw values are parsed from text only.
    serde_json::from_str(&object.to_string())
        .map_err(|error| CliError::Manifest(format!("{}: {error}", file.path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(annotations: &Value) -> FileObject {
        let metadata = json!({"name": "orders", "annotations": annotations});
        let object = json!({"metadata": metadata, "spec": {"role": {"managed": {}}}});
        FileObject {
            path: "app.yaml".to_owned(),
            object,
        }
    }

    #[test]
    fn file_takes_status_and_inventory_of_live_object() {
        let live = json!({
            "metadata": {"name": "orders", "namespace": "shop", "uid": "1", "generation": 3, "finalizers": [lanyard_api::FINALIZER],
                "annotations": {lanyard_api::ANNOTATION_INVENTORY: "{}", ANNOTATION_ADOPT: "arn:old"}},
            "spec": {}, "status": {"observedGeneration": 3},
        });
        let object = merged(&file(&json!({"team": "a"})), "shop", Some(&live)).unwrap();
        assert!(object.is_held());
        let annotations = object.annotations();
        assert!(
            annotations.contains_key(lanyard_api::ANNOTATION_INVENTORY) && annotations.contains_key("team")
        );
        assert!(
            !annotations.contains_key(ANNOTATION_ADOPT),
            "the file no longer asks for it"
        );
        assert!(object.spec().unwrap().get().contains("managed"));
    }

    #[test]
    fn new_object_of_a_file_has_no_status() {
        let object = merged(&file(&json!({ANNOTATION_ADOPT: "arn:new"})), "shop", None).unwrap();
        assert!(!object.is_held());
        assert_eq!(object.annotations().get(ANNOTATION_ADOPT).unwrap(), "arn:new");
    }
}
