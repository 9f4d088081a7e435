//! The workloads of the cluster, folded while they are read, and the objects that explain them. Input: a connection and the
//! settings. Output: usages and facts; a kind that may not be listed is named with its consequence. Reads from the API server.

use std::collections::BTreeMap;
use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::{Api, ListParams};
use kube::core::PartialObjectMeta;
use lanyard_core::audit::{AccountFacts, Fold, IdentityFacts, PodFacts, SubjectRef};
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::name::ClusterIdentity;
use lanyard_core::model::spec::Method;
use lanyard_engine::raw::{Decoded, RawIdentity};
use lanyard_engine::{ListedAccount, PAGE, kube_message};
use serde::de::DeserializeOwned;

use super::args::AuditArgs;
use super::loads::LoadedKeys;
use super::reduce::{of_pod, of_template};
use crate::connect::Connection;
use crate::envelope::Unread;

/// The annotation with the role of IRSA.
const ROLE: &str = "eks.amazonaws.com/role-arn";
/// The HTTP status of a kind that is not installed.
const NOT_FOUND: u16 = 404;

/// The reader of the cluster.
pub(super) struct Reader<'a> {
    connection: &'a Connection,
    args: &'a AuditArgs,
    /// Everything that could not be read.
    pub unread: Vec<Unread>,
    loaded: LoadedKeys,
    cron_jobs: BTreeMap<(String, String), String>,
    templates: Vec<PodFacts>,
}

impl<'a> Reader<'a> {
    /// A reader that has read nothing.
    pub fn new(connection: &'a Connection, args: &'a AuditArgs) -> Self {
        Self {
            connection,
            args,
            unread: Vec::new(),
            loaded: LoadedKeys::new(connection.client.clone(), args.read_secrets),
            cron_jobs: BTreeMap::new(),
            templates: Vec::new(),
        }
    }

    /// Folds all pods, and the templates of all workloads without pods.
    pub async fn fold(&mut self) -> Fold {
        self.jobs().await;
        let mut fold = Fold::default();
        self.pods(&mut fold).await;
        self.workloads().await;
        let mut templates = std::mem::take(&mut self.templates);
        self.loaded.resolve(&mut templates).await;
        templates.iter().for_each(|template| fold.template(template));
        self.unread.append(&mut self.loaded.unread());
        fold
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let client = self.connection.client.clone();
        match self.args.all_namespaces {
            true => Api::all(client),
            false => Api::namespaced(client, &self.connection.namespace),
        }
    }

    fn selected(&self) -> ListParams {
        let params = ListParams::default();
        match &self.args.selector {
            Some(selector) => params.labels(selector),
            None => params,
        }
    }

    fn lost(&mut self, kind: &str, error: &kube::Error, consequence: &str) {
        let place = match self.args.all_namespaces {
            true => "all namespaces".to_owned(),
            false => self.connection.namespace.clone(),
        };
        self.unread.push(Unread {
            resource: format!("{kind} in {place}"),
            cause: kube_message(error),
            consequence: consequence.to_owned(),
        });
    }

    async fn pods(&mut self, fold: &mut Fold) {
        let api: Api<Pod> = self.api();
        let mut params = self.selected().limit(PAGE);
        loop {
            let page = match api.list(&params).await {
                Ok(page) => page,
                Err(error) => {
                    return self.lost(
                        "pods",
                        &error,
                        "only pod templates are judged: running pods can differ",
                    );
                }
            };
            let cron_jobs = &self.cron_jobs;
            let parent =
                |namespace: &str, job: &str| cron_jobs.get(&(namespace.to_owned(), job.to_owned())).cloned();
            let mut pods: Vec<PodFacts> = page.items.iter().filter_map(|pod| of_pod(pod, parent)).collect();
            self.loaded.resolve(&mut pods).await;
            pods.iter().for_each(|pod| fold.pod(pod));
            match next(page.metadata.continue_) {
                Some(token) => params = params.continue_token(&token),
                None => return,
            }
        }
    }

    /// The CronJobs of Jobs, and the templates of Jobs that have not ended and belong to none.
    async fn jobs(&mut self) {
        let mut cron_jobs = BTreeMap::new();
        let mut templates = Vec::new();
        // The labels of a Job of a CronJob are those of its template, so all of them are read.
        let is_selected = self.args.selector.is_none();
        let listed = pages(self.api::<Job>(), ListParams::default(), |job| {
            let mut owners = job.metadata.owner_references.iter().flatten();
            let owner = owners.find(|owner| owner.controller == Some(true));
            if let Some(owner) = owner.filter(|owner| owner.kind == "CronJob") {
                let name = (job.metadata.namespace.clone(), job.metadata.name.clone());
                if let (Some(namespace), Some(name)) = name {
                    cron_jobs.insert((namespace, name), owner.name.clone());
                }
            } else if owner.is_none() && is_selected && is_open(&job) {
                let template = job.spec.map(|spec| spec.template);
                templates.extend(template.and_then(|template| of_template("Job", &job.metadata, template)));
            }
        });
        if let Err(error) = listed.await {
            self.lost(
                "jobs",
                &error,
                "pods of CronJobs are shown by their Jobs, and waiting Jobs are not seen",
            );
        }
        self.cron_jobs = cron_jobs;
        self.templates.append(&mut templates);
    }

    async fn workloads(&mut self) {
        self.templates_of("deployments", "Deployment", |object: Deployment| {
            (object.metadata, object.spec.map(|spec| spec.template))
        })
        .await;
        self.templates_of("statefulsets", "StatefulSet", |object: StatefulSet| {
            (object.metadata, object.spec.map(|spec| spec.template))
        })
        .await;
        self.templates_of("daemonsets", "DaemonSet", |object: DaemonSet| {
            (object.metadata, object.spec.map(|spec| spec.template))
        })
        .await;
        self.templates_of("cronjobs", "CronJob", |object: CronJob| {
            let template = object.spec.and_then(|spec| spec.job_template.spec);
            (object.metadata, template.map(|job| job.template))
        })
        .await;
    }

    async fn templates_of<K>(
        &mut self,
        plural: &str,
        kind: &str,
        split: impl Fn(K) -> (ObjectMeta, Option<PodTemplateSpec>),
    ) where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let mut templates = Vec::new();
        let listed = pages(self.api::<K>(), self.selected(), |object| {
            let (metadata, template) = split(object);
            templates.extend(template.and_then(|template| of_template(kind, &metadata, template)));
        });
        if let Err(error) = listed.await {
            self.lost(plural, &error, "those without pods are not seen");
        }
        self.templates.append(&mut templates);
    }

    /// The ServiceAccounts with a role annotation.
    pub async fn accounts(&mut self) -> Fact<BTreeMap<SubjectRef, AccountFacts>> {
        let mut accounts = BTreeMap::new();
        let api: Api<PartialObjectMeta<ServiceAccount>> = self.api();
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let page = match api.list_metadata(&params).await {
                Ok(page) => page,
                Err(error) => {
                    let consequence =
                        "annotations are not known: forms of templates and their managers can be missing";
                    self.lost("serviceaccounts", &error, consequence);
                    return unreadable(&error);
                }
            };
            let listed = page.items.into_iter();
            accounts.extend(listed.filter_map(|account| account_facts(account.metadata)));
            match next(page.metadata.continue_) {
                Some(token) => params = params.continue_token(&token),
                None => return Fact::Present(accounts),
            }
        }
    }

    /// The WorkloadIdentities. A cluster without Lanyard has none.
    pub async fn identities(
        &mut self,
        cluster: Option<&Cluster>,
    ) -> Fact<BTreeMap<SubjectRef, IdentityFacts>> {
        let unknown = ClusterIdentity::parse("unknown").ok();
        let Some(identity) = cluster.map(|cluster| cluster.identity.clone()).or(unknown) else {
            return Fact::Unreadable(ReadError::NotRead);
        };
        let default = cluster.map_or(Method::PodIdentity, Cluster::default_method);
        let mut identities = BTreeMap::new();
        let listed = pages(self.api::<RawIdentity>(), ListParams::default(), |object| {
            let decoded = object.decode(&identity);
            identities.extend(decoded.map(|decoded| identity_facts(&decoded, default)));
        });
        match listed.await {
            Ok(()) => Fact::Present(identities),
            Err(kube::Error::Api(status)) if status.code == NOT_FOUND => Fact::Present(identities),
            Err(error) => {
                self.lost(
                    "workloadidentities",
                    &error,
                    "it is not known which credentials Lanyard manages",
                );
                unreadable(&error)
            }
        }
    }
}

fn unreadable<T>(error: &kube::Error) -> Fact<T> {
    Fact::Unreadable(ReadError::Failed(kube_message(error)))
}

fn next(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}

/// Calls `each` with each object, page by page.
async fn pages<K>(api: Api<K>, params: ListParams, mut each: impl FnMut(K)) -> Result<(), kube::Error>
where
    K: Clone + DeserializeOwned + Debug,
{
    let mut params = params.limit(PAGE);
    loop {
        let page = api.list(&params).await?;
        page.items.into_iter().for_each(&mut each);
        match next(page.metadata.continue_) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(()),
        }
    }
}

/// True for a Job that has not ended.
fn is_open(job: &Job) -> bool {
    let status = job.status.as_ref();
    let mut conditions = status
        .into_iter()
        .flat_map(|status| status.conditions.iter().flatten());
    !conditions.any(|condition| {
        matches!(condition.type_.as_str(), "Complete" | "Failed") && condition.status == "True"
    })
}

fn account_facts(metadata: ObjectMeta) -> Option<(SubjectRef, AccountFacts)> {
    let mut account = ListedAccount::of(metadata)?;
    let annotation = account.facts.annotations.remove(ROLE)?;
    let facts = AccountFacts {
        role: Some(annotation.value),
        manager: annotation.manager,
    };
    Some(((account.namespace, account.name), facts))
}

fn identity_facts(decoded: &Decoded, default: Method) -> (SubjectRef, IdentityFacts) {
    let subject = &decoded.target.subject;
    let spec = decoded.spec.as_ref().ok();
    let facts = IdentityFacts {
        method: spec.and_then(|spec| spec.method).unwrap_or(default),
        role: decoded.status.role.as_ref().map(|role| role.arn.clone()),
        class: decoded.status.class_name.clone(),
    };
    ((subject.namespace.to_string(), subject.name.to_string()), facts)
}
