//! Tests of every result of the class selection.

use super::*;
use crate::class::{Guardrails, Selector, UnusableClass};

fn entry(name: &str, is_default: bool) -> ClassEntry {
    let guardrails = Guardrails {
        namespace_selector: Some(Selector::default()),
        ..Guardrails::default()
    };
    ClassEntry {
        name: name.to_owned(),
        is_default,
        is_deleting: false,
        class: Ok(Class {
            name: Some(name.to_owned()),
            limits: guardrails.into(),
            ..Class::default()
        }),
    }
}

/// The selection, as its reason or the name of the class, `-` for no class.
fn selected(class_name: Option<&str>, pinned: Option<&str>, classes: Vec<ClassEntry>) -> String {
    let labels = Fact::Present(Labels::new());
    let request = ClassRequest {
        class_name,
        pinned,
        labels: &labels,
        required: false,
    };
    let classes = Fact::Present(classes);
    let selection = select(&request, &classes);
    match (selection.reason(), selection.class()) {
        (Some(reason), None) => reason.to_string(),
        (None, Some(class)) => class.name.clone().unwrap_or("-".to_owned()),
        both => panic!("{both:?}"),
    }
}

#[test]
fn named_class_is_selected_else_the_default() {
    let both = || vec![entry("a", false), entry("b", true)];
    assert_eq!(selected(Some("a"), None, both()), "a");
    assert_eq!(selected(None, None, both()), "b");
    assert_eq!(selected(Some("c"), None, both()), "ClassMissing");
}

#[test]
fn no_class_is_unrestricted_unless_named_or_required() {
    assert_eq!(selected(None, None, vec![]), "-");
    assert_eq!(selected(Some("a"), None, vec![]), "ClassMissing");
    assert_eq!(selected(None, Some("a"), vec![]), "ClassMissing");
    let labels = Fact::Absent;
    let request = ClassRequest {
        class_name: None,
        pinned: None,
        labels: &labels,
        required: false,
    };
    let none = Fact::Present(vec![]);
    assert_eq!(select(&request, &none), Selection::Unrestricted);
    let required = ClassRequest {
        required: true,
        ..request
    };
    let selection = select(&required, &none);
    assert_eq!(
        (selection.reason(), selection.class()),
        (Some(Reason::NoDefaultClass), None)
    );
    assert!(selection.to_string().contains("--require-class"));
}

#[test]
fn absent_kind_of_classes_is_unreadable() {
    let labels = Fact::Absent;
    let request = ClassRequest {
        class_name: None,
        pinned: None,
        labels: &labels,
        required: false,
    };
    let selection = select(&request, &Fact::Absent);
    assert_eq!(selection, Selection::Unreadable(ReadError::NotRead));
}

#[test]
fn existing_class_without_default_is_an_error() {
    assert_eq!(selected(None, None, vec![entry("a", false)]), "NoDefaultClass");
    let twice = vec![entry("a", true), entry("b", true)];
    assert_eq!(selected(None, None, twice), "SeveralDefaultClasses");
}

#[test]
fn recorded_class_is_kept_when_the_default_changes() {
    let both = || vec![entry("a", false), entry("b", true)];
    assert_eq!(selected(None, Some("a"), both()), "a");
    assert_eq!(selected(Some("a"), Some("a"), both()), "a");
    assert_eq!(selected(Some("b"), Some("a"), both()), "ClassChanged");
    assert_eq!(selected(None, Some("c"), both()), "ClassMissing");
}

#[test]
fn deleting_class_keeps_only_existing_identities() {
    let deleting = |name: &str, is_default| ClassEntry {
        is_deleting: true,
        ..entry(name, is_default)
    };
    let both = || vec![deleting("a", true), entry("b", false)];
    assert_eq!(selected(None, Some("a"), both()), "a");
    assert_eq!(selected(Some("a"), Some("a"), both()), "a");
    assert_eq!(selected(Some("a"), None, both()), "ClassDeleting");
    assert_eq!(selected(None, None, both()), "ClassDeleting");
    // A class that replaces it as the default already exists.
    let replaced = vec![deleting("a", true), entry("b", true)];
    assert_eq!(selected(None, None, replaced), "b");
}

#[test]
fn class_is_selected_only_for_its_namespaces() {
    let mut none = entry("a", true);
    none.class = Ok(Class::default());
    assert_eq!(selected(None, None, vec![none]), "NamespaceNotSelected");
    let classes = Fact::Present(vec![entry("a", true)]);
    let on = |labels: &Fact<Labels>| {
        let request = ClassRequest {
            class_name: None,
            pinned: None,
            labels,
            required: false,
        };
        select(&request, &classes).reason()
    };
    assert_eq!(on(&Fact::Absent), Some(Reason::NamespaceNotSelected));
    assert_eq!(
        on(&Fact::Unreadable(ReadError::NotRead)),
        Some(Reason::Unreadable)
    );
}

#[test]
fn unusable_or_unreadable_class_is_not_selected() {
    let broken = ClassEntry {
        class: Err(Box::new(UnusableClass {
            message: "\"x\" is not a role's ARN".to_owned(),
            aws: None,
        })),
        ..entry("a", true)
    };
    assert_eq!(selected(None, None, vec![broken]), "ClassUnusable");
    let labels = Fact::Present(Labels::new());
    let request = ClassRequest {
        class_name: None,
        pinned: None,
        labels: &labels,
        required: false,
    };
    let unread = Fact::Unreadable(ReadError::Throttled);
    let selection = select(&request, &unread);
    assert_eq!(selection.reason(), Some(Reason::Unreadable));
    assert_eq!(
        selection.to_string(),
        "The class could not be read: throttled by AWS."
    );
}
