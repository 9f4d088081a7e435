//! The picture of the flow: namespaces, forms and accounts in three columns, joined by ribbons. Input: items. Output: paths and
//! rectangles in a picture of 1,000 units. No I/O.

use std::collections::BTreeMap;

use super::class::class;
use crate::audit::item::AuditItem;
use crate::audit::text::shortened;
use crate::inert::inert;

/// The left ends of the three columns.
const COLUMNS: [usize; 3] = [220, 500, 768];
/// The width of a node.
const NODE: usize = 12;
/// The height of all nodes of a column.
const HEIGHT: usize = 320;
/// The space between two nodes, which has room for a label.
const GAP: usize = 14;
/// The names of a column. Others are one node.
const NAMES: usize = 12;
/// The characters of a label.
const LABEL: usize = 28;

/// The picture.
#[derive(Default)]
pub(super) struct Flow {
    pub nodes: Vec<Node>,
    pub ribbons: Vec<Ribbon>,
    pub height: usize,
    pub description: String,
}

/// One name.
pub(super) struct Node {
    pub class: &'static str,
    pub label: String,
    pub x: usize,
    pub y: usize,
    pub height: usize,
    pub text_x: usize,
    pub text_y: usize,
    pub anchor: &'static str,
}

/// The containers from one name to the next.
pub(super) struct Ribbon {
    pub class: &'static str,
    pub path: String,
    pub label: String,
}

/// The place of a name in its column: the top, and how much of it has ribbons on each side.
struct Place {
    y: usize,
    left: usize,
    right: usize,
}

type Names = [String; 3];
type Column = BTreeMap<String, Place>;

impl Flow {
    pub fn of(items: &[&AuditItem]) -> Self {
        let names = named(items);
        let total = names.len().max(1);
        let unit = |count: usize| count * HEIGHT / total;
        let mut flow = Self::default();
        let mut columns: Vec<Column> = Vec::new();
        for at in 0..COLUMNS.len() {
            let (column, bottom) = flow.column(at, &names, items, unit);
            flow.height = flow.height.max(bottom);
            columns.push(column);
        }
        let mut links: BTreeMap<(usize, &str, &str), (usize, &'static str)> = BTreeMap::new();
        for (names, item) in names.iter().zip(items) {
            let [namespace, form, account] = names;
            for link in [
                (0, namespace.as_str(), form.as_str()),
                (1, form.as_str(), account.as_str()),
            ] {
                links.entry(link).or_insert((0, class(item.form()))).0 += 1;
            }
        }
        for ((at, from, to), (count, class)) in links {
            if let Some(path) = ribbon(&mut columns, (at, from, to), unit(count)) {
                let label = format!("{from} \u{2192} {to}: {count}");
                flow.ribbons.push(Ribbon { class, path, label });
            }
        }
        let words: Vec<&str> = flow
            .ribbons
            .iter()
            .map(|ribbon| ribbon.label.as_str())
            .take(40)
            .collect();
        flow.description = words.join(", ");
        flow
    }

    /// The nodes of a column, the highest count first. Returns their places and the lowest point.
    fn column(
        &mut self,
        at: usize,
        names: &[Names],
        items: &[&AuditItem],
        unit: impl Fn(usize) -> usize,
    ) -> (Column, usize) {
        let mut counts: BTreeMap<&str, (usize, &'static str)> = BTreeMap::new();
        for (names, item) in names.iter().zip(items) {
            let class = if at == 1 { class(item.form()) } else { "n" };
            if let Some(name) = names.get(at) {
                counts.entry(name).or_insert((0, class)).0 += 1;
            }
        }
        let mut counts: Vec<(&str, (usize, &'static str))> = counts.into_iter().collect();
        counts.sort_by_key(|(name, (count, _))| (std::cmp::Reverse(*count), *name));
        let x = COLUMNS.get(at).copied().unwrap_or_default();
        let mut y = 4;
        let mut column = Column::new();
        for (name, (count, class)) in counts {
            let height = unit(count).max(1);
            let is_left = at == 0;
            self.nodes.push(Node {
                class,
                label: format!("{} ({count})", shortened(name, LABEL)),
                x,
                y,
                height,
                text_x: if is_left { x - 8 } else { x + NODE + 8 },
                text_y: y + height / 2 + 5,
                anchor: if is_left { "end" } else { "start" },
            });
            column.insert(name.to_owned(), Place { y, left: 0, right: 0 });
            y += height + GAP;
        }
        (column, y + 6)
    }
}

/// The names of each item: namespace, form and account. Rare namespaces and accounts share a name.
fn named(items: &[&AuditItem]) -> Vec<Names> {
    let account = |item: &AuditItem| match &item.role {
        Some(role) => inert(&role.account),
        None => "no account named".to_owned(),
    };
    let namespaces = frequent(items.iter().map(|item| inert(&item.namespace)));
    let accounts = frequent(items.iter().map(|item| account(item)));
    let or_others = |known: &[String], name: String, others: &str| match known.contains(&name) {
        true => name,
        false => others.to_owned(),
    };
    let names = items.iter().map(|item| {
        [
            or_others(&namespaces, inert(&item.namespace), "other namespaces"),
            item.form().title().to_owned(),
            or_others(&accounts, account(item), "other accounts"),
        ]
    });
    names.collect()
}

/// The most frequent names.
fn frequent(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().take(NAMES).map(|(name, _)| name).collect()
}

/// The path of a ribbon below those that its ends have already.
fn ribbon(columns: &mut [Column], (at, from, to): (usize, &str, &str), height: usize) -> Option<String> {
    let height = height.max(1);
    let start = columns.get_mut(at)?.get_mut(from)?;
    let top = start.y + start.right;
    start.right += height;
    let end = columns.get_mut(at + 1)?.get_mut(to)?;
    let other = end.y + end.left;
    end.left += height;
    let (left, right) = (COLUMNS.get(at)? + NODE, *COLUMNS.get(at + 1)?);
    let middle = (left + right) / 2;
    let (below, other_below) = (top + height, other + height);
    Some(format!(
        "M{left} {top}C{middle} {top} {middle} {other} {right} {other}L{right} {other_below}C{middle} {other_below} {middle} {below} {left} {below}Z"
    ))
}
