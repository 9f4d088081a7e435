//! Observe: reads everything that concerns one object, all at once, and never fails as a whole.
//! A scope in, facts out. Talks to AWS and the API server, writes nothing.

use std::collections::BTreeSet;

use futures::future::{join, join_all, join3};
use lanyard_core::arn::{PolicyArn, RoleArn};
use lanyard_core::fact::{Fact, Why};
use lanyard_core::observed::{Observed, Pods, RoleFacts};

use crate::World;
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
    pub pods: Fact<Pods>,
    /// Whether somebody asked for a fresh look: nothing remembered counts.
    pub fresh: bool,
}

impl World {
    /// Reads what the scope names.
    pub async fn observe(&self, scope: &Scope<'_>) -> Observed {
        if scope.fresh {
            self.shared().forget().await;
        }
        let subject = &scope.target.subject;
        let roles = join_all(
            scope
                .roles
                .iter()
                .map(|arn| self.role(arn, &scope.known_policies)),
        );
        let shared = join(self.provider_in(scope), self.agent_in(scope));
        let ((roles, association), account, (provider, agent)) = join3(
            join(roles, self.association(scope)),
            self.service_account(subject),
            shared,
        )
        .await;
        Observed {
            object: scope.target.marks.clone(),
            roles: scope.roles.iter().cloned().zip(roles).collect(),
            provider,
            association,
            service_account: account,
            agent,
            pods: scope.pods.clone(),
        }
    }

    async fn role(&self, arn: &RoleArn, known: &BTreeSet<PolicyArn>) -> RoleFacts {
        self.recent().judge_role(arn, self.aws().role(arn, known).await)
    }

    async fn association(&self, scope: &Scope<'_>) -> Fact<lanyard_core::observed::Association> {
        let subject = &scope.target.subject;
        let found = self
            .aws()
            .association(&self.cluster().name, &subject.namespace, &subject.name)
            .await;
        self.recent().judge_association(subject, found)
    }

    async fn provider_in(&self, scope: &Scope<'_>) -> Fact<lanyard_core::observed::Provider> {
        match &scope.provider {
            Some(arn) => self.provider(arn).await,
            None => Fact::Unreadable(Why::NotRead),
        }
    }

    async fn agent_in(&self, scope: &Scope<'_>) -> Fact<lanyard_core::observed::Agent> {
        if scope.agent {
            self.agent().await
        } else {
            Fact::Unreadable(Why::NotRead)
        }
    }
}
