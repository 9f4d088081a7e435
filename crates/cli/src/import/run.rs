//! One run of `import`: the proposal for each identity, planned in memory. Input: material. Output: the report. Reads single
//! roles, classes, and what all identities share.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use jiff::Timestamp;
use kube::core::ObjectMeta;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{Observed, RoleFacts};
use lanyard_core::model::spec::Method;
use lanyard_core::origin::Origin;
use lanyard_core::origin::exit::exits;
use lanyard_core::origin::proposal::{Left, Takeover, propose};
use lanyard_core::origin::terraform::Terraform;
use lanyard_core::reconcile::scope::ReadScope;
use lanyard_engine::{Engine, Scope, Target};
use serde_json::Value;

use super::args::ImportArgs;
use super::item::{ExitLine, ImportItem, ImportState};
use super::judge::{Identity, identities, manifest, with_plan};
use super::progress::Progress;
use super::read::Material;
use super::report::ImportReport;
use crate::connect::Connection;
use crate::discovery::Site;
use crate::envelope::{ClusterRef, Envelope, Unread};
use crate::error::CliError;
use crate::manifest::{FileObject, Manifests};
use crate::plan::{Candidate, ClassFacts, of_file, plan_one};

/// Objects that are read at the same time. Calls of AWS are limited by the budget.
const CONCURRENT: usize = 16;
/// The uid of a ServiceAccount that no step uses.
const NO_UID: &str = "00000000-0000-0000-0000-000000000000";

/// The parts of one run that do not change.
pub(super) struct Run<'a> {
    pub args: &'a ImportArgs,
    pub site: &'a Site,
    pub material: &'a Material,
    pub terraform: &'a Terraform,
    pub progress: Progress,
    pub now: Timestamp,
}

/// An identity with what was decided about it.
struct Judged<'a> {
    identity: Identity<'a>,
    origins: Vec<Origin>,
    takeover: Takeover,
    role: Option<RoleFacts>,
    known: Option<Observed>,
    item: ImportItem,
    candidate: Option<Candidate>,
}

impl Run<'_> {
    fn engine(&self) -> Option<&Engine> {
        match self.site {
            Site::Full(engine, _) => Some(engine),
            Site::WithoutAws(..) => None,
        }
    }

    /// Judges and plans every identity.
    pub async fn report(&self, connection: &Connection) -> Result<ImportReport, CliError> {
        let found = identities(self.material, self.site.cluster(), !self.args.names.is_empty());
        let users = users(&found);
        let total = found.len();
        let judging = found.into_iter().map(|identity| self.judge(identity, &users));
        let mut judged = Vec::with_capacity(total);
        let mut stream = futures::stream::iter(judging).buffered(CONCURRENT);
        while let Some(one) = stream.next().await {
            judged.push(one?);
            self.progress.count("identities", judged.len(), total);
        }
        drop(stream);
        let candidates: Vec<Candidate> = judged.iter().filter_map(|one| one.candidate.clone()).collect();
        let none = Manifests::default();
        let facts = ClassFacts::read(&connection.client, &none, &candidates, self.args.require_class).await;
        let shared = self.shared_facts(&judged).await;
        let exit_plan = self.exit_plan(&judged);
        let planning = judged.into_iter().map(|one| self.planned(one, &facts, &shared));
        let items: Vec<ImportItem> = futures::stream::iter(planning)
            .buffered(CONCURRENT)
            .collect()
            .await;
        let of_items = items.iter().flat_map(|item| item.unread.clone());
        let unread: Vec<Unread> = of_items.chain(self.material.unread.iter().cloned()).collect();
        let cluster = Some(ClusterRef::from(self.site.cluster()));
        Ok(ImportReport {
            envelope: Envelope::new("Import", cluster, self.now, unread, items),
            exit_plan,
        })
    }

    /// The proposal for one identity, with the facts of its role.
    async fn judge<'a>(
        &self,
        identity: Identity<'a>,
        users: &BTreeMap<RoleArn, usize>,
    ) -> Result<Judged<'a>, CliError> {
        let known = self.single_facts(&identity).await;
        let role = self.role(&identity, known.as_ref());
        let origins = identity.origins(role.as_ref(), self.material, self.terraform);
        let (namespace, name) = identity.key();
        let mut item = ImportItem::new(&namespace, &name, &origins);
        let mut takeover = self.args.mode.takeover();
        let mut candidate = None;
        match &identity.bound {
            Err(left) => left_to_owner(&mut item, left),
            Ok(bound) => {
                item.method = Some(bound.method.to_string());
                item.role = Some(bound.role.to_string());
                let others = users.get(&bound.role).copied().unwrap_or(1) - 1;
                if takeover == Takeover::Adopt && others > 0 {
                    takeover = Takeover::Existing;
                    item.notes.push(format!(
                        "{others} other ServiceAccounts use the role, so it is not adopted."
                    ));
                }
                let facts = role
                    .clone()
                    .unwrap_or_else(|| RoleFacts::unreadable(&ReadError::NotRead));
                match propose(
                    identity.found,
                    bound,
                    &facts,
                    takeover,
                    self.args.class.as_deref(),
                ) {
                    Ok(proposal) => {
                        item.mode = Some(mode(takeover));
                        item.notes.extend(proposal.notes.iter().cloned());
                        let object = manifest(&identity.subject, &proposal);
                        candidate = Some(self.candidate(&object, &namespace)?);
                        item.object = Some(object);
                    }
                    Err(left) => left_to_owner(&mut item, &left),
                }
            }
        }
        Ok(Judged {
            identity,
            origins,
            takeover,
            role,
            known,
            item,
            candidate,
        })
    }

    fn candidate(&self, object: &Value, namespace: &str) -> Result<Candidate, CliError> {
        let file = FileObject {
            path: "import".to_owned(),
            object: object.clone(),
        };
        of_file(&file, &Manifests::default(), namespace, None, None)
    }

    /// The facts of an identity whose role has to be read alone: for an adoption, or if the roles could not be read at once.
    async fn single_facts(&self, identity: &Identity<'_>) -> Option<Observed> {
        let engine = self.engine()?;
        let bound = identity.bound.as_ref().ok()?;
        if self.material.roles.is_some() || bound.role.account != engine.cluster().account {
            return None;
        }
        let target = target(identity)?;
        let scope = scope(engine, Some(&bound.role), Some(bound.method));
        let scope = Scope::new(&target, scope, Fact::Unreadable(ReadError::NotRead));
        Some(engine.observe(&scope).await)
    }

    fn role(&self, identity: &Identity<'_>, known: Option<&Observed>) -> Option<RoleFacts> {
        let role = &identity.bound.as_ref().ok()?.role;
        if let Some(known) = known {
            return Some(known.role(role));
        }
        let roles = self.material.roles.as_ref()?;
        let is_own = role.account == self.site.cluster().account;
        is_own.then(|| roles.get(role).cloned().unwrap_or_else(RoleFacts::absent))
    }

    /// The facts that every identity of a method shares: provider, agent and webhook.
    async fn shared_facts(&self, judged: &[Judged<'_>]) -> BTreeMap<Method, Observed> {
        let mut shared = BTreeMap::new();
        let (Some(engine), true) = (self.engine(), self.material.roles.is_some()) else {
            return shared;
        };
        for method in [Method::Irsa, Method::PodIdentity] {
            let uses = |one: &&Judged<'_>| {
                one.identity
                    .bound
                    .as_ref()
                    .is_ok_and(|bound| bound.method == method)
            };
            let Some(target) = judged.iter().find(uses).and_then(|one| target(&one.identity)) else {
                continue;
            };
            let scope = scope(engine, None, Some(method));
            let scope = Scope::new(&target, scope, Fact::Unreadable(ReadError::NotRead));
            shared.insert(method, engine.observe(&scope).await);
        }
        shared
    }

    /// Plans the proposal in memory.
    async fn planned(
        &self,
        one: Judged<'_>,
        facts: &ClassFacts,
        shared: &BTreeMap<Method, Observed>,
    ) -> ImportItem {
        let Judged {
            identity,
            takeover,
            role,
            known,
            mut item,
            candidate,
            origins,
        } = one;
        if self.args.exit_plan {
            let makers = (self.material.makers.as_slice(), self.terraform);
            let handed = identity.handed(&origins, takeover, role.as_ref(), makers);
            item.exit_plan = ExitLine::of(&exits(&handed.into_iter().collect::<Vec<_>>()));
        }
        let Some(candidate) = candidate else {
            return item;
        };
        if self.engine().is_none() {
            item.state = ImportState::Held;
            item.reasons
                .push("AWS is not read, so it is not planned".to_owned());
            return item;
        }
        let known = known.or_else(|| self.bulk_facts(&identity, role?, shared));
        let plan = plan_one(&candidate, self.site, facts, known, self.now).await;
        with_plan(item, plan, takeover)
    }

    /// The facts of one identity from the lists.
    fn bulk_facts(
        &self,
        identity: &Identity<'_>,
        role: RoleFacts,
        shared: &BTreeMap<Method, Observed>,
    ) -> Option<Observed> {
        let bound = identity.bound.as_ref().ok()?;
        let account = match (identity.found.account, &self.material.no_accounts) {
            (Some(account), _) => Fact::Present(account.facts.clone()),
            (None, Some(error)) => Fact::Unreadable(error.clone()),
            (None, None) => Fact::Absent,
        };
        Some(Observed {
            roles: [(bound.role.clone(), role)].into(),
            association: identity.association(self.material),
            service_account: account,
            ..shared.get(&bound.method)?.clone()
        })
    }

    fn exit_plan(&self, judged: &[Judged<'_>]) -> Vec<ExitLine> {
        if !self.args.exit_plan {
            return Vec::new();
        }
        let makers = (self.material.makers.as_slice(), self.terraform);
        let proposed = judged.iter().filter(|one| one.candidate.is_some());
        let handed = proposed.filter_map(|one| {
            let role = one.role.as_ref();
            one.identity.handed(&one.origins, one.takeover, role, makers)
        });
        ExitLine::of(&exits(&handed.collect::<Vec<_>>()))
    }
}

/// The number of ServiceAccounts of each role.
fn users(found: &[Identity<'_>]) -> BTreeMap<RoleArn, usize> {
    let mut users = BTreeMap::new();
    for bound in found.iter().filter_map(|identity| identity.bound.as_ref().ok()) {
        *users.entry(bound.role.clone()).or_default() += 1;
    }
    users
}

/// A value that could not be read is unread, not absent.
fn left_to_owner(item: &mut ImportItem, left: &Left) {
    item.reasons.push(left.to_string());
    let (resource, error, consequence) = match left {
        Left::Unread(arn, error) => {
            let consequence = "its content is not known, so it is not proposed for adoption";
            (format!("role {arn}"), error, consequence)
        }
        Left::UnreadAssociation(error) => {
            let resource = format!("the association of {}", item.subject());
            (resource, error, "it is not imported: its role is not known")
        }
        Left::Nothing
        | Left::AddOn(_)
        | Left::NotARole(_)
        | Left::Reserved(_)
        | Left::NoRole(_)
        | Left::OtherPath(..)
        | Left::Exists => return,
    };
    item.unread.push(Unread {
        resource,
        cause: error
            .to_string()
            .replace("the credentials of the operator", "your credentials"),
        consequence: consequence.to_owned(),
    });
}

const fn mode(takeover: Takeover) -> &'static str {
    match takeover {
        Takeover::Existing => "existing",
        Takeover::Adopt => "adopt",
    }
}

fn target(identity: &Identity<'_>) -> Option<Target> {
    let metadata = ObjectMeta {
        uid: Some(NO_UID.to_owned()),
        ..ObjectMeta::default()
    };
    Target::new(identity.subject.clone(), &metadata)
}

/// The facts of a role and its method.
fn scope(engine: &Engine, role: Option<&RoleArn>, method: Option<Method>) -> ReadScope {
    let cluster = engine.cluster();
    let provider = cluster.issuer.provider_arn(&cluster.partition, &cluster.account);
    ReadScope {
        roles: role.into_iter().cloned().collect(),
        known_policies: BTreeSet::new(),
        provider: (method == Some(Method::Irsa)).then_some(provider),
        agent: method == Some(Method::PodIdentity),
        fresh_pods: false,
        workloads: false,
    }
}
