//! The errors that end a command. Each message names the object and the next action. No I/O.

use std::io;
use std::path::PathBuf;

use kube::config::KubeconfigError;
use lanyard_iam_policy::text::distance;

/// An error that ends a command with exit code 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The kubeconfig cannot be used.
    #[error("cannot use the kubeconfig: {0}")]
    Kubeconfig(Box<KubeconfigError>),
    /// The client cannot be created.
    #[error("cannot create the client of the API server: {0}")]
    Client(String),
    /// A request to the API server failed.
    #[error("{action}: {message}")]
    Api {
        /// The action, such as `get workloadidentity shop/orders`.
        action: String,
        /// The message of the API server.
        message: String,
    },
    /// A namespace does not exist.
    #[error("namespace {0} does not exist")]
    NoNamespace(String),
    /// An object does not exist.
    #[error("{kind} {name} does not exist in namespace {namespace}{hint}")]
    NoObject {
        /// The kind, in lower case.
        kind: String,
        /// The namespace.
        namespace: String,
        /// The requested name.
        name: String,
        /// The nearest names, as the end of the sentence.
        hint: String,
    },
    /// The API server and AWS describe different clusters.
    #[error("{0}")]
    OtherCluster(String),
    /// The cluster is not known.
    #[error("{0}")]
    UnknownCluster(String),
    /// A value of a flag is invalid.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file has no valid object.
    #[error("{0}")]
    Manifest(String),
    /// The result cannot be written.
    #[error("cannot write the result: {0}")]
    Output(io::Error),
    /// The result cannot be encoded.
    #[error("cannot encode the result: {0}")]
    Encoding(String),
}

/// The end of a sentence with the names that are nearest to an unknown one. Empty if none is near.
pub(crate) fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let limit = 1 + unknown.chars().count() / 3;
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| (distance(unknown, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    near.sort_unstable();
    near.truncate(3);
    let names: Vec<String> = near.into_iter().map(|(_, name)| name.to_owned()).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("; nearest: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names_are_sorted_and_distant_names_are_not_shown() {
        assert_eq!(
            nearest("ordrs", ["orders", "payments", "orders-b"]),
            "; nearest: orders"
        );
        assert_eq!(nearest("x", ["orders"]), "");
    }
}
