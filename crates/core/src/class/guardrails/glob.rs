//! Matching of the patterns of a class against the text or pattern of a tenant. Input: texts; output: a decision. No
//! I/O.
//!
//! A pattern of a tenant is covered if everything it can match also matches the pattern of the class. It is compared
//! as text: `*` of the class matches anything; `?` of the class matches one character or a `?`, but never a `*`,
//! which could be longer. A policy variable can have any value, so only `*` or the same variable matches it.

use lanyard_iam_policy::wildcard;

/// An element of a pattern.
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

/// Returns true if a plain text matches a pattern of the class.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let text: Vec<Piece> = text.chars().map(Piece::Char).collect();
    fits(&plain(pattern), &text)
}

/// Returns true if a plain text matches a pattern of the class, ignoring case.
pub(super) fn matches_any_case(pattern: &str, text: &str) -> bool {
    matches(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase())
}

/// Returns true if a tenant's action pattern is covered. Actions are compared ignoring case and have no variables.
pub(super) fn covers_action(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    fits(&plain(&pattern), &plain(&action))
}

/// Returns true if a tenant's resource pattern is covered. `variables` is true if the version of the tenant's
/// document supports `${...}`. In older versions it is plain text, and no variable of the class matches it.
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

/// The pieces of a pattern with variables. An unclosed variable extends to the end of the text.
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

/// Returns true if a piece of the class other than `*` matches a piece of the tenant.
fn takes(required: Piece<'_>, piece: Piece<'_>) -> bool {
    match required {
        Piece::One => matches!(piece, Piece::Char(_) | Piece::One),
        required => required == piece,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_wildcard_needs_an_equally_wide_class_pattern() {
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
    fn variable_is_covered_by_star_or_by_itself() {
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
    fn action_case_is_ignored() {
        assert!(covers_action("s3:Get*", "S3:getobject"));
        assert!(!covers_action("s3:Get?", "s3:Get*"));
        assert!(matches_any_case("Team", "tEAM"));
        assert!(!matches("team", "Team"));
    }
}
