//! The audit as one HTML page: pictures as inline SVG, no request, no script that it needs. Input: items. Output: text. No I/O.
//!
//! The template escapes every value, and none of it is marked as safe. Control characters are made visible before. The policy
//! of the page admits only its own style and script, by their hashes.

mod bar;
mod class;
mod flow;
mod heat;
mod progress;
mod rows;
#[cfg(test)]
mod tests;
mod todo;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::item::AuditItem;
use super::since::Earlier;
use super::totals::Totals;
use crate::envelope::{Envelope, Unread};
use crate::error::CliError;
use crate::inert::inert;

use bar::Bar;
use flow::Flow;
use heat::Heat;
use progress::Progress;
use rows::PageRow;
use todo::Todo;

/// The style and the script, which the template includes.
const STYLE: &str = include_str!("../../templates/audit.css");
const SCRIPT: &str = include_str!("../../templates/audit.js");

/// The page.
#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    policy: String,
    cluster: String,
    taken_at: String,
    version: &'static str,
    since: String,
    tiles: Vec<Tile>,
    bar: Bar,
    todo: Vec<Todo>,
    due: usize,
    flow: Flow,
    heat: Heat,
    progress: Progress,
    rows: Vec<PageRow>,
    unread: Vec<Unread>,
}

/// A number at the top.
struct Tile {
    count: usize,
    label: &'static str,
}

/// The whole text.
///
/// # Errors
/// Returns an error if the template cannot be rendered.
pub(super) fn text(
    envelope: &Envelope<AuditItem>,
    earlier: Option<&Earlier>,
    now: Timestamp,
) -> Result<String, CliError> {
    let items = &envelope.items;
    let used: Vec<&AuditItem> = items.iter().filter(|item| item.uses_aws).collect();
    let totals = Totals::of(items);
    let cluster = envelope.cluster.as_ref();
    let page = Page {
        policy: policy(),
        cluster: cluster.map_or_else(
            || "a cluster that is not known".to_owned(),
            |cluster| inert(&cluster.identity),
        ),
        taken_at: envelope.taken_at.clone(),
        version: envelope.version,
        since: earlier
            .map(|earlier| inert(&earlier.taken_at))
            .unwrap_or_default(),
        tiles: tiles(&totals),
        bar: Bar::of(&totals),
        todo: todo::list(&used),
        due: used.iter().filter(|item| item.is_due()).count(),
        flow: Flow::of(&used),
        heat: Heat::of(&used),
        progress: Progress::of(&totals, earlier),
        rows: items.iter().map(|item| PageRow::of(item, now)).collect(),
        unread: envelope.unread.iter().map(inert_unread).collect(),
    };
    page.render()
        .map_err(|error| CliError::Encoding(error.to_string()))
}

fn tiles(totals: &Totals) -> Vec<Tile> {
    let tile = |count, label| Tile { count, label };
    vec![
        tile(totals.in_use, "containers that use AWS"),
        tile(totals.managed, "managed by Lanyard"),
        tile(totals.faults, "faults"),
        tile(totals.warnings, "warnings"),
        tile(totals.quiet, "containers without a sign of AWS"),
    ]
}

fn inert_unread(line: &Unread) -> Unread {
    Unread {
        resource: inert(&line.resource),
        cause: inert(&line.cause),
        consequence: inert(&line.consequence),
    }
}

/// The policy of the page: nothing but its own style and script.
fn policy() -> String {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        source(STYLE),
        source(SCRIPT)
    )
}

/// The source expression of an inline text. The template engine drops the last line break of a file.
fn source(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}
