//! The picture of the forms: one stacked bar. Input: totals. Output: rectangles in a picture of 1,000 units. No I/O.

use super::class::class;
use crate::audit::totals::Totals;

/// The width of the picture.
const WIDTH: usize = 1000;

/// The bar.
pub(super) struct Bar {
    pub parts: Vec<Part>,
    pub description: String,
}

/// One form.
pub(super) struct Part {
    pub class: &'static str,
    pub label: &'static str,
    pub count: usize,
    pub percent: usize,
    pub x: usize,
    pub width: usize,
}

impl Bar {
    pub fn of(totals: &Totals) -> Self {
        let all = totals.in_use.max(1);
        let mut before = 0;
        let mut parts = Vec::new();
        for (form, count) in &totals.forms {
            // From the running total, so that rounding leaves no gap.
            let x = before * WIDTH / all;
            before += count;
            parts.push(Part {
                class: class(*form),
                label: form.title(),
                count: *count,
                percent: (count * 100 + all / 2) / all,
                x,
                width: before * WIDTH / all - x,
            });
        }
        let words: Vec<String> = parts
            .iter()
            .map(|part| format!("{} {}", part.count, part.label))
            .collect();
        Self {
            description: format!("{} containers: {}", totals.in_use, words.join(", ")),
            parts,
        }
    }
}
