//! The picture of the migration: a bar for each form, and a second one for an earlier audit. Input: totals. Output: rectangles. No
//! I/O.

use lanyard_core::audit::Form;

use super::class::class;
use crate::audit::since::Earlier;
use crate::audit::totals::Totals;
use crate::inert::inert;

/// The width of the longest bar.
const WIDTH: usize = 560;
/// The left end of the bars.
const LEFT: usize = 260;
/// The height of a line.
const LINE: usize = 34;

/// The picture.
pub(super) struct Progress {
    pub bars: Vec<Line>,
    pub height: usize,
    pub caption: String,
    pub description: String,
}

/// One bar with its earlier length, which is negative without an earlier audit.
pub(super) struct Line {
    pub label: &'static str,
    pub class: &'static str,
    pub y: usize,
    pub then_y: usize,
    pub text_y: usize,
    pub width: usize,
    pub then_width: i64,
    pub number_x: usize,
    pub number: String,
}

impl Progress {
    pub fn of(totals: &Totals, earlier: Option<&Earlier>) -> Self {
        let now = |form: Form| totals.forms.get(&form).copied().unwrap_or_default();
        let then = |form: Form| Some(earlier?.forms.get(form.as_str()).copied().unwrap_or_default());
        let forms = Form::ALL
            .into_iter()
            .filter(|form| now(*form) > 0 || then(*form) > Some(0));
        let mut counts: Vec<(&'static str, &'static str, usize, Option<usize>)> = forms
            .map(|form| (form.title(), class(form), now(form), then(form)))
            .collect();
        counts.push(("managed by Lanyard", "n", totals.managed, None));
        let most = counts
            .iter()
            .map(|(_, _, now, then)| (*now).max(then.unwrap_or(0)))
            .max();
        let most = most.unwrap_or_default().max(1);
        let line =
            |(at, (label, class, now, then)): (usize, (&'static str, &'static str, usize, Option<usize>))| {
                let width = now * WIDTH / most;
                let then_width = then.map_or(-1, |then| i64::try_from(then * WIDTH / most).unwrap_or(0));
                let longest = width.max(usize::try_from(then_width).unwrap_or(0));
                Line {
                    label,
                    class,
                    y: at * LINE + 4,
                    then_y: at * LINE + 20,
                    text_y: at * LINE + 16,
                    width,
                    then_width,
                    number_x: LEFT + longest + 8,
                    number: number(now, then),
                }
            };
        let bars: Vec<Line> = counts.into_iter().enumerate().map(line).collect();
        let words: Vec<String> = bars
            .iter()
            .map(|bar| format!("{}: {}", bar.label, bar.number))
            .collect();
        Self {
            height: bars.len() * LINE + 4,
            caption: match earlier {
                Some(earlier) => format!("The thin bars are those of {}.", inert(&earlier.taken_at)),
                None => "Give --since with the JSON of an earlier audit to see the change.".to_owned(),
            },
            description: words.join(", "),
            bars,
        }
    }
}

/// The count, with the change in words that need no colour.
fn number(now: usize, then: Option<usize>) -> String {
    match then {
        None => now.to_string(),
        Some(then) if then == now => format!("{now} (unchanged)"),
        Some(then) if then < now => format!("{then} \u{2192} {now} (+{})", now - then),
        Some(then) => format!("{then} \u{2192} {now} (\u{2212}{})", then - now),
    }
}
