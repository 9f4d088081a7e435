//! `import`: the WorkloadIdentities for identities that other tools made, with the evidence. Input: names, or a whole cluster.
//! Output: a report; nothing is applied. Reads from AWS and the API server, and the files of Terraform.

mod args;
mod document;
mod item;
mod judge;
mod progress;
mod read;
mod report;
mod run;
mod text;

use std::collections::BTreeSet;
use std::io::Read;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use lanyard_core::model::arn::RoleArn;
use lanyard_core::model::fact::ReadError;
use lanyard_core::origin::proposal::Takeover;
use lanyard_core::origin::terraform::Terraform;

use crate::connect::{Connection, connect, namespace_exists};
use crate::discovery::{Site, identify};
use crate::envelope::Unread;
use crate::error::{CliError, nearest};
use crate::global::Global;
use crate::named::identity_name;

pub use args::ImportArgs;
pub use item::ImportItem;
use judge::identities;
use progress::Progress;
use read::{Material, Wanted};
use report::ImportReport;
use run::Run;

/// Finds and proposes.
pub(crate) async fn run(args: &ImportArgs, global: &Global) -> Result<ImportReport, CliError> {
    if args.all_namespaces && (global.namespace.is_some() || !args.names.is_empty()) {
        let message = "--all-namespaces excludes --namespace and names";
        return Err(CliError::Usage(message.to_owned()));
    }
    let terraform = terraform(args)?;
    let connection = connect(global).await?;
    let wanted = wanted(args, &connection).await?;
    let site = identify(&connection, global, None).await?;
    let progress = Progress { quiet: global.quiet };
    let engine = match &site {
        Site::Full(engine, _) => Some(engine.as_ref()),
        Site::WithoutAws(..) => None,
    };
    let mut material = Material::read(&connection.client, engine, &wanted, &progress).await;
    match &site {
        Site::Full(_, unread) => material.unread.extend(unread.clone()),
        Site::WithoutAws(_, unread) => {
            material.no_associations = Some(ReadError::Failed(unread.cause.clone()));
            material.unread.push(Unread {
                consequence: "associations and roles are not known, so nothing can be planned".to_owned(),
                ..unread.clone()
            });
        }
    }
    check_names(&connection, &wanted, &material).await?;
    if let (Some(engine), Takeover::Existing) = (engine, args.mode.takeover()) {
        let roles = roles_in_use(&material, &site);
        material.read_roles(engine, &roles, &progress).await;
    }
    let run = Run {
        args,
        site: &site,
        material: &material,
        terraform: &terraform,
        progress,
        now: Timestamp::now(),
    };
    run.report(&connection).await
}

/// The ServiceAccounts to import.
async fn wanted(args: &ImportArgs, connection: &Connection) -> Result<Wanted, CliError> {
    if !args.all_namespaces {
        namespace_exists(connection).await?;
    }
    let mut names = BTreeSet::new();
    for name in &args.names {
        names.insert(identity_name(connection, name).await?);
    }
    Ok(Wanted {
        namespace: (!args.all_namespaces).then(|| connection.namespace.clone()),
        names,
        selector: args.selector.clone(),
    })
}

/// A requested name has to exist, as a ServiceAccount or in an association.
async fn check_names(connection: &Connection, wanted: &Wanted, material: &Material) -> Result<(), CliError> {
    let Some(namespace) = wanted
        .namespace
        .as_ref()
        .filter(|_| material.no_accounts.is_none())
    else {
        return Ok(());
    };
    for name in &wanted.names {
        let key = (namespace.clone(), name.clone());
        if material.accounts.contains_key(&key) || material.associations.contains_key(&key) {
            continue;
        }
        let known = account_names(connection).await;
        return Err(CliError::NoObject {
            kind: "serviceaccount".to_owned(),
            namespace: namespace.clone(),
            name: name.clone(),
            hint: nearest(name, known.iter().map(String::as_str)),
        });
    }
    Ok(())
}

/// The ServiceAccounts of the namespace, to suggest the nearest one. A failed list leaves them out.
async fn account_names(connection: &Connection) -> Vec<String> {
    let api: Api<ServiceAccount> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let listed = api.list_metadata(&ListParams::default().limit(500)).await;
    listed.map_or_else(
        |_| Vec::new(),
        |list| list.items.iter().map(ResourceExt::name_any).collect(),
    )
}

/// The resources in the files of Terraform.
fn terraform(args: &ImportArgs) -> Result<Terraform, CliError> {
    let mut all = Terraform::default();
    for path in &args.terraform_state {
        let file = |source| CliError::File {
            path: path.clone(),
            source,
        };
        let mut text = String::new();
        match path.as_os_str() == "-" {
            true => std::io::stdin()
                .read_to_string(&mut text)
                .map(drop)
                .map_err(file)?,
            false => text = std::fs::read_to_string(path).map_err(file)?,
        }
        let state = Terraform::parse(&text);
        all.add(
            state
                .map_err(|error| CliError::Usage(format!("--terraform-state {}: {error}", path.display())))?,
        );
    }
    Ok(all)
}

/// The roles of the account of the cluster that the material uses.
fn roles_in_use(material: &Material, site: &Site) -> BTreeSet<RoleArn> {
    let bound = identities(material, site.cluster(), false).into_iter();
    bound
        .filter_map(|identity| Some(identity.bound.ok()?.role))
        .collect()
}
