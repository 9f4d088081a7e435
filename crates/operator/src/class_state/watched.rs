//! The objects of one watch by name.
//! Input: watch events. Output: the changes of the objects. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use kube_runtime::watcher::{self, Event};
use lanyard_core::model::fact::{Fact, ReadError};

/// The objects of one watch by name, reduced to a value of type `T`.
#[derive(Debug)]
pub(super) struct WatchedObjects<T> {
    objects: Fact<BTreeMap<String, T>>,
    listing: BTreeMap<String, T>,
}

/// The changes that one watch event makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Changes<T> {
    /// No object changed.
    None,
    /// These objects changed.
    Some(Vec<Change<T>>),
    /// The list became readable or unreadable, so every object counts as changed.
    All,
}

/// The change of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change<T> {
    /// The name of the object.
    pub name: String,
    /// The value before the event. `None` if the object did not exist.
    pub before: Option<T>,
    /// The value after the event. `None` if the object was deleted.
    pub now: Option<T>,
}

impl<T> Default for WatchedObjects<T> {
    fn default() -> Self {
        Self {
            objects: Fact::Unreadable(ReadError::NotRead),
            listing: BTreeMap::new(),
        }
    }
}

impl<T: Clone + PartialEq> WatchedObjects<T> {
    /// The objects. Unreadable if the API server does not serve their kind.
    pub fn get(&self) -> &Fact<BTreeMap<String, T>> {
        &self.objects
    }

    /// Returns true if the objects were listed, or the API server refused to list them.
    pub fn is_read(&self) -> bool {
        self.objects.unreadable() != Some(&ReadError::NotRead)
    }

    /// Applies an event of the watch. `reduce` extracts the value of an object.
    pub fn handle<K: ResourceExt>(
        &mut self,
        event: &Result<Event<K>, watcher::Error>,
        reduce: impl Fn(&K) -> T,
    ) -> Changes<T> {
        match event {
            Ok(Event::Init) => self.listing.clear(),
            Ok(Event::InitApply(object)) => {
                self.listing.insert(object.name_any(), reduce(object));
            }
            Ok(Event::InitDone) => return self.reset(),
            Ok(Event::Apply(object)) => return self.apply(object.name_any(), reduce(object)),
            Ok(Event::Delete(object)) => return self.delete(&object.name_any()),
            Err(error) => {
                if let Some(refusal) = refusal(error) {
                    return self.set(refusal);
                }
            }
        }
        Changes::None
    }

    fn reset(&mut self) -> Changes<T> {
        let listed = std::mem::take(&mut self.listing);
        self.set(Fact::Present(listed))
    }

    fn apply(&mut self, name: String, value: T) -> Changes<T> {
        let Fact::Present(objects) = &mut self.objects else {
            return Changes::None;
        };
        let before = objects.insert(name.clone(), value.clone());
        changes(Change {
            name,
            before,
            now: Some(value),
        })
    }

    fn delete(&mut self, name: &str) -> Changes<T> {
        let Fact::Present(objects) = &mut self.objects else {
            return Changes::None;
        };
        changes(Change {
            name: name.to_owned(),
            before: objects.remove(name),
            now: None,
        })
    }

    fn set(&mut self, objects: Fact<BTreeMap<String, T>>) -> Changes<T> {
        let before = std::mem::replace(&mut self.objects, objects);
        match (&before, &self.objects) {
            (Fact::Present(before), Fact::Present(now)) => {
                let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
                let changed = names.into_iter().filter_map(|name| {
                    let (before, now) = (before.get(name).cloned(), now.get(name).cloned());
                    let name = name.clone();
                    (before != now).then_some(Change { name, before, now })
                });
                let changed: Vec<Change<T>> = changed.collect();
                if changed.is_empty() {
                    Changes::None
                } else {
                    Changes::Some(changed)
                }
            }
            (before, now) if before == now => Changes::None,
            _ => Changes::All,
        }
    }
}

fn changes<T: PartialEq>(change: Change<T>) -> Changes<T> {
    if change.before == change.now {
        return Changes::None;
    }
    Changes::Some(vec![change])
}

/// The fact that follows from a refused list. A watch that was interrupted gives no information about the objects.
fn refusal<T>(error: &watcher::Error) -> Option<Fact<T>> {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status))
    | watcher::Error::WatchStartFailed(kube::Error::Api(status))) = error
    else {
        return None;
    };
    match status.code {
        // The kind is not served: what its objects would say is unknown, and not nothing.
        404 => Some(Fact::Unreadable(ReadError::Failed(status.message.clone()))),
        401 | 403 => Some(Fact::Unreadable(ReadError::Denied(status.message.clone()))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Namespace;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use kube::core::Status;

    use super::*;

    type Tier = Option<String>;

    fn namespace(name: &str, tier: &str) -> Namespace {
        Namespace {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                labels: Some([("tier".to_owned(), tier.to_owned())].into()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        }
    }

    fn handle(objects: &mut WatchedObjects<Tier>, event: Event<Namespace>) -> Changes<Tier> {
        objects.handle(&Ok(event), |object| object.labels().get("tier").cloned())
    }

    fn list(objects: &mut WatchedObjects<Tier>, listed: &[(&str, &str)]) -> Changes<Tier> {
        handle(objects, Event::Init);
        for (name, tier) in listed {
            handle(objects, Event::InitApply(namespace(name, tier)));
        }
        handle(objects, Event::InitDone)
    }

    fn change(name: &str, before: Option<&str>, now: Option<&str>) -> Change<Tier> {
        let value = |tier: &str| Some(tier.to_owned());
        Change {
            name: name.to_owned(),
            before: before.map(value),
            now: now.map(value),
        }
    }

    fn fail(objects: &mut WatchedObjects<Tier>, code: u16) -> Changes<Tier> {
        let status = Status::failure("forbidden", "Forbidden").with_code(code);
        let error = watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)));
        objects.handle::<Namespace>(&Err(error), |_| None)
    }

    #[test]
    fn first_list_reports_all_and_the_next_only_differences() {
        let mut objects = WatchedObjects::default();
        assert!(!objects.is_read());
        assert_eq!(list(&mut objects, &[("a", "x"), ("b", "x")]), Changes::All);
        assert!(objects.is_read());
        assert_eq!(list(&mut objects, &[("b", "x"), ("a", "x")]), Changes::None);
        let changed = list(&mut objects, &[("b", "y"), ("c", "x")]);
        let expected = vec![
            change("a", Some("x"), None),
            change("b", Some("x"), Some("y")),
            change("c", None, Some("x")),
        ];
        assert_eq!(changed, Changes::Some(expected));
    }

    #[test]
    fn single_events_report_only_differences() {
        let mut objects = WatchedObjects::default();
        list(&mut objects, &[("a", "x")]);
        let same = handle(&mut objects, Event::Apply(namespace("a", "x")));
        assert_eq!(same, Changes::None);
        let changed = handle(&mut objects, Event::Apply(namespace("a", "y")));
        assert_eq!(changed, Changes::Some(vec![change("a", Some("x"), Some("y"))]));
        let deleted = handle(&mut objects, Event::Delete(namespace("a", "y")));
        assert_eq!(deleted, Changes::Some(vec![change("a", Some("y"), None)]));
        assert_eq!(
            handle(&mut objects, Event::Delete(namespace("a", "y"))),
            Changes::None
        );
    }

    #[test]
    fn refused_list_and_unknown_kind_are_unreadable() {
        let mut objects = WatchedObjects::default();
        assert_eq!(fail(&mut objects, 500), Changes::None);
        assert!(!objects.is_read(), "a server error is no list");
        assert_eq!(fail(&mut objects, 403), Changes::All);
        let denied = ReadError::Denied("forbidden".to_owned());
        assert_eq!(objects.get(), &Fact::Unreadable(denied));
        assert_eq!(fail(&mut objects, 403), Changes::None);
        assert_eq!(fail(&mut objects, 404), Changes::All);
        let unknown = ReadError::Failed("forbidden".to_owned());
        assert_eq!(objects.get(), &Fact::Unreadable(unknown));
    }
}
