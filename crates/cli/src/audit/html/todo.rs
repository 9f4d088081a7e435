//! The list of the first things to do: findings by code, the most severe and most frequent first. Input: items. Output: entries.
//! No I/O.

use std::collections::{BTreeMap, BTreeSet};

use lanyard_core::audit::{AuditCode, AuditLevel};

use super::class::level_class;
use crate::audit::item::AuditItem;
use crate::inert::inert;

/// The places that an entry names.
const PLACES: usize = 5;

/// The findings of one code.
pub(super) struct Todo {
    pub code: &'static str,
    pub title: &'static str,
    pub level: &'static str,
    pub class: &'static str,
    pub count: usize,
    pub places: Vec<String>,
    pub more: usize,
}

pub(super) fn list(items: &[&AuditItem]) -> Vec<Todo> {
    let mut by_code: BTreeMap<&str, (usize, BTreeSet<String>)> = BTreeMap::new();
    for item in items {
        for finding in &item.findings {
            let entry = by_code.entry(finding.code).or_default();
            entry.0 += 1;
            entry
                .1
                .insert(inert(&format!("{}/{}", item.namespace, item.workload())));
        }
    }
    let mut codes = AuditCode::ALL.to_vec();
    let count = |code: &AuditCode| by_code.get(code.as_str()).map_or(0, |entry| entry.0);
    codes.sort_by_key(|code| (std::cmp::Reverse(code.level()), std::cmp::Reverse(count(code))));
    let entry = |code: AuditCode| {
        let (count, places) = by_code.get(code.as_str())?;
        Some(Todo {
            code: code.as_str(),
            title: code.title(),
            level: code.level().as_str(),
            class: level_class(code.level().as_str()),
            count: *count,
            more: places.len().saturating_sub(PLACES),
            places: places.iter().take(PLACES).cloned().collect(),
        })
    };
    let is_known = |code: &AuditCode| code.level() > AuditLevel::Unknown;
    codes.into_iter().filter(is_known).filter_map(entry).collect()
}
