//! What the webhook knows of a ServiceAccount: EKS's associations and the annotations in the cluster.
//! In: namespace and name. Out: both, as they are now. Network I/O. Asked by `server` for each pod.
//!
//! AWS's webhook learns of both with a delay [F 11]; a lag to be set belongs here, where the two are read.

use anyhow::Result;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, Client};

use super::decision::Known;
use crate::gateway::{Gateway, Subject};

/// Where the webhook looks.
pub(crate) struct Sources {
    pub client: Client,
    pub gateway: Gateway,
    pub account: String,
    pub region: String,
    pub cluster: String,
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
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), namespace);
        let found = accounts.get_opt(service_account).await?;
        Ok(Known {
            associated: self.gateway.is_associated(&subject).await?,
            annotations: found
                .and_then(|account| account.metadata.annotations)
                .unwrap_or_default(),
        })
    }
}
