//! AWS clients of another actor than Lanyard: tests use them to change resources behind the operator's back and to check
//! the result. Input: the URL of the gateway. Output: SDK clients and decoded answers. Network I/O.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_eks::types::PodIdentityAssociation;
use aws_sdk_iam::config::Credentials;
use lanyard_testkit::TestBed;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// The add-on of the EKS Pod Identity Agent.
const AGENT: &str = "eks-pod-identity-agent";

/// How the names of the tests' clients begin.
const TEST: &str = "test-";

/// Clients that go through the gateway, as the account's root.
#[derive(Clone, Debug)]
pub struct Clients {
    config: SdkConfig,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// EKS.
    pub eks: aws_sdk_eks::Client,
    /// STS.
    pub sts: aws_sdk_sts::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
}

impl Clients {
    /// Clients for a test bed.
    pub async fn new(bed: &TestBed) -> Self {
        Self::with_key(bed, "test").await
    }

    /// Clients of the test with this namespace: the gateway's ledger names it as their caller.
    ///
    /// # Errors
    /// Returns an error if the namespace is no name of an application.
    pub async fn of_test(bed: &TestBed, namespace: &str) -> Result<Self> {
        let name = AppName::new(Self::caller(namespace))?;
        Ok(Self::load(bed, "test", Some(name)).await)
    }

    /// The name under which the clients of a test call.
    pub(crate) fn caller(namespace: &str) -> String {
        format!("{TEST}{namespace}")
    }

    /// Returns true for the name of the clients of a test.
    pub(crate) fn is_of_a_test(caller: &str) -> bool {
        caller.starts_with(TEST)
    }

    /// Clients of the root user with an access key: a key of twelve digits selects the account with that number, every
    /// other key selects the account of the cluster.
    pub async fn with_key(bed: &TestBed, key: &str) -> Self {
        Self::load(bed, key, None).await
    }

    async fn load(bed: &TestBed, key: &str, name: Option<AppName>) -> Self {
        let mut config = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(bed.gateway.url())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(key, "test", None, None, "root"));
        if let Some(name) = name {
            config = config.app_name(name);
        }
        let config = config.load().await;
        Self {
            config: config.clone(),
            iam: aws_sdk_iam::Client::new(&config),
            eks: aws_sdk_eks::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
        }
    }

    /// STS client with the credentials of an assumed role.
    #[must_use]
    pub fn sts_with(&self, key: &str, secret: &str, session: &str) -> aws_sdk_sts::Client {
        let credentials = Credentials::new(key, secret, Some(session.to_owned()), None, "assumed");
        let config = aws_sdk_sts::config::Builder::from(&self.config)
            .credentials_provider(credentials)
            .build();
        aws_sdk_sts::Client::from_conf(config)
    }

    /// Returns `true` if the role exists.
    ///
    /// # Errors
    /// Returns an error if the call fails for another reason than a missing role.
    pub async fn has_role(&self, name: &str) -> Result<bool> {
        match self.iam.get_role().role_name(name).send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_no_such_entity_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(error).context("GetRole"),
        }
    }

    /// A role's trust policy as JSON.
    ///
    /// # Errors
    /// Returns an error if the call fails or the policy is no JSON.
    pub async fn trust(&self, role: &str) -> Result<Value> {
        let answer = self.iam.get_role().role_name(role).send().await?;
        let document = answer
            .role
            .and_then(|role| role.assume_role_policy_document)
            .context("no trust policy")?;
        decoded(&document)
    }

    /// The managed policies attached to a role, sorted.
    ///
    /// # Errors
    /// Returns an error if the call fails.
    pub async fn attached(&self, role: &str) -> Result<Vec<String>> {
        let answer = self
            .iam
            .list_attached_role_policies()
            .role_name(role)
            .send()
            .await?;
        let mut arns: Vec<String> = answer
            .attached_policies()
            .iter()
            .filter_map(|policy| policy.policy_arn.clone())
            .collect();
        arns.sort();
        Ok(arns)
    }

    /// Removes the EKS Pod Identity Agent: no pod gets credentials from Pod Identity afterwards.
    ///
    /// # Errors
    /// Returns an error if the call fails.
    pub async fn remove_agent(&self) -> Result<()> {
        let remove = self.eks.delete_addon().cluster_name("lanyard");
        remove.addon_name(AGENT).send().await?;
        Ok(())
    }

    /// Installs the EKS Pod Identity Agent.
    ///
    /// # Errors
    /// Returns an error if the call fails.
    pub async fn install_agent(&self) -> Result<()> {
        let install = self.eks.create_addon().cluster_name("lanyard");
        install.addon_name(AGENT).send().await?;
        Ok(())
    }

    /// The tags of a role.
    ///
    /// # Errors
    /// Returns an error if the call fails.
    pub async fn role_tags(&self, role: &str) -> Result<BTreeMap<String, String>> {
        let answer = self.iam.list_role_tags().role_name(role).send().await?;
        let tags = answer.tags().iter();
        Ok(tags
            .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
            .collect())
    }

    /// The ids of the associations of a ServiceAccount.
    ///
    /// # Errors
    /// Returns an error if the call fails.
    pub async fn associations(&self, namespace: &str, service_account: &str) -> Result<Vec<String>> {
        let list = self.eks.list_pod_identity_associations().cluster_name("lanyard");
        let answer = list
            .namespace(namespace)
            .service_account(service_account)
            .send()
            .await?;
        Ok(answer
            .associations()
            .iter()
            .filter_map(|found| found.association_id.clone())
            .collect())
    }

    /// The complete association of a ServiceAccount. Returns `None` if it has none.
    ///
    /// # Errors
    /// Returns an error if a call fails.
    pub async fn association(
        &self,
        namespace: &str,
        service_account: &str,
    ) -> Result<Option<PodIdentityAssociation>> {
        match self.associations(namespace, service_account).await?.first() {
            Some(id) => self.describe(id).await,
            None => Ok(None),
        }
    }

    /// The complete association with this id. Returns `None` if it was deleted after it was listed.
    ///
    /// # Errors
    /// Returns an error if the call fails for another reason than a missing association.
    pub async fn describe(&self, id: &str) -> Result<Option<PodIdentityAssociation>> {
        let describe = self.eks.describe_pod_identity_association();
        match describe.cluster_name("lanyard").association_id(id).send().await {
            Ok(answer) => Ok(answer.association),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(error).context("DescribePodIdentityAssociation"),
        }
    }
}

/// Decodes a policy document as IAM returns it: percent-encoded JSON.
///
/// # Errors
/// Returns an error if the document is not percent-encoded JSON.
pub fn decoded(document: &str) -> Result<Value> {
    let text = percent_decode_str(document).decode_utf8().context("not UTF-8")?;
    serde_json::from_str(&text).context("not JSON")
}
