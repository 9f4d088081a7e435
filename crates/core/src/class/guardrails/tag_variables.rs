//! The tag keys that the rows of a class read as policy variables, such as `${aws:PrincipalTag/team}`. A role's own tags are
//! its principal tags (IAM user guide, "Tags for sessions and principals"), so an identity that chose the value would reach
//! the resources of another team. Input: guardrails; output: keys. No I/O.

use std::collections::BTreeSet;

use crate::class::definition::{Class, Row};
use crate::class::guardrails::glob;
use crate::model::name::TagKey;
use crate::model::subject::is_reserved_tag;

/// The beginning of a variable, in lower case: IAM ignores the case of condition keys.
const VARIABLE: &str = "${aws:principaltag/";

/// The tag keys that rows read as variables, in lower case. In rows with the namespace filled in, it can be a key.
pub(super) fn read_keys(rows: &[Row]) -> BTreeSet<String> {
    let patterns = rows.iter().flat_map(|row| &row.resources);
    patterns
        .flat_map(|pattern| keys(&pattern.to_lowercase()))
        .collect()
}

/// The keys of the variables in a text: up to the end of the variable, or to the comma before its default value.
fn keys(text: &str) -> Vec<String> {
    let variables = text.split(VARIABLE).skip(1);
    let key = |rest: &str| rest.split(['}', ',']).next().map(|key| key.trim().to_owned());
    variables.filter_map(key).collect()
}

/// The keys that the class reads as variables although `tagKeys` allows them, without those that `enforcedTags` sets and
/// those that every spec refuses, such as session tags.
#[must_use]
pub fn reserved_keys(class: &Class) -> Vec<String> {
    let Some(guardrails) = class.guardrails() else {
        return Vec::new();
    };
    let is_allowed = |key: &String| {
        let mut patterns = guardrails.tag_keys.iter();
        patterns.any(|pattern| glob::matches_any_case(pattern, key))
    };
    let is_enforced = |key: &String| {
        let mut enforced = class.enforced_tags.keys();
        enforced.any(|enforced| enforced.as_str().eq_ignore_ascii_case(key))
    };
    let is_refused = |key: &String| TagKey::parse(key).is_ok_and(|key| is_reserved_tag(&key));
    let keys = read_keys(&guardrails.inline).into_iter();
    keys.filter(|key| is_allowed(key) && !is_enforced(key) && !is_refused(key))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn class(tag_keys: &[&str], enforced: &[&str], resources: &[&str]) -> Class {
        let enforced: serde_json::Map<_, _> = enforced
            .iter()
            .map(|key| ((*key).to_owned(), json!("a")))
            .collect();
        let rows = json!([{"actions": ["s3:*"], "resources": resources}]);
        let spec = json!({"enforcedTags": enforced, "guardrails": {"tagKeys": tag_keys, "inline": rows}});
        Class::read("tenants", spec).unwrap()
    }

    #[test]
    fn allowed_key_of_a_variable_is_reserved_in_any_case() {
        let resource = "arn:aws:s3:::${AWS:PrincipalTag/Team}/*";
        assert_eq!(reserved_keys(&class(&["te*"], &[], &[resource])), ["team"]);
        assert_eq!(
            reserved_keys(&class(&["other"], &[], &[resource])),
            Vec::<String>::new()
        );
    }

    #[test]
    fn key_with_default_value_and_several_variables_are_found() {
        let resource = "arn:aws:s3:::${aws:PrincipalTag/team, 'none'}/${aws:PrincipalTag/stage}/*";
        assert_eq!(reserved_keys(&class(&["*"], &[], &[resource])), ["stage", "team"]);
    }

    #[test]
    fn session_tag_is_not_listed_as_reserved() {
        let resource = "arn:aws:s3:::${aws:PrincipalTag/kubernetes-namespace}/*";
        assert_eq!(
            reserved_keys(&class(&["*"], &[], &[resource])),
            Vec::<String>::new()
        );
    }

    #[test]
    fn enforced_key_is_not_reserved() {
        let resource = "arn:aws:s3:::${aws:PrincipalTag/team}/*";
        assert_eq!(
            reserved_keys(&class(&["*"], &["Team"], &[resource])),
            Vec::<String>::new()
        );
        assert_eq!(reserved_keys(&Class::unrestricted()), Vec::<String>::new());
    }
}
