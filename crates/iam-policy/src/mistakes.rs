//! Probable mistakes that IAM accepts: actions, resources and condition keys that AWS does not have or never
//! combines. Input: an identity or session policy as JSON. Output: mistakes, each with its path. No I/O.
//!
//! A mistake is advice and no defect: the reference that it rests on can be older than a service.

use serde_json::{Map, Value};

use crate::lint::Defect;
use crate::reference::{Action, Service, nearest, service, services};
use crate::text::quote;
use crate::wildcard;

mod resources;
#[cfg(test)]
mod tests;

/// The probable mistakes of a policy document, in the order of its elements. Empty for a document that is no policy.
#[must_use]
pub fn mistakes(document: &Value) -> Vec<Defect> {
    let (statements, single) = match document.get("Statement") {
        Some(Value::Array(items)) => (items.as_slice(), false),
        Some(one) => (std::slice::from_ref(one), true),
        None => return Vec::new(),
    };
    let mut found = Vec::new();
    for (at, statement) in statements.iter().enumerate() {
        let place = if single {
            "Statement".to_owned()
        } else {
            format!("Statement[{at}]")
        };
        if let Value::Object(statement) = statement {
            of_statement(statement, &place, &mut found);
        }
    }
    found
}

fn of_statement(statement: &Map<String, Value>, place: &str, found: &mut Vec<Defect>) {
    let mut prefixes = Vec::new();
    let resources = texts(statement.get("Resource"), "");
    for element in ["Action", "NotAction"] {
        for (path, action) in texts(statement.get(element), &format!("{place}.{element}")) {
            let Some((prefix, operation)) = action.split_once(':') else {
                continue;
            };
            if wildcard::is_pattern(prefix) {
                continue;
            }
            prefixes.push(prefix.to_lowercase());
            match matched(prefix, operation) {
                Err(problem) => found.push(Defect { place: path, problem }),
                Ok((service, actions)) if element == "Action" => {
                    let problem = resources::never_match(&resources, action, service, &actions);
                    found.extend(problem.map(|problem| Defect { place: path, problem }));
                }
                Ok(_) => {}
            }
        }
    }
    condition_keys(statement, place, &prefixes, found);
}

/// The actions that a name or pattern means.
fn matched(prefix: &str, operation: &str) -> Result<(Service, Vec<Action>), String> {
    let Some(service) = service(prefix) else {
        let meant = nearest(prefix, services().keys().copied());
        let meant = meant.map_or_else(String::new, |name| format!(" Did you mean `{name}`?"));
        return Err(format!("AWS has no service `{}`.{meant}", quote(prefix)));
    };
    let pattern = operation.to_lowercase();
    let actions = service.actions();
    let actions: Vec<Action> = actions
        .filter(|action| wildcard::matches(&pattern, &action.name.to_lowercase()))
        .collect();
    if !actions.is_empty() {
        return Ok((service, actions));
    }
    let written = quote(operation);
    if wildcard::is_pattern(operation) {
        return Err(format!("`{written}` matches no action of {prefix}."));
    }
    let meant = nearest(operation, service.actions().map(|action| action.name));
    let meant = meant.map_or_else(String::new, |name| format!(" Did you mean `{prefix}:{name}`?"));
    Err(format!("{prefix} has no action `{written}`.{meant}"))
}

/// The condition keys with the prefix of a service that the statement names, which the service does not have.
fn condition_keys(statement: &Map<String, Value>, place: &str, prefixes: &[String], found: &mut Vec<Defect>) {
    let Some(Value::Object(operators)) = statement.get("Condition") else {
        return;
    };
    for (operator, keys) in operators {
        let keys = keys.as_object().into_iter().flat_map(Map::keys);
        for key in keys {
            let named = key.split_once(':').map(|(prefix, _)| prefix.to_lowercase());
            let Some(service) = named
                .filter(|name| prefixes.contains(name))
                .and_then(|name| service(&name))
            else {
                continue;
            };
            if service.condition_keys().any(|known| is_key(known, key)) {
                continue;
            }
            let meant = nearest(key, service.condition_keys());
            let meant = meant.map_or_else(String::new, |name| format!(" Did you mean `{name}`?"));
            let quoted = quote(key);
            found.push(Defect {
                place: format!("{place}.Condition.{operator}.{quoted}"),
                problem: format!("AWS has no condition key `{quoted}`.{meant}"),
            });
        }
    }
}

/// Returns true if a key is a known one. What follows a slash is a placeholder in the reference, such as a tag's key.
fn is_key(known: &str, key: &str) -> bool {
    let (known, key) = (known.to_lowercase(), key.to_lowercase());
    match known.split_once(['/', '$', '<']) {
        Some((stem, _)) => key.starts_with(stem),
        None => known == key,
    }
}

/// The texts of an element, each with its path.
fn texts<'a>(value: Option<&'a Value>, place: &str) -> Vec<(String, &'a str)> {
    match value {
        Some(Value::String(text)) => vec![(place.to_owned(), text.as_str())],
        Some(Value::Array(items)) => {
            let items = items.iter().enumerate();
            items
                .filter_map(|(at, item)| Some((format!("{place}[{at}]"), item.as_str()?)))
                .collect()
        }
        _ => Vec::new(),
    }
}
