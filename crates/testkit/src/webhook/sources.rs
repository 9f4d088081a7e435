//! Sources of the webhook: EKS's associations and the annotations of ServiceAccounts.
//! Input: namespace and name. Output: both, as they are now or as they were before a lag. Network I/O.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, Client};

use super::decision::Known;
use super::lag::Lag;
use super::past::Past;
use crate::gateway::{Gateway, Subject};

/// The sources of the webhook.
pub(crate) struct Sources {
    pub client: Client,
    pub gateway: Gateway,
    pub account: String,
    pub region: String,
    pub cluster: String,
    pub lag: Arc<Mutex<Lag>>,
    pub past: Past,
}

impl Sources {
    pub async fn of(&self, namespace: &str, service_account: &str) -> Result<Known> {
        let subject = Subject {
            account: self.account.clone(),
            region: self.region.clone(),
            cluster: self.cluster.clone(),
            namespace: namespace.to_owned(),
            service_account: service_account.to_owned(),
        };
        let lag = *self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        let annotations = if lag.annotation.is_zero() {
            let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), namespace);
            let found = accounts.get_opt(service_account).await?;
            found.and_then(|account| account.metadata.annotations)
        } else {
            self.past.annotations(namespace, service_account, lag.annotation)
        };
        Ok(Known {
            associated: self.gateway.is_associated(&subject, lag.association).await?,
            annotations: annotations.unwrap_or_default(),
        })
    }
}
