//! Says what is being installed: which of how many, how long so far, about how long in all.
//! Input: the parts, as they begin and end. Output: a live line on a terminal, else plain lines, on standard error.

use std::time::{Duration, Instant};

use indicatif::{FormattedDuration, ProgressBar, ProgressStyle};

use super::part::Part;

/// The display; silent when nothing is missing.
pub(super) struct Progress {
    bar: ProgressBar,
    total: usize,
    begun: usize,
    /// Usual time of the parts that remain.
    left: Duration,
    since: Instant,
}

impl Progress {
    pub(super) fn new(missing: &[&Part]) -> Self {
        let left = missing.iter().map(|part| part.usual).sum();
        let progress = Self {
            bar: ProgressBar::new_spinner(),
            total: missing.len(),
            begun: 0,
            left,
            since: Instant::now(),
        };
        if !missing.is_empty() {
            progress.say(&format!(
                "Installing the test bed's tools, once: {} to do, {}.",
                missing.len(),
                about(left)
            ));
        }
        progress
    }

    pub(super) fn begin(&mut self, part: &Part) {
        self.begun += 1;
        self.since = Instant::now();
        if self.bar.is_hidden() {
            self.say(&format!(
                "[{}/{}] {}, {}",
                self.begun,
                self.total,
                part.label,
                about(part.usual)
            ));
            return;
        }
        self.bar.set_style(style(self.left));
        self.bar.set_prefix(format!("[{}/{}]", self.begun, self.total));
        self.bar
            .set_message(format!("{}, {}", part.label, about(part.usual)));
        self.bar.reset_elapsed();
        self.bar.enable_steady_tick(Duration::from_millis(200));
    }

    pub(super) fn end(&mut self, part: &Part) {
        self.left = self.left.saturating_sub(part.usual);
        let took = self.since.elapsed().as_secs();
        self.say(&format!(
            "[{}/{}] {}: done in {took} s",
            self.begun, self.total, part.label
        ));
    }

    /// A line of its own.
    pub(super) fn say(&self, line: &str) {
        if self.bar.is_hidden() {
            eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// `[2/8] ⠹ kube-apiserver v1.36.3, about 4 min · 0:01:12 so far · about 6 min left in all`
fn style(left: Duration) -> ProgressStyle {
    let plain = ProgressStyle::default_spinner();
    let Ok(style) = plain
        .clone()
        .template("{prefix} {spinner} {msg} · {so_far} so far · {left} left in all")
    else {
        return plain;
    };
    style
        .with_key(
            "so_far",
            |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = write!(
                    out,
                    "{}",
                    FormattedDuration(Duration::from_secs(state.elapsed().as_secs()))
                );
            },
        )
        .with_key(
            "left",
            move |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = write!(out, "{}", about(left.saturating_sub(state.elapsed())));
            },
        )
}

fn about(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => "a few seconds".to_owned(),
        seconds @ 10..90 => format!("about {seconds} s"),
        seconds => format!("about {} min", seconds.div_ceil(60)),
    }
}
