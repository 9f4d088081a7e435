//! The rules on healthy identities, and on each fault. Compiled for tests only; no I/O.

use std::collections::BTreeSet;

use super::*;
use crate::example::{applied, cluster, now, spec, subject};
use crate::model::arn::PolicyArn;
use crate::model::fact::{Fact, ReadError};
use crate::model::observed::{Observed, RoleFacts};
use crate::model::spec::Method;
use lanyard_iam_policy::Document;

/// A code, the beginning of its command, and the change that causes it.
type Fault = (&'static str, &'static str, fn(&mut Observed));

/// The findings of all rules except ok and skipped ones, for the state after a change.
fn found(method: Method, change: impl FnOnce(&mut Observed)) -> Vec<Finding> {
    let (identity, mut observed, _) = applied(&spec(method));
    let policy = PolicyArn::parse("arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess").unwrap();
    role_facts(&mut observed).attached = Fact::Present([(policy, Fact::Absent)].into());
    change(&mut observed);
    let evidence = Evidence {
        subject: &subject(),
        cluster: &cluster(),
        binding: &identity.binding,
        observed: &observed,
        surroundings: &surroundings(),
    };
    let findings = diagnose(&evidence).into_iter();
    findings
        .filter(|finding| !matches!(finding.level, Level::Ok | Level::Skipped))
        .collect()
}

/// A current object, a working operator and no pods.
fn surroundings() -> Surroundings {
    Surroundings {
        now: now(),
        pods: Fact::Present(Vec::new()),
        object: Fact::Present(ObjectState {
            generation: 1,
            observed_generation: Some(1),
            ..ObjectState::default()
        }),
        operator: Fact::Present(Leadership {
            namespace: "kube-system".to_owned(),
            holder: "lanyard-1".to_owned(),
            renewed: now(),
            duration: 15,
        }),
        issuer: Fact::Present(cluster().issuer.to_string()),
        ..Surroundings::default()
    }
}

fn codes(findings: &[Finding]) -> Vec<(&'static str, Level)> {
    findings
        .iter()
        .map(|finding| (finding.code.as_str(), finding.level))
        .collect()
}

fn role_facts(observed: &mut Observed) -> &mut RoleFacts {
    observed.roles.values_mut().next().unwrap()
}

#[test]
fn healthy_identity_has_no_finding() {
    for method in [Method::Irsa, Method::PodIdentity] {
        assert_eq!(found(method, |_| ()), [], "{method}");
    }
}

#[test]
fn each_rule_has_its_own_code() {
    let codes: BTreeSet<Code> = RULES.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, Code::ALL.iter().copied().collect::<BTreeSet<Code>>());
}

#[test]
fn each_irsa_fault_is_found_with_its_command() {
    let faults: [Fault; 6] = [
        ("LY101", "kubectl create serviceaccount orders -n shop", |world| {
            world.service_account = Fact::Absent
        }),
        ("LY401", "kubectl lanyard plan orders -n shop", |world| {
            *role_facts(world) = RoleFacts::absent()
        }),
        (
            "LY201",
            "aws iam create-open-id-connect-provider --url https://",
            |world| world.provider = Fact::Absent,
        ),
        (
            "LY202",
            "aws iam add-client-id-to-open-id-connect-provider",
            |world| {
                world.provider.present_mut().unwrap().client_ids = ["x".to_owned()].into();
            },
        ),
        ("LY203", "kubectl lanyard trust orders -n shop", |world| {
            role_facts(world).trust = Fact::Present(Document::of(Vec::new()));
        }),
        (
            "LY102",
            "kubectl annotate serviceaccount orders -n shop --overwrite eks.amazonaws.com/role-arn=arn:",
            |world| {
                world.service_account.present_mut().unwrap().annotations.clear();
            },
        ),
    ];
    for (code, command, change) in faults {
        let findings = found(Method::Irsa, change);
        assert_eq!(codes(&findings), [(code, Level::Fault)]);
        let detail = findings[0].detail.as_ref().unwrap();
        assert!(detail.command.starts_with(command), "{}", detail.command);
    }
}

#[test]
fn each_pod_identity_fault_is_found_with_its_command() {
    let faults: [Fault; 3] = [
        (
            "LY301",
            "aws eks create-pod-identity-association --cluster-name ",
            |world| world.association = Fact::Absent,
        ),
        ("LY302", "aws eks create-addon --cluster-name ", |world| {
            world.agent = Fact::Absent
        }),
        ("LY303", "kubectl lanyard trust orders -n shop", |world| {
            role_facts(world).trust = Fact::Present(Document::of(Vec::new()));
        }),
    ];
    for (code, command, change) in faults {
        let findings = found(Method::PodIdentity, change);
        assert_eq!(codes(&findings), [(code, Level::Fault)]);
        let detail = findings[0].detail.as_ref().unwrap();
        assert!(detail.command.starts_with(command), "{}", detail.command);
    }
}

#[test]
fn association_beside_irsa_is_a_fault() {
    let (_, other, _) = applied(&spec(Method::PodIdentity));
    let findings = found(Method::Irsa, |world| {
        world.association = other.association.clone()
    });
    assert_eq!(codes(&findings), [("LY110", Level::Fault)]);
}

#[test]
fn unreadable_fact_is_unknown_and_never_ok() {
    let denied = || ReadError::Denied("iam:GetRole".to_owned());
    let findings = found(Method::PodIdentity, |world| {
        *role_facts(world) = RoleFacts::unreadable(&denied());
        world.agent = Fact::Unreadable(denied());
    });
    let expected = [
        ("LY401", Level::Unknown),
        ("LY303", Level::Unknown),
        ("LY304", Level::Unknown),
        ("LY206", Level::Unknown),
        ("LY302", Level::Unknown),
        ("LY403", Level::Unknown),
    ];
    assert_eq!(codes(&findings), expected);
    assert!(findings[0].missing.as_ref().unwrap().contains("iam:GetRole"));
}

#[test]
fn later_faults_are_marked_as_possible_consequences() {
    let findings = found(Method::Irsa, |world| {
        world.provider = Fact::Absent;
        world.service_account.present_mut().unwrap().annotations.clear();
    });
    assert_eq!(
        codes(&findings),
        [("LY201", Level::Fault), ("LY102", Level::Fault)]
    );
    assert_eq!((findings[0].follows, findings[1].follows), (false, true));
}
