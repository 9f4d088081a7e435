//! Actions that can apply to no resource of their statement. Input: resources and actions of one service. Output: the problem
//! if none can. No I/O.

use crate::reference::{Action, Service};
use crate::text::quote;
use crate::wildcard;

/// Fields of an ARN; the last one may have colons.
const ARN_FIELDS: usize = 6;
/// Types that a message names.
const NAMED: usize = 3;

/// The problem if none of the actions works on any resource of the statement.
pub(super) fn never_match(
    resources: &[(String, &str)],
    written: &str,
    service: Service,
    actions: &[Action],
) -> Option<String> {
    // Without a type, an action works on everything; a variable can stand for any text.
    let undecided = resources.is_empty() || actions.iter().any(|action| action.types().next().is_none());
    if undecided {
        return None;
    }
    let mut arns: Vec<(&str, &str)> = Vec::new();
    for kind in actions.iter().flat_map(|action| action.types()) {
        arns.extend(service.arns(kind).map(|arn| (kind, arn)));
    }
    // A type that the reference does not describe could be any resource.
    let described = actions
        .iter()
        .flat_map(|action| action.types())
        .all(|kind| service.arns(kind).next().is_some());
    let matches = |resource: &str| arns.iter().any(|(_, arn)| overlap(arn, resource));
    if !described || resources.iter().any(|(_, resource)| matches(resource)) {
        return None;
    }
    arns.dedup();
    let examples: Vec<String> = arns
        .iter()
        .take(NAMED)
        .map(|(kind, arn)| format!("{kind} ({})", arn.replace('%', "BUCKET")))
        .collect();
    Some(format!(
        "`{}` never applies to the resources of this statement. It works on: {}.",
        quote(written),
        examples.join(", ")
    ))
}

/// Returns true if a text exists that matches both: the ARN pattern of a type, where `%` is text without a slash, and a
/// resource of a policy. IAM compares the fields of an ARN one by one; a resource that ends early with a star stands for
/// every ARN that begins so. A policy variable can be any text.
fn overlap(arn: &str, resource: &str) -> bool {
    if arn == "*" || resource == "*" {
        return true;
    }
    let resource = without_variables(resource);
    let mut fields = resource.splitn(ARN_FIELDS, ':');
    let mut last = "";
    arn.splitn(ARN_FIELDS, ':').all(|expected| match fields.next() {
        Some(field) => {
            last = field;
            field_overlaps(expected, field)
        }
        None => last.ends_with('*'),
    })
}

/// The same for one field.
fn field_overlaps(arn: &str, resource: &str) -> bool {
    let resource: Vec<char> = resource.chars().collect();
    // reachable[j]: the part of the ARN so far and the first j characters of the resource can be the same text.
    let mut reachable: Vec<bool> = (0..=resource.len())
        .map(|j| resource.iter().take(j).all(|piece| *piece == '*'))
        .collect();
    for expected in arn.chars() {
        let many = matches!(expected, '*' | '%');
        let mut next = Vec::with_capacity(reachable.len());
        // Without a character of the resource, only a wildcard of the ARN can be passed.
        let mut before = many && reachable.first().copied().unwrap_or_default();
        next.push(before);
        for (piece, (diagonal, above)) in resource
            .iter()
            .zip(reachable.iter().zip(reachable.iter().skip(1)))
        {
            let star = *piece == '*';
            let here = (star && (before || *above))
                || (many && (*above || (before && takes(expected, *piece))))
                || (!many && *diagonal && (*piece == '?' || *piece == expected));
            next.push(here);
            before = here;
        }
        reachable = next;
    }
    reachable.last().copied().unwrap_or_default()
}

/// Returns true if a piece of a resource can be part of the text of a wildcard.
fn takes(many: char, piece: char) -> bool {
    many == '*' || piece != '/'
}

/// The resource with a star for each policy variable.
fn without_variables(resource: &str) -> String {
    if !wildcard::has_variable(resource) {
        return resource.to_owned();
    }
    let mut text = String::new();
    let mut rest = resource;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        text.push('*');
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::overlap;

    #[test]
    fn patterns_overlap_if_one_text_matches_both() {
        for (arn, resource, expected) in [
            ("arn:*:s3:::%/*", "arn:aws:s3:::data/*", true),
            ("arn:*:s3:::%/*", "arn:aws:s3:::data", false),
            ("arn:*:s3:::%/*", "arn:aws:s3:::data*", true),
            ("arn:*:s3:::%", "arn:aws:s3:::data/*", false),
            ("arn:*:s3:::%", "arn:aws:s3:::data", true),
            ("arn:*:s3:::%", "arn:aws:s3:::*", true),
            ("arn:*:s3:::%", "*", true),
            ("arn:*:s3:::%/*", "arn:aws:s3:::${aws:PrincipalTag/team}/*", true),
            (
                "arn:*:sqs:*:*:*",
                "arn:aws:sns:us-east-1:111122223333:orders",
                false,
            ),
            (
                "arn:*:sqs:*:*:*",
                "arn:aws:sqs:us-east-1:111122223333:orders-?",
                true,
            ),
            ("*", "arn:aws:sqs:*", true),
            ("arn:*:sqs:*:*:*", "arn:aws:sqs:*", true),
            ("arn:*:sqs:*:*:*", "arn:aws:sns:*", false),
        ] {
            assert_eq!(overlap(arn, resource), expected, "{arn} {resource}");
        }
    }
}
