//! The progress of a command that takes longer than a second. Input: a label and a number of steps. Output: a bar or a spinner
//! on stderr, and nothing if stderr is not a terminal. Writes to stderr.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::global::Global;
use crate::inert::inert;

/// The time after which a command shows its progress.
const PATIENCE: Duration = Duration::from_secs(1);
/// The time between two frames.
const FRAME: Duration = Duration::from_millis(250);

/// The progress of one command. It disappears when it is dropped.
pub(crate) struct Progress {
    bar: ProgressBar,
    timer: JoinHandle<()>,
}

impl Progress {
    /// Starts the progress of `total` steps. One step has a spinner instead of a bar.
    pub fn start(label: &str, total: usize, global: &Global) -> Self {
        let steps = u64::try_from(total).unwrap_or(u64::MAX);
        let (bar, template) = match total {
            0 | 1 => (ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}"),
            _ => (ProgressBar::new(steps), "{msg} [{bar:30}] {pos}/{len} {elapsed}"),
        };
        bar.set_draw_target(ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(inert(label));
        let shown = bar.clone();
        let quiet = global.quiet;
        let timer = tokio::spawn(async move {
            sleep(PATIENCE).await;
            if !quiet {
                // Indicatif draws only if stderr is a terminal.
                shown.set_draw_target(ProgressDrawTarget::stderr_with_hz(4));
                shown.enable_steady_tick(FRAME);
            }
        });
        Self { bar, timer }
    }

    /// Counts one step.
    pub fn step(&self) {
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.timer.abort();
        self.bar.finish_and_clear();
    }
}
