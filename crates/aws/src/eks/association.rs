//! The association of a ServiceAccount: find, create, update, tag and delete. Input: a cluster and a
//! ServiceAccount, or an observed association. Output: a fact or an answer. Does I/O: finding takes one call,
//! and a second one if the association exists. Each write is one call.
//!
//! All methods return an error if a call fails, see [`AwsError::class`].

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eks::types::PodIdentityAssociationSummary;
use lanyard_core::model::fact::Fact;
use lanyard_core::model::name::{ClusterName, Namespace, ServiceAccountName};
use lanyard_core::model::observed::Association;
use lanyard_core::reconcile::desired::DesiredAssociation;

use super::shape;
use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::{AwsError, Class};
use crate::pages::{self, Page};

impl Aws {
    /// Finds the association of a ServiceAccount. EKS allows one.
    pub async fn association(
        &self,
        cluster: &ClusterName,
        namespace: &Namespace,
        name: &ServiceAccountName,
    ) -> Fact<Association> {
        // A ResourceNotFound here is about the cluster, so it does not mean that the association is absent
        // (docs/dev/aws-behaviour.md#association-errors).
        let id = match self.association_id(cluster, namespace, name).await {
            Ok(Some(id)) => id,
            Ok(None) => return Fact::Absent,
            Err(error) => return Fact::Unreadable(error.read_error()),
        };
        match self.describe_association(cluster, &id).await {
            Ok(association) => Fact::Present(association),
            // The association was deleted after it was listed. The cluster existed then.
            Err(error) if error.class() == Class::NotFound => Fact::Absent,
            Err(error) => Fact::Unreadable(error.read_error()),
        }
    }

    async fn association_id(
        &self,
        cluster: &ClusterName,
        namespace: &Namespace,
        name: &ServiceAccountName,
    ) -> Result<Option<String>, AwsError> {
        let target = format!("{} in cluster {cluster}", of(namespace, name));
        let call = &Call::read(Service::Eks, "ListPodIdentityAssociations", target);
        let associations = pages::all(call, |token| async move {
            let request = self
                .eks()
                .list_pod_identity_associations()
                .cluster_name(cluster.as_str())
                .namespace(namespace.as_str())
                .service_account(name.as_str())
                .set_next_token(token);
            let answer = self.call(call.clone(), || request.clone().send()).await?;
            Ok(Page {
                items: answer.associations.unwrap_or_default(),
                next: answer.next_token.filter(|token| !token.is_empty()),
            })
        });
        let mut found = associations.await?.into_iter();
        found
            .find(|summary| is_of(summary, namespace, name))
            .map(|summary| {
                summary
                    .association_id
                    .ok_or_else(|| AwsError::unclear(call, "an association has no id"))
            })
            .transpose()
    }

    /// Reads an association by its id. [`Class::NotFound`] is about the association or its cluster
    /// (docs/dev/aws-behaviour.md#association-errors).
    pub async fn describe_association(
        &self,
        cluster: &ClusterName,
        id: &str,
    ) -> Result<Association, AwsError> {
        let target = format_args!("association {id} of cluster {cluster}").to_string();
        let call = Call::read(Service::Eks, "DescribePodIdentityAssociation", target);
        let request = self
            .eks()
            .describe_pod_identity_association()
            .cluster_name(cluster.as_str())
            .association_id(id);
        let answer = self.call(call.clone(), || request.clone().send()).await?;
        shape::association(&call, answer.association)
    }

    /// Creates the association. Fails with [`Class::Conflicting`] if the ServiceAccount has one, and with
    /// [`Class::Propagation`] while EKS does not see the role or its trust policy yet.
    pub async fn create_association(
        &self,
        cluster: &ClusterName,
        namespace: &Namespace,
        name: &ServiceAccountName,
        desired: &DesiredAssociation,
    ) -> Result<Association, AwsError> {
        let call = Call::write(Service::Eks, "CreatePodIdentityAssociation", of(namespace, name));
        let request = self
            .eks()
            .create_pod_identity_association()
            .cluster_name(cluster.as_str())
            .namespace(namespace.as_str())
            .service_account(name.as_str())
            .role_arn(desired.role_arn.to_string())
            .set_target_role_arn(desired.target_role_arn.as_ref().map(ToString::to_string))
            .disable_session_tags(!desired.session_tags)
            .set_policy(desired.policy.as_ref().map(lanyard_iam_policy::Document::to_json))
            .set_tags(Some(desired.tags.clone().into_iter().collect()));
        let answer = self.call(call.clone(), || request.clone().send()).await?;
        shape::association(&call, answer.association)
    }

    /// Updates the fields of the association that differ, without its tags: EKS requires `iam:PassRole` for a role that
    /// the request names, also if it stays. Clears a target role that is no longer desired, and a session
    /// policy only with `clear_policy`. Both are cleared by an empty text, because an omitted field keeps its
    /// value (docs/dev/aws-behaviour.md#association-api). No published source proves that for the session policy.
    pub async fn update_association(
        &self,
        cluster: &ClusterName,
        observed: &Association,
        desired: &DesiredAssociation,
        clear_policy: bool,
    ) -> Result<Association, AwsError> {
        let call = Call::write(Service::Eks, "UpdatePodIdentityAssociation", &observed.arn);
        let cleared = |clear: bool| clear.then(String::new);
        let target = changed(&desired.target_role_arn, &observed.target_role_arn).and_then(Option::as_ref);
        let target = target.map(ToString::to_string);
        let policy = changed(&desired.policy, &observed.policy).and_then(Option::as_ref);
        let policy = policy.map(lanyard_iam_policy::Document::to_json);
        let clear_target = desired.target_role_arn.is_none() && observed.target_role_arn.is_some();
        let request = self
            .eks()
            .update_pod_identity_association()
            .cluster_name(cluster.as_str())
            .association_id(&observed.id)
            .set_role_arn(changed(&desired.role_arn, &observed.role_arn).map(ToString::to_string))
            .set_target_role_arn(target.or_else(|| cleared(clear_target)))
            .set_disable_session_tags(changed(&!desired.session_tags, &!observed.session_tags).copied())
            .set_policy(policy.or_else(|| cleared(clear_policy)));
        let answer = self.call(call.clone(), || request.clone().send()).await?;
        shape::association(&call, answer.association)
    }

    /// Sets tags of the association and keeps its other tags.
    pub async fn tag_association(&self, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), AwsError> {
        let tags = tags.clone().into_iter().collect();
        let request = self.eks().tag_resource().resource_arn(arn).set_tags(Some(tags));
        self.call(Call::write(Service::Eks, "TagResource", arn), || {
            request.clone().send()
        })
        .await
        .map(drop)
    }

    /// Removes tags of the association. A missing association counts as success.
    pub async fn untag_association(&self, arn: &str, keys: &BTreeSet<String>) -> Result<(), AwsError> {
        let keys = keys.iter().cloned().collect();
        let request = self
            .eks()
            .untag_resource()
            .resource_arn(arn)
            .set_tag_keys(Some(keys));
        ignore_not_found(
            self.call(Call::write(Service::Eks, "UntagResource", arn), || {
                request.clone().send()
            })
            .await,
        )
    }

    /// Deletes the association. Pods keep their current credentials until these expire
    /// (docs/dev/aws-behaviour.md#association-api).
    pub async fn delete_association(&self, cluster: &ClusterName, id: &str) -> Result<(), AwsError> {
        let target = format!("association {id} of cluster {cluster}");
        let call = Call::write(Service::Eks, "DeletePodIdentityAssociation", target);
        let request = self
            .eks()
            .delete_pod_identity_association()
            .cluster_name(cluster.as_str())
            .association_id(id);
        ignore_not_found(self.call(call, || request.clone().send()).await)
    }
}

/// Returns true if a summary is of this ServiceAccount, whatever the filter of the request returned.
fn is_of(summary: &PodIdentityAssociationSummary, namespace: &Namespace, name: &ServiceAccountName) -> bool {
    summary.namespace() == Some(namespace.as_str()) && summary.service_account() == Some(name.as_str())
}

/// The desired value if it differs from the observed one.
fn changed<'a, T: PartialEq>(desired: &'a T, observed: &T) -> Option<&'a T> {
    (desired != observed).then_some(desired)
}

fn of(namespace: &Namespace, name: &ServiceAccountName) -> String {
    format!("the association of {namespace}/{name}")
}

/// Treats a missing resource as success of a removal, including one that was deleted with its cluster.
fn ignore_not_found<T>(answer: Result<T, AwsError>) -> Result<(), AwsError> {
    match answer {
        Err(error) if error.class() != Class::NotFound => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_of_another_account_is_not_used() {
        let summary = |namespace: &str, name: &str| {
            let summary = PodIdentityAssociationSummary::builder().namespace(namespace);
            summary.service_account(name).build()
        };
        let (shop, orders) = (
            Namespace::parse("shop").unwrap(),
            ServiceAccountName::parse("orders").unwrap(),
        );
        assert!(is_of(&summary("shop", "orders"), &shop, &orders));
        assert!(!is_of(&summary("shop", "orders-2"), &shop, &orders));
        assert!(!is_of(&summary("shop-2", "orders"), &shop, &orders));
        assert!(!is_of(
            &PodIdentityAssociationSummary::builder().build(),
            &shop,
            &orders
        ));
    }
}
