//! An independent evaluator of IAM policies for tests. It follows the IAM user guide's pages on condition operators,
//! variables, multi-value conditions and principals literally. Input: a JSON document and a request; output: an
//! outcome. It shares no code with the crate and prefers simplicity to speed and completeness: an unknown element
//! makes the whole document malformed.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A request for an action.
#[derive(Debug, Clone)]
pub struct Request {
    /// The type of the principal, such as `Federated`, and its name.
    pub principal: (String, String),
    pub action: String,
    pub resource: String,
    /// Condition keys in lower case. An absent key has no entry.
    pub context: BTreeMap<String, Vec<String>>,
}

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Allowed,
    Denied,
    /// No statement of the document matches the request.
    Untouched,
    /// IAM would not accept the document.
    Malformed,
}

/// A part of a document that IAM would not accept.
struct Malformed;

type Read<T> = Result<T, Malformed>;

/// Evaluates the document for this request.
pub fn evaluate(document: &Value, request: &Request) -> Outcome {
    outcome(document, request).unwrap_or(Outcome::Malformed)
}

fn outcome(document: &Value, request: &Request) -> Read<Outcome> {
    let document = object(document)?;
    if document
        .keys()
        .any(|key| !["Version", "Id", "Statement"].contains(&key.as_str()))
    {
        return Err(Malformed);
    }
    let variables = match document.get("Version") {
        None => false,
        Some(version) => match text(version)? {
            "2008-10-17" => false,
            "2012-10-17" => true,
            _ => return Err(Malformed),
        },
    };
    let statements = document.get("Statement").map(listed).unwrap_or_default();
    let mut outcome = Outcome::Untouched;
    for statement in statements {
        let (effect, applies) = statement_applies(object(statement)?, request, variables)?;
        match (effect, applies, outcome) {
            ("Deny", true, _) => outcome = Outcome::Denied,
            ("Allow", true, Outcome::Untouched) => outcome = Outcome::Allowed,
            _ => {}
        }
    }
    Ok(outcome)
}

/// The effect, and a flag that is true if every part of the statement matches the request. All parts are always read,
/// so that a malformed part is not hidden by another part that does not match.
fn statement_applies<'a>(
    statement: &'a Map<String, Value>,
    request: &Request,
    variables: bool,
) -> Read<(&'a str, bool)> {
    let known = [
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    if statement.keys().any(|key| !known.contains(&key.as_str())) {
        return Err(Malformed);
    }
    let effect = text(statement.get("Effect").ok_or(Malformed)?)?;
    if effect != "Allow" && effect != "Deny" {
        return Err(Malformed);
    }
    let action = one_of(statement, "Action", "NotAction", |patterns| {
        let plain = |pattern: &str| glob(&pattern.to_lowercase());
        Ok(texts(patterns)?
            .iter()
            .any(|pattern| fits(&plain(pattern), &request.action.to_lowercase())))
    })?;
    let resource = one_of(statement, "Resource", "NotResource", |patterns| {
        let pattern = |pattern: &&str| tokens(pattern, request, variables, true);
        let patterns: Vec<_> = texts(patterns)?.iter().map(pattern).collect();
        Ok(patterns
            .iter()
            .flatten()
            .any(|pattern| fits(pattern, &request.resource)))
    })?;
    let principal = one_of(statement, "Principal", "NotPrincipal", |principal| {
        principal_fits(principal, request)
    })?;
    let mut conditions = true;
    if let Some(condition) = statement.get("Condition") {
        for (operator, keys) in object(condition)? {
            for (key, values) in object(keys)? {
                conditions &= condition_holds(operator, key, values, request, variables)?;
            }
        }
    }
    let action = action.ok_or(Malformed)?;
    Ok((
        effect,
        action && resource.unwrap_or(true) && principal.unwrap_or(true) && conditions,
    ))
}

/// The result for an element, negated for its `Not...` form. Returns `None` if neither form exists.
fn one_of(
    statement: &Map<String, Value>,
    these: &str,
    all_but: &str,
    fits: impl Fn(&Value) -> Read<bool>,
) -> Read<Option<bool>> {
    match (statement.get(these), statement.get(all_but)) {
        (Some(_), Some(_)) => Err(Malformed),
        (Some(value), None) => Ok(Some(fits(value)?)),
        (None, Some(value)) => Ok(Some(!fits(value)?)),
        (None, None) => Ok(None),
    }
}

fn principal_fits(principal: &Value, request: &Request) -> Read<bool> {
    if principal == "*" {
        return Ok(true);
    }
    let mut fits = false;
    for (kind, ids) in object(principal)? {
        if !["AWS", "Federated", "Service", "CanonicalUser"].contains(&kind.as_str()) {
            return Err(Malformed);
        }
        for id in texts(ids)? {
            let everyone = kind == "AWS" && id == "*";
            let itself = *kind == request.principal.0 && id == request.principal.1;
            let account =
                kind == "AWS" && request.principal.0 == "AWS" && names_account_of(id, &request.principal.1);
            fits |= everyone || itself || account;
        }
    }
    Ok(fits)
}

/// Returns true if a principal is the account, in short or long form, of an IAM principal of the standard partition.
fn names_account_of(id: &str, principal: &str) -> bool {
    let account: String = principal.chars().skip("arn:aws:iam::".len()).take(12).collect();
    id == account || id == format!("arn:aws:iam::{account}:root")
}

fn condition_holds(
    operator: &str,
    key: &str,
    values: &Value,
    request: &Request,
    variables: bool,
) -> Read<bool> {
    let (prefix, name) = operator.split_once(':').unwrap_or(("", operator));
    let (name, if_exists) = name
        .strip_suffix("IfExists")
        .map_or((name, false), |name| (name, true));
    let present = request.context.get(&key.to_lowercase());
    let values: Vec<String> = listed(values).into_iter().map(scalar).collect::<Read<_>>()?;
    if name == "Null" && prefix.is_empty() && !if_exists {
        let absent = present.is_none().to_string();
        return Ok(values.contains(&absent));
    }
    let (positive, negated) = positive_form(name)?;
    let holds = |actual: &String| {
        let any = values
            .iter()
            .any(|expected| compare(positive, expected, actual, request, variables));
        any != negated
    };
    match (prefix, present) {
        ("ForAllValues", present) => Ok(present.is_none_or(|actual| actual.iter().all(holds))),
        ("ForAnyValue", present) => Ok(present.is_some_and(|actual| actual.iter().any(holds))),
        ("", None) => Ok(if_exists || negated),
        ("", Some(actual)) => Ok(actual.iter().any(holds)),
        _ => Err(Malformed),
    }
}

/// The operator without its negation, and a flag that is true if it was negated.
fn positive_form(name: &str) -> Read<(&'static str, bool)> {
    Ok(match name {
        "StringEquals" => ("StringEquals", false),
        "StringNotEquals" => ("StringEquals", true),
        "StringEqualsIgnoreCase" => ("StringEqualsIgnoreCase", false),
        "StringNotEqualsIgnoreCase" => ("StringEqualsIgnoreCase", true),
        "StringLike" => ("StringLike", false),
        "StringNotLike" => ("StringLike", true),
        "ArnEquals" | "ArnLike" => ("ArnLike", false),
        "ArnNotEquals" | "ArnNotLike" => ("ArnLike", true),
        "Bool" => ("Bool", false),
        "NumericEquals" => ("NumericEquals", false),
        "NumericNotEquals" => ("NumericEquals", true),
        _ => return Err(Malformed),
    })
}

fn compare(name: &str, expected: &str, actual: &str, request: &Request, variables: bool) -> bool {
    match name {
        "StringEquals" => {
            tokens(expected, request, variables, false).is_some_and(|expected| fits(&expected, actual))
        }
        "StringEqualsIgnoreCase" => tokens(expected, request, variables, false)
            .is_some_and(|expected| fits(&lowered(&expected), &actual.to_ascii_lowercase())),
        "StringLike" => {
            tokens(expected, request, variables, true).is_some_and(|expected| fits(&expected, actual))
        }
        "ArnLike" => {
            let expected = tokens(expected, request, variables, true);
            let expected: Vec<&[Token]> = expected
                .iter()
                .flat_map(|expected| expected.splitn(6, |token| *token == Token::Char(':')))
                .collect();
            let actual: Vec<&str> = actual.splitn(6, ':').collect();
            expected.len() == actual.len()
                && expected
                    .iter()
                    .zip(&actual)
                    .all(|(expected, actual)| fits(expected, actual))
        }
        "Bool" => expected == actual,
        _ => match (expected.parse::<f64>(), actual.parse::<f64>()) {
            (Ok(expected), Ok(actual)) => (expected - actual).abs() < f64::EPSILON,
            _ => false,
        },
    }
}

/// A piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Token {
    Char(char),
    One,
    Many,
}

fn lowered(tokens: &[Token]) -> Vec<Token> {
    let lower = |token: &Token| match token {
        Token::Char(c) => Token::Char(c.to_ascii_lowercase()),
        other => *other,
    };
    tokens.iter().map(lower).collect()
}

/// A pattern without variables.
fn glob(text: &str) -> Vec<Token> {
    let token = |c| match c {
        '*' => Token::Many,
        '?' => Token::One,
        c => Token::Char(c),
    };
    text.chars().map(token).collect()
}

/// A pattern with its variables replaced. Returns `None` if a variable has no value, since the pattern then matches
/// nothing.
fn tokens(text: &str, request: &Request, variables: bool, wildcards: bool) -> Option<Vec<Token>> {
    let literal = |text: &str| -> Vec<Token> { text.chars().map(Token::Char).collect() };
    let plain = |text: &str| if wildcards { glob(text) } else { literal(text) };
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${").filter(|_| variables) {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        out.extend(plain(before));
        match (name, request.context.get(&name.to_lowercase()).map(Vec::as_slice)) {
            ("*" | "?" | "$", _) => out.extend(literal(name)),
            (_, Some([value])) => out.extend(literal(value)),
            _ => return None,
        }
        rest = after;
    }
    out.extend(plain(rest));
    Some(out)
}

fn fits(pattern: &[Token], text: &str) -> bool {
    let mut chars = text.chars();
    match pattern.split_first() {
        None => text.is_empty(),
        Some((Token::Many, rest)) => {
            fits(rest, text) || chars.next().is_some_and(|_| fits(pattern, chars.as_str()))
        }
        Some((Token::One, rest)) => chars.next().is_some_and(|_| fits(rest, chars.as_str())),
        Some((Token::Char(expected), rest)) => chars.next() == Some(*expected) && fits(rest, chars.as_str()),
    }
}

fn object(value: &Value) -> Read<&Map<String, Value>> {
    value.as_object().ok_or(Malformed)
}

fn text(value: &Value) -> Read<&str> {
    value.as_str().ok_or(Malformed)
}

fn listed(value: &Value) -> Vec<&Value> {
    value
        .as_array()
        .map_or_else(|| vec![value], |items| items.iter().collect())
}

fn texts(value: &Value) -> Read<Vec<&str>> {
    listed(value).into_iter().map(text).collect()
}

/// Booleans and numbers equal their text.
fn scalar(value: &Value) -> Read<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err(Malformed),
    }
}
