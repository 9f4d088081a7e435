//! Writes to the OIDC provider, which all IRSA identities of an account share: creation, and adding an
//! audience. Input: the values of a step. Output: none. Does I/O: at most one write to IAM.
//!
//! The first identities of a cluster find no provider at the same time. A lock lets one create it, and the
//! others use the result instead of failing with a conflict.

use lanyard_core::model::arn::Issuer;
use lanyard_core::model::name::Audience;
use lanyard_core::model::observed::Provider;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::target::Target;

impl Engine {
    /// Makes the provider accept an audience. `issuer` is set if no provider was observed, which then is
    /// created. The lock is held only for the call, and the AWS client checks the write gate after the wait.
    ///
    /// # Errors
    ///
    /// Returns an error if the call fails.
    pub(crate) async fn ensure_provider(
        &self,
        target: &Target,
        arn: &str,
        issuer: Option<&Issuer>,
        client_id: &Audience,
    ) -> Result<(), EngineError> {
        let lock = self.cluster_facts().provider_lock(arn);
        let _guard = lock.lock().await;
        let slot = self.cluster_facts().provider(&target.access, arn);
        let known = slot.present(self.cluster_facts().max_age).await;
        let accepts = |provider: &Provider| provider.client_ids.contains(client_id.as_str());
        if known.as_ref().is_some_and(accepts) {
            return Ok(());
        }
        let aws = self.aws_of_provider(&target.access, arn).await?;
        match (&known, issuer) {
            (None, Some(issuer)) => aws.create_provider(arn, issuer, client_id).await?,
            (Some(_), _) | (None, None) => aws.add_client_id(arn, client_id).await?,
        }
        if known.is_some() || issuer.is_some() {
            let mut provider = known.unwrap_or_default();
            provider.client_ids.insert(client_id.to_string());
            provider.modified_at = Some(jiff::Timestamp::now());
            slot.set(provider).await;
        }
        Ok(())
    }
}
