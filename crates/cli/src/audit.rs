//! `audit`: shows how each container of the cluster gets AWS credentials. Input: namespaces and a selector. Output: one item per
//! workload, container and form. Reads from AWS and the API server; core judges.
//!
//! ```text
//!   pods (pages), templates ---> reduce ---> fold --+
//!   ServiceAccounts, WorkloadIdentities ---------------> core rows ---> items ---> text, csv, dot, html, JSON
//!   associations, roles -----------------------------+
//! ```

mod account;
mod args;
mod cluster;
mod csv;
mod dot;
mod gate;
mod html;
mod item;
mod loads;
mod mask;
mod reduce;
mod since;
mod text;
mod totals;

use std::collections::BTreeSet;

use jiff::Timestamp;
use lanyard_core::audit::{Fleet, Fold, SubjectRef, rows};
use lanyard_core::model::fact::{Fact, ReadError};

use crate::connect::{Connection, connect, namespace_exists};
use crate::discovery::{Site, identify};
use crate::envelope::{ClusterRef, Envelope, Unread};
use crate::error::CliError;
use crate::exit::Exit;
use crate::global::{Format, Global};
use crate::output::{Report, is_colored, rendered, write};
use crate::plan::render_unread;
use crate::screen::Screen;

use account::AccountReader;
pub use args::AuditArgs;
use cluster::Reader;
use gate::FailOn;
pub use item::AuditItem;
use since::{Earlier, KIND};

/// The result of `audit`.
pub(crate) struct AuditReport {
    envelope: Envelope<AuditItem>,
    now: Timestamp,
    unread_loads: usize,
    earlier: Option<Earlier>,
    fail_on: Vec<FailOn>,
}

/// Audits the cluster and writes the result.
pub(crate) async fn show(args: &AuditArgs, global: &Global) -> Result<Exit, CliError> {
    if args.all_namespaces && global.namespace.is_some() {
        return Err(CliError::Usage(
            "--all-namespaces excludes --namespace".to_owned(),
        ));
    }
    let earlier = args.since.as_deref().map(Earlier::read).transpose()?;
    let report = run(args, global, earlier).await?;
    let is_colored = args.out.is_none() && is_colored(global.color);
    let text = rendered(&report, global.output, is_colored)?;
    let text = if args.mask { mask::masked(&text) } else { text };
    match &args.out {
        Some(path) => std::fs::write(path, text).map_err(CliError::Output)?,
        None => write(&text)?,
    }
    Ok(report.exit())
}

async fn run(args: &AuditArgs, global: &Global, earlier: Option<Earlier>) -> Result<AuditReport, CliError> {
    let connection = connect(global).await?;
    if !args.all_namespaces {
        namespace_exists(&connection).await?;
    }
    let mut unread = Vec::new();
    let site = site(&connection, global, &mut unread).await?;
    let mut reader = Reader::new(&connection, args);
    let fold = reader.fold().await;
    let now = Timestamp::now();
    let cluster = site.as_ref().map(|site| site.cluster().clone());
    let mut fleet = Fleet {
        accounts: reader.accounts().await,
        identities: reader.identities(cluster.as_ref()).await,
        associations: Fact::Unreadable(ReadError::NotRead),
        roles: Default::default(),
        cluster,
        now,
    };
    unread.append(&mut reader.unread);
    if let Some(Site::Full(engine, _)) = &site {
        let mut reader = AccountReader::new(engine);
        read_aws(&mut reader, &mut fleet, &fold, args).await;
        unread.append(&mut reader.unread);
    }
    let items = rows(fold.usages(), &fleet).iter().map(AuditItem::from).collect();
    let cluster = fleet.cluster.as_ref().map(ClusterRef::from);
    Ok(AuditReport {
        envelope: Envelope::new(KIND, cluster, now, unread, items),
        now,
        unread_loads: fold.unread_loads(),
        earlier,
        fail_on: args.fail_on.clone(),
    })
}

/// The cluster in AWS. Without it, the audit shows what the pods carry.
async fn site(
    connection: &Connection,
    global: &Global,
    unread: &mut Vec<Unread>,
) -> Result<Option<Site>, CliError> {
    let consequence = "associations, roles and their use are not known: forms are those that pods carry";
    let lost = |cause: String| Unread {
        resource: "AWS".to_owned(),
        cause,
        consequence: consequence.to_owned(),
    };
    match identify(connection, global, None).await {
        Ok(site) => {
            match &site {
                Site::Full(_, issuer) => unread.extend(issuer.clone()),
                Site::WithoutAws(_, without) => unread.push(lost(without.cause.clone())),
            }
            Ok(Some(site))
        }
        Err(CliError::UnknownCluster(cause)) => {
            unread.push(lost(cause));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn read_aws(reader: &mut AccountReader<'_>, fleet: &mut Fleet, fold: &Fold, args: &AuditArgs) {
    fleet.associations = reader.associations().await;
    let identities = fleet.identities.present().into_iter().flatten();
    let managed: BTreeSet<SubjectRef> = identities
        .filter(|(_, identity)| identity.role.is_some())
        .map(|(subject, _)| subject.clone())
        .collect();
    let associations = &mut fleet.associations;
    reader
        .describe(associations, fold.usages(), &managed, args.describe_all)
        .await;
    fleet.roles = reader.roles(fleet.roles_of(fold.usages().keys())).await;
}

impl Report for AuditReport {
    type Item = AuditItem;

    fn envelope(&self) -> &Envelope<AuditItem> {
        &self.envelope
    }

    fn exit(&self) -> Exit {
        let known = self.earlier.as_ref().map(|earlier| &earlier.known);
        gate::exit(
            &self.envelope.items,
            known,
            &self.fail_on,
            self.envelope.completeness(),
        )
    }

    fn names(&self) -> Vec<String> {
        let items = self.envelope.items.iter().filter(|item| item.uses_aws);
        let names: BTreeSet<String> = items
            .map(|item| format!("{}/{}", item.namespace, item.workload()))
            .collect();
        names.into_iter().collect()
    }

    fn text(&self, screen: &mut Screen, wide: bool) {
        text::table(&self.envelope.items, self.now, screen, wide);
        render_unread(&self.envelope.unread, screen);
        text::totals(&self.envelope.items, self.unread_loads, screen, wide);
    }

    fn document(&self, format: Format) -> Option<Result<String, CliError>> {
        match format {
            Format::Csv => Some(Ok(csv::text(&self.envelope.items))),
            Format::Dot => Some(Ok(dot::text(&self.envelope.items))),
            Format::Html => Some(html::text(&self.envelope, self.earlier.as_ref(), self.now)),
            Format::Text | Format::Wide | Format::Json | Format::Yaml | Format::Name | Format::Markdown => {
                None
            }
        }
    }
}
