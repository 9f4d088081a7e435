//! Properties of a shared trust policy: for any other content, Lanyard's edits change only the access of the subjects
//! that they name. Input: random policies and subjects; the access is evaluated by code that the crate does not
//! share. No I/O.

#![cfg(test)]

#[path = "../../iam-policy/tests/support/policy_evaluator.rs"]
mod policy_evaluator;

use std::collections::BTreeMap;

use jiff::Timestamp;
use lanyard_core::class::Class;
use lanyard_core::model::cluster::Cluster;
use lanyard_core::model::name::ClusterIdentity;
use lanyard_core::model::observed::Observed;
use lanyard_core::model::shared_trust::SharedStatement;
use lanyard_core::model::spec::{ExistingRoleSpec, ExistingTrust, IrsaSpec, Method, PodIdentitySpec, Spec};
use lanyard_core::model::status::{RecordedRoles, Status};
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

/// A subject that assumes the role, and its method.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Principal {
    cluster: usize,
    namespace: &'static str,
    name: &'static str,
    method: TrustMethod,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum TrustMethod {
    Token(&'static str),
    Tags,
    Untagged,
}

/// The two clusters share an issuer, so that only the content of the statements distinguishes them.
fn cluster(number: usize) -> Cluster {
    let mut cluster: Cluster = serde_json::from_str(include_str!("cluster.json")).unwrap();
    cluster.identity = ClusterIdentity::parse(CLUSTERS[number]).unwrap();
    cluster
}

impl Principal {
    /// The statement that the whole pipeline derives for the subject.
    fn entry(self) -> SharedStatement {
        let cluster = cluster(self.cluster);
        let subject: Subject = serde_json::from_value(
            json!({"cluster": cluster.identity, "namespace": self.namespace, "name": self.name}),
        )
        .unwrap();
        let audience = match self.method {
            TrustMethod::Token(audience) => Some(audience.to_owned()),
            TrustMethod::Tags | TrustMethod::Untagged => None,
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
                disable_session_tags: self.method == TrustMethod::Untagged,
                ..PodIdentitySpec::default()
            },
            ..Spec::default()
        };
        let identity = validate(
            &spec,
            &subject,
            &cluster,
            &Class::unrestricted(),
            &RecordedRoles::default(),
        )
        .unwrap()
        .identity;
        let (observed, now) = (Observed::unread(), Timestamp::UNIX_EPOCH);
        let decision = decide(&identity, &Status::default(), &observed, &Timings::default(), now);
        let Desired::Present(desired) = decision.desired else {
            panic!("the identity is not deleted")
        };
        let DesiredRole::Shared(entries) = desired.role else {
            panic!("the role is shared")
        };
        entries.into_iter().next().unwrap()
    }

    /// The request as AWS sees it.
    fn request(self) -> Request {
        let context = |pairs: &[(&str, String)]| -> BTreeMap<String, Vec<String>> {
            let entry = |(key, value): &(&str, String)| (key.to_ascii_lowercase(), vec![value.clone()]);
            pairs.iter().map(entry).collect()
        };
        let pods = ("Service".to_owned(), "pods.eks.amazonaws.com".to_owned());
        let cluster = CLUSTERS[self.cluster].to_owned();
        let (principal, action, context) = match self.method {
            TrustMethod::Token(audience) => {
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
            TrustMethod::Tags => {
                let tags = [
                    ("aws:RequestTag/eks-cluster-arn", cluster),
                    ("aws:RequestTag/kubernetes-namespace", self.namespace.to_owned()),
                    ("aws:RequestTag/kubernetes-service-account", self.name.to_owned()),
                ];
                (pods, "sts:AssumeRole", context(&tags))
            }
            TrustMethod::Untagged => {
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

    /// Returns true if admitting this subject necessarily admits the other.
    fn admits(self, other: Self) -> bool {
        let one_token =
            matches!((self.method, other.method), (TrustMethod::Token(a), TrustMethod::Token(b)) if a == b);
        let same_name = self.namespace == other.namespace && self.name == other.name;
        match self.method {
            // The clusters of this test share an issuer.
            TrustMethod::Token(_) => one_token && same_name,
            TrustMethod::Tags => self == other,
            TrustMethod::Untagged => other.method == TrustMethod::Untagged && self.cluster == other.cluster,
        }
    }
}

fn principal() -> impl Strategy<Value = Principal> {
    let method = select(vec![
        TrustMethod::Token("sts.amazonaws.com"),
        TrustMethod::Token("vault"),
        TrustMethod::Tags,
        TrustMethod::Untagged,
    ]);
    (
        0..2usize,
        select(vec!["shop", "pay"]),
        select(vec!["orders", "basket"]),
        method,
    )
        .prop_map(|(cluster, namespace, name, method)| Principal {
            cluster,
            namespace,
            name,
            method,
        })
}

/// A foreign policy: single or in a list, of an old version, wide and narrow, and in unusual but valid forms.
fn foreign() -> impl Strategy<Value = Document> {
    let statements = vec![
        json!({"Sid": "Ops", "Effect": "Allow", "Principal": {"AWS": ["111122223333"]}, "Action": "sts:AssumeRole"}),
        json!({"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringLike": {format!("{ISSUER}:sub"): "system:serviceaccount:pay:*"}}}),
        json!({"Sid": "DenyBasket", "Effect": "Deny", "Principal": "*", "Action": "sts:*",
            "Condition": {"StringEquals": {"aws:RequestTag/kubernetes-service-account": ["basket"]}}}),
        json!({"Sid": "LanyardForeign", "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": ["sts:AssumeRole"]}),
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

fn put(document: &Document, principal: Principal) -> Document {
    let entry = principal.entry();
    entry.membership.put(document, &entry.statement)
}

fn remove(document: &Document, principal: Principal) -> Document {
    principal.entry().membership.remove(document)
}

fn with(document: &Document, principals: &[Principal]) -> Document {
    principals
        .iter()
        .fold(document.clone(), |document, principal| put(&document, *principal))
}

fn outcome(document: &Document, principal: Principal) -> Outcome {
    evaluate(&document.to_value(), &principal.request())
}

/// The statements without a member of `principals`.
fn foreign_statements(document: &Document, principals: &[Principal]) -> Vec<Statement> {
    let sids: Vec<String> = principals
        .iter()
        .map(|principal| principal.entry().membership.sid)
        .collect();
    let shared = |statement: &&Statement| {
        statement
            .sid()
            .is_some_and(|sid| sids.iter().any(|shared| shared == sid))
    };
    document
        .statements()
        .iter()
        .filter(|statement| !shared(statement))
        .cloned()
        .collect()
}

proptest! {
    #[test]
    fn put_admits_only_the_added_subjects(foreign in foreign(), added in prop::collection::vec(principal(), 0..6), requester in principal()) {
        let before = outcome(&foreign, requester);
        let after = with(&foreign, &added);
        let expected = match before {
            Outcome::Untouched if added.iter().any(|one| one.admits(requester)) => Outcome::Allowed,
            before => before,
        };
        prop_assert_eq!(outcome(&after, requester), expected, "{}", after.to_json());
        prop_assert_eq!(foreign_statements(&after, &added), foreign.statements());
        prop_assert_eq!(lint::lint(&after.to_value(), lint::Kind::Trust), lint::lint(&foreign.to_value(), lint::Kind::Trust));
    }

    #[test]
    fn remove_excludes_only_the_removed_subject(foreign in foreign(), added in prop::collection::vec(principal(), 1..6), removed in any::<prop::sample::Index>(), requester in principal()) {
        let removed = *removed.get(&added);
        let remaining: Vec<Principal> = added.iter().copied().filter(|one| *one != removed).collect();
        let after = remove(&with(&foreign, &added), removed);
        prop_assert!(same_meaning(&after, &with(&foreign, &remaining)), "{}", after.to_json());
        prop_assert_eq!(outcome(&after, requester), outcome(&with(&foreign, &remaining), requester));
        prop_assert_eq!(foreign_statements(&after, &added), foreign.statements());
    }

    #[test]
    fn put_and_remove_are_idempotent(foreign in foreign(), added in prop::collection::vec(principal(), 0..4), one in principal()) {
        let present = put(&with(&foreign, &added), one);
        prop_assert_eq!(&put(&present, one), &present);
        let absent = remove(&present, one);
        prop_assert_eq!(&remove(&absent, one), &absent);
        let entry = one.entry();
        prop_assert_eq!(entry.membership.state(&present, &entry.statement), MembershipState::Present);
        prop_assert_eq!(entry.membership.state(&absent, &entry.statement), MembershipState::Absent);
    }

    #[test]
    fn put_and_remove_of_different_subjects_commute(foreign in foreign(), added in prop::collection::vec(principal(), 0..4), one in principal(), other in principal(), puts in any::<[bool; 2]>()) {
        prop_assume!(one != other);
        let document = with(&foreign, &added);
        let act = |document: &Document, principal, puts| if puts { put(document, principal) } else { remove(document, principal) };
        let first = act(&act(&document, one, puts[0]), other, puts[1]);
        let second = act(&act(&document, other, puts[1]), one, puts[0]);
        prop_assert!(same_meaning(&first, &second), "{} and {}", first.to_json(), second.to_json());
    }

    #[test]
    fn put_then_remove_restores_the_policy(foreign in foreign(), added in prop::collection::vec(principal(), 0..4), one in principal()) {
        let before = with(&foreign, &added);
        prop_assume!(!added.contains(&one));
        let after = remove(&put(&before, one), one);
        prop_assert!(same_meaning(&before, &after), "{} became {}", before.to_json(), after.to_json());
        prop_assert_eq!(before.statements(), after.statements());
    }

    /// IAM rejects a trust policy without statements, so the last statement of Lanyard stays and admits no subject.
    #[test]
    fn last_statement_stays_and_admits_no_subject(one in principal(), other in principal()) {
        let entry = one.entry();
        let document = Document::of(vec![entry.statement.clone()]);
        let remaining = remove(&document, one);
        prop_assert_eq!(remaining.statements().len(), 1);
        prop_assert_eq!(lint::lint(&remaining.to_value(), lint::Kind::Trust), vec![]);
        prop_assert_eq!(outcome(&remaining, one), Outcome::Untouched);
        prop_assert_eq!(outcome(&remaining, other), Outcome::Untouched);
        prop_assert_eq!(entry.membership.is_listed(&remaining), Some(false));
        prop_assert!(same_meaning(&put(&remaining, one), &document));
        let next = put(&remaining, other);
        prop_assert_eq!(outcome(&next, other), Outcome::Allowed);
        prop_assert_eq!(outcome(&next, one) == Outcome::Allowed, other.admits(one));
    }

    /// Any edit of a statement outside its list keeps the list.
    #[test]
    fn put_reverts_an_edited_statement_and_keeps_its_list(added in prop::collection::vec(principal(), 1..5), action in select(vec!["sts:AssumeRole", "sts:*"])) {
        let root = json!({"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"});
        let whole = with(&Document::from_value(json!({"Statement": root})).unwrap(), &added);
        let mut value = whole.to_value();
        for statement in value["Statement"].as_array_mut().unwrap().iter_mut().skip(1) {
            statement["Action"] = json!(action);
        }
        let edited = Document::from_value(value).unwrap();
        let entry = added[0].entry();
        let state = entry.membership.state(&edited, &entry.statement);
        let changed = !same_meaning(&edited, &whole);
        prop_assert_eq!(matches!(state, MembershipState::Modified(_)), changed && edited.statement(&entry.membership.sid) != whole.statement(&entry.membership.sid));
        let reverted = with(&edited, &added);
        prop_assert!(same_meaning(&reverted, &whole), "{}", reverted.to_json());
    }
}

#[test]
fn statement_with_unreadable_list_is_not_changed() {
    let principal = Principal {
        cluster: 0,
        namespace: "shop",
        name: "orders",
        method: TrustMethod::Tags,
    };
    let entry = principal.entry();
    for condition in [
        Value::Null,
        json!({"StringLike": {"aws:RequestTag/kubernetes-service-account": "*"}}),
        json!({"StringEquals": {"aws:RequestTag/kubernetes-service-account": [1]}}),
    ] {
        let mut statement = entry.statement.value().as_object().unwrap().clone();
        statement.insert("Condition".to_owned(), condition);
        let document = Document::of(vec![Statement::new(statement)]);
        assert_eq!(
            entry.membership.state(&document, &entry.statement),
            MembershipState::Unreadable
        );
        assert_eq!(entry.membership.is_listed(&document), None);
        assert_eq!(put(&document, principal), document);
        assert_eq!(remove(&document, principal), document);
    }
}

#[test]
fn fitting_subjects_depend_on_name_length() {
    let orders = Principal {
        cluster: 0,
        namespace: "shop",
        name: "orders",
        method: TrustMethod::Tags,
    };
    let document = with(
        &Document::of(Vec::new()),
        &[
            orders,
            Principal {
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
