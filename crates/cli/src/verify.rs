//! `verify`: proves by its use that a ServiceAccount gets its role. Input: names of WorkloadIdentities. Output: one verdict for
//! each, and what it proves. Reads from the API server; asks it for a token, or lets it run a Job; calls STS.

mod args;
mod item;
mod job;
mod judged;
mod probe;
mod request;
mod token;

use jiff::Timestamp;
use lanyard_core::model::spec::Method;

use crate::connect::connect;
use crate::discovery::known_cluster;
use crate::envelope::{ClusterRef, Envelope, Unread};
use crate::error::CliError;
use crate::exit::Exit;
use crate::global::Global;
use crate::output::Report;
use crate::plan::{ClassFacts, PlanArgs, identity_of, live};
use crate::screen::{Screen, Tone};

pub use args::VerifyArgs;
use args::Via;
pub use item::VerifyItem;
use item::Way;
use request::Request;

/// The result of `verify`.
pub(crate) struct VerifyReport(Envelope<VerifyItem>);

/// Proves the identities, one after the other.
pub(crate) async fn run(args: &VerifyArgs, global: &Global) -> Result<VerifyReport, CliError> {
    let connection = connect(global).await?;
    let candidates = live(&connection, &PlanArgs::of_names(args.names.clone())).await?;
    let cluster = known_cluster(&connection, global).await?;
    let required = connection.operator(global).await.requires_class;
    let facts = ClassFacts::read(&connection.client, &Default::default(), &candidates, required).await;
    let mut items = Vec::new();
    for candidate in &candidates {
        let Some(mut decoded) = candidate.object.decode(&cluster.identity) else {
            continue;
        };
        decoded.target.access = facts.access(&decoded);
        let subject = decoded.target.subject.clone();
        let identity = identity_of(&decoded, &cluster, &facts)
            .or_error(&subject)?
            .identity;
        let request = Request {
            connection: &connection,
            global,
            decoded,
            identity,
        };
        items.push(prove(&request, args).await?);
    }
    let unread: Vec<Unread> = items.iter().filter_map(VerifyItem::unread).collect();
    let cluster = Some(ClusterRef::from(&cluster));
    let now = Timestamp::now();
    Ok(VerifyReport(Envelope::new("Verify", cluster, now, unread, items)))
}

async fn prove(request: &Request<'_>, args: &VerifyArgs) -> Result<VerifyItem, CliError> {
    let subject = &request.decoded.target.subject;
    let binding = &request.identity.binding;
    match (args.via, binding.method()) {
        (Some(Via::Token) | None, Method::Irsa) => {
            let outcome = token::prove(request).await?;
            Ok(VerifyItem::new(subject, binding, Way::Token, outcome))
        }
        (Some(Via::Probe), Method::Irsa) => {
            let outcome = probe::prove(request, args).await?;
            Ok(VerifyItem::new(subject, binding, Way::Probe, outcome))
        }
        (Some(Via::Probe) | None, Method::PodIdentity) => {
            let outcome = match judged::without_agent(request).await? {
                Some(judged) => judged,
                None => probe::prove(request, args).await?,
            };
            Ok(VerifyItem::new(subject, binding, Way::Probe, outcome))
        }
        (Some(Via::Token), Method::PodIdentity) => Err(CliError::Usage(format!(
            "{subject} uses Pod Identity, which has no proof by token: its tokens are exchanged by the agent of a node only"
        ))),
    }
}

impl Report for VerifyReport {
    type Item = VerifyItem;

    fn envelope(&self) -> &Envelope<VerifyItem> {
        &self.0
    }

    fn exit(&self) -> Exit {
        match self.0.items.iter().any(VerifyItem::is_refuted) {
            true => Exit::Changes,
            false => self.0.completeness(),
        }
    }

    fn names(&self) -> Vec<String> {
        let refuted = self.0.items.iter().filter(|item| item.is_refuted());
        refuted
            .map(|item| format!("workloadidentity.lanyard.dev/{}", item.name))
            .collect()
    }

    fn text(&self, screen: &mut Screen, _: bool) {
        item::render_scope(&self.0.items, screen);
        for item in &self.0.items {
            item.render(screen);
        }
        for line in &self.0.unread {
            screen.put(Tone::Careful, &line.to_string()).end();
        }
    }
}
