//! Output of the demo: steps, checks and tables, with colour only on a terminal.
//! Inputs: texts. Output: lines on standard output.

use std::time::Duration;

use console::style;
use lanyard_api::status::DriftItem;

/// The lines of the log that a failed demo shows.
const LOG_LINES: usize = 20;

/// The demo's voice.
pub struct Show;

impl Show {
    pub fn new() -> Self {
        Self
    }

    /// Something begins.
    pub fn step(&self, what: &str) {
        println!("\n{} {}", style("▸").cyan().bold(), style(what).bold());
    }

    /// Something was checked and holds.
    pub fn check(&self, what: &str, found: &str) {
        let colon = if found.is_empty() { "" } else { ": " };
        println!("  {} {what}{colon}{}", style("✓").green(), style(found).dim());
    }

    /// Something as it is, such as a table.
    pub fn plain(&self, text: &str) {
        for line in text.trim_end().lines() {
            println!("    {line}");
        }
    }

    /// Drift, field by field.
    pub fn drift(&self, items: &[DriftItem]) {
        for item in items {
            let or_nothing = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
            println!("    {} {}", item.resource, style(&item.field).yellow());
            println!("      desired  {}", or_nothing(&item.desired));
            println!("      observed {}", or_nothing(&item.observed));
        }
    }

    /// A check does not hold.
    pub fn failed(&self, error: &anyhow::Error) {
        println!("  {} {error:#}", style("✗").red().bold());
    }

    /// The end of the operator's log, after a failure.
    pub fn log_tail(&self, log: &str) {
        let lines: Vec<&str> = log.lines().collect();
        self.step("The end of the operator's log");
        self.plain(
            &lines
                .get(lines.len().saturating_sub(LOG_LINES)..)
                .unwrap_or_default()
                .join("\n"),
        );
    }

    /// Everything holds.
    pub fn done(&self, took: Duration) {
        println!(
            "\n{} in {} s",
            style("Everything shown was checked").green().bold(),
            took.as_secs()
        );
    }
}
