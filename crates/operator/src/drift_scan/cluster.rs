//! The sweep's other side: which ServiceAccount has which association, and the ServiceAccounts with what all of them
//! share. A round in, what it says of each identity noted in it out. Reads EKS and the API server by pages.

use std::collections::HashMap;

use lanyard_core::bulk::orphans::IdentityName;
use lanyard_core::bulk::{Part, judge, judge_listed};
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::cluster::Platform;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{Agent, Observed, Provider, ServiceAccount};
use lanyard_engine::ListedAssociation;

use super::read::{Cursor, Read};
use super::round::{Round, yield_every};
use super::triage::SteadyIdentity;
use crate::context::IdentityRef;

/// An association of a ServiceAccount that no object has. Whether it is ours, only its tags tell.
#[derive(Debug)]
pub(super) struct UnknownAssociation {
    pub id: String,
    pub owner: IdentityName,
}

/// The associations of which no object knows.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    pub associations: Vec<UnknownAssociation>,
    /// Whether the list came to its end.
    pub whole: bool,
}

/// What identities of a round share, read when the first of them needs it: what is ready is remembered for a while, and
/// nobody is to find it ready by a read that nobody needed.
#[derive(Default)]
struct Shared {
    agent: Option<Fact<Agent>>,
    webhook: Option<Fact<String>>,
    /// By whom it is read, and the ARN.
    providers: HashMap<(Option<RoleArn>, String), Fact<Provider>>,
}

impl Round<'_> {
    /// Reads and judges the list of associations.
    pub async fn associations(&mut self) -> Strangers {
        let mut strangers = Strangers::default();
        if self.term.context.engine.cluster().eks_name().is_none() {
            return strangers;
        }
        let (context, mut cursor) = (self.term.context, Cursor::default());
        while cursor.goes_on() {
            let ask = |after| context.engine.associations_in_cluster(after);
            let page = match self.page(Read::Associations, &mut cursor, ask).await {
                Ok(page) => page,
                Err(why) => {
                    self.broke_off(Read::Associations, None, &why);
                    return strangers;
                }
            };
            for listed in page {
                strangers.associations.extend(self.association(listed));
            }
        }
        for (count, at) in self.unseen(Read::Associations, None).into_iter().enumerate() {
            yield_every(count).await;
            self.has_association(at, None);
        }
        strangers.whole = true;
        strangers
    }

    fn association(&mut self, listed: ListedAssociation) -> Option<UnknownAssociation> {
        let ListedAssociation {
            namespace,
            service_account: name,
            id,
            owner_arn,
        } = listed;
        if let Some(at) = self.of_subject(&namespace, &name) {
            self.has_association(at, Some(&id));
            return None;
        }
        let object = IdentityRef::new(&name).within(&namespace);
        let orphans = owner_arn.is_none() && self.term.context.store.get(&object).is_none();
        orphans.then_some(UnknownAssociation {
            id,
            owner: IdentityName { namespace, name },
        })
    }

    fn has_association(&mut self, at: usize, id: Option<&str>) {
        if let Some(steady) = self.judged(at, Read::Associations) {
            self.note(at, Read::Associations, judge_listed(&steady.known(), id));
        }
    }

    /// Reads and judges the ServiceAccounts, and what hands credentials to their pods.
    pub async fn service_accounts(&mut self) {
        if !self.term.leads() {
            return;
        }
        let (context, mut cursor) = (self.term.context, Cursor::default());
        let mut shared = Shared::default();
        while cursor.goes_on() {
            let ask = |after| context.engine.service_accounts_in_cluster(after);
            let page = match self.page(Read::Cluster, &mut cursor, ask).await {
                Ok(page) => page,
                Err(why) => return self.broke_off(Read::Cluster, None, &why),
            };
            for (count, listed) in page.into_iter().enumerate() {
                yield_every(count).await;
                if let Some(at) = self.of_subject(&listed.namespace, &listed.name) {
                    self.service_account(at, Fact::Present(listed.facts), &mut shared)
                        .await;
                }
            }
        }
        for (count, at) in self.unseen(Read::Cluster, None).into_iter().enumerate() {
            yield_every(count).await;
            self.service_account(at, Fact::Absent, &mut shared).await;
        }
    }

    async fn service_account(
        &mut self,
        at: usize,
        service_account: Fact<ServiceAccount>,
        shared: &mut Shared,
    ) {
        let Some(steady) = self.judged(at, Read::Cluster) else {
            return;
        };
        let facts = Observed {
            service_account,
            provider: self.provider(&steady, shared).await,
            agent: self.agent(&steady, shared).await,
            webhook: self.webhook(&steady, shared).await,
            ..Observed::unread()
        };
        let judgement = judge(Part::Cluster, &steady.known(), facts);
        self.note(at, Read::Cluster, judgement);
    }

    async fn agent(&self, steady: &SteadyIdentity, shared: &mut Shared) -> Fact<Agent> {
        if steady.identity.binding.is_irsa() {
            return Fact::Unreadable(ReadError::NotRead);
        }
        if let Some(known) = &shared.agent {
            return known.clone();
        }
        let fact = self.term.context.engine.agent().await;
        shared.agent.insert(fact).clone()
    }

    /// AWS's own is hidden in the control plane of EKS.
    async fn webhook(&self, steady: &SteadyIdentity, shared: &mut Shared) -> Fact<String> {
        let elsewhere = self.term.context.engine.cluster().platform == Platform::Other;
        if !(elsewhere && steady.identity.binding.is_irsa()) {
            return Fact::Unreadable(ReadError::NotRead);
        }
        if let Some(known) = &shared.webhook {
            return known.clone();
        }
        let fact = self.term.context.engine.webhook().await;
        shared.webhook.insert(fact).clone()
    }

    /// The provider of an identity's account: one read for all of them.
    async fn provider(&self, steady: &SteadyIdentity, shared: &mut Shared) -> Fact<Provider> {
        let Some(arn) = steady.identity.binding.provider_arn() else {
            return Fact::Unreadable(ReadError::NotRead);
        };
        let by = &steady.decoded.target.access;
        let key = (by.assume_role_arn.clone(), arn);
        if let Some(known) = shared.providers.get(&key) {
            return known.clone();
        }
        let fact = self.term.context.engine.provider(by, &key.1).await;
        shared.providers.insert(key, fact.clone());
        fact
    }
}
