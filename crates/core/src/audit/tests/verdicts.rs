//! Tables of usages with their manager, findings and advice. No I/O.

use lanyard_iam_policy::Document;

use super::*;
use crate::model::arn::PolicyArn;
use crate::model::fact::ReadError;
use crate::model::observed::RoleFacts;
use crate::model::spec::Method;

#[test]
fn irsa_without_obstacle_should_move_now() {
    let mut fleet = fleet();
    fleet.accounts = annotation(ROLE);
    let row = one(&pod(container(&[TOKEN, ROLE_ENV], &[])), &fleet);
    assert_eq!(
        (row.role.clone(), row.manager.clone()),
        (Some(role()), Manager::Tool("helm".to_owned()))
    );
    assert_eq!((codes(&row), row.advice.when), (vec![], When::Now));
}

#[test]
fn irsa_with_obstacle_stays_or_waits() {
    let irsa = || pod(container(&[TOKEN, ROLE_ENV], &[]));
    let fargate = PodFacts {
        node: NodeKind::Fargate,
        ..irsa()
    };
    let windows = PodFacts {
        node: NodeKind::Windows,
        ..irsa()
    };
    let volume = PodFacts {
        token_volume: Some("db".to_owned()),
        ..irsa()
    };
    let by_hand = pod(container(
        &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/own/token"), ROLE_ENV],
        &[],
    ));
    let elsewhere = pod(container(
        &[TOKEN, ("AWS_ROLE_ARN", "arn:aws:iam::444455556666:role/orders")],
        &[],
    ));
    for (pod, expected, words) in [
        (fargate, When::Stay, "Fargate"),
        (windows, When::Stay, "Windows"),
        (volume, When::Stay, "SecretProviderClass db"),
        (by_hand, When::After, "LY707"),
        (elsewhere, When::After, "account 444455556666"),
    ] {
        let advice = one(&pod, &fleet()).advice;
        assert_eq!(advice.when, expected, "{words}");
        assert!(advice.reason.contains(words), "{advice:?}");
    }
}

#[test]
fn managed_binding_has_nothing_to_move() {
    let mut fleet = fleet();
    let identity = IdentityFacts {
        method: Method::PodIdentity,
        role: Some(role()),
        class: Some("tenants".to_owned()),
    };
    fleet.identities = Fact::Present([(subject(), identity)].into());
    let row = one(&pod(container(&[AGENT], &[])), &fleet);
    assert_eq!(
        (row.manager.to_string().as_str(), row.advice.when),
        ("lanyard, class tenants", When::None)
    );
    assert_eq!(row.role, Some(role()));
    fleet.identities = Fact::Unreadable(ReadError::NotRead);
    let row = one(&pod(container(&[AGENT], &[])), &fleet);
    assert_eq!((row.manager, row.advice.when), (Manager::Unknown, When::Unknown));
}

#[test]
fn association_of_an_add_on_stays() {
    let mut fleet = fleet();
    fleet.associations = association(Some("arn:aws:eks:x"));
    let row = one(&pod(container(&[AGENT], &[])), &fleet);
    assert_eq!((row.advice.when, row.role), (When::Stay, Some(role())));
    fleet.associations = association(None);
    assert_eq!(one(&pod(container(&[AGENT], &[])), &fleet).advice.when, When::Now);
}

#[test]
fn kiam_role_should_move_and_is_dead_beside_a_binding() {
    let mut kiam = pod(container(&[], &[]));
    kiam.proxy_role = Some("orders".to_owned());
    let row = one(&kiam, &fleet());
    assert_eq!(
        (row.form, codes(&row), row.advice.when),
        (Form::Proxy, vec!["LY703"], When::Now)
    );
    kiam.containers = vec![container(&[AGENT], &[])];
    let row = one(&kiam, &fleet());
    assert_eq!((row.form, codes(&row)), (Form::PodIdentity, vec!["LY703"]));
}

#[test]
fn node_role_counts_with_a_sign_of_use_only() {
    let quiet = one(&pod(container(&[("PORT", "80")], &[])), &fleet());
    assert_eq!(
        (quiet.form, quiet.advice.when, quiet.uses_aws()),
        (Form::NodeRole, When::None, false)
    );
    let mut signed = pod(container(&[("AWS_REGION", "eu-west-1")], &[]));
    signed.host_network = true;
    let row = one(&signed, &fleet());
    assert_eq!(
        (codes(&row), row.advice.when, row.uses_aws()),
        (vec!["LY704"], When::Now, true)
    );
    assert!(row.findings[0].message.contains("network of the node"));
    assert_eq!(codes(&template(&signed, &fleet())), ["LY704"]);
}

#[test]
fn bound_pod_that_carries_nothing_is_found() {
    let mut fleet = fleet();
    fleet.accounts = annotation(ROLE);
    let row = one(&pod(container(&[], &[])), &fleet);
    assert_eq!(
        (row.form, codes(&row), row.advice.when),
        (Form::NodeRole, vec!["LY705"], When::After)
    );
    let mut skips = pod(container(&[], &[]));
    skips.skips_webhook = true;
    assert!(one(&skips, &fleet).findings[0].message.contains("to skip it"));
}

#[test]
fn template_without_pods_gets_what_the_webhook_would_add() {
    let mut fleet = fleet();
    fleet.accounts = annotation(ROLE);
    let row = template(&pod(container(&[], &[])), &fleet);
    assert_eq!(
        (row.form, row.role.clone(), row.pods),
        (Form::WebIdentity, Some(role()), 0)
    );
    fleet.associations = association(None);
    let row = template(&pod(container(&[], &[])), &fleet);
    assert_eq!((row.form, codes(&row)), (Form::PodIdentity, vec![]));
    let row = template(&pod(container(&[("AWS_ACCESS_KEY_ID", KEY)], &[])), &fleet);
    assert_eq!((row.form, codes(&row)), (Form::StaticKey, vec!["LY701", "LY706"]));
}

#[test]
fn template_counts_only_without_pods_of_its_workload() {
    let mut fold = Fold::default();
    fold.pod(&pod(container(&[AGENT], &[])));
    fold.pod(&pod(container(&[AGENT], &[])));
    fold.pod(&pod(container(&[TOKEN, ROLE_ENV], &[])));
    fold.template(&pod(container(&[], &[])));
    let rows = rows(fold.usages(), &fleet());
    let shown: Vec<(Form, usize)> = rows.iter().map(|row| (row.form, row.pods)).collect();
    assert_eq!(shown, [(Form::WebIdentity, 1), (Form::PodIdentity, 2)]);
    assert_eq!(fold.pods(), 3);
}

fn with_role(facts: RoleFacts, last_used: Option<&str>) -> Fleet {
    let mut fleet = fleet();
    let role_use = RoleUse {
        facts,
        last_used: last_used.map(|time| time.parse().unwrap()),
        created: Some("2025-01-01T00:00:00Z".parse().unwrap()),
    };
    fleet.roles = [(role(), Fact::Present(role_use))].into();
    fleet
}

#[test]
fn role_findings_need_a_read_role() {
    let irsa = pod(container(&[TOKEN, ROLE_ENV], &[]));
    let used = Some("2026-05-30T00:00:00Z");
    let administrator = PolicyArn::parse("arn:aws:iam::aws:policy/AdministratorAccess").unwrap();
    let admin = RoleFacts {
        attached: Fact::Present([(administrator, Fact::Unreadable(ReadError::NotRead))].into()),
        ..RoleFacts::absent()
    };
    assert_eq!(codes(&one(&irsa, &with_role(admin, used))), ["LY711"]);
    assert_eq!(
        codes(&one(&irsa, &with_role(RoleFacts::absent(), used))),
        Vec::<&str>::new()
    );
    let old = with_role(RoleFacts::absent(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(codes(&one(&irsa, &old)), ["LY710"]);
    assert_eq!(
        codes(&one(&irsa, &with_role(RoleFacts::absent(), None))),
        ["LY710"]
    );
    let mut gone = fleet();
    gone.roles = [(role(), Fact::Absent)].into();
    assert_eq!(codes(&one(&irsa, &gone)), ["LY713"]);
    gone.roles = [(role(), Fact::Unreadable(ReadError::Throttled))].into();
    assert_eq!(codes(&one(&irsa, &gone)), Vec::<&str>::new());
}

#[test]
fn trust_that_admits_other_accounts_is_wide() {
    let cluster = cluster();
    let provider = cluster.issuer.provider_arn(&cluster.partition, &cluster.account);
    let issuer = cluster.issuer.host_and_path();
    for (sub, expected) in [
        ("system:serviceaccount:shop:*", vec!["LY708"]),
        ("system:serviceaccount:shop:orders", vec![]),
    ] {
        let trust = serde_json::json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringLike": {format!("{issuer}:sub"): sub}, "StringEquals": {format!("{issuer}:aud"): "sts.amazonaws.com"}},
        }]});
        let facts = RoleFacts {
            trust: Fact::Present(Document::parse(&trust.to_string()).unwrap()),
            ..RoleFacts::absent()
        };
        let fleet = with_role(facts, Some("2026-05-30T00:00:00Z"));
        let row = one(&pod(container(&[TOKEN, ROLE_ENV], &[])), &fleet);
        assert_eq!(codes(&row), expected, "{sub}: {:?}", row.findings);
    }
}

#[test]
fn role_of_two_service_accounts_is_shared() {
    let mut other = pod(container(&[TOKEN, ROLE_ENV], &[]));
    other.service_account = "billing".to_owned();
    let mut fold = Fold::default();
    fold.pod(&pod(container(&[TOKEN, ROLE_ENV], &[])));
    fold.pod(&other);
    let rows = rows(fold.usages(), &fleet());
    assert!(rows.iter().all(|row| codes(row) == ["LY709"]), "{rows:?}");
}

#[test]
fn annotation_of_another_role_than_the_association_is_found() {
    let mut fleet = fleet();
    fleet.accounts = annotation("arn:aws:iam::111122223333:role/other");
    fleet.associations = association(None);
    assert_eq!(codes(&one(&pod(container(&[AGENT], &[])), &fleet)), ["LY712"]);
    fleet.accounts = annotation(ROLE);
    assert_eq!(
        codes(&one(&pod(container(&[AGENT], &[])), &fleet)),
        Vec::<&str>::new()
    );
}
