//! The policies of a role as facts: attached policies, with their effect where required, and inline policies.
//! Input: the ARN of a role. Output: facts. Does I/O: one call for each page and inline policy, and two for
//! each attached policy whose effect is read.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join_all, try_join_all};
use lanyard_core::model::arn::{PolicyArn, RoleArn};
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::name::PolicyName;
use lanyard_core::model::observed::Effect;
use lanyard_iam_policy::{ASSUME_ROLE, Document, allows, only_denies};

use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::{AwsError, Class};
use crate::pages::{self, Page};

impl Aws {
    pub(super) async fn attached_policies(
        &self,
        role: &RoleArn,
        known: &BTreeSet<PolicyArn>,
    ) -> Fact<BTreeMap<PolicyArn, Fact<Effect>>> {
        let arns = match self.list_attached(role).await {
            Ok(arns) => arns,
            Err(error) => return part_of_a_role(&error),
        };
        let effects = arns.into_iter().map(|arn| async {
            let effect = if known.contains(&arn) {
                Fact::Unreadable(ReadError::NotRead)
            } else {
                self.effect(&arn).await
            };
            (arn, effect)
        });
        Fact::Present(join_all(effects).await.into_iter().collect())
    }

    pub(super) async fn inline_policies(&self, role: &RoleArn) -> Fact<BTreeMap<PolicyName, Document>> {
        let read = async {
            let names = self.list_inline(role).await?;
            try_join_all(names.into_iter().map(|name| self.inline_policy(role, name))).await
        };
        match read.await {
            Ok(policies) => Fact::Present(policies.into_iter().flatten().collect()),
            Err(error) => part_of_a_role(&error),
        }
    }

    async fn list_attached(&self, role: &RoleArn) -> Result<Vec<PolicyArn>, AwsError> {
        let call = &Call::read(Service::Iam, "ListAttachedRolePolicies", role);
        let arns = pages::all(call, |marker| async move {
            let request = self
                .iam()
                .list_attached_role_policies()
                .role_name(role.name.as_str())
                .set_marker(marker);
            let answer = self.call(call.clone(), || request.clone().send()).await?;
            let arns = answer
                .attached_policies()
                .iter()
                .filter_map(|policy| policy.policy_arn().map(str::to_owned));
            Ok(Page {
                items: arns.collect(),
                next: answer
                    .marker()
                    .filter(|_| answer.is_truncated())
                    .map(str::to_owned),
            })
        });
        let parse = |arn| PolicyArn::parse(arn).map_err(|error| AwsError::unclear(call, error));
        arns.await?.into_iter().map(parse).collect()
    }

    async fn list_inline(&self, role: &RoleArn) -> Result<Vec<PolicyName>, AwsError> {
        let call = &Call::read(Service::Iam, "ListRolePolicies", role);
        let names = pages::all(call, |marker| async move {
            let request = self
                .iam()
                .list_role_policies()
                .role_name(role.name.as_str())
                .set_marker(marker);
            let answer = self.call(call.clone(), || request.clone().send()).await?;
            let next = answer
                .marker()
                .filter(|_| answer.is_truncated())
                .map(str::to_owned);
            Ok(Page {
                items: answer.policy_names,
                next,
            })
        });
        let parse = |name| PolicyName::parse(name).map_err(|error| AwsError::unclear(call, error));
        names.await?.into_iter().map(parse).collect()
    }

    /// Reads one inline policy. Returns `None` if it was deleted after it was listed.
    async fn inline_policy(
        &self,
        role: &RoleArn,
        name: PolicyName,
    ) -> Result<Option<(PolicyName, Document)>, AwsError> {
        let call = Call::read(
            Service::Iam,
            "GetRolePolicy",
            format_args!("inline policy {name} of {role}"),
        );
        let request = self
            .iam()
            .get_role_policy()
            .role_name(role.name.as_str())
            .policy_name(name.as_str());
        let answer = match self.call(call.clone(), || request.clone().send()).await {
            Ok(answer) => answer,
            Err(error) if error.class() == Class::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match Document::decode(answer.policy_document()) {
            Ok(document) => Ok(Some((name, document))),
            Err(error) => Err(AwsError::unclear(&call, error)),
        }
    }

    /// The effect of the default version of a managed policy.
    async fn effect(&self, policy: &PolicyArn) -> Fact<Effect> {
        match self.policy_document(policy).await {
            Ok(document) if only_denies(&document) => Fact::Present(Effect::OnlyDenies),
            Ok(document) if allows(&document, ASSUME_ROLE) => Fact::Present(Effect::Chains),
            Ok(_) => Fact::Present(Effect::Grants),
            Err(error) => Fact::Unreadable(error.read_error()),
        }
    }

    async fn policy_document(&self, policy: &PolicyArn) -> Result<Document, AwsError> {
        let call = Call::read(Service::Iam, "GetPolicy", policy);
        let answer = self
            .call(call.clone(), || {
                self.iam().get_policy().policy_arn(policy.as_str()).send()
            })
            .await?;
        let version = answer.policy().and_then(|policy| policy.default_version_id());
        let version =
            version.ok_or_else(|| AwsError::unclear(&call, "the answer names no default version"))?;

        let call = Call::read(Service::Iam, "GetPolicyVersion", policy);
        let request = self
            .iam()
            .get_policy_version()
            .policy_arn(policy.as_str())
            .version_id(version);
        let answer = self.call(call.clone(), || request.clone().send()).await?;
        let text = answer.policy_version().and_then(|version| version.document());
        let text = text.ok_or_else(|| AwsError::unclear(&call, "the answer has no document"))?;
        Document::decode(text).map_err(|error| AwsError::unclear(&call, error))
    }
}

/// The fact for a failed read of the policies of a role. `GetRole` just returned the role, so "not found"
/// contradicts it and does not mean that the policies are absent.
fn part_of_a_role<T>(error: &AwsError) -> Fact<T> {
    match error.class() {
        Class::NotFound => Fact::Unreadable(ReadError::AwaitingConsistency),
        _ => Fact::Unreadable(error.read_error()),
    }
}
