//! The facts about the cluster and the account that rows need. Input: what the shell read. Output: facts by subject and by
//! role. Plain values; no I/O. A fact that could not be read is never an absent one.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::fold::Usage;
use super::form::Form;
use super::found::{Found, effective};
use crate::model::arn::RoleArn;
use crate::model::cluster::Cluster;
use crate::model::fact::Fact;
use crate::model::observed::RoleFacts;
use crate::model::spec::Method;

/// A ServiceAccount by namespace and name.
pub type SubjectRef = (String, String);

/// A ServiceAccount.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountFacts {
    /// The value of its role annotation.
    pub role: Option<String>,
    /// The field manager of the annotation.
    pub manager: Option<String>,
}

/// A Pod Identity association.
#[derive(Debug, Clone, PartialEq)]
pub struct AssociationFacts {
    /// The id.
    pub id: String,
    /// The role. The list of EKS does not show it.
    pub role: Fact<RoleArn>,
    /// The EKS add-on that owns the association.
    pub add_on: Option<String>,
}

/// A WorkloadIdentity.
#[derive(Debug, Clone, PartialEq)]
pub struct IdentityFacts {
    /// The method.
    pub method: Method,
    /// The role in its status.
    pub role: Option<RoleArn>,
    /// Its class.
    pub class: Option<String>,
}

/// A role with its use.
#[derive(Debug, Clone, PartialEq)]
pub struct RoleUse {
    /// The facts.
    pub facts: RoleFacts,
    /// The time of the last use that IAM shows. `None` if IAM saw none in 400 days.
    pub last_used: Option<Timestamp>,
    /// The time of its creation.
    pub created: Option<Timestamp>,
}

/// Everything beside the pods.
#[derive(Debug)]
pub struct Fleet {
    /// The cluster. `None` if it is not known.
    pub cluster: Option<Cluster>,
    /// The ServiceAccounts.
    pub accounts: Fact<BTreeMap<SubjectRef, AccountFacts>>,
    /// The associations.
    pub associations: Fact<BTreeMap<SubjectRef, AssociationFacts>>,
    /// The WorkloadIdentities.
    pub identities: Fact<BTreeMap<SubjectRef, IdentityFacts>>,
    /// The roles. A role that is not in the map was not read.
    pub roles: BTreeMap<RoleArn, Fact<RoleUse>>,
    /// The time of the audit.
    pub now: Timestamp,
}

/// The credentials of a usage with those that the webhook adds to new pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    pub found: Vec<Found>,
    /// The effective form. `None`: the node role is left.
    pub effective: Option<Found>,
    pub role: Option<RoleArn>,
}

impl Fleet {
    /// The roles of the usages, so that the shell can read them.
    pub fn roles_of<'a>(&self, usages: impl IntoIterator<Item = &'a Usage>) -> Vec<RoleArn> {
        let mut roles: Vec<RoleArn> = usages
            .into_iter()
            .filter_map(|usage| self.resolve(usage).role)
            .collect();
        roles.sort();
        roles.dedup();
        roles
    }

    pub(super) fn account(&self, usage: &Usage) -> Option<&AccountFacts> {
        self.accounts.present()?.get(&subject(usage))
    }

    pub(super) fn association(&self, usage: &Usage) -> Option<&AssociationFacts> {
        self.associations.present()?.get(&subject(usage))
    }

    pub(super) fn identity(&self, usage: &Usage) -> Option<&IdentityFacts> {
        self.identities.present()?.get(&subject(usage))
    }

    pub(super) fn role(&self, arn: &RoleArn) -> Option<&RoleUse> {
        self.roles.get(arn)?.present()
    }

    pub(super) fn resolve(&self, usage: &Usage) -> Resolved {
        let mut found = usage.found.clone();
        if usage.is_template {
            found.extend(self.by_webhook(usage));
            found.sort_by_key(|found| found.form);
        }
        let effective = effective(&found).cloned();
        let role = effective
            .as_ref()
            .and_then(|effective| self.role_of(usage, effective));
        Resolved {
            found,
            effective,
            role,
        }
    }

    /// The credentials that the webhook gives to a new pod: it sets those of an association first, and leaves a container
    /// that has variables of the same kind (docs/dev/aws-behaviour.md#webhook).
    fn by_webhook(&self, usage: &Usage) -> Option<Found> {
        let has = |form| usage.found.iter().any(|found| found.form == form);
        if usage.skips_webhook {
            return None;
        }
        if let Some(association) = self.association(usage) {
            let evidence = format!("association {}, for new pods", association.id);
            return (!has(Form::PodIdentity)).then(|| Found::certain(Form::PodIdentity, evidence));
        }
        let role = self
            .account(usage)?
            .role
            .as_deref()
            .filter(|role| !role.is_empty())?;
        let evidence = format!(
            "annotation of ServiceAccount {}, for new pods",
            usage.service_account
        );
        (!has(Form::WebIdentity)).then(|| Found {
            role: RoleArn::parse(role).ok(),
            ..Found::certain(Form::WebIdentity, evidence)
        })
    }

    fn role_of(&self, usage: &Usage, effective: &Found) -> Option<RoleArn> {
        if effective.form != Form::PodIdentity {
            return effective.role.clone();
        }
        let association = self.association(usage);
        let described = association.and_then(|association| association.role.present());
        let managed = || {
            let identity = self.identity(usage)?;
            identity
                .role
                .as_ref()
                .filter(|_| identity.method == Method::PodIdentity)
        };
        described.or_else(managed).cloned()
    }
}

pub(super) fn subject(usage: &Usage) -> SubjectRef {
    (usage.namespace.clone(), usage.service_account.clone())
}
