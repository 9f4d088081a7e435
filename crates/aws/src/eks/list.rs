//! All associations of a cluster, page by page, for the sweep: which ServiceAccount has which, and no more.
//! Where the page before ended in, one page out; one call each. What is in an association takes a call of its own.

use lanyard_core::model::name::ClusterName;

use crate::call::{Call, Service};
use crate::client::Aws;
use crate::error::AwsError;
use crate::pages::Page;

/// Associations a page: the most that EKS gives at once.
const ASSOCIATIONS: i32 = 100;

/// One association as the list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAssociation {
    /// The namespace of its ServiceAccount.
    pub namespace: String,
    /// The name of its ServiceAccount.
    pub service_account: String,
    /// Its id (`a-...`).
    pub id: String,
    /// The EKS add-on that owns it, if one does.
    pub owner_arn: Option<String>,
}

impl Aws {
    /// A page of the cluster's associations.
    ///
    /// # Errors
    /// When the call fails, or an entry lacks what each has: of the page nothing is known.
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
        let found = answer.associations.unwrap_or_default().into_iter();
        let needed = |field: Option<String>, name: &str| {
            field.ok_or_else(|| AwsError::unclear(&call, format_args!("an association has no {name}")))
        };
        let listed = found.map(|found| {
            Ok(ListedAssociation {
                namespace: needed(found.namespace, "namespace")?,
                service_account: needed(found.service_account, "ServiceAccount")?,
                id: needed(found.association_id, "id")?,
                owner_arn: found.owner_arn.filter(|arn| !arn.is_empty()),
            })
        });
        Ok(Page {
            items: listed.collect::<Result<_, AwsError>>()?,
            next: answer.next_token.filter(|token| !token.is_empty()),
        })
    }
}
