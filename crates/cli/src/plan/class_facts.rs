//! The classes and the labels of namespaces, as read and as the files define them. Input: a client and manifests. Output: the
//! class of an object. Reads from the API server once.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use lanyard_core::class::selector::Labels;
use lanyard_core::class::{Aws, ClassEntry, ClassRequest, Selection, select};
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::spec::Spec;
use lanyard_core::reconcile::class_decision::Record;
use lanyard_engine::kube_message;
use lanyard_engine::raw::{Decoded, RawClass};
use serde_json::Value;

use super::collect::Candidate;
use crate::manifest::{FileObject, Manifests};

/// The classes of the cluster and the labels of the namespaces.
pub(crate) struct ClassFacts {
    classes: Fact<Vec<ClassEntry>>,
    labels: BTreeMap<String, Fact<Labels>>,
    required: bool,
}

impl ClassFacts {
    /// Reads the classes, and the namespaces of the objects.
    pub async fn read(
        client: &kube::Client,
        manifests: &Manifests,
        candidates: &[Candidate],
        required: bool,
    ) -> Self {
        let classes = with_files(classes(client).await, &manifests.classes);
        let mut labels = BTreeMap::new();
        for namespace in candidates
            .iter()
            .filter_map(|candidate| candidate.object.namespace())
        {
            if labels.contains_key(&namespace) {
                continue;
            }
            let in_file = manifests
                .namespaces
                .iter()
                .find(|file| file.metadata("name") == Some(&namespace));
            let found = match in_file {
                Some(file) => Fact::Present(labels_of(file)),
                None => namespace_labels(client, &namespace).await,
            };
            labels.insert(namespace, found);
        }
        Self {
            classes,
            labels,
            required,
        }
    }

    /// The classes and namespaces of files alone. Without a class in them, the classes are not known.
    pub fn of_files(manifests: &Manifests, required: bool) -> Self {
        let not_read = ReadError::Failed("the cluster is not read".to_owned());
        let classes = match manifests.classes.is_empty() {
            true => Fact::Unreadable(not_read),
            false => with_files(Fact::Absent, &manifests.classes),
        };
        let namespaces = manifests.namespaces.iter();
        let labels = namespaces.filter_map(|file| {
            let name = file.metadata("name")?.to_owned();
            Some((name, Fact::Present(labels_of(file))))
        });
        Self {
            classes,
            labels: labels.collect(),
            required,
        }
    }

    /// The class of a spec.
    pub fn select<R>(&self, spec: &Spec, decoded: &Decoded, apply: impl FnOnce(&Selection<'_>) -> R) -> R {
        let not_read = Fact::Unreadable(ReadError::NotRead);
        let request = ClassRequest {
            class_name: spec.class_name.as_deref(),
            pinned: record(decoded).pinned(),
            labels: self
                .labels
                .get(decoded.target.subject.namespace.as_str())
                .unwrap_or(&not_read),
            required: self.required,
        };
        apply(&select(&request, &self.classes))
    }

    /// The access to the account of the roles of an object, as its class gives it.
    pub fn access(&self, decoded: &Decoded) -> Aws {
        let by_class = |spec: &Spec| self.select(spec, decoded, |selection| selection.aws().cloned());
        if let (Ok(spec), false) = (&decoded.spec, decoded.is_deleting) {
            return by_class(spec).unwrap_or_default();
        }
        let classes = self.classes.present().into_iter().flatten();
        let spec = decoded.spec.as_ref().ok();
        let requested = spec.and_then(|spec| spec.class_name.as_deref());
        let name = record(decoded).pinned().or(requested);
        let followed = |class: &&ClassEntry| Some(class.name.as_str()) == name;
        let class = classes.into_iter().find(followed);
        class.and_then(ClassEntry::aws).cloned().unwrap_or_default()
    }
}

/// The recorded state of an object.
pub(super) fn record(decoded: &Decoded) -> Record<'_> {
    Record {
        status: &decoded.status,
        inventory: decoded.target.control.inventory.as_ref(),
    }
}

async fn classes(client: &kube::Client) -> Fact<Vec<ClassEntry>> {
    let api: Api<RawClass> = Api::all(client.clone());
    match api.list(&ListParams::default()).await {
        Ok(list) => Fact::Present(list.items.iter().map(RawClass::listed).collect()),
        Err(error) => unread(&error, "list workloadidentityclasses"),
    }
}

async fn namespace_labels(client: &kube::Client, namespace: &str) -> Fact<Labels> {
    let api: Api<Namespace> = Api::all(client.clone());
    match api.get_metadata_opt(namespace).await {
        Ok(found) => found.map(|namespace| namespace.labels().clone()).into(),
        Err(error) => unread(&error, &format!("get namespace {namespace}")),
    }
}

/// A kind that is not installed is absent; a refusal is not.
fn unread<T>(error: &kube::Error, action: &str) -> Fact<T> {
    match error {
        kube::Error::Api(status) if status.code == 404 => Fact::Absent,
        kube::Error::Api(status) if matches!(status.code, 401 | 403) => {
            Fact::Unreadable(ReadError::Denied(format!("you may not {action}")))
        }
        _ => Fact::Unreadable(ReadError::Failed(kube_message(error))),
    }
}

/// The classes after the files were applied. Classes that could not be read stay so.
fn with_files(classes: Fact<Vec<ClassEntry>>, files: &[FileObject]) -> Fact<Vec<ClassEntry>> {
    if files.is_empty() {
        return classes;
    }
    let mut known = match classes {
        Fact::Present(known) => known,
        Fact::Absent => Vec::new(),
        Fact::Unreadable(error) => return Fact::Unreadable(error),
    };
    let parsed = files
        .iter()
        .filter_map(|file| serde_json::from_str::<RawClass>(&file.object.to_string()).ok());
    for class in parsed.map(|class| class.listed()) {
        known.retain(|other| other.name != class.name);
        known.push(class);
    }
    Fact::Present(known)
}

fn labels_of(file: &FileObject) -> Labels {
    let labels = file.object.pointer("/metadata/labels").and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    labels.into_iter().flatten().filter_map(text).collect()
}
