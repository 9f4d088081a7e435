//! `version`: the version of the command line. No input; one item out; no I/O.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::envelope::Envelope;
use crate::exit::Exit;
use crate::output::Report;
use crate::screen::{Screen, Tone};

/// The version of the command line.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionItem {
    /// The version.
    pub client: &'static str,
    /// The API version of the objects that it reads.
    pub object_api: String,
}

/// The result of the command.
pub(crate) struct Version(Envelope<VersionItem>);

impl Version {
    pub fn new() -> Self {
        let item = VersionItem {
            client: env!("CARGO_PKG_VERSION"),
            object_api: <lanyard_api::WorkloadIdentity as kube::Resource>::api_version(&()).into_owned(),
        };
        Self(Envelope::new(
            "Version",
            None,
            Timestamp::now(),
            Vec::new(),
            vec![item],
        ))
    }
}

impl Report for Version {
    type Item = VersionItem;

    fn envelope(&self) -> &Envelope<VersionItem> {
        &self.0
    }

    fn exit(&self) -> Exit {
        Exit::Done
    }

    fn names(&self) -> Vec<String> {
        self.0.items.iter().map(|item| item.client.to_owned()).collect()
    }

    fn text(&self, screen: &mut Screen, _: bool) {
        for item in &self.0.items {
            let line = format!("kubectl lanyard {} ({})", item.client, item.object_api);
            screen.put(Tone::Plain, &line).end();
        }
    }
}
