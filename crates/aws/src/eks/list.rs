//! All associations of a cluster, page by page, for the drift scan. Input: the marker of a page. Output: one
//! page with the ServiceAccount and id of each association. Does I/O: one call per page. The other fields need
//! a call per association.

use lanyard_core::model::name::ClusterName;

use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::AwsError;
use crate::pages::Page;

/// Associations per page: the maximum of EKS.
const ASSOCIATIONS: i32 = 100;

/// An association as listed by EKS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAssociation {
    /// The namespace of its ServiceAccount.
    pub namespace: String,
    /// The name of its ServiceAccount.
    pub service_account: String,
    /// The id (`a-...`).
    pub id: String,
    /// The ARN of the EKS add-on that owns the association, if any.
    pub owner_arn: Option<String>,
}

impl Aws {
    /// Reads a page of the associations of the cluster.
    ///
    /// # Errors
    ///
    /// Returns an error if the call fails, or an entry lacks a required field. No entry of the page is known
    /// then.
    pub async fn associations_in(
        &self,
        cluster: &ClusterName,
        after: Option<String>,
    ) -> Result<Page<ListedAssociation>, AwsError> {
        let call = Call::read(
            Service::Eks,
            "ListPodIdentityAssociations",
            format_args!("all of cluster {cluster}"),
        );
        let request = self
            .eks()
            .list_pod_identity_associations()
            .cluster_name(cluster.as_str())
            .max_results(ASSOCIATIONS)
            .set_next_token(after);
        let answer = self.call(call.clone(), || request.clone().send()).await?;
        let associations = answer.associations.unwrap_or_default().into_iter();
        let required = |field: Option<String>, name: &str| {
            field.ok_or_else(|| AwsError::unclear(&call, format_args!("an association has no {name}")))
        };
        let listed = associations.map(|association| {
            Ok(ListedAssociation {
                namespace: required(association.namespace, "namespace")?,
                service_account: required(association.service_account, "ServiceAccount")?,
                id: required(association.association_id, "id")?,
                owner_arn: association.owner_arn.filter(|arn| !arn.is_empty()),
            })
        });
        Ok(Page {
            items: listed.collect::<Result<_, AwsError>>()?,
            next: answer.next_token.filter(|token| !token.is_empty()),
        })
    }
}
