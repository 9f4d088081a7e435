//! The names of the cluster that complete a word. Input: the words before it. Output: candidates, or none if the cluster does
//! not answer in time. Reads from the API server; writes nothing to stderr.

use std::time::Duration;

use clap::Parser;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use lanyard_api::WorkloadIdentity;

use crate::args::{Cli, Command};
use crate::connect::connect;
use crate::global::Global;

/// The time after which completion gives up. A token command of the kubeconfig, such as `aws eks get-token`, takes about one
/// second.
const LIMIT: Duration = Duration::from_secs(2);
/// The number of names to offer.
const MOST: u32 = 500;

/// The kind of a word that the cluster completes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Identity,
    Namespace,
}

/// The candidates for the word after these words.
pub(crate) async fn candidates(before: &[String]) -> Vec<String> {
    let Some((wanted, global)) = wanted(before) else {
        return Vec::new();
    };
    let listed = tokio::time::timeout(LIMIT, list(wanted, global)).await;
    listed.ok().flatten().unwrap_or_default()
}

/// The kind of the next word, and the flags that were typed. Returns `None` if the cluster does not know it.
fn wanted(before: &[String]) -> Option<(Wanted, Global)> {
    let is_namespace = matches!(before.last()?.as_str(), "-n" | "--namespace");
    // A placeholder stands for the word to complete.
    let words = ["kubectl-lanyard".to_owned()]
        .into_iter()
        .chain(before.iter().cloned())
        .chain(["x".to_owned()]);
    let cli = Cli::try_parse_from(words).ok();
    let cli = match (cli, is_namespace) {
        (Some(cli), _) => cli,
        // The command has no name yet.
        (None, true) => {
            let words = before.iter().cloned().chain(["x".to_owned(), "y".to_owned()]);
            Cli::try_parse_from(["kubectl-lanyard".to_owned()].into_iter().chain(words)).ok()?
        }
        (None, false) => return None,
    };
    let takes_name = matches!(
        cli.command,
        Command::Plan(_) | Command::Trust(_) | Command::Doctor(_)
    );
    match (is_namespace, takes_name) {
        (true, _) => Some((
            Wanted::Namespace,
            Global {
                namespace: None,
                ..cli.global
            },
        )),
        (false, true) => Some((Wanted::Identity, cli.global)),
        (false, false) => None,
    }
}

async fn list(wanted: Wanted, global: Global) -> Option<Vec<String>> {
    let connection = connect(&global).await.ok()?;
    let params = ListParams::default().limit(MOST);
    let client = connection.client;
    let names = match wanted {
        Wanted::Identity => {
            let api: Api<WorkloadIdentity> = Api::namespaced(client, &connection.namespace);
            let list = api.list_metadata(&params).await.ok()?;
            list.items.iter().map(ResourceExt::name_any).collect()
        }
        Wanted::Namespace => {
            let api: Api<Namespace> = Api::all(client);
            let list = api.list_metadata(&params).await.ok()?;
            list.items.iter().map(ResourceExt::name_any).collect()
        }
    };
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Option<(Wanted, Option<String>)> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        wanted(&words).map(|(wanted, global)| (wanted, global.namespace))
    }

    #[test]
    fn name_of_an_object_follows_a_command_with_its_namespace() {
        assert_eq!(of(&["plan"]), Some((Wanted::Identity, None)));
        assert_eq!(
            of(&["doctor", "-n", "shop"]),
            Some((Wanted::Identity, Some("shop".to_owned())))
        );
        assert_eq!(of(&["version"]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn namespace_follows_its_flag() {
        assert_eq!(of(&["plan", "-n"]), Some((Wanted::Namespace, None)));
        assert_eq!(of(&["doctor", "--namespace"]), Some((Wanted::Namespace, None)));
    }
}
