//! Reads all facts about one object concurrently. Input: a scope. Output: facts; a failed read is an unreadable
//! fact. Does I/O: reads from AWS and the API server.

use std::collections::BTreeSet;

use futures::future::{join, join_all, join3, join4};
use jiff::Timestamp;
use lanyard_aws::Aws;
use lanyard_core::identity::Identity;
use lanyard_core::model::arn::{PolicyArn, RoleArn};
use lanyard_core::model::cluster::Platform;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{Observed, RoleFacts};
use lanyard_core::model::pods::PodList;
use lanyard_core::model::status::Status;
use lanyard_core::model::timings::Timings;
use lanyard_core::model::workload::Workload;
use lanyard_core::reconcile::scope::ReadScope;
use lanyard_core::reconcile::transition::needs_surroundings;

use crate::engine::Engine;
use crate::target::Target;

/// The facts that a reconcile has to read.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The object.
    pub target: &'a Target,
    /// The roles of the object.
    pub roles: Vec<RoleArn>,
    /// Policies that are expected on the roles. The effect of all other policies is read.
    pub known_policies: BTreeSet<PolicyArn>,
    /// The ARN of the OIDC provider, if the method needs one.
    pub provider: Option<String>,
    /// True if the method needs the agent.
    pub agent: bool,
    /// The pods, as last counted by the watch.
    pub pods: Fact<PodList>,
    /// True to list the pods now, because a transition depends on them.
    pub fresh_pods: bool,
    /// True to read the workloads of the pods, because a transition may restart them.
    pub workloads: bool,
    /// True if a fresh reconcile was requested, which ignores the caches.
    pub fresh: bool,
    /// True if this is background work, whose AWS reads have a lower priority.
    pub background: bool,
}

impl<'a> Scope<'a> {
    /// A scope without fresh reads, of normal priority. `pods` is the count of the pod index.
    #[must_use]
    pub fn new(target: &'a Target, read: ReadScope, pods: Fact<PodList>) -> Self {
        Self {
            target,
            roles: read.roles,
            known_policies: read.known_policies,
            provider: read.provider,
            agent: read.agent,
            pods,
            fresh_pods: read.fresh_pods,
            workloads: read.workloads,
            fresh: false,
            background: false,
        }
    }
}

impl Scope<'_> {
    fn in_lane(&self, aws: Aws) -> Aws {
        match self.background {
            true => aws.in_background(),
            false => aws,
        }
    }
}

impl Engine {
    /// Reads the facts of the scope.
    pub async fn observe(&self, scope: &Scope<'_>) -> Observed {
        let subject = &scope.target.subject;
        let roles = join_all(scope.roles.iter().map(|arn| self.role(scope, arn)));
        let cluster_facts = join3(
            self.provider_in(scope),
            self.agent_in(scope),
            self.webhook_in(scope),
        );
        let ((roles, association), account, (provider, agent, webhook), (pods, workloads)) = join4(
            join(roles, self.association(scope)),
            self.service_account(subject),
            cluster_facts,
            self.running(scope),
        )
        .await;
        Observed {
            object: scope.target.control.clone(),
            roles: scope.roles.iter().cloned().zip(roles).collect(),
            provider,
            association,
            service_account: account,
            agent,
            webhook,
            pods,
            workloads,
            egress: Fact::Unreadable(ReadError::NotRead),
            token_clients: Fact::Unreadable(ReadError::NotRead),
            confirmed: BTreeSet::new(),
        }
    }

    /// Reads what else stands between the pods and Pod Identity, if the decision depends on it.
    pub async fn observe_surroundings(
        &self,
        identity: &Identity,
        previous: &Status,
        observed: &mut Observed,
        timings: &Timings,
        now: Timestamp,
    ) {
        if needs_surroundings(identity, previous, observed, timings, now) {
            let subject = &identity.subject;
            (observed.egress, observed.token_clients) =
                join(self.egress(subject), self.token_clients(subject)).await;
        }
    }

    /// Reads the pods and their workloads.
    pub async fn running(&self, scope: &Scope<'_>) -> (Fact<PodList>, Fact<Vec<Workload>>) {
        let subject = &scope.target.subject;
        let pods = async {
            match scope.fresh_pods {
                true => self.fresh_pods(subject).await,
                false => scope.pods.clone(),
            }
        };
        let workloads = async {
            match scope.workloads {
                true => self.workloads(subject).await,
                false => Fact::Unreadable(ReadError::NotRead),
            }
        };
        join(pods, workloads).await
    }

    async fn role(&self, scope: &Scope<'_>, arn: &RoleArn) -> RoleFacts {
        let read = match self.aws_in(scope.target, &arn.account).await {
            Ok(aws) => scope.in_lane(aws).role(arn, &scope.known_policies).await,
            Err(error) => RoleFacts::unreadable(&error.read_error()),
        };
        self.trusted_role(&scope.target.subject, arn, read)
    }

    async fn association(&self, scope: &Scope<'_>) -> Fact<lanyard_core::model::observed::Association> {
        let subject = &scope.target.subject;
        let Some(cluster) = self.cluster().eks_name() else {
            return Fact::Absent;
        };
        let association = scope
            .in_lane(self.aws().clone())
            .association(cluster, &subject.namespace, &subject.name)
            .await;
        self.trusted_association(subject, association)
    }

    async fn provider_in(&self, scope: &Scope<'_>) -> Fact<lanyard_core::model::observed::Provider> {
        match &scope.provider {
            Some(arn) => self.provider_at(&scope.target.access, arn, scope.fresh).await,
            None => Fact::Unreadable(ReadError::NotRead),
        }
    }

    /// IRSA also needs the webhook. On EKS it runs in the control plane and cannot be observed.
    async fn webhook_in(&self, scope: &Scope<'_>) -> Fact<String> {
        match (&scope.provider, &self.cluster().platform) {
            (Some(_), Platform::Other) => self.webhook_at(scope.fresh).await,
            (Some(_) | None, _) => Fact::Unreadable(ReadError::NotRead),
        }
    }

    async fn agent_in(&self, scope: &Scope<'_>) -> Fact<lanyard_core::model::observed::Agent> {
        if scope.agent {
            self.agent_at(scope.fresh).await
        } else {
            Fact::Unreadable(ReadError::NotRead)
        }
    }
}
