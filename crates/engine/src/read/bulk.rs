//! Bulk reads for the drift scan: pages of roles, associations and ServiceAccounts. Input: the marker of a
//! page. Output: one page of facts, or an error. Does I/O: reads from AWS and the API server. No page is kept.

use k8s_openapi::api::core::v1::ServiceAccount as KubeServiceAccount;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ListParams};
use kube::core::PartialObjectMeta;
use lanyard_aws::{Aws, ListedAssociation, ListedRole, Page};
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::observed::{Association, RoleFacts, ServiceAccount};
use lanyard_core::model::subject::Subject;

use super::api_server::PAGE;
use super::service_account::facts;
use crate::access::AccountAccess;
use crate::engine::Engine;

/// A ServiceAccount as listed by the API server.
#[derive(Debug)]
pub struct ListedAccount {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The facts.
    pub facts: ServiceAccount,
}

impl ListedAccount {
    /// The ServiceAccount with this metadata. Returns `None` without name and namespace.
    #[must_use]
    pub fn of(metadata: ObjectMeta) -> Option<Self> {
        Some(Self {
            facts: facts(&metadata),
            namespace: metadata.namespace?,
            name: metadata.name?,
        })
    }
}

impl Engine {
    /// The client for background reads in an account.
    async fn aws_of(&self, access: &AccountAccess) -> Result<Aws, ReadError> {
        let aws = self.aws_by(&access.by, &access.account).await;
        aws.map(|aws| aws.in_background())
            .map_err(|error| error.read_error())
    }

    /// Reads a page of all roles of an account, without description and maximum session duration.
    ///
    /// # Errors
    ///
    /// Returns the error if the page could not be read.
    pub async fn roles_in_account(
        &self,
        access: &AccountAccess,
        after: Option<String>,
    ) -> Result<Page<ListedRole>, ReadError> {
        let aws = self.aws_of(access).await?;
        aws.roles_in_account(after)
            .await
            .map_err(|error| error.read_error())
    }

    /// Reads a page of the roles under the role path of this cluster, with description and maximum session
    /// duration.
    ///
    /// # Errors
    ///
    /// Returns the error if the page could not be read.
    pub async fn roles_of_cluster(
        &self,
        access: &AccountAccess,
        after: Option<String>,
    ) -> Result<Page<ListedRole>, ReadError> {
        let path = self.cluster().role_path();
        let path = path.map_err(|error| ReadError::Failed(error.to_string()))?;
        let aws = self.aws_of(access).await?;
        aws.roles_under(&path, after)
            .await
            .map_err(|error| error.read_error())
    }

    /// Reads a page of the associations of the cluster. Empty outside EKS.
    ///
    /// # Errors
    ///
    /// Returns the error if the page could not be read.
    pub async fn associations_in_cluster(
        &self,
        after: Option<String>,
    ) -> Result<Page<ListedAssociation>, ReadError> {
        let Some(cluster) = self.cluster().eks_name() else {
            return Ok(Page {
                items: Vec::new(),
                next: None,
            });
        };
        let page = self.aws().in_background().associations_in(cluster, after).await;
        page.map_err(|error| error.read_error())
    }

    /// Reads one association. "Not found" is unreadable, because it may be about the cluster.
    pub async fn association_by_id(&self, id: &str) -> Fact<Association> {
        let Some(cluster) = self.cluster().eks_name() else {
            return Fact::Absent;
        };
        match self.aws().in_background().describe_association(cluster, id).await {
            Ok(association) => Fact::Present(association),
            Err(error) => Fact::Unreadable(error.read_error()),
        }
    }

    /// Reads a page of the ServiceAccounts of all namespaces, as metadata.
    ///
    /// # Errors
    ///
    /// Returns the error if the page could not be read.
    pub async fn service_accounts_in_cluster(
        &self,
        after: Option<String>,
    ) -> Result<Page<ListedAccount>, ReadError> {
        let api: Api<PartialObjectMeta<KubeServiceAccount>> = Api::all(self.kube().clone());
        let mut params = ListParams::default().limit(PAGE);
        if let Some(token) = after {
            params = params.continue_token(&token);
        }
        let call = api.list_metadata(&params);
        let page = self.read("list", "serviceaccounts", call).await;
        let page = page.map_err(|error| error.read_error())?;
        let accounts = page.items.into_iter();
        let listed = accounts.filter_map(|account| ListedAccount::of(account.metadata));
        Ok(Page {
            items: listed.collect(),
            next: page.metadata.continue_.filter(|token| !token.is_empty()),
        })
    }

    /// The facts of a role for a subject, without values that contradict recent writes.
    #[must_use]
    pub fn trusted_role(&self, subject: &Subject, arn: &RoleArn, read: RoleFacts) -> RoleFacts {
        let facts = self.recent_writes().judge_role(arn, read);
        let facts = self.recent_writes().with_admission(subject, arn, facts);
        self.trust_edits().judge(subject, arn, facts)
    }

    /// The association of a subject, unless it contradicts a recent write.
    #[must_use]
    pub fn trusted_association(&self, subject: &Subject, read: Fact<Association>) -> Fact<Association> {
        self.recent_writes().judge_association(subject, read)
    }
}
