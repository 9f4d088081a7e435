//! Shows a part while it runs (on a terminal: the current item and the time) and its line at the end.
//! Inputs: findings. Output: text on standard output, and a live line on standard error.

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

    /// Shows the current item, on a terminal only.
    pub(crate) fn at(&self, what: &str) {
        let what = console::strip_ansi_codes(what).trim().to_owned();
        if !what.is_empty() {
            self.bar.set_message(what);
        }
    }

    /// Prints a line that stays, for steps that take minutes.
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
            Grade::Notice => style("!").yellow(),
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
