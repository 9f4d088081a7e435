//! The table of namespaces and forms, shaded by their counts. Input: items. Output: cells. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use lanyard_core::audit::Form;

use crate::audit::item::AuditItem;
use crate::inert::inert;

/// The table.
pub(super) struct Heat {
    pub forms: Vec<&'static str>,
    pub lines: Vec<Line>,
}

/// One namespace.
pub(super) struct Line {
    pub namespace: String,
    pub cells: Vec<Cell>,
}

/// One count.
pub(super) struct Cell {
    pub count: usize,
    pub class: &'static str,
}

impl Heat {
    pub fn of(items: &[&AuditItem]) -> Self {
        let mut counts: BTreeMap<&str, BTreeMap<Form, usize>> = BTreeMap::new();
        for item in items {
            let of_namespace = counts.entry(&item.namespace).or_default();
            *of_namespace.entry(item.form()).or_default() += 1;
        }
        let forms: BTreeSet<Form> = counts.values().flat_map(BTreeMap::keys).copied().collect();
        let most = counts
            .values()
            .flat_map(BTreeMap::values)
            .max()
            .copied()
            .unwrap_or(1);
        let cell = |count: usize| Cell {
            count,
            class: shade(count, most),
        };
        let line = |(namespace, counts): (&&str, &BTreeMap<Form, usize>)| Line {
            namespace: inert(namespace),
            cells: forms
                .iter()
                .map(|form| cell(counts.get(form).copied().unwrap_or_default()))
                .collect(),
        };
        Self {
            lines: counts.iter().map(line).collect(),
            forms: forms.iter().map(|form| form.title()).collect(),
        }
    }
}

/// The shade of a count: none, or one of four.
fn shade(count: usize, most: usize) -> &'static str {
    match (count * 4).div_ceil(most.max(1)) {
        0 => "h0",
        1 => "h1",
        2 => "h2",
        3 => "h3",
        _ => "h4",
    }
}
