//! Observe: reads everything that concerns one object, all at once, and never fails as a whole.
//! A scope in, facts out. Talks to AWS and the API server, writes nothing.

use std::collections::BTreeSet;

use futures::future::{join, join_all, join3, join4};
use lanyard_aws::Aws;
use lanyard_core::model::arn::{PolicyArn, RoleArn};
use lanyard_core::model::cluster::Platform;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{Observed, RoleFacts};
use lanyard_core::model::pods::PodList;
use lanyard_core::model::workload::Workload;

use crate::Engine;
use crate::object::Target;

/// What one look has to read.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The object that it is about.
    pub target: &'a Target,
    /// The roles that concern it.
    pub roles: Vec<RoleArn>,
    /// The policies that are known to belong on them: only what others can do is read.
    pub known_policies: BTreeSet<PolicyArn>,
    /// The ARN of the OIDC provider, where the method needs one.
    pub provider: Option<String>,
    /// Whether the method needs the agent.
    pub agent: bool,
    /// The holders, as last counted.
    pub pods: Fact<PodList>,
    /// Whether to list the holders afresh instead: a transition rests on them.
    pub fresh_pods: bool,
    /// Whether to read what restarts the holders: a transition may restart something.
    pub workloads: bool,
    /// Whether somebody asked for a fresh look: nothing remembered counts.
    pub fresh: bool,
    /// Whether nobody waits for it: its reads of AWS go when nobody else's wait.
    pub background: bool,
}

impl Scope<'_> {
    fn paced(&self, aws: Aws) -> Aws {
        match self.background {
            true => aws.in_background(),
            false => aws,
        }
    }
}

impl Engine {
    /// Reads what the scope names.
    pub async fn observe(&self, scope: &Scope<'_>) -> Observed {
        if scope.fresh {
            self.shared().forget().await;
        }
        let subject = &scope.target.subject;
        let roles = join_all(scope.roles.iter().map(|arn| self.role(scope, arn)));
        let shared = join3(
            self.provider_in(scope),
            self.agent_in(scope),
            self.webhook_in(scope),
        );
        let ((roles, association), account, (provider, agent, webhook), (pods, workloads)) = join4(
            join(roles, self.association(scope)),
            self.service_account(subject),
            shared,
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
            confirmed: BTreeSet::new(),
        }
    }

    /// The pods, and what restarts them.
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
            Ok(aws) => scope.paced(aws).role(arn, &scope.known_policies).await,
            Err(error) => RoleFacts::unreadable(&error.why()),
        };
        self.trusted_role(&scope.target.subject, arn, read)
    }

    async fn association(&self, scope: &Scope<'_>) -> Fact<lanyard_core::model::observed::Association> {
        let subject = &scope.target.subject;
        let Some(cluster) = self.cluster().eks_name() else {
            return Fact::Absent;
        };
        let found = scope
            .paced(self.aws().clone())
            .association(cluster, &subject.namespace, &subject.name)
            .await;
        self.trusted_association(subject, found)
    }

    async fn provider_in(&self, scope: &Scope<'_>) -> Fact<lanyard_core::model::observed::Provider> {
        match &scope.provider {
            Some(arn) => self.provider(&scope.target.access, arn).await,
            None => Fact::Unreadable(ReadError::NotRead),
        }
    }

    /// Whoever needs the provider needs the webhook too, except on EKS, which runs its own where nobody sees it.
    async fn webhook_in(&self, scope: &Scope<'_>) -> Fact<String> {
        match (&scope.provider, &self.cluster().platform) {
            (Some(_), Platform::Other) => self.webhook().await,
            (Some(_) | None, _) => Fact::Unreadable(ReadError::NotRead),
        }
    }

    async fn agent_in(&self, scope: &Scope<'_>) -> Fact<lanyard_core::model::observed::Agent> {
        if scope.agent {
            self.agent().await
        } else {
            Fact::Unreadable(ReadError::NotRead)
        }
    }
}
