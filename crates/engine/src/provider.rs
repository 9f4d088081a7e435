//! The OIDC provider, which every IRSA identity of an account shares: made, or given one more audience.
//! What a step asks for in; at most one write to IAM. Called by `steps` only.
//!
//! The first identities of a cluster come at once and each finds no provider. One goes first, and the others find what it
//! made: in vain they would ask IAM for the same, and be told that it is there already.

use lanyard_core::model::arn::Issuer;
use lanyard_core::model::name::Audience;
use lanyard_core::model::observed::Provider;

use crate::Engine;
use crate::error::EngineError;
use crate::object::Target;

impl Engine {
    /// Has the provider accept an audience. `issuer`: the look found no provider, which is then created. The lock is held
    /// for the call alone, and AWS's door asks the gate before it, however long the wait was.
    ///
    /// # Errors
    /// When the call fails.
    pub(crate) async fn ensure_provider(
        &self,
        target: &Target,
        arn: &str,
        issuer: Option<&Issuer>,
        client_id: &Audience,
    ) -> Result<(), EngineError> {
        let turn = self.shared().turn_of_provider(arn);
        let _turn = turn.lock().await;
        let known = self.shared().known_provider(arn).await;
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
            self.shared().provider_is(arn, provider).await;
        }
        Ok(())
    }
}
