//! Tests of the objects that a change affects, on objects of the store.

use kube::runtime::watcher::Event;
use kube_runtime::reflector::{self, Store};
use lanyard_core::aws_event::{AwsChange, ChangedResource, DebounceDecision};
use lanyard_core::model::name::AccountId;
use lanyard_core::model::name::{Namespace, RoleName, ServiceAccountName};
use serde_json::{Value, json};

use super::affected::affected;
use super::outcome;
use crate::identity::IdentityRef;
use lanyard_engine::raw::RawIdentity;

const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.example.com";

fn object(name: &str, status: Value, inventory: Option<&str>) -> RawIdentity {
    let annotations = inventory.map(|text| json!({"lanyard.dev/inventory": text}));
    let metadata = json!({"namespace": "shop", "name": name, "uid": name, "annotations": annotations});
    serde_json::from_value(json!({"metadata": metadata, "spec": {}, "status": status})).unwrap()
}

fn arn(name: &str) -> String {
    format!("arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/{name}")
}

fn store() -> Store<RawIdentity> {
    let by_association = json!({"role": {"arn": arn("shop-orders-1")}, "bindings": [{
        "method": "PodIdentity", "roleArn": arn("shop-orders-1"), "state": "Active", "sessionTags": true,
        "association": {"id": "a-1", "arn": "arn:aws:eks:eu-west-1:111122223333:podidentityassociation/prod/a-1"},
    }]});
    let by_irsa = json!({"role": {"arn": arn("shared")}, "oidcProviderArn": PROVIDER});
    let entry = json!({"version": 1, "deletionPolicy": "Delete", "roles": [
        {"arn": arn("shop-users-old"), "managed": true, "method": "IRSA"},
    ]});
    let mut writer = reflector::store::Writer::default();
    writer.apply_watcher_event(&Event::Init);
    for object in [
        object("orders", by_association, None),
        object("carts", by_irsa.clone(), None),
        object("users", by_irsa, Some(&entry.to_string())),
        object("fresh", json!({"observedGeneration": -1}), None),
    ] {
        writer.apply_watcher_event(&Event::InitApply(object));
    }
    writer.apply_watcher_event(&Event::InitDone);
    writer.as_reader()
}

fn role(account: &str, name: &str) -> ChangedResource {
    ChangedResource::Role {
        account: AccountId::parse(account).unwrap(),
        name: RoleName::parse(name).unwrap(),
    }
}

fn subject(name: &str) -> ChangedResource {
    ChangedResource::Subject {
        namespace: Namespace::parse("shop").unwrap(),
        name: ServiceAccountName::parse(name).unwrap(),
    }
}

fn affected_names(store: &Store<RawIdentity>, about: ChangedResource) -> Vec<String> {
    let change = AwsChange {
        resource: about,
        time: jiff::Timestamp::UNIX_EPOCH,
    };
    let objects = affected(store, vec![change]).remove(0).1;
    let mut names: Vec<String> = objects
        .into_iter()
        .map(|object: IdentityRef| object.name)
        .collect();
    names.sort();
    names
}

#[test]
fn resource_matches_by_status_or_inventory() {
    let store = store();
    let association = |id: &str| ChangedResource::Association { id: id.to_owned() };
    let provider = |arn: &str| ChangedResource::Provider { arn: arn.to_owned() };
    for (about, expected) in [
        (role("111122223333", "shop-orders-1"), vec!["orders"]),
        (role("444455556666", "shop-orders-1"), vec![]),
        (role("111122223333", "shared"), vec!["carts", "users"]),
        (role("111122223333", "shop-users-old"), vec!["users"]),
        (role("111122223333", "unmanaged"), vec![]),
        (association("a-1"), vec!["orders"]),
        (association("a-2"), vec![]),
        (provider(PROVIDER), vec!["carts", "users"]),
        (provider("arn:aws:iam::111122223333:oidc-provider/other"), vec![]),
        (subject("fresh"), vec!["fresh"]),
        (subject("missing"), vec![]),
    ] {
        assert_eq!(affected_names(&store, about.clone()), expected, "{about:?}");
    }
}

#[test]
fn batch_is_matched_change_by_change() {
    let change = |about: ChangedResource| AwsChange {
        resource: about,
        time: jiff::Timestamp::UNIX_EPOCH,
    };
    let both = vec![change(subject("orders")), change(role("111122223333", "shared"))];
    let counts: Vec<usize> = affected(&store(), both)
        .iter()
        .map(|(_, objects)| objects.len())
        .collect();
    assert_eq!(counts, [1, 2]);
}

#[test]
fn message_has_one_outcome() {
    assert_eq!(outcome(&[]), "unmatched");
    assert_eq!(
        outcome(&[
            DebounceDecision::AlreadyObserved,
            DebounceDecision::AlreadyObserved
        ]),
        "known"
    );
    assert_eq!(
        outcome(&[DebounceDecision::AlreadyObserved, DebounceDecision::Deferred]),
        "triggered"
    );
    assert_eq!(outcome(&[DebounceDecision::Now]), "triggered");
}
