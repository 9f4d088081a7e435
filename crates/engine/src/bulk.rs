//! Bulk reads, for the sweep: pages of roles, associations and ServiceAccounts, and what all of them share.
//! Where the page before ended in, one page of facts out, or why there is none. Talks to AWS and the API server, writes
//! nothing, and keeps nothing of a page.

use k8s_openapi::api::core::v1::ServiceAccount as KubeServiceAccount;
use kube::api::{Api, ListParams};
use kube::core::PartialObjectMeta;
use lanyard_aws::{Aws, ListedAssociation, ListedRole, Page};
use lanyard_core::class;
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::{Fact, ReadError};
use lanyard_core::model::name::AccountId;
use lanyard_core::model::observed::{Association, RoleFacts, ServiceAccount};
use lanyard_core::model::subject::Subject;

use crate::Engine;
use crate::lists::PAGE;
use crate::service_account::facts;

/// The ServiceAccount of a namespace and name, as a list shows it.
#[derive(Debug)]
pub struct ListedAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The rest of it.
    pub facts: ServiceAccount,
}

/// How the roles of an account are reached: by whom, and in which account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountAccess {
    /// Whom Lanyard becomes for it, as a class says.
    pub by: class::Aws,
    /// The account.
    pub account: AccountId,
}

impl Engine {
    /// Nobody waits for what is read in bulk.
    async fn aws_of(&self, way: &AccountAccess) -> Result<Aws, ReadError> {
        let aws = self.aws_by(&way.by, &way.account).await;
        aws.map(|aws| aws.in_background())
            .map_err(|error| error.read_error())
    }

    /// A page of all roles of an account, without description and longest session.
    ///
    /// # Errors
    /// Why of the page nothing is known.
    pub async fn roles_in_account(
        &self,
        way: &AccountAccess,
        after: Option<String>,
    ) -> Result<Page<ListedRole>, ReadError> {
        let aws = self.aws_of(way).await?;
        aws.roles_in_account(after)
            .await
            .map_err(|error| error.read_error())
    }

    /// A page of the roles that Lanyard makes for this cluster, with description and longest session.
    ///
    /// # Errors
    /// Why of the page nothing is known.
    pub async fn roles_of_cluster(
        &self,
        way: &AccountAccess,
        after: Option<String>,
    ) -> Result<Page<ListedRole>, ReadError> {
        let path = self.cluster().role_path();
        let path = path.map_err(|error| ReadError::Failed(error.to_string()))?;
        let aws = self.aws_of(way).await?;
        aws.roles_under(&path, after)
            .await
            .map_err(|error| error.read_error())
    }

    /// A page of the cluster's associations; off EKS there are none.
    ///
    /// # Errors
    /// Why of the page nothing is known.
    pub async fn associations_in_cluster(
        &self,
        after: Option<String>,
    ) -> Result<Page<ListedAssociation>, ReadError> {
        let Some(cluster) = self.cluster().eks_name() else {
            let (items, next) = (Vec::new(), None);
            return Ok(Page { items, next });
        };
        let page = self.aws().in_background().associations_in(cluster, after).await;
        page.map_err(|error| error.read_error())
    }

    /// What is in one association. One that is not found may have gone with its cluster: of that, no absence follows.
    pub async fn association_by_id(&self, id: &str) -> Fact<Association> {
        let Some(cluster) = self.cluster().eks_name() else {
            return Fact::Absent;
        };
        match self.aws().in_background().describe_association(cluster, id).await {
            Ok(found) => Fact::Present(found),
            Err(error) => Fact::Unreadable(error.read_error()),
        }
    }

    /// A page of the ServiceAccounts of all namespaces, as metadata.
    ///
    /// # Errors
    /// Why of the page nothing is known.
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
        let listed = page.items.into_iter().filter_map(|account| {
            Some(ListedAccount {
                facts: facts(&account.metadata),
                namespace: account.metadata.namespace?,
                name: account.metadata.name?,
            })
        });
        Ok(Page {
            items: listed.collect(),
            next: page.metadata.continue_.filter(|token| !token.is_empty()),
        })
    }

    /// The facts of a role as they may be trusted for a subject, just after writes of our own.
    #[must_use]
    pub fn trusted_role(&self, subject: &Subject, arn: &RoleArn, read: RoleFacts) -> RoleFacts {
        let facts = self.recent().judge_role(arn, read);
        self.trusts().judge(subject, arn, facts)
    }

    /// The association of a subject as it may be trusted, just after writes of our own.
    #[must_use]
    pub fn trusted_association(&self, subject: &Subject, read: Fact<Association>) -> Fact<Association> {
        self.recent().judge_association(subject, read)
    }

    /// How the roles of an account are reached by an object whose class says so; `None`: nobody says how.
    #[must_use]
    pub fn access_to(&self, by: &class::Aws, account: &AccountId) -> Option<AccountAccess> {
        let assumed = by.assume_role_arn.as_ref();
        let by = match assumed.filter(|role| role.account == *account) {
            Some(_) => by.clone(),
            None if *account == self.cluster().account => class::Aws::default(),
            None => return None,
        };
        let account = account.clone();
        Some(AccountAccess { by, account })
    }
}
