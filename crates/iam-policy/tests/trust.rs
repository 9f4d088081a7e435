//! Properties of the evaluation of trust policies, on random policies that nearly admit a subject. A certain result
//! must hold for every value of the unknown parts; an evaluator that shares no code with the crate computes the
//! result for each of them.

#[path = "support/policy_evaluator.rs"]
mod policy_evaluator;

use std::collections::BTreeMap;

use lanyard_iam_policy::{Admission, Document, TrustRequest, admits, lint};
use policy_evaluator::{Outcome, Request, evaluate};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const PROVIDER: &str = "arn:aws:iam::1:oidc-provider/i/A";
const CLUSTER: &str = "arn:aws:eks:r:1:cluster/c";

/// Condition keys that are known for one method, for both or for none.
const KEYS: [&str; 10] = [
    "i/A:sub",
    "I/a:AUD",
    "aws:RequestTag/kubernetes-namespace",
    "aws:requesttag/eks-cluster-arn",
    "aws:RequestTag/kubernetes-pod-name",
    "aws:RequestTag/team",
    "aws:SourceArn",
    "aws:SourceAccount",
    "aws:TagKeys",
    "aws:SourceOrgId",
];

const OPERATORS: [&str; 22] = [
    "StringEquals",
    "StringEquals",
    "StringLike",
    "StringLike",
    "StringNotEquals",
    "StringNotLike",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringEqualsIfExists",
    "StringLikeIfExists",
    "StringNotEqualsIfExists",
    "ArnEquals",
    "ArnLike",
    "ArnNotLike",
    "ArnLikeIfExists",
    "ForAllValues:StringEquals",
    "ForAllValues:StringLike",
    "ForAnyValue:StringEquals",
    "ForAnyValue:StringNotLike",
    "ForAnyValue:StringLikeIfExists",
    "Null",
    "Bool",
];

/// Values for a key, most of which could match.
fn values(key: &str) -> Vec<Value> {
    let own: &[&str] = match key.to_ascii_lowercase().as_str() {
        "i/a:sub" => &[
            "system:serviceaccount:n:s",
            "system:serviceaccount:n:*",
            "system:*:?",
            "system:serviceaccount:n:t",
        ],
        "i/a:aud" => &["a", "A", "b"],
        "aws:sourcearn" => &[
            CLUSTER,
            "arn:aws:eks:*:1:cluster/*",
            "arn:aws:eks:r:1:podidentityassociation/c/*",
            "arn:*",
        ],
        "aws:sourceaccount" => &["1", "2"],
        "aws:tagkeys" => &["eks-*", "kubernetes-*", "kubernetes-namespace", "team"],
        "aws:requesttag/eks-cluster-arn" => {
            &[CLUSTER, "arn:aws:eks:*:1:cluster/*", "arn:aws:eks:r:1:cluster/d"]
        }
        _ => &["n", "N", "n*", "m"],
    };
    let any = ["*", "${aws:SourceOrgId}", "${*}", "true", "false"];
    own.iter()
        .chain(own)
        .chain(own)
        .chain(&any)
        .map(|value| json!(value))
        .chain([json!(true), json!(1)])
        .collect()
}

fn test() -> impl Strategy<Value = (&'static str, &'static str, Vec<Value>)> {
    let key = prop::sample::select(KEYS.to_vec());
    let operator = prop::sample::select(OPERATORS.to_vec());
    (operator, key).prop_flat_map(|(operator, key)| {
        (
            Just(operator),
            Just(key),
            prop::collection::vec(prop::sample::select(values(key)), 1..3),
        )
    })
}

fn condition() -> impl Strategy<Value = Value> {
    prop::collection::vec(test(), 0..3).prop_map(|tests| {
        let mut operators: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for (operator, key, values) in tests {
            operators
                .entry(operator)
                .or_default()
                .insert(key.to_owned(), Value::from(values));
        }
        json!(operators)
    })
}

fn statement() -> impl Strategy<Value = Value> {
    let effects = prop::sample::select(vec!["Allow", "Allow", "Allow", "Deny"]);
    let principal = prop::sample::select(vec![
        ("Principal", json!({"Federated": PROVIDER})),
        (
            "Principal",
            json!({"Federated": PROVIDER, "Service": "pods.eks.amazonaws.com"}),
        ),
        (
            "Principal",
            json!({"Service": ["ec2.amazonaws.com", "pods.eks.amazonaws.com"]}),
        ),
        (
            "Principal",
            json!({"Service": "ec2.amazonaws.com", "AWS": "111122223333"}),
        ),
        ("Principal", json!({"Federated": "*"})),
        ("Principal", json!({"AWS": "*"})),
        ("Principal", json!("*")),
        ("NotPrincipal", json!({"Federated": PROVIDER})),
    ]);
    let action = prop::sample::select(vec![
        ("Action", json!("sts:AssumeRoleWithWebIdentity")),
        ("Action", json!(["STS:assumerole", "sts:TagSession"])),
        ("Action", json!("sts:AssumeRole*")),
        ("Action", json!("sts:*")),
        ("Action", json!("sts:TagSessio?")),
        ("Action", json!("*")),
        ("NotAction", json!("sts:TagSession")),
        ("NotAction", json!([])),
    ]);
    let resource = prop::option::weighted(0.05, Just(json!("*")));
    (effects, principal, action, resource, condition()).prop_map(
        |(effect, principal, action, resource, condition)| {
            let elements = [
                ("Effect", json!(effect)),
                principal,
                action,
                ("Condition", condition),
            ];
            let elements = elements
                .into_iter()
                .chain(resource.map(|resource| ("Resource", resource)));
            elements.map(|(name, value)| (name.to_owned(), value)).collect()
        },
    )
}

fn trust() -> impl Strategy<Value = Value> {
    let version = prop::sample::select(vec!["2012-10-17", "2012-10-17", "2008-10-17"]);
    let statements = prop::collection::vec(statement(), 1..4);
    (version, statements)
        .prop_map(|(version, statements)| json!({"Version": version, "Statement": statements}))
}

fn trust_request() -> impl Strategy<Value = TrustRequest> {
    let owned = str::to_owned;
    let pods = move |session_tags| TrustRequest::PodIdentity {
        cluster_arn: owned(CLUSTER),
        cluster_name: owned("c"),
        account: owned("1"),
        namespace: owned("n"),
        service_account: owned("s"),
        session_tags,
    };
    let irsa = TrustRequest::Irsa {
        provider_arn: owned(PROVIDER),
        issuer: owned("i/A"),
        audience: owned("a"),
        namespace: owned("n"),
        service_account: owned("s"),
    };
    prop::sample::select(vec![irsa, pods(true), pods(false)])
}

/// The requests that AWS may see, for different values of the unknown parts: the organisation ID, the pod name, and
/// the source of the web identity call.
fn possible_requests(request: &TrustRequest, unknown: Option<&str>) -> Vec<Request> {
    let mut context: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let (principal, actions): (_, &[&str]) = match request {
        TrustRequest::Irsa { .. } => {
            context.insert("i/a:sub", vec!["system:serviceaccount:n:s"]);
            context.insert("i/a:aud", vec!["a"]);
            for key in ["aws:sourcearn", "aws:sourceaccount"] {
                context.extend(unknown.map(|value| (key, vec![value])));
            }
            (("Federated", PROVIDER), &["sts:AssumeRoleWithWebIdentity"])
        }
        TrustRequest::PodIdentity { session_tags, .. } => {
            context.insert("aws:sourcearn", vec![CLUSTER]);
            context.insert("aws:sourceaccount", vec!["1"]);
            if *session_tags {
                context.extend(tags(unknown.unwrap_or("p")));
            }
            for key in ["i/a:sub", "i/a:aud"] {
                context.extend(unknown.map(|value| (key, vec![value])));
            }
            (
                ("Service", "pods.eks.amazonaws.com"),
                &["sts:AssumeRole", "sts:TagSession"],
            )
        }
    };
    context.extend(unknown.map(|value| ("aws:sourceorgid", vec![value])));
    let owned = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect();
    let context: BTreeMap<String, Vec<String>> = context
        .into_iter()
        .map(|(key, values)| (key.to_owned(), owned(values)))
        .collect();
    let request = |action: &&str| Request {
        principal: (principal.0.to_owned(), principal.1.to_owned()),
        action: (*action).to_owned(),
        resource: "arn:aws:iam::1:role/r".to_owned(),
        context: context.clone(),
    };
    actions.iter().map(request).collect()
}

fn tags(pod: &str) -> [(&'static str, Vec<&str>); 7] {
    let keys = vec![
        "eks-cluster-arn",
        "eks-cluster-name",
        "kubernetes-namespace",
        "kubernetes-service-account",
        "kubernetes-pod-name",
        "kubernetes-pod-uid",
    ];
    [
        ("aws:requesttag/eks-cluster-arn", vec![CLUSTER]),
        ("aws:requesttag/eks-cluster-name", vec!["c"]),
        ("aws:requesttag/kubernetes-namespace", vec!["n"]),
        ("aws:requesttag/kubernetes-service-account", vec!["s"]),
        ("aws:requesttag/kubernetes-pod-name", vec![pod]),
        ("aws:requesttag/kubernetes-pod-uid", vec![pod]),
        ("aws:tagkeys", keys),
    ]
}

const WORLDS: [Option<&str>; 9] = [
    None,
    Some("n"),
    Some("N"),
    Some("m"),
    Some("*"),
    Some("a"),
    Some("1"),
    Some(CLUSTER),
    Some("system:serviceaccount:n:s"),
];

fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases.max(2000),
        failure_persistence: None,
        ..usual
    }
}

fn admission(trust: &Value, request: &TrustRequest) -> Result<Admission, TestCaseError> {
    let document =
        Document::from_value(trust.clone()).map_err(|error| TestCaseError::fail(error.to_string()))?;
    Ok(admits(&document, request))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn certain_result_holds_for_all_unknown_values(trust in trust(), request in trust_request()) {
        let admission = admission(&trust, &request)?;
        for world in WORLDS {
            let outcomes: Vec<Outcome> = possible_requests(&request, world).iter().map(|request| evaluate(&trust, request)).collect();
            let all_allowed = outcomes.iter().all(|outcome| *outcome == Outcome::Allowed);
            match admission {
                Admission::Admitted { .. } => prop_assert!(all_allowed, "{:?} {:?}", world, outcomes),
                Admission::Denied { .. } => prop_assert!(outcomes.contains(&Outcome::Denied), "{:?} {:?}", world, outcomes),
                Admission::NotAdmitted { .. } => prop_assert!(!all_allowed, "{:?} {:?}", world, outcomes),
                Admission::Undecided { .. } => {}
            }
        }
    }
}

/// The property is meaningful only if every result is common.
#[test]
fn random_policies_cover_every_admission() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = [0_usize; 4];
    for _ in 0..3000 {
        let both = (trust(), trust_request()).new_tree(&mut runner).unwrap();
        let (trust, request) = proptest::strategy::ValueTree::current(&both);
        let slot = match admission(&trust, &request).unwrap() {
            Admission::Admitted { .. } => 0,
            Admission::Denied { .. } => 1,
            Admission::NotAdmitted { .. } => 2,
            Admission::Undecided { .. } => 3,
        };
        seen[slot] += 1;
    }
    assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
}

/// A document without defects must not be undecided because of its form.
#[test]
fn trust_without_defects_is_not_undecided_by_form() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..1000 {
        let trust = proptest::strategy::ValueTree::current(&trust().new_tree(&mut runner).unwrap());
        let request = proptest::strategy::ValueTree::current(&trust_request().new_tree(&mut runner).unwrap());
        if lint::lint(&trust, lint::Kind::Trust).is_empty()
            && let Admission::Undecided { reason } = admission(&trust, &request).unwrap()
        {
            assert!(
                reason.contains("cannot be evaluated") || reason.contains("wildcard"),
                "{reason} {trust}"
            );
        }
    }
}
