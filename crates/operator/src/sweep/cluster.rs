//! The sweep's other side: which ServiceAccount has which association, and the ServiceAccounts with what all of them
//! share. A round in, what it says of each identity noted in it out. Reads EKS and the API server by pages.

use std::collections::HashMap;

use lanyard_core::arn::RoleArn;
use lanyard_core::cluster::Platform;
use lanyard_core::fact::{Fact, Why};
use lanyard_core::observed::{Agent, Observed, Provider, ServiceAccount};
use lanyard_core::sweep::orphan::Owner;
use lanyard_core::sweep::{Part, judge, judge_listed};
use lanyard_engine::ListedAssociation;

use super::read::{Cursor, Read};
use super::resting::Resting;
use super::round::{Round, breathe};
use crate::context::Ref;

/// An association of a ServiceAccount that no object has. Whether it is ours, only its tags tell.
#[derive(Debug)]
pub(super) struct Stranger {
    pub id: String,
    pub owner: Owner,
}

/// The associations of which no object knows.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    pub associations: Vec<Stranger>,
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
        if self.term.context.world.cluster().eks_name().is_none() {
            return strangers;
        }
        let (context, mut cursor) = (self.term.context, Cursor::default());
        while cursor.goes_on() {
            let ask = |after| context.world.associations_in_cluster(after);
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
            breathe(count).await;
            self.has_association(at, None);
        }
        strangers.whole = true;
        strangers
    }

    fn association(&mut self, listed: ListedAssociation) -> Option<Stranger> {
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
        let object = Ref::new(&name).within(&namespace);
        let nobodys = owner_arn.is_none() && self.term.context.store.get(&object).is_none();
        nobodys.then_some(Stranger {
            id,
            owner: Owner { namespace, name },
        })
    }

    fn has_association(&mut self, at: usize, id: Option<&str>) {
        if let Some(resting) = self.judged(at, Read::Associations) {
            self.note(at, Read::Associations, judge_listed(&resting.known(), id));
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
            let ask = |after| context.world.service_accounts_in_cluster(after);
            let page = match self.page(Read::Cluster, &mut cursor, ask).await {
                Ok(page) => page,
                Err(why) => return self.broke_off(Read::Cluster, None, &why),
            };
            for (count, listed) in page.into_iter().enumerate() {
                breathe(count).await;
                if let Some(at) = self.of_subject(&listed.namespace, &listed.name) {
                    self.service_account(at, Fact::Present(listed.facts), &mut shared)
                        .await;
                }
            }
        }
        for (count, at) in self.unseen(Read::Cluster, None).into_iter().enumerate() {
            breathe(count).await;
            self.service_account(at, Fact::Absent, &mut shared).await;
        }
    }

    async fn service_account(
        &mut self,
        at: usize,
        service_account: Fact<ServiceAccount>,
        shared: &mut Shared,
    ) {
        let Some(resting) = self.judged(at, Read::Cluster) else {
            return;
        };
        let facts = Observed {
            service_account,
            provider: self.provider(&resting, shared).await,
            agent: self.agent(&resting, shared).await,
            webhook: self.webhook(&resting, shared).await,
            ..Observed::nothing()
        };
        let judgement = judge(Part::Cluster, &resting.known(), facts);
        self.note(at, Read::Cluster, judgement);
    }

    async fn agent(&self, resting: &Resting, shared: &mut Shared) -> Fact<Agent> {
        if resting.identity.binding.is_irsa() {
            return Fact::Unreadable(Why::NotRead);
        }
        if let Some(known) = &shared.agent {
            return known.clone();
        }
        let fact = self.term.context.world.agent().await;
        shared.agent.insert(fact).clone()
    }

    /// AWS's own is hidden in the control plane of EKS.
    async fn webhook(&self, resting: &Resting, shared: &mut Shared) -> Fact<String> {
        let elsewhere = self.term.context.world.cluster().platform == Platform::Other;
        if !(elsewhere && resting.identity.binding.is_irsa()) {
            return Fact::Unreadable(Why::NotRead);
        }
        if let Some(known) = &shared.webhook {
            return known.clone();
        }
        let fact = self.term.context.world.webhook().await;
        shared.webhook.insert(fact).clone()
    }

    /// The provider of an identity's account: one read for all of them.
    async fn provider(&self, resting: &Resting, shared: &mut Shared) -> Fact<Provider> {
        let Some(arn) = resting.identity.binding.provider_arn() else {
            return Fact::Unreadable(Why::NotRead);
        };
        let by = &resting.decoded.target.account;
        let key = (by.assume_role_arn.clone(), arn);
        if let Some(known) = shared.providers.get(&key) {
            return known.clone();
        }
        let fact = self.term.context.world.provider(by, &key.1).await;
        shared.providers.insert(key, fact.clone());
        fact
    }
}
