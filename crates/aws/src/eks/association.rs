//! The association of a subject: found, created, changed in place, tagged, deleted.
//! Cluster, namespace and ServiceAccount or what was found in; a fact or an answer out. Finding takes two calls for one
//! that is there and one for one that is not; each write is one call.
//! `Errors` of all methods: the call failed, see [`AwsError::class`].

use std::collections::{BTreeMap, BTreeSet};

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
    /// Finds the association of a ServiceAccount; EKS allows one.
    pub async fn association(
        &self,
        cluster: &ClusterName,
        namespace: &Namespace,
        name: &ServiceAccountName,
    ) -> Fact<Association> {
        // Here a ResourceNotFound speaks of the cluster, of which no absence follows (docs/dev/aws-behaviour.md#association-errors).
        let id = match self.association_id(cluster, namespace, name).await {
            Ok(Some(id)) => id,
            Ok(None) => return Fact::Absent,
            Err(error) => return Fact::Unreadable(error.why()),
        };
        match self.describe_association(cluster, &id).await {
            Ok(association) => Fact::Present(association),
            // Deleted since it was listed, a moment ago, from a cluster that was there.
            Err(error) if error.class() == Class::NotFound => Fact::Absent,
            Err(error) => Fact::Unreadable(error.why()),
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
        let found = pages::all(call, |token| async move {
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
                next: answer.next_token,
            })
        });
        let found = found.await?.into_iter().next();
        found
            .map(|summary| {
                summary
                    .association_id
                    .ok_or_else(|| AwsError::unclear(call, "an association has no id"))
            })
            .transpose()
    }

    /// An association by its id. [`Class::NotFound`] speaks of the association or of its cluster (docs/dev/aws-behaviour.md#association-errors).
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

    /// Creates the association. [`Class::Conflicting`] when the ServiceAccount has one; [`Class::Propagation`] while
    /// EKS does not see the role or its trust yet.
    pub async fn create_association(
        &self,
        cluster: &ClusterName,
        namespace: &Namespace,
        name: &ServiceAccountName,
        wanted: &DesiredAssociation,
    ) -> Result<Association, AwsError> {
        let call = Call::write(Service::Eks, "CreatePodIdentityAssociation", of(namespace, name));
        let request = self
            .eks()
            .create_pod_identity_association()
            .cluster_name(cluster.as_str())
            .namespace(namespace.as_str())
            .service_account(name.as_str())
            .role_arn(wanted.role_arn.to_string())
            .set_target_role_arn(wanted.target_role_arn.as_ref().map(ToString::to_string))
            .disable_session_tags(!wanted.session_tags)
            .set_policy(wanted.policy.as_ref().map(lanyard_iam_policy::Document::to_json))
            .set_tags(Some(wanted.tags.clone().into_iter().collect()));
        let answer = self.call(call.clone(), || request.clone().send()).await?;
        shape::association(&call, answer.association)
    }

    /// Changes the association in place; its tags stay. A target role that is no longer wanted is cleared, a session
    /// policy only with `clear_policy`: both by an empty text, as leaving them out keeps them (docs/dev/aws-behaviour.md#association-api).
    pub async fn update_association(
        &self,
        cluster: &ClusterName,
        found: &Association,
        wanted: &DesiredAssociation,
        clear_policy: bool,
    ) -> Result<Association, AwsError> {
        let call = Call::write(Service::Eks, "UpdatePodIdentityAssociation", &found.arn);
        let cleared = |clear: bool| clear.then(String::new);
        let target = wanted.target_role_arn.as_ref().map(ToString::to_string);
        let policy = wanted.policy.as_ref().map(lanyard_iam_policy::Document::to_json);
        let request = self
            .eks()
            .update_pod_identity_association()
            .cluster_name(cluster.as_str())
            .association_id(&found.id)
            .role_arn(wanted.role_arn.to_string())
            .set_target_role_arn(target.or_else(|| cleared(found.target_role_arn.is_some())))
            .disable_session_tags(!wanted.session_tags)
            .set_policy(policy.or_else(|| cleared(clear_policy)));
        let answer = self.call(call.clone(), || request.clone().send()).await?;
        shape::association(&call, answer.association)
    }

    /// Sets tags of the association; others stay.
    pub async fn tag_association(&self, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), AwsError> {
        let tags = tags.clone().into_iter().collect();
        let request = self.eks().tag_resource().resource_arn(arn).set_tags(Some(tags));
        self.call(Call::write(Service::Eks, "TagResource", arn), || {
            request.clone().send()
        })
        .await
        .map(drop)
    }

    /// Removes tags of the association. One that is gone has none.
    pub async fn untag_association(&self, arn: &str, keys: &BTreeSet<String>) -> Result<(), AwsError> {
        let keys = keys.iter().cloned().collect();
        let request = self
            .eks()
            .untag_resource()
            .resource_arn(arn)
            .set_tag_keys(Some(keys));
        gone(
            self.call(Call::write(Service::Eks, "UntagResource", arn), || {
                request.clone().send()
            })
            .await,
        )
    }

    /// Deletes the association. Credentials that pods have already stay good until they end (docs/dev/aws-behaviour.md#association-api).
    pub async fn delete_association(&self, cluster: &ClusterName, id: &str) -> Result<(), AwsError> {
        let target = format!("association {id} of cluster {cluster}");
        let call = Call::write(Service::Eks, "DeletePodIdentityAssociation", target);
        let request = self
            .eks()
            .delete_pod_identity_association()
            .cluster_name(cluster.as_str())
            .association_id(id);
        gone(self.call(call, || request.clone().send()).await)
    }
}

fn of(namespace: &Namespace, name: &ServiceAccountName) -> String {
    format!("the association of {namespace}/{name}")
}

/// What is gone already is success, and so is what is gone with its cluster.
fn gone<T>(answer: Result<T, AwsError>) -> Result<(), AwsError> {
    match answer {
        Err(error) if error.class() != Class::NotFound => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}
