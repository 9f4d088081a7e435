//! Patterns of a class against what a tenant writes: a plain text, or a pattern of the policy language.
//! Texts in, yes or no out; no I/O. Called by `guardrail` and `inline`.
//!
//! A tenant's pattern is covered when everything it could stand for fits the class's. It is read as text: the class's
//! `*` takes anything, its `?` takes one character or a `?`, never a `*`, which could be longer. A policy variable could
//! come to be anything, so that only `*` takes it, or the same variable.

use lanyard_iam_policy::wildcard;

/// A piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
    /// `${...}`, whole.
    Variable(&'a str),
}

/// Whether a plain text fits a pattern of the class.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let text: Vec<Piece> = text.chars().map(Piece::Char).collect();
    fits(&plain(pattern), &text)
}

/// Whether a plain text fits a pattern of the class, whatever the case of their letters.
pub(super) fn matches_any_case(pattern: &str, text: &str) -> bool {
    matches(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase())
}

/// Whether a tenant's pattern of actions is covered: their case does not count, and variables do not work there.
pub(super) fn covers_action(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    fits(&plain(&pattern), &plain(&action))
}

/// Whether a tenant's pattern of resources is covered. `variables`: whether the tenant's document is of the version in
/// which `${...}` is a variable; in older ones it is text, and no variable of the class stands for that text.
pub(super) fn covers_resource(pattern: &str, resource: &str, variables: bool) -> bool {
    if variables {
        return fits(&pieces(pattern), &pieces(resource));
    }
    fits(&pieces(pattern), &plain(resource))
}

/// The pieces of a pattern without variables.
fn plain(text: &str) -> Vec<Piece<'static>> {
    let piece = |c| match c {
        '*' => Piece::Many,
        '?' => Piece::One,
        c => Piece::Char(c),
    };
    text.chars().map(piece).collect()
}

/// The pieces of a pattern with variables. One that is not closed is taken for a variable to the end: nobody knows.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, variable) = rest.split_at(at);
        let end = variable.find('}').map_or(variable.len(), |end| end + 1);
        let (variable, after) = variable.split_at(end);
        pieces.extend(plain(before));
        pieces.push(Piece::Variable(variable));
        rest = after;
    }
    pieces.extend(plain(rest));
    pieces
}

fn fits(pattern: &[Piece<'_>], text: &[Piece<'_>]) -> bool {
    wildcard::fits(pattern, text, Piece::Many, takes)
}

/// Whether a piece of the class's that is no `*` takes a piece of the tenant's.
fn takes(wanted: Piece<'_>, piece: Piece<'_>) -> bool {
    match wanted {
        Piece::One => matches!(piece, Piece::Char(_) | Piece::One),
        wanted => wanted == piece,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_wildcard_is_covered_only_by_one_that_is_as_wide() {
        for (pattern, resource) in [
            ("*", "*"),
            ("a*", "a*"),
            ("a*", "a?*b"),
            ("a?", "a?"),
            ("a?c", "abc"),
            ("*a*", "xa?a"),
            ("a**", "a"),
        ] {
            assert!(covers_resource(pattern, resource, true), "{pattern} {resource}");
        }
        for (pattern, resource) in [
            ("?", "*"),
            ("a?", "a*"),
            ("ab", "a?"),
            ("a?", "a??"),
            ("a*b", "a*"),
            ("a", "A"),
            ("??*", "*?"),
        ] {
            assert!(!covers_resource(pattern, resource, true), "{pattern} {resource}");
        }
    }

    #[test]
    fn a_variable_is_covered_by_a_star_or_by_itself() {
        assert!(covers_resource("a*", "a${x:y}", true));
        assert!(covers_resource("a${x:y}/*", "a${x:y}/b", true));
        for (pattern, resource) in [
            ("a??????", "a${x:y}"),
            ("a${x:z}", "a${x:y}"),
            ("a$?x:y}", "a${x:y}"),
            ("a${x:y}", "ab"),
            ("a?", "a${*}"),
            ("a${x:y}?", "a${x:y"),
        ] {
            assert!(!covers_resource(pattern, resource, true), "{pattern} {resource}");
        }
        assert!(!covers_resource("a${x:y}", "a${x:y}", false));
    }

    #[test]
    fn the_case_of_actions_does_not_count() {
        assert!(covers_action("s3:Get*", "S3:getobject"));
        assert!(!covers_action("s3:Get?", "s3:Get*"));
        assert!(matches_any_case("Team", "tEAM"));
        assert!(!matches("team", "Team"));
    }
}
