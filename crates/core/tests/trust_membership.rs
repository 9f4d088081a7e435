//! Properties of a trust policy that others share: whatever else stands in it, Lanyard's edits let in and shut out those
//! subjects alone that they name. An evaluator that shares no code with the crate says who is let in.

#![cfg(test)]

#[path = "../../iam-policy/tests/support/policy_evaluator.rs"]
mod policy_evaluator;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lanyard_core::class::Class;
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::name::ClusterIdentity;
use lanyard_core::model::observed::Observed;
use lanyard_core::model::shared_trust::Entry;
use lanyard_core::model::spec::{ExistingRoleSpec, ExistingTrust, IrsaSpec, Method, PodIdentitySpec, Spec};
use lanyard_core::model::status::{Made, Status};
use lanyard_core::model::subject::Subject;
use lanyard_core::model::timings::Timings;
use lanyard_core::reconcile::decide::decide;
use lanyard_core::reconcile::desired::{Desired, DesiredRole};
use lanyard_core::reconcile::validate::validate;
use lanyard_iam_policy::membership::MembershipState;
use lanyard_iam_policy::{Document, Statement, lint, same_meaning};
use policy_evaluator::{Outcome, Request, evaluate};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/A1";
const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A1";
const CLUSTERS: [&str; 2] = [
    "arn:aws:eks:eu-west-1:111122223333:cluster/prod",
    "arn:aws:eks:eu-west-1:111122223333:cluster/test",
];

/// Who comes to the role, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Guest {
    cluster: usize,
    namespace: &'static str,
    name: &'static str,
    by: Way,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Token(&'static str),
    Tags,
    Untagged,
}

/// The two clusters share an issuer here, so that nothing but the statements' own words keeps them apart.
fn cluster(number: usize) -> Cluster {
    let mut cluster: Cluster = serde_json::from_str(include_str!("cluster.json")).unwrap();
    cluster.identity = ClusterIdentity::parse(CLUSTERS[number]).unwrap();
    cluster
}

impl Guest {
    /// What Lanyard wants for the guest, as the whole pipeline has it.
    fn entry(self) -> Entry {
        let cluster = cluster(self.cluster);
        let subject: Subject = serde_json::from_value(
            json!({"cluster": cluster.identity, "namespace": self.namespace, "name": self.name}),
        )
        .unwrap();
        let audience = match self.by {
            Way::Token(audience) => Some(audience.to_owned()),
            Way::Tags | Way::Untagged => None,
        };
        let spec = Spec {
            method: Some(if audience.is_some() {
                Method::Irsa
            } else {
                Method::PodIdentity
            }),
            existing: Some(ExistingRoleSpec {
                arn: "arn:aws:iam::111122223333:role/theirs".to_owned(),
                trust: ExistingTrust::Manage,
            }),
            irsa: IrsaSpec {
                audience,
                ..IrsaSpec::default()
            },
            pod_identity: PodIdentitySpec {
                disable_session_tags: self.by == Way::Untagged,
                ..PodIdentitySpec::default()
            },
            ..Spec::default()
        };
        let identity = validate(
            &spec,
            &subject,
            &cluster,
            &Class::unrestricted(),
            &Made::default(),
        )
        .unwrap()
        .identity;
        let (nothing, now) = (Observed::nothing(), Timestamp::UNIX_EPOCH);
        let look = decide(&identity, &Status::default(), &nothing, &Timings::default(), now);
        let Desired::Present(wanted) = look.desired else {
            panic!("it stays")
        };
        let DesiredRole::Shared(entries) = wanted.role else {
            panic!("the role is shared")
        };
        entries.into_iter().next().unwrap()
    }

    /// How AWS sees the guest come.
    fn request(self) -> Request {
        let context = |pairs: &[(&str, String)]| -> BTreeMap<String, Vec<String>> {
            let entry = |(key, value): &(&str, String)| (key.to_ascii_lowercase(), vec![value.clone()]);
            pairs.iter().map(entry).collect()
        };
        let pods = ("Service".to_owned(), "pods.eks.amazonaws.com".to_owned());
        let cluster = CLUSTERS[self.cluster].to_owned();
        let (principal, action, context) = match self.by {
            Way::Token(audience) => {
                let sub = format!("system:serviceaccount:{}:{}", self.namespace, self.name);
                let claims = [
                    (format!("{ISSUER}:aud"), audience.to_owned()),
                    (format!("{ISSUER}:sub"), sub),
                ];
                let claims = claims
                    .each_ref()
                    .map(|(key, value)| (key.as_str(), value.clone()));
                let provider = ("Federated".to_owned(), PROVIDER.to_owned());
                (provider, "sts:AssumeRoleWithWebIdentity", context(&claims))
            }
            Way::Tags => {
                let tags = [
                    ("aws:RequestTag/eks-cluster-arn", cluster),
                    ("aws:RequestTag/kubernetes-namespace", self.namespace.to_owned()),
                    ("aws:RequestTag/kubernetes-service-account", self.name.to_owned()),
                ];
                (pods, "sts:AssumeRole", context(&tags))
            }
            Way::Untagged => {
                let source = [
                    ("aws:SourceArn", cluster),
                    ("aws:SourceAccount", "111122223333".to_owned()),
                ];
                (pods, "sts:AssumeRole", context(&source))
            }
        };
        Request {
            principal,
            action: action.to_owned(),
            resource: "arn:aws:iam::111122223333:role/theirs".to_owned(),
            context,
        }
    }

    /// Whether letting this one in cannot but let the other in.
    fn lets_in(self, other: Self) -> bool {
        let one_token = matches!((self.by, other.by), (Way::Token(a), Way::Token(b)) if a == b);
        let same_name = self.namespace == other.namespace && self.name == other.name;
        match self.by {
            // The clusters of this test share an issuer.
            Way::Token(_) => one_token && same_name,
            Way::Tags => self == other,
            Way::Untagged => other.by == Way::Untagged && self.cluster == other.cluster,
        }
    }
}

fn guest() -> impl Strategy<Value = Guest> {
    let by = select(vec![
        Way::Token("sts.amazonaws.com"),
        Way::Token("vault"),
        Way::Tags,
        Way::Untagged,
    ]);
    (
        0..2usize,
        select(vec!["shop", "pay"]),
        select(vec!["orders", "basket"]),
        by,
    )
        .prop_map(|(cluster, namespace, name, by)| Guest {
            cluster,
            namespace,
            name,
            by,
        })
}

/// What others wrote: single or in a list, of an old version, wide and narrow, and in odd but legal ways.
fn theirs() -> impl Strategy<Value = Document> {
    let statements = vec![
        json!({"Sid": "Ops", "Effect": "Allow", "Principal": {"AWS": ["111122223333"]}, "Action": "sts:AssumeRole"}),
        json!({"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringLike": {format!("{ISSUER}:sub"): "system:serviceaccount:pay:*"}}}),
        json!({"Sid": "Leaver", "Effect": "Deny", "Principal": "*", "Action": "sts:*",
            "Condition": {"StringEquals": {"aws:RequestTag/kubernetes-service-account": ["basket"]}}}),
        json!({"Sid": "LanyardOfSomebody", "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": ["sts:AssumeRole"]}),
    ];
    let versions = select(vec![Some("2012-10-17"), Some("2008-10-17"), None]);
    (subsequence(statements, 1..=4), versions, any::<bool>()).prop_map(|(statements, version, single)| {
        let statement = match (single, statements.as_slice()) {
            (true, [only]) => only.clone(),
            _ => Value::from(statements),
        };
        let mut document = json!({"Statement": statement});
        if let Some(version) = version {
            document["Version"] = json!(version);
        }
        Document::from_value(document).unwrap()
    })
}

fn put(document: &Document, guest: Guest) -> Document {
    let entry = guest.entry();
    entry.membership.put(document, &entry.alone)
}

fn remove(document: &Document, guest: Guest) -> Document {
    guest.entry().membership.remove(document)
}

fn with(document: &Document, guests: &[Guest]) -> Document {
    guests
        .iter()
        .fold(document.clone(), |document, guest| put(&document, *guest))
}

fn lets(document: &Document, guest: Guest) -> Outcome {
    evaluate(&document.to_value(), &guest.request())
}

/// Every statement that no guest has a seat in.
fn of_others(document: &Document, guests: &[Guest]) -> Vec<Statement> {
    let sids: Vec<String> = guests.iter().map(|guest| guest.entry().membership.sid).collect();
    let ours = |statement: &&Statement| {
        statement
            .sid()
            .is_some_and(|sid| sids.iter().any(|ours| ours == sid))
    };
    document
        .statements()
        .iter()
        .filter(|statement| !ours(statement))
        .cloned()
        .collect()
}

proptest! {
    #[test]
    fn who_is_let_in_is_who_was_before_and_who_was_put(theirs in theirs(), guests in prop::collection::vec(guest(), 0..6), asks in guest()) {
        let before = lets(&theirs, asks);
        let after = with(&theirs, &guests);
        let wanted = match before {
            Outcome::Untouched if guests.iter().any(|guest| guest.lets_in(asks)) => Outcome::Allowed,
            before => before,
        };
        prop_assert_eq!(lets(&after, asks), wanted, "{}", after.to_json());
        prop_assert_eq!(of_others(&after, &guests), theirs.statements());
        prop_assert_eq!(lint::lint(&after.to_value(), lint::Kind::Trust), lint::lint(&theirs.to_value(), lint::Kind::Trust));
    }

    #[test]
    fn who_is_taken_out_is_out_and_nobody_else(theirs in theirs(), guests in prop::collection::vec(guest(), 1..6), goes in any::<prop::sample::Index>(), asks in guest()) {
        let goes = *goes.get(&guests);
        let stay: Vec<Guest> = guests.iter().copied().filter(|guest| *guest != goes).collect();
        let after = remove(&with(&theirs, &guests), goes);
        prop_assert!(same_meaning(&after, &with(&theirs, &stay)), "{}", after.to_json());
        prop_assert_eq!(lets(&after, asks), lets(&with(&theirs, &stay), asks));
        prop_assert_eq!(of_others(&after, &guests), theirs.statements());
    }

    #[test]
    fn put_and_remove_may_be_repeated(theirs in theirs(), guests in prop::collection::vec(guest(), 0..4), one in guest()) {
        let there = put(&with(&theirs, &guests), one);
        prop_assert_eq!(&put(&there, one), &there);
        let gone = remove(&there, one);
        prop_assert_eq!(&remove(&gone, one), &gone);
        let entry = one.entry();
        prop_assert_eq!(entry.membership.state(&there, &entry.alone), MembershipState::Taken);
        prop_assert_eq!(entry.membership.state(&gone, &entry.alone), MembershipState::Free);
    }

    #[test]
    fn different_subjects_may_come_and_go_in_any_order(theirs in theirs(), guests in prop::collection::vec(guest(), 0..4), one in guest(), other in guest(), puts in any::<[bool; 2]>()) {
        prop_assume!(one != other);
        let document = with(&theirs, &guests);
        let act = |document: &Document, guest, puts| if puts { put(document, guest) } else { remove(document, guest) };
        let first = act(&act(&document, one, puts[0]), other, puts[1]);
        let second = act(&act(&document, other, puts[1]), one, puts[0]);
        prop_assert!(same_meaning(&first, &second), "{} and {}", first.to_json(), second.to_json());
    }

    #[test]
    fn what_was_put_and_taken_out_leaves_no_trace(theirs in theirs(), guests in prop::collection::vec(guest(), 0..4), one in guest()) {
        let before = with(&theirs, &guests);
        prop_assume!(!guests.contains(&one));
        let after = remove(&put(&before, one), one);
        prop_assert!(same_meaning(&before, &after), "{} became {}", before.to_json(), after.to_json());
        prop_assert_eq!(before.statements(), after.statements());
    }

    /// IAM refuses a trust policy without any statement, so the last of Lanyard's stays and lets nobody in.
    #[test]
    fn the_last_statement_stays_and_lets_nobody_in(one in guest(), other in guest()) {
        let entry = one.entry();
        let document = Document::of(vec![entry.alone.clone()]);
        let left = remove(&document, one);
        prop_assert_eq!(left.statements().len(), 1);
        prop_assert_eq!(lint::lint(&left.to_value(), lint::Kind::Trust), vec![]);
        prop_assert_eq!(lets(&left, one), Outcome::Untouched);
        prop_assert_eq!(lets(&left, other), Outcome::Untouched);
        prop_assert_eq!(entry.membership.is_taken(&left), Some(false));
        prop_assert!(same_meaning(&put(&left, one), &document));
        let next = put(&left, other);
        prop_assert_eq!(lets(&next, other), Outcome::Allowed);
        prop_assert_eq!(lets(&next, one) == Outcome::Allowed, other.lets_in(one));
    }

    /// Others may do anything to a statement but to its list: the list survives.
    #[test]
    fn an_edited_statement_is_put_back_with_all_that_are_in_it(guests in prop::collection::vec(guest(), 1..5), action in select(vec!["sts:AssumeRole", "sts:*"])) {
        let root = json!({"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"});
        let whole = with(&Document::from_value(json!({"Statement": root})).unwrap(), &guests);
        let mut value = whole.to_value();
        for statement in value["Statement"].as_array_mut().unwrap().iter_mut().skip(1) {
            statement["Action"] = json!(action);
        }
        let edited = Document::from_value(value).unwrap();
        let entry = guests[0].entry();
        let seen = entry.membership.state(&edited, &entry.alone);
        let changed = !same_meaning(&edited, &whole);
        prop_assert_eq!(matches!(seen, MembershipState::Edited(_)), changed && edited.statement(&entry.membership.sid) != whole.statement(&entry.membership.sid));
        let mended = with(&edited, &guests);
        prop_assert!(same_meaning(&mended, &whole), "{}", mended.to_json());
    }
}

#[test]
fn a_statement_of_which_nobody_can_tell_whom_it_lets_in_is_left_alone() {
    let guest = Guest {
        cluster: 0,
        namespace: "shop",
        name: "orders",
        by: Way::Tags,
    };
    let entry = guest.entry();
    for condition in [
        Value::Null,
        json!({"StringLike": {"aws:RequestTag/kubernetes-service-account": "*"}}),
        json!({"StringEquals": {"aws:RequestTag/kubernetes-service-account": [1]}}),
    ] {
        let mut statement = entry.alone.value().as_object().unwrap().clone();
        statement.insert("Condition".to_owned(), condition);
        let document = Document::of(vec![Statement::new(statement)]);
        assert_eq!(
            entry.membership.state(&document, &entry.alone),
            MembershipState::Illegible
        );
        assert_eq!(entry.membership.is_taken(&document), None);
        assert_eq!(put(&document, guest), document);
        assert_eq!(remove(&document, guest), document);
    }
}

#[test]
fn how_many_fit_is_told_by_the_length_of_the_names() {
    let orders = Guest {
        cluster: 0,
        namespace: "shop",
        name: "orders",
        by: Way::Tags,
    };
    let document = with(
        &Document::of(Vec::new()),
        &[
            orders,
            Guest {
                name: "basket",
                ..orders
            },
        ],
    );
    let membership = orders.entry().membership;
    assert_eq!(membership.fitting(&document, 1), (1, 2));
    assert_eq!(membership.fitting(&document, 9), (1, 2));
    assert_eq!(membership.fitting(&document, 10), (0, 2));
    assert_eq!(membership.fitting(&document, 10_000), (0, 2));
}
