//! The connection to the API server, as kubectl makes it. Input: the flags of kubectl. Output: a client, the namespace, and the
//! hints on the EKS cluster that the kubeconfig has. Reads files and the environment. `connect` sends no request.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use lanyard_engine::kube_message;
use tokio::sync::OnceCell;

use crate::error::CliError;
use crate::global::Global;
use crate::hint::Hint;
use crate::operator::Operator;
use crate::output::say;

/// A connection that no request used yet.
pub(crate) struct Connection {
    /// The client.
    pub client: Client,
    /// The namespace of the flag, or else of the context.
    pub namespace: String,
    /// The cluster in AWS, as far as the kubeconfig names it.
    pub hint: Hint,
    operator: OnceCell<Operator>,
}

/// Creates the client.
pub(crate) async fn connect(global: &Global) -> Result<Connection, CliError> {
    let (mut config, hint) = config(global).await?;
    config.auth_info.impersonate.clone_from(&global.as_user);
    if !global.as_group.is_empty() {
        config.auth_info.impersonate_groups = Some(global.as_group.clone());
    }
    let limit = Some(global.request_timeout).filter(|seconds| *seconds > 0);
    config.read_timeout = limit.map(Duration::from_secs);
    let namespace = global
        .namespace
        .clone()
        .unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config).map_err(|error| CliError::Client(kube_message(&error)))?;
    Ok(Connection {
        client,
        namespace,
        hint,
        operator: OnceCell::new(),
    })
}

impl Connection {
    /// The operator of the cluster, read once.
    pub async fn operator(&self, global: &Global) -> &Operator {
        let read = async {
            let operator = Operator::read(&self.client, &global.operator_namespace).await;
            if global.verbose {
                operator.notes.iter().for_each(|note| say(note));
            }
            operator
        };
        self.operator.get_or_init(|| read).await
    }
}

/// Checks that the namespace of the connection exists. A missing right to read it is no error.
pub(crate) async fn namespace_exists(connection: &Connection) -> Result<(), CliError> {
    let api: Api<Namespace> = Api::all(connection.client.clone());
    match api.get_metadata_opt(&connection.namespace).await {
        Ok(None) => Err(CliError::NoNamespace(connection.namespace.clone())),
        Ok(Some(_)) | Err(_) => Ok(()),
    }
}

async fn config(global: &Global) -> Result<(Config, Hint), CliError> {
    let unusable = |error| CliError::Kubeconfig(Box::new(error));
    let read = match &global.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let kubeconfig = match read {
        Ok(kubeconfig) => kubeconfig,
        Err(error) => {
            let in_pod = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() && global.kubeconfig.is_none();
            let config = in_pod.then(Config::incluster).and_then(Result::ok);
            return config
                .map(|config| (config, Hint::default()))
                .ok_or_else(|| unusable(error));
        }
    };
    let hint = Hint::of(&kubeconfig, global.context.as_deref(), global.user.as_deref());
    let options = KubeConfigOptions {
        context: global.context.clone(),
        cluster: global.cluster.clone(),
        user: global.user.clone(),
    };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    config.map(|config| (config, hint)).map_err(unusable)
}
