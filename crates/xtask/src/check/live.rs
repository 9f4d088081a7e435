//! Shows a part while it runs (on a terminal: what it is at, and for how long) and the line it ends with.
//! Findings in, text on standard output and a live line on standard error out. Called by `check`.

use std::time::{Duration, Instant};

use console::style;
use indicatif::{ProgressBar, ProgressStyle};

use super::finding::{Finding, Grade};

/// The display of one part.
pub(crate) struct Live {
    name: &'static str,
    begun: Instant,
    bar: ProgressBar,
}

impl Live {
    pub(super) fn begin(name: &'static str) -> Self {
        let bar = ProgressBar::new_spinner().with_prefix(name);
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {prefix:13} {elapsed:>6}    {wide_msg:.dim}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self {
            name,
            begun: Instant::now(),
            bar,
        }
    }

    /// What it is at; shown on a terminal only.
    pub(crate) fn at(&self, what: &str) {
        let what = console::strip_ansi_codes(what).trim().to_owned();
        if !what.is_empty() {
            self.bar.set_message(what);
        }
    }

    /// A line that stays, for what takes minutes.
    pub(crate) fn say(&self, line: &str) {
        if self.bar.is_hidden() {
            eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
    }

    pub(super) fn end(self, finding: &Finding) {
        self.bar.finish_and_clear();
        let mark = match finding.grade {
            Grade::Good => style("✓").green(),
            Grade::Told => style("!").yellow(),
            Grade::Bad => style("✗").red(),
        };
        let seconds = self.begun.elapsed().as_secs_f32();
        let line = format!("{mark} {:13} {seconds:6.1} s  {}", self.name, finding.note);
        println!("{}", line.trim_end());
        if !finding.output.is_empty() {
            println!("\n{}\n", finding.output.trim_end());
        }
    }
}
