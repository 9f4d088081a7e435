//! The facts of `import`: ServiceAccounts, associations, roles, WorkloadIdentities, and objects of ACK and Crossplane. Input:
//! the scope. Output: material, in which what could not be read stays unread. Reads from AWS and the API server.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::core::{NamespaceResourceScope, ObjectMeta, PartialObjectMeta};
use kube::{Client, ResourceExt};
use lanyard_aws::Page;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{Association, RoleFacts};
use lanyard_core::origin::account::Account;
use lanyard_core::origin::object::{KINDS, Kind, Maker};
use lanyard_engine::raw::RawIdentity;
use lanyard_engine::{Engine, ListedAssociation, OPERATOR_RBAC, PAGE, kube_message, service_account_facts};

use super::progress::Progress;
use crate::envelope::Unread;

/// Namespace and name of a ServiceAccount.
pub(super) type Key = (String, String);

/// Associations that are described at the same time. The budget limits their rate.
const CONCURRENT: usize = 16;

/// The ServiceAccounts to import.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The namespace. `None` for all.
    pub namespace: Option<String>,
    /// The names. Empty for all.
    pub names: BTreeSet<String>,
    /// The label selector of the ServiceAccounts.
    pub selector: Option<String>,
}

impl Wanted {
    fn has(&self, namespace: &str, name: &str) -> bool {
        self.namespace.as_deref().is_none_or(|wanted| wanted == namespace)
            && (self.names.is_empty() || self.names.contains(name))
    }
}

/// An association as found.
#[derive(Debug, Clone)]
pub(super) enum FoundAssociation {
    /// An EKS add-on with this ARN owns it.
    OfAddOn(String),
    /// Any other one.
    Other(Box<Fact<Association>>),
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Material {
    /// The ServiceAccounts.
    pub accounts: BTreeMap<Key, Account>,
    /// The error, if the ServiceAccounts could not be read.
    pub no_accounts: Option<ReadError>,
    /// The associations.
    pub associations: BTreeMap<Key, FoundAssociation>,
    /// The error, if the associations could not be read.
    pub no_associations: Option<ReadError>,
    /// The roles of the account of the cluster. `None` if they could not be read in one go.
    pub roles: Option<BTreeMap<RoleArn, RoleFacts>>,
    /// The WorkloadIdentities.
    pub identities: BTreeSet<Key>,
    /// The objects that make roles and associations.
    pub makers: Vec<Maker>,
    /// Everything that could not be read.
    pub unread: Vec<Unread>,
}

impl Material {
    /// Reads everything but the roles.
    pub async fn read(
        client: &Client,
        engine: Option<&Engine>,
        wanted: &Wanted,
        progress: &Progress,
    ) -> Self {
        let mut material = Self::default();
        material.read_accounts(client, wanted, progress).await;
        if let Some(engine) = engine {
            material.read_associations(engine, wanted, progress).await;
        }
        material.read_identities(client, wanted).await;
        material.read_makers(client).await;
        material
    }

    fn missing(&mut self, resource: &str, error: &ReadError, consequence: &str) {
        let cause = error.to_string().replace(OPERATOR_RBAC, "your RBAC");
        self.unread.push(Unread {
            resource: resource.to_owned(),
            cause: cause.replace("the credentials of the operator", "your credentials"),
            consequence: consequence.to_owned(),
        });
    }

    async fn read_accounts(&mut self, client: &Client, wanted: &Wanted, progress: &Progress) {
        let api: Api<PartialObjectMeta<ServiceAccount>> = namespaced(client, wanted);
        let mut params = ListParams::default().limit(PAGE);
        params.label_selector.clone_from(&wanted.selector);
        loop {
            match api.list_metadata(&params).await {
                Ok(page) => {
                    let accounts = page
                        .items
                        .into_iter()
                        .filter_map(|account| listed(account.metadata));
                    let accounts = accounts.filter(|((namespace, name), _)| wanted.has(namespace, name));
                    self.accounts.extend(accounts);
                    progress.say(&format!("ServiceAccounts: {}", self.accounts.len()));
                    match page.metadata.continue_.filter(|token| !token.is_empty()) {
                        Some(token) => params = params.continue_token(&token),
                        None => return,
                    }
                }
                Err(error) => {
                    let error = read_error(&error, "list serviceaccounts");
                    self.missing("ServiceAccounts", &error, "roles by annotation are not found");
                    self.accounts.clear();
                    self.no_accounts = Some(error);
                    return;
                }
            }
        }
    }

    async fn read_associations(&mut self, engine: &Engine, wanted: &Wanted, progress: &Progress) {
        let mut after = None;
        let mut listed: Vec<ListedAssociation> = Vec::new();
        loop {
            match engine.associations_in_cluster(after).await {
                Ok(Page { items, next }) => {
                    listed.extend(items);
                    match next {
                        Some(token) => after = Some(token),
                        None => break,
                    }
                }
                Err(error) => {
                    self.missing(
                        "associations",
                        &error,
                        "nothing is planned: any ServiceAccount can have one",
                    );
                    self.no_associations = Some(error);
                    return;
                }
            }
        }
        listed.retain(|association| {
            let (namespace, name) = (&association.namespace, &association.service_account);
            let selected =
                wanted.selector.is_none() || self.accounts.contains_key(&(namespace.clone(), name.clone()));
            selected && wanted.has(namespace, name)
        });
        self.describe(engine, listed, progress).await;
    }

    /// Each association takes one call, since the list has neither role nor settings. Those of add-ons need none.
    async fn describe(&mut self, engine: &Engine, listed: Vec<ListedAssociation>, progress: &Progress) {
        let total = listed.len();
        let describe = |association: ListedAssociation| async move {
            let found = match association.owner_arn {
                Some(owner) => FoundAssociation::OfAddOn(owner),
                None => FoundAssociation::Other(Box::new(engine.association_by_id(&association.id).await)),
            };
            ((association.namespace, association.service_account), found)
        };
        let mut described =
            futures::stream::iter(listed.into_iter().map(describe)).buffer_unordered(CONCURRENT);
        while let Some((key, found)) = described.next().await {
            self.associations.insert(key, found);
            progress.count("associations", self.associations.len(), total);
        }
    }

    /// Reads the roles of the account of the cluster. Without the right to it, each role is read alone.
    pub async fn read_roles(&mut self, engine: &Engine, wanted: &BTreeSet<RoleArn>, progress: &Progress) {
        let account = engine.cluster().account.clone();
        let Some(access) = engine.access_to(&Default::default(), &account) else {
            return;
        };
        let mut roles = BTreeMap::new();
        let (mut after, mut seen) = (None, 0);
        loop {
            let Ok(page) = engine.roles_in_account(&access, after).await else {
                return;
            };
            seen += page.items.len();
            progress.say(&format!("roles of the account: {seen}"));
            let known = page
                .items
                .iter()
                .filter_map(|role| Some((role.arn.clone()?, role)));
            roles.extend(
                known
                    .filter(|(arn, _)| wanted.contains(arn))
                    .map(|(arn, role)| (arn, role.facts())),
            );
            match page.next {
                Some(token) => after = Some(token),
                None => break,
            }
        }
        self.roles = Some(roles);
    }

    async fn read_identities(&mut self, client: &Client, wanted: &Wanted) {
        let api: Api<RawIdentity> = namespaced(client, wanted);
        match api.list_metadata(&ListParams::default()).await {
            Ok(list) => {
                let names = list
                    .items
                    .iter()
                    .map(|object| (object.namespace().unwrap_or_default(), object.name_any()));
                self.identities = names.collect();
            }
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => {
                let error = read_error(&error, "list workloadidentities");
                self.missing(
                    "WorkloadIdentities",
                    &error,
                    "it is not known which ServiceAccounts have one",
                );
            }
        }
    }

    /// Reads the kinds that the API server has. Only its groups say if a tool is installed.
    async fn read_makers(&mut self, client: &Client) {
        let groups = match client.list_api_groups().await {
            Ok(groups) => groups.groups,
            Err(error) => {
                let error = read_error(&error, "list the API groups");
                self.missing("objects of ACK and Crossplane", &error, "only tags name them");
                return;
            }
        };
        for kind in KINDS {
            let group = groups.iter().find(|group| group.name == kind.group);
            let version = group.and_then(|group| group.preferred_version.as_ref().or(group.versions.first()));
            if let Some(version) = version {
                self.read_kind(client, kind, &version.version).await;
            }
        }
    }

    async fn read_kind(&mut self, client: &Client, kind: Kind, version: &str) {
        let resource = ApiResource {
            group: kind.group.to_owned(),
            version: version.to_owned(),
            api_version: format!("{}/{version}", kind.group),
            kind: kind.kind.to_owned(),
            plural: kind.plural.to_owned(),
        };
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        match api.list(&ListParams::default()).await {
            Ok(list) => {
                let objects = list
                    .items
                    .iter()
                    .filter_map(|object| serde_json::to_value(object).ok());
                let makers: Vec<Maker> = objects.filter_map(|object| Maker::of(kind, &object)).collect();
                self.makers.extend(makers);
            }
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => {
                let named = format!("{}.{}", kind.plural, kind.group);
                let error = read_error(&error, &format!("list {named}"));
                self.missing(
                    &named,
                    &error,
                    "only tags name the objects that made a role or association",
                );
            }
        }
    }
}

fn namespaced<K>(client: &Client, wanted: &Wanted) -> Api<K>
where
    K: kube::Resource<Scope = NamespaceResourceScope>,
    K::DynamicType: Default,
{
    match &wanted.namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

fn listed(metadata: ObjectMeta) -> Option<(Key, Account)> {
    let key = (metadata.namespace.clone()?, metadata.name.clone()?);
    let account = Account {
        facts: service_account_facts(&metadata),
        labels: metadata.labels.unwrap_or_default(),
        annotations: metadata.annotations.unwrap_or_default(),
    };
    Some((key, account))
}

fn read_error(error: &kube::Error, action: &str) -> ReadError {
    match error {
        kube::Error::Api(status) if matches!(status.code, 401 | 403) => {
            ReadError::Denied(format!("you may not {action}"))
        }
        _ => ReadError::Failed(kube_message(error)),
    }
}
