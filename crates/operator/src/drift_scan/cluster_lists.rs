//! The bulk reads of the cluster: the list of associations, the ServiceAccounts, and the objects that identities share.
//! Input: a scan. Output: judgements recorded in it, and associations without an object. Reads EKS and the API server.

use std::collections::HashMap;

use lanyard_core::bulk::orphans::IdentityName;
use lanyard_core::bulk::{Part, compare, compare_listed};
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::cluster::Platform;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{Agent, Observed, Provider, ServiceAccount};
use lanyard_engine::ListedAssociation;

use super::cursor::Cursor;
use super::read::Read;
use super::scan::{Scan, yield_every};
use crate::identity::IdentityRef;
use crate::identity::triage::SteadyIdentity;

/// An association of a ServiceAccount without an object. Its tags, which the list does not have, show if Lanyard
/// created it.
#[derive(Debug)]
pub(super) struct UnknownAssociation {
    pub id: String,
    pub owner: IdentityName,
}

/// The associations without an object.
#[derive(Debug, Default)]
pub(super) struct UnknownAssociations {
    pub associations: Vec<UnknownAssociation>,
    /// The list was read to its end.
    pub complete: bool,
}

/// The objects that identities share, each read when the first identity needs it. The engine caches ready objects for a
/// while, and a read that no identity needs must not fill this cache.
#[derive(Default)]
struct Shared {
    agent: Option<Fact<Agent>>,
    webhook: Option<Fact<String>>,
    /// The providers, by the assumed role and the ARN.
    providers: HashMap<(Option<RoleArn>, String), Fact<Provider>>,
}

impl Scan<'_> {
    /// Reads the list of associations and compares it.
    pub async fn associations(&mut self) -> UnknownAssociations {
        let mut unknown = UnknownAssociations::default();
        if self.term.context.engine.cluster().eks_name().is_none() {
            return unknown;
        }
        let (context, mut cursor) = (self.term.context, Cursor::default());
        while cursor.has_more() {
            let request = |after| context.engine.associations_in_cluster(after);
            let page = match self.next_page(Read::Associations, &mut cursor, request).await {
                Ok(page) => page,
                Err(error) => {
                    self.list_failed(Read::Associations, None, &error);
                    return unknown;
                }
            };
            for listed in page {
                unknown.associations.extend(self.association(listed));
            }
        }
        for (count, index) in self.unseen(Read::Associations, None).into_iter().enumerate() {
            yield_every(count).await;
            self.compare_association(index, None);
        }
        unknown.complete = true;
        unknown
    }

    fn association(&mut self, listed: ListedAssociation) -> Option<UnknownAssociation> {
        let ListedAssociation {
            namespace,
            service_account: name,
            id,
            owner_arn,
        } = listed;
        if let Some(index) = self.entry_of(&namespace, &name) {
            self.compare_association(index, Some(&id));
            return None;
        }
        let object = IdentityRef::new(&name).within(&namespace);
        let unknown = owner_arn.is_none() && self.term.context.store.get(&object).is_none();
        unknown.then_some(UnknownAssociation {
            id,
            owner: IdentityName { namespace, name },
        })
    }

    fn compare_association(&mut self, index: usize, id: Option<&str>) {
        if let Some(steady) = self.identity_to_compare(index, Read::Associations) {
            self.record(index, Read::Associations, compare_listed(&steady.known(), id));
        }
    }

    /// Reads the ServiceAccounts and the objects that deliver credentials to their pods, and compares them.
    pub async fn service_accounts(&mut self) {
        if !self.term.leads() {
            return;
        }
        let (context, mut cursor) = (self.term.context, Cursor::default());
        let mut shared = Shared::default();
        while cursor.has_more() {
            let request = |after| context.engine.service_accounts_in_cluster(after);
            let page = match self.next_page(Read::Cluster, &mut cursor, request).await {
                Ok(page) => page,
                Err(error) => return self.list_failed(Read::Cluster, None, &error),
            };
            for (count, listed) in page.into_iter().enumerate() {
                yield_every(count).await;
                if let Some(index) = self.entry_of(&listed.namespace, &listed.name) {
                    self.compare_service_account(index, Fact::Present(listed.facts), &mut shared)
                        .await;
                }
            }
        }
        for (count, index) in self.unseen(Read::Cluster, None).into_iter().enumerate() {
            yield_every(count).await;
            self.compare_service_account(index, Fact::Absent, &mut shared)
                .await;
        }
    }

    async fn compare_service_account(
        &mut self,
        index: usize,
        service_account: Fact<ServiceAccount>,
        shared: &mut Shared,
    ) {
        let Some(steady) = self.identity_to_compare(index, Read::Cluster) else {
            return;
        };
        let facts = Observed {
            service_account,
            provider: self.provider(&steady, shared).await,
            agent: self.agent(&steady, shared).await,
            webhook: self.webhook(&steady, shared).await,
            ..Observed::unread()
        };
        let judgement = compare(Part::Cluster, &steady.known(), facts);
        self.record(index, Read::Cluster, judgement);
    }

    async fn agent(&self, steady: &SteadyIdentity, shared: &mut Shared) -> Fact<Agent> {
        if steady.identity.binding.is_irsa() {
            return Fact::Unreadable(ReadError::NotRead);
        }
        if let Some(cached) = &shared.agent {
            return cached.clone();
        }
        let fact = self.term.context.engine.agent().await;
        shared.agent.insert(fact).clone()
    }

    /// The webhook of non-EKS clusters. The one of EKS runs in its control plane and is not visible.
    async fn webhook(&self, steady: &SteadyIdentity, shared: &mut Shared) -> Fact<String> {
        let non_eks = self.term.context.engine.cluster().platform == Platform::Other;
        if !(non_eks && steady.identity.binding.is_irsa()) {
            return Fact::Unreadable(ReadError::NotRead);
        }
        if let Some(cached) = &shared.webhook {
            return cached.clone();
        }
        let fact = self.term.context.engine.webhook().await;
        shared.webhook.insert(fact).clone()
    }

    /// The OIDC provider of the identity's account, read once for each account access.
    async fn provider(&self, steady: &SteadyIdentity, shared: &mut Shared) -> Fact<Provider> {
        let Some(arn) = steady.identity.binding.provider_arn() else {
            return Fact::Unreadable(ReadError::NotRead);
        };
        let access = &steady.decoded.target.access;
        let key = (access.assume_role_arn.clone(), arn);
        if let Some(cached) = shared.providers.get(&key) {
            return cached.clone();
        }
        let fact = self.term.context.engine.provider(access, &key.1).await;
        shared.providers.insert(key, fact.clone());
        fact
    }
}
