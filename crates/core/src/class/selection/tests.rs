//! Every way in which the choice of a class can end.

use super::*;
use crate::class::{Guardrails, Selector};

fn listed(name: &str, is_default: bool) -> Listed {
    let guardrails = Guardrails {
        namespace_selector: Some(Selector::default()),
        ..Guardrails::default()
    };
    Listed {
        name: name.to_owned(),
        is_default,
        goes: false,
        class: Ok(Class {
            name: Some(name.to_owned()),
            limits: guardrails.into(),
            ..Class::default()
        }),
    }
}

/// What is chosen, as a reason or the name of the class, `-` for none at all.
fn chosen(class_name: Option<&str>, pinned: Option<&str>, classes: Vec<Listed>) -> String {
    let labels = Fact::Present(Labels::new());
    let asked = ClassRequest {
        class_name,
        pinned,
        labels: &labels,
        required: false,
    };
    let classes = Fact::Present(classes);
    let choice = select(&asked, &classes);
    match (choice.reason(), choice.class()) {
        (Some(reason), None) => reason.to_string(),
        (None, Some(class)) => class.name.clone().unwrap_or("-".to_owned()),
        both => panic!("{both:?}"),
    }
}

#[test]
fn the_named_class_is_chosen_else_the_default() {
    let both = || vec![listed("a", false), listed("b", true)];
    assert_eq!(chosen(Some("a"), None, both()), "a");
    assert_eq!(chosen(None, None, both()), "b");
    assert_eq!(chosen(Some("c"), None, both()), "ClassMissing");
}

#[test]
fn without_any_class_nothing_is_restricted_unless_one_was_asked_for() {
    assert_eq!(chosen(None, None, vec![]), "-");
    assert_eq!(chosen(Some("a"), None, vec![]), "ClassMissing");
    assert_eq!(chosen(None, Some("a"), vec![]), "ClassMissing");
    let labels = Fact::Absent;
    let asked = ClassRequest {
        class_name: None,
        pinned: None,
        labels: &labels,
        required: false,
    };
    assert_eq!(select(&asked, &Fact::Absent), Selection::Unrestricted);
    let required = ClassRequest {
        required: true,
        ..asked
    };
    let choice = select(&required, &Fact::Absent);
    assert_eq!(
        (choice.reason(), choice.class()),
        (Some(Reason::NoDefaultClass), None)
    );
    assert!(choice.to_string().contains("--require-class"));
}

#[test]
fn one_class_is_enough_to_end_the_time_without_classes() {
    assert_eq!(chosen(None, None, vec![listed("a", false)]), "NoDefaultClass");
    let twice = vec![listed("a", true), listed("b", true)];
    assert_eq!(chosen(None, None, twice), "SeveralDefaultClasses");
}

#[test]
fn a_class_on_record_stays_whatever_becomes_the_default() {
    let both = || vec![listed("a", false), listed("b", true)];
    assert_eq!(chosen(None, Some("a"), both()), "a");
    assert_eq!(chosen(Some("a"), Some("a"), both()), "a");
    assert_eq!(chosen(Some("b"), Some("a"), both()), "ClassChanged");
    assert_eq!(chosen(None, Some("c"), both()), "ClassMissing");
}

#[test]
fn a_class_that_goes_keeps_whom_it_has_and_takes_nobody_else() {
    let going = |name: &str, is_default| Listed {
        goes: true,
        ..listed(name, is_default)
    };
    let both = || vec![going("a", true), listed("b", false)];
    assert_eq!(chosen(None, Some("a"), both()), "a");
    assert_eq!(chosen(Some("a"), Some("a"), both()), "a");
    assert_eq!(chosen(Some("a"), None, both()), "ClassDeleting");
    assert_eq!(chosen(None, None, both()), "ClassDeleting");
    // The one that takes its place as the default is there already.
    let replaced = vec![going("a", true), listed("b", true)];
    assert_eq!(chosen(None, None, replaced), "b");
}

#[test]
fn a_class_serves_only_the_namespaces_that_it_selects() {
    let mut none = listed("a", true);
    none.class = Ok(Class::default());
    assert_eq!(chosen(None, None, vec![none]), "NamespaceNotSelected");
    let classes = Fact::Present(vec![listed("a", true)]);
    let on = |labels: &Fact<Labels>| {
        let asked = ClassRequest {
            class_name: None,
            pinned: None,
            labels,
            required: false,
        };
        select(&asked, &classes).reason()
    };
    assert_eq!(on(&Fact::Absent), Some(Reason::NamespaceNotSelected));
    assert_eq!(
        on(&Fact::Unreadable(ReadError::NotRead)),
        Some(Reason::Unreadable)
    );
}

#[test]
fn what_cannot_be_read_or_used_chooses_nothing() {
    let broken = Listed {
        class: Err(Box::new(Unusable {
            why: "\"x\" is not a role's ARN".to_owned(),
            aws: None,
        })),
        ..listed("a", true)
    };
    assert_eq!(chosen(None, None, vec![broken]), "ClassUnusable");
    let labels = Fact::Present(Labels::new());
    let asked = ClassRequest {
        class_name: None,
        pinned: None,
        labels: &labels,
        required: false,
    };
    let unread = Fact::Unreadable(ReadError::Throttled);
    let choice = select(&asked, &unread);
    assert_eq!(choice.reason(), Some(Reason::Unreadable));
    assert_eq!(
        choice.to_string(),
        "The class could not be read: throttled by AWS."
    );
}
