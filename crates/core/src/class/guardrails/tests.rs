//! What each guardrail forbids, with the sentence that a tenant reads, and what it lets pass.

use serde_json::{Value, json};

use super::*;
use crate::example::{spec, subject};
use crate::model::spec::ExistingRoleSpec;

/// A class of these guardrails and nothing else.
fn class(guardrails: Value) -> Class {
    let class = json!({"guardrails": guardrails, "enforcedTags": {"cost-center": "42"}});
    Class {
        name: Some("tenants".to_owned()),
        ..serde_json::from_value(class).unwrap()
    }
}

fn managed(change: impl FnOnce(&mut ManagedRoleSpec)) -> Spec {
    let mut spec = spec(Method::PodIdentity);
    change(spec.managed.as_mut().unwrap());
    spec
}

fn judged(spec: &Spec, guardrails: Value) -> Vec<String> {
    let mut guardrails = guardrails;
    if guardrails.get("methods").is_none() {
        guardrails["methods"] = json!(["IRSA", "PodIdentity"]);
    }
    let method = spec.method.unwrap();
    let found = forbidden(spec, method, &subject(), &class(guardrails));
    found.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn allowed(spec: &Spec, guardrails: Value) {
    assert_eq!(judged(spec, guardrails), Vec::<String>::new());
}

#[track_caller]
fn refused(spec: &Spec, guardrails: Value, told: &str) {
    assert_eq!(judged(spec, guardrails), [told]);
}

#[test]
fn nothing_is_forbidden_where_no_class_exists() {
    let spec =
        managed(|role| role.policy_arns = vec!["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()]);
    assert!(forbidden(&spec, Method::Irsa, &subject(), &Class::unrestricted()).is_empty());
}

#[test]
fn an_empty_class_allows_not_even_a_method() {
    refused(
        &spec(Method::Irsa),
        json!({"methods": []}),
        "method: IRSA is not allowed: guardrails.methods of class tenants allows none",
    );
    refused(
        &spec(Method::Irsa),
        json!({"methods": ["PodIdentity"]}),
        "method: IRSA is not allowed: guardrails.methods of class tenants allows PodIdentity",
    );
}

#[test]
fn a_policy_fits_one_of_the_patterns_with_the_tenants_own_namespace() {
    let attach = |arn: &str| managed(|role| role.policy_arns = vec![arn.to_owned()]);
    let rules = || json!({"policyArns": ["arn:aws:iam::*:policy/{namespace}/*"]});
    allowed(&attach("arn:aws:iam::111122223333:policy/shop/queue"), rules());
    refused(
        &attach("arn:aws:iam::111122223333:policy/bank/queue"),
        rules(),
        "role.managed.policyArns[0]: arn:aws:iam::111122223333:policy/bank/queue is not allowed: guardrails.policyArns of class tenants allows arn:aws:iam::*:policy/shop/*",
    );
    let many: Vec<String> = (0..7).map(|at| format!("p{at}")).collect();
    refused(
        &attach("arn:aws:iam::aws:policy/a"),
        json!({ "policyArns": many }),
        "role.managed.policyArns[0]: arn:aws:iam::aws:policy/a is not allowed: guardrails.policyArns of class tenants allows p0, p1, p2, p3, p4 and 2 more",
    );
}

#[test]
fn a_name_is_the_tenants_own_and_nobodys_derived_one() {
    let named = |name: &str| managed(|role| role.name = Some(name.to_owned()));
    let rules = || json!({"roleNames": ["{namespace}-*"]});
    allowed(&named("shop-orders"), rules());
    allowed(&named("shop-orders-f4647193"), rules());
    refused(
        &named("bank-orders"),
        rules(),
        "role.managed.name: bank-orders is not allowed: guardrails.roleNames of class tenants allows shop-*",
    );
    // The derived name of `payments` in the namespace `shop-api`, or the same for IAM.
    for squatter in [
        "shop-api-payments-0123abcd",
        "shop-api-payments-0123ABCD",
        "shop-orders-F4647193",
    ] {
        let found = judged(&named(squatter), rules());
        assert!(
            found.len() == 1 && found[0].contains("as the derived names of others do"),
            "{found:?}"
        );
    }
    allowed(&managed(|_| {}), json!({}));
}

#[test]
fn a_session_lasts_as_long_as_the_class_allows() {
    let confirmed = |text: &str| managed(|role| role.max_session_duration = Some(text.to_owned()));
    allowed(&confirmed("4h"), json!({"maxSessionDuration": "4h"}));
    allowed(&confirmed("1h"), json!({}));
    refused(
        &confirmed("4h1s"),
        json!({"maxSessionDuration": "4h"}),
        "role.managed.maxSessionDuration: 4h1s is not allowed: guardrails.maxSessionDuration of class tenants allows 4h at most",
    );
    refused(
        &confirmed("2h"),
        json!({}),
        "role.managed.maxSessionDuration: 2h is not allowed: guardrails.maxSessionDuration of class tenants allows 1h at most",
    );
}

#[test]
fn a_boundary_of_the_class_cannot_be_exchanged() {
    let ours = "arn:aws:iam::111122223333:policy/tenant";
    let bounded = |arn: &str| managed(|role| role.permissions_boundary_arn = Some(arn.to_owned()));
    allowed(&bounded(ours), json!({"permissionsBoundaryArn": ours}));
    allowed(&bounded("arn:aws:iam::aws:policy/any"), json!({}));
    refused(
        &bounded("arn:aws:iam::aws:policy/any"),
        json!({"permissionsBoundaryArn": ours}),
        "role.managed.permissionsBoundaryArn: arn:aws:iam::aws:policy/any is not allowed: guardrails.permissionsBoundaryArn of class tenants puts arn:aws:iam::111122223333:policy/tenant on every role",
    );
}

#[test]
fn a_tag_is_one_of_those_allowed_and_never_speaks_against_the_class() {
    let tagged =
        |key: &str, value: &str| managed(|role| drop(role.tags.insert(key.to_owned(), value.to_owned())));
    allowed(&tagged("Team", "a"), json!({"tagKeys": ["team"]}));
    allowed(&tagged("cost-center", "42"), json!({}));
    refused(
        &tagged("admin", "true"),
        json!({"tagKeys": ["team"]}),
        "role.managed.tags[admin]: true is not allowed: guardrails.tagKeys of class tenants allows team",
    );
    for (key, value) in [("cost-center", "43"), ("Cost-Center", "42")] {
        refused(
            &tagged(key, value),
            json!({"tagKeys": ["*"]}),
            &format!(
                "role.managed.tags[{key}]: {value} is not allowed: enforcedTags of class tenants puts cost-center=42 on every role"
            ),
        );
    }
}

#[test]
fn somebody_elses_role_is_bound_as_far_as_the_class_allows() {
    let existing = |arn: &str| Spec {
        method: Some(Method::Irsa),
        existing: Some(ExistingRoleSpec {
            arn: arn.to_owned(),
            ..ExistingRoleSpec::default()
        }),
        ..Spec::default()
    };
    let rules = || json!({"existingRoles": [{"arn": "arn:aws:iam::*:role/*"}]});
    allowed(&existing("arn:aws:iam::111122223333:role/shared"), rules());
    allowed(
        &existing("arn:aws:iam::111122223333:role/shared"),
        json!({"existingRoles": [{"arn": "*", "trust": "Manage"}]}),
    );
    // What Lanyard made for another tenant.
    let made = "arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/bank-a-01234567";
    refused(
        &existing(made),
        rules(),
        &format!(
            "role.existing.arn: {made} is not allowed: guardrails.existingRoles of class tenants allows arn:aws:iam::*:role/* (Check)"
        ),
    );
    allowed(
        &existing(made),
        json!({"existingRoles": [{"arn": "arn:aws:iam::*:role/lanyard/*"}]}),
    );
}

#[test]
fn a_trust_is_managed_only_with_leave() {
    let class = class(
        json!({"existingRoles": [{"arn": "arn:a", "trust": "Check"}, {"arn": "arn:b", "trust": "Manage"}]}),
    );
    let told = |arn: &str| {
        let mut judge = GuardrailCheck {
            class: &class,
            guardrails: class.guardrails().unwrap(),
            subject: &subject(),
            found: Vec::new(),
        };
        judge.existing(arn, ExistingTrust::Manage);
        judge.found.first().map(ToString::to_string)
    };
    assert_eq!(told("arn:b"), None);
    assert_eq!(
        told("arn:a").as_deref(),
        Some(
            "role.existing.trust: Manage on arn:a is not allowed: guardrails.existingRoles of class tenants allows arn:a (Check) and arn:b (Manage)"
        )
    );
}

#[test]
fn targets_and_audiences_need_leave() {
    let target = "arn:aws:iam::444455556666:role/data";
    let mut chained = spec(Method::PodIdentity);
    chained.pod_identity.target_role_arn = Some(target.to_owned());
    allowed(
        &chained,
        json!({"targetRoleArns": ["arn:aws:iam::444455556666:role/*"]}),
    );
    refused(
        &chained,
        json!({}),
        &format!(
            "podIdentity.targetRoleArn: {target} is not allowed: guardrails.targetRoleArns of class tenants allows none"
        ),
    );
    let meant_for = |audience: &str| {
        let mut spec = spec(Method::Irsa);
        spec.irsa.audience = Some(audience.to_owned());
        spec
    };
    allowed(&meant_for("vault"), json!({"audiences": ["vault"]}));
    allowed(&meant_for(DEFAULT_AUDIENCE), json!({}));
    refused(
        &meant_for("vault"),
        json!({}),
        "irsa.audience: vault is not allowed: guardrails.audiences of class tenants allows none",
    );
}

fn adopting(arn: &str) -> Spec {
    Spec {
        adopt: vec![arn.to_owned()],
        ..spec(Method::PodIdentity)
    }
}

#[test]
fn adoption_needs_leave_for_the_exact_arn() {
    let role = "arn:aws:iam::444455556666:role/data";
    allowed(&adopting(role), json!({"adopt": ["arn:aws:iam::*:role/data"]}));
    refused(
        &adopting(role),
        json!({}),
        &format!(
            "metadata.annotations[lanyard.dev/adopt]: {role} is not allowed: guardrails.adopt of class tenants allows none"
        ),
    );
    assert!(AdoptionPolicy::of(&subject(), &Class::unrestricted()).covers(role));
    assert!(!AdoptionPolicy::default().covers(role));
}

#[test]
fn a_role_that_lanyard_made_elsewhere_needs_a_pattern_that_names_its_path() {
    let role = "arn:aws:iam::444455556666:role/lanyard/eu-west-1/blue/shop-orders-01234567";
    let told = format!(
        "metadata.annotations[lanyard.dev/adopt]: {role} is not allowed: guardrails.adopt of class tenants allows arn:aws:iam::*:role/*"
    );
    refused(
        &adopting(role),
        json!({"adopt": ["arn:aws:iam::*:role/*"]}),
        &told,
    );
    let leave = json!({"adopt": ["arn:aws:iam::*:role/lanyard/*/{namespace}-*"]});
    allowed(&adopting(role), leave.clone());

    let mut named = adopting(role);
    named.managed.as_mut().unwrap().name = Some("shop-orders-01234567".to_owned());
    allowed(&named, leave.clone());
    named.adopt.clear();
    assert_eq!(
        judged(&named, leave).len(),
        2,
        "nobody squats on a derived name without it"
    );
}

#[test]
fn a_session_policy_only_narrows_and_needs_no_leave() {
    let mut narrowed = spec(Method::PodIdentity);
    narrowed.pod_identity.session_policy =
        Some(json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}));
    allowed(&narrowed, json!({}));
}

/// What is said of an inline policy with these statements under two rows: reading buckets, and sending to queues.
fn inline(statements: Value) -> Vec<String> {
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    let spec = managed(|role| role.inline_policies = vec![("p".to_owned(), document)]);
    judged(
        &spec,
        json!({"inline": [
            {"actions": ["s3:Get*", "s3:List*"], "resources": ["arn:aws:s3:::{namespace}-*", "arn:aws:s3:::${aws:PrincipalTag/team}/*"]},
            {"actions": ["sqs:SendMessage"], "resources": ["*"]},
        ]}),
    )
}

#[test]
fn a_statement_fits_whole_into_one_row() {
    let allow =
        |action: Value, resource: Value| json!([{"Effect": "Allow", "Action": action, "Resource": resource}]);
    for statements in [
        allow(json!("S3:getobject"), json!("arn:aws:s3:::shop-a/*")),
        allow(
            json!(["s3:Get*", "s3:ListBucket"]),
            json!(["arn:aws:s3:::shop-*", "arn:aws:s3:::${aws:PrincipalTag/team}/x"]),
        ),
        allow(json!("sqs:SendMessage"), json!("*")),
        json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shop-a/*"}),
        json!([{"Sid": "A", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shop-a", "Condition": {"Bool": {"a:b": "true"}}}]),
        json!([{"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}]),
    ] {
        assert_eq!(inline(statements.clone()), Vec::<String>::new(), "{statements}");
    }
    for statements in [
        // Actions of one row with the resources of another.
        allow(json!("s3:GetObject"), json!("*")),
        allow(
            json!(["s3:GetObject", "sqs:SendMessage"]),
            json!("arn:aws:s3:::shop-a"),
        ),
        allow(json!("s3:G*"), json!("arn:aws:s3:::shop-a")),
        allow(json!("s3:Ge?Object"), json!("arn:aws:s3:::shop-a")),
        allow(json!("*"), json!("arn:aws:s3:::shop-a")),
        allow(
            json!("s3:GetObject"),
            json!(["arn:aws:s3:::shop-a", "arn:aws:s3:::bank"]),
        ),
        allow(json!("s3:GetObject"), json!("arn:aws:s3:::${aws:username}-a")),
        allow(json!("s3:GetObject"), json!("arn:aws:s3:::????-a")),
        allow(json!(7), json!("arn:aws:s3:::shop-a")),
        allow(json!(["s3:GetObject", 7]), json!("arn:aws:s3:::shop-a")),
        json!([{"Effect": "Allow", "NotAction": "s3:Get*", "Resource": "arn:aws:s3:::shop-a"}]),
        json!([{"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::shop-a"}]),
        json!([{"Effect": "Allow", "Action": "s3:GetObject"}]),
        json!([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shop-a", "NotPrincipal": "*"}]),
        json!([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shop-a", "action": "*"}]),
        json!([{"Effect": "allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shop-a"}]),
        json!([{"Effect": "Deny", "Action": "s3:*", "Resource": "*", "effect": "Allow"}]),
        json!([["Allow"]]),
        json!("Allow"),
    ] {
        assert_eq!(inline(statements.clone()).len(), 1, "{statements}");
    }
}

#[test]
fn a_forbidden_statement_is_named_with_what_would_fit() {
    let statements = json!([
        {"Effect": "Deny", "Action": "*", "Resource": "*"},
        {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
    ]);
    assert_eq!(
        inline(statements),
        [
            "role.managed.inlinePolicies[0].document.Statement[1]: everything but iam:* on * is not allowed: guardrails.inline of class tenants allows what fits whole into one row: s3:Get* s3:List* on arn:aws:s3:::shop-* arn:aws:s3:::${aws:PrincipalTag/team}/*; sqs:SendMessage on *"
        ]
    );
}

#[test]
fn the_old_version_has_no_variables() {
    let document = json!({"Version": "2008-10-17", "Statement": {
        "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::${aws:PrincipalTag/team}/x",
    }});
    let spec = managed(|role| role.inline_policies = vec![("p".to_owned(), document)]);
    let rules =
        json!({"inline": [{"actions": ["*"], "resources": ["arn:aws:s3:::${aws:PrincipalTag/team}/*"]}]});
    assert_eq!(judged(&spec, rules).len(), 1);
}
