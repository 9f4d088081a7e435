//! The Ready condition of a class.
//! Input: the class and the counts of its identities. Output: status, reason and message. No I/O.

use super::guardrails::reserved_keys;
use super::{Class, ClassEntry, IdentityCounts};
use crate::model::condition::ConditionStatus;
use crate::model::reason::Reason;
use crate::model::text;

/// The Ready condition of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassReadiness {
    /// The status of the condition.
    pub status: ConditionStatus,
    /// The reason of the condition.
    pub reason: Reason,
    /// The message of the condition.
    pub message: String,
}

impl ClassReadiness {
    /// Returns whether identities can follow the class. The message of a deleted class gives the number of identities
    /// that block the deletion.
    #[must_use]
    pub fn of(listed: &ClassEntry, counts: &IdentityCounts) -> Self {
        match &listed.class {
            Ok(_) if listed.is_deleting => Self {
                status: ConditionStatus::False,
                reason: Reason::Deleting,
                message: deleting_message(counts.total),
            },
            Ok(class) => Self {
                status: ConditionStatus::True,
                reason: Reason::Accepted,
                message: accepted_message(class, counts),
            },
            Err(unusable) => Self {
                status: ConditionStatus::False,
                reason: Reason::ClassUnusable,
                message: format!("The class cannot be used: {}", text::quote(&unusable.message)),
            },
        }
    }
}

fn deleting_message(followers: usize) -> String {
    match followers {
        1 => "1 identity still follows this class, and it stays until that is gone; it takes no others."
            .to_owned(),
        total => format!(
            "{total} identities still follow this class, and it stays until they are gone; it takes no others."
        ),
    }
}

fn accepted_message(class: &Class, counts: &IdentityCounts) -> String {
    let halt = class.transition.halt(counts.failed);
    let usable = match halt.filter(|_| counts.waiting > 0) {
        Some(halt) => format!("The class can be used; {halt}."),
        None => "The class can be used.".to_owned(),
    };
    match reserved_keys(class).as_slice() {
        [] => usable,
        keys => format!(
            "{usable} No identity can set the tags {}, because guardrails.inline reads them as variables. Set them in enforcedTags.",
            text::list(keys)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::{RolloutPolicy, UnusableClass};

    fn listed(class: Result<Class, Box<UnusableClass>>, goes: bool) -> ClassEntry {
        ClassEntry {
            name: "tenants".to_owned(),
            is_default: false,
            is_deleting: goes,
            class,
        }
    }

    fn readiness(listed: &ClassEntry, counts: IdentityCounts) -> (ConditionStatus, Reason, String) {
        let ready = ClassReadiness::of(listed, &counts);
        (ready.status, ready.reason, ready.message)
    }

    #[test]
    fn class_deleted_with_followers_reports_their_number() {
        let deleted = listed(Ok(Class::default()), true);
        for (total, expected) in [(1, "1 identity still follows"), (3, "3 identities still follow")] {
            let counts = IdentityCounts {
                total,
                ..IdentityCounts::default()
            };
            let (status, reason, message) = readiness(&deleted, counts);
            assert_eq!((status, reason), (ConditionStatus::False, Reason::Deleting));
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn class_with_halted_rollout_reports_the_cause() {
        let class = Class {
            transition: RolloutPolicy {
                paused: true,
                ..RolloutPolicy::default()
            },
            ..Class::default()
        };
        let class = listed(Ok(class), false);
        let waiting = IdentityCounts {
            waiting: 1,
            ..IdentityCounts::default()
        };
        let (status, reason, message) = readiness(&class, waiting);
        assert_eq!((status, reason), (ConditionStatus::True, Reason::Accepted));
        assert!(message.contains("spec.transition.paused is true"), "{message}");
        let (_, _, message) = readiness(&class, IdentityCounts::default());
        assert_eq!(message, "The class can be used.");
    }

    #[test]
    fn class_that_reads_a_tag_reports_it_as_reserved() {
        let rows = serde_json::json!([{"actions": ["s3:*"], "resources": ["arn:aws:s3:::${aws:PrincipalTag/team}/*"]}]);
        let spec = serde_json::json!({"guardrails": {"tagKeys": ["team"], "inline": rows}});
        let class = listed(Class::read("tenants", spec), false);
        let (status, _, message) = readiness(&class, IdentityCounts::default());
        assert_eq!(status, ConditionStatus::True);
        assert!(message.contains("No identity can set the tags team"), "{message}");
    }

    #[test]
    fn class_that_does_not_decode_reports_the_error() {
        let unusable = UnusableClass {
            message: "unknown variant".to_owned(),
            aws: None,
        };
        let (status, reason, message) =
            readiness(&listed(Err(Box::new(unusable)), false), IdentityCounts::default());
        assert_eq!((status, reason), (ConditionStatus::False, Reason::ClassUnusable));
        assert_eq!(message, "The class cannot be used: unknown variant");
    }
}
