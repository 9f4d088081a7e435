//! The result of `import` and its formats. Input: items. Output: text, names, or manifests. No I/O.

use super::document;
use super::item::{ExitLine, ImportItem, ImportState};
use super::text;
use crate::envelope::Envelope;
use crate::error::CliError;
use crate::exit::Exit;
use crate::global::Format;
use crate::output::Report;
use crate::screen::Screen;

/// The result of `import`.
pub(crate) struct ImportReport {
    pub envelope: Envelope<ImportItem>,
    pub exit_plan: Vec<ExitLine>,
}

impl ImportReport {
    /// The manifests, which are the YAML of this command.
    pub(crate) fn document(&self, format: Format) -> Option<Result<String, CliError>> {
        (format == Format::Yaml).then(|| document::render(&self.envelope, &self.exit_plan))
    }
}

impl Report for ImportReport {
    type Item = ImportItem;

    fn envelope(&self) -> &Envelope<ImportItem> {
        &self.envelope
    }

    fn exit(&self) -> Exit {
        self.envelope.completeness()
    }

    fn names(&self) -> Vec<String> {
        let ready = self
            .envelope
            .items
            .iter()
            .filter(|item| item.state == ImportState::Ready);
        ready
            .map(|item| format!("workloadidentity.lanyard.dev/{}", item.name))
            .collect()
    }

    fn text(&self, screen: &mut Screen, wide: bool) {
        text::render(&self.envelope, &self.exit_plan, screen, wide);
    }
}
