//! The patterns of a class: the substitution of the namespace, the matching of role ARNs, and their text in messages.
//! Input: patterns and a subject; output: texts or a decision. No I/O.

use std::fmt;

use crate::class::guardrails::glob;
use crate::model::subject::Subject;
use crate::model::text::{list, quote};

/// The maximum number of patterns of a rule in a message.
pub(super) const NAMED_LIMIT: usize = 5;

/// A pattern of the class for a subject.
pub(super) fn filled(subject: &Subject, pattern: &str) -> String {
    pattern.replace("{namespace}", subject.namespace.as_str())
}

/// The patterns of the class for a subject.
pub(super) fn all_filled(subject: &Subject, patterns: &[String]) -> Vec<String> {
    patterns.iter().map(|pattern| filled(subject, pattern)).collect()
}

/// Returns true if the ARN matches. Roles that Lanyard created for other tenants match only a pattern that names
/// Lanyard's path, not `role/*`.
pub(super) fn fits_role(pattern: &str, arn: &str) -> bool {
    let has_lanyard_path = |text: &str| text.to_ascii_lowercase().contains(":role/lanyard/");
    glob::matches(pattern, arn) && (has_lanyard_path(pattern) || !has_lanyard_path(arn))
}

/// The values that a list of patterns allows, as the end of a sentence.
pub(super) fn allows<T: fmt::Display>(patterns: &[T]) -> String {
    let named: Vec<String> = patterns
        .iter()
        .take(NAMED_LIMIT)
        .map(|it| quote(&it.to_string()))
        .collect();
    match patterns.len().checked_sub(NAMED_LIMIT) {
        _ if named.is_empty() => "allows none".to_owned(),
        None | Some(0) => format!("allows {}", list(&named)),
        Some(more) => format!("allows {} and {more} more", named.join(", ")),
    }
}
