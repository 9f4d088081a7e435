//! Tests of each guardrail: the message of a violation, and the specs that are allowed.

use serde_json::{Value, json};

use super::check::GuardrailCheck;
use super::*;
use crate::class::definition::Class;
use crate::example::{spec, subject};
use crate::model::spec::{DEFAULT_AUDIENCE, ExistingRoleSpec, ExistingTrust, ManagedRoleSpec, Method, Spec};

/// A class with only these guardrails.
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

fn violations(spec: &Spec, guardrails: Value) -> Vec<String> {
    let mut guardrails = guardrails;
    if guardrails.get("methods").is_none() {
        guardrails["methods"] = json!(["IRSA", "PodIdentity"]);
    }
    let method = spec.method.unwrap();
    let violations = forbidden(spec, method, &subject(), &class(guardrails));
    violations.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn allowed(spec: &Spec, guardrails: Value) {
    assert_eq!(violations(spec, guardrails), Vec::<String>::new());
}

#[track_caller]
fn rejected(spec: &Spec, guardrails: Value, message: &str) {
    assert_eq!(violations(spec, guardrails), [message]);
}

#[test]
fn no_class_allows_everything() {
    let spec =
        managed(|role| role.policy_arns = vec!["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()]);
    assert!(forbidden(&spec, Method::Irsa, &subject(), &Class::unrestricted()).is_empty());
}

#[test]
fn empty_class_allows_no_method() {
    rejected(
        &spec(Method::Irsa),
        json!({"methods": []}),
        "method: IRSA is not allowed: guardrails.methods of class tenants allows none",
    );
    rejected(
        &spec(Method::Irsa),
        json!({"methods": ["PodIdentity"]}),
        "method: IRSA is not allowed: guardrails.methods of class tenants allows PodIdentity",
    );
}

#[test]
fn policy_arn_matches_pattern_with_own_namespace() {
    let attach = |arn: &str| managed(|role| role.policy_arns = vec![arn.to_owned()]);
    let rules = || json!({"policyArns": ["arn:aws:iam::*:policy/{namespace}/*"]});
    allowed(&attach("arn:aws:iam::111122223333:policy/shop/queue"), rules());
    rejected(
        &attach("arn:aws:iam::111122223333:policy/bank/queue"),
        rules(),
        "role.managed.policyArns[0]: arn:aws:iam::111122223333:policy/bank/queue is not allowed: guardrails.policyArns of class tenants allows arn:aws:iam::*:policy/shop/*",
    );
    let many: Vec<String> = (0..7).map(|at| format!("p{at}")).collect();
    rejected(
        &attach("arn:aws:iam::aws:policy/a"),
        json!({ "policyArns": many }),
        "role.managed.policyArns[0]: arn:aws:iam::aws:policy/a is not allowed: guardrails.policyArns of class tenants allows p0, p1, p2, p3, p4 and 2 more",
    );
}

#[test]
fn role_name_must_match_and_not_look_derived() {
    let named = |name: &str| managed(|role| role.name = Some(name.to_owned()));
    let rules = || json!({"roleNames": ["{namespace}-*"]});
    allowed(&named("shop-orders"), rules());
    allowed(&named("shop-orders-f4647193"), rules());
    rejected(
        &named("bank-orders"),
        rules(),
        "role.managed.name: bank-orders is not allowed: guardrails.roleNames of class tenants allows shop-*",
    );
    // A derived name of `payments` in the namespace `shop-api`, or an equal name for IAM.
    for name in [
        "shop-api-payments-0123abcd",
        "shop-api-payments-0123ABCD",
        "shop-orders-F4647193",
    ] {
        let violations = violations(&named(name), rules());
        assert!(
            violations.len() == 1 && violations[0].contains("as derived names do"),
            "{violations:?}"
        );
    }
    allowed(&managed(|_| {}), json!({}));
}

#[test]
fn session_duration_is_limited_by_the_class() {
    let confirmed = |text: &str| managed(|role| role.max_session_duration = Some(text.to_owned()));
    allowed(&confirmed("4h"), json!({"maxSessionDuration": "4h"}));
    allowed(&confirmed("1h"), json!({}));
    rejected(
        &confirmed("4h1s"),
        json!({"maxSessionDuration": "4h"}),
        "role.managed.maxSessionDuration: 4h1s is not allowed: guardrails.maxSessionDuration of class tenants allows 4h at most",
    );
    rejected(
        &confirmed("2h"),
        json!({}),
        "role.managed.maxSessionDuration: 2h is not allowed: guardrails.maxSessionDuration of class tenants allows 1h at most",
    );
}

#[test]
fn boundary_of_the_class_cannot_be_replaced() {
    let ours = "arn:aws:iam::111122223333:policy/tenant";
    let bounded = |arn: &str| managed(|role| role.permissions_boundary_arn = Some(arn.to_owned()));
    allowed(&bounded(ours), json!({"permissionsBoundaryArn": ours}));
    allowed(&bounded("arn:aws:iam::aws:policy/any"), json!({}));
    rejected(
        &bounded("arn:aws:iam::aws:policy/any"),
        json!({"permissionsBoundaryArn": ours}),
        "role.managed.permissionsBoundaryArn: arn:aws:iam::aws:policy/any is not allowed: guardrails.permissionsBoundaryArn of class tenants puts arn:aws:iam::111122223333:policy/tenant on every role",
    );
}

#[test]
fn tag_must_be_allowed_and_match_enforced_tags() {
    let tagged =
        |key: &str, value: &str| managed(|role| drop(role.tags.insert(key.to_owned(), value.to_owned())));
    allowed(&tagged("Team", "a"), json!({"tagKeys": ["team"]}));
    allowed(&tagged("cost-center", "42"), json!({}));
    rejected(
        &tagged("admin", "true"),
        json!({"tagKeys": ["team"]}),
        "role.managed.tags[admin]: true is not allowed: guardrails.tagKeys of class tenants allows team",
    );
    for (key, value) in [("cost-center", "43"), ("Cost-Center", "42")] {
        rejected(
            &tagged(key, value),
            json!({"tagKeys": ["*"]}),
            &format!(
                "role.managed.tags[{key}]: {value} is not allowed: enforcedTags of class tenants puts cost-center=42 on every role"
            ),
        );
    }
}

#[test]
fn tag_that_a_row_reads_is_set_by_the_class_only() {
    let tagged = |key: &str| managed(|role| drop(role.tags.insert(key.to_owned(), "bank".to_owned())));
    let rows = json!([{"actions": ["s3:*"], "resources": ["arn:aws:s3:::${aws:PrincipalTag/team}/*"]}]);
    rejected(
        &tagged("Team"),
        json!({"tagKeys": ["*"], "inline": rows}),
        "role.managed.tags[Team]: bank is not allowed: guardrails.tagKeys of class tenants does not allow Team, which guardrails.inline reads as ${aws:PrincipalTag/Team}: only enforcedTags can set it",
    );
}

#[test]
fn existing_role_must_match_a_row_of_the_class() {
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
    // A role that Lanyard created for another tenant.
    let foreign = "arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/bank-a-01234567";
    rejected(
        &existing(foreign),
        rules(),
        &format!(
            "role.existing.arn: {foreign} is not allowed: guardrails.existingRoles of class tenants allows arn:aws:iam::*:role/* (Check)"
        ),
    );
    allowed(
        &existing(foreign),
        json!({"existingRoles": [{"arn": "arn:aws:iam::*:role/lanyard/*"}]}),
    );
}

#[test]
fn trust_manage_requires_a_row_with_manage() {
    let class = class(
        json!({"existingRoles": [{"arn": "arn:a", "trust": "Check"}, {"arn": "arn:b", "trust": "Manage"}]}),
    );
    let violation = |arn: &str| {
        let mut check = GuardrailCheck {
            class: &class,
            guardrails: class.guardrails().unwrap(),
            subject: &subject(),
            violations: Vec::new(),
        };
        check.existing(arn, ExistingTrust::Manage);
        check.violations.first().map(ToString::to_string)
    };
    assert_eq!(violation("arn:b"), None);
    assert_eq!(
        violation("arn:a").as_deref(),
        Some(
            "role.existing.trust: Manage on arn:a is not allowed: guardrails.existingRoles of class tenants allows arn:a (Check) and arn:b (Manage)"
        )
    );
}

#[test]
fn target_role_and_audience_must_be_allowed() {
    let target = "arn:aws:iam::444455556666:role/data";
    let mut chained = spec(Method::PodIdentity);
    chained.pod_identity.target_role_arn = Some(target.to_owned());
    allowed(
        &chained,
        json!({"targetRoleArns": ["arn:aws:iam::444455556666:role/*"]}),
    );
    rejected(
        &chained,
        json!({}),
        &format!(
            "podIdentity.targetRoleArn: {target} is not allowed: guardrails.targetRoleArns of class tenants allows none"
        ),
    );
    let with_audience = |audience: &str| {
        let mut spec = spec(Method::Irsa);
        spec.irsa.audience = Some(audience.to_owned());
        spec
    };
    allowed(&with_audience("vault"), json!({"audiences": ["vault"]}));
    allowed(&with_audience(DEFAULT_AUDIENCE), json!({}));
    rejected(
        &with_audience("vault"),
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
fn adoption_requires_an_allowed_arn() {
    let role = "arn:aws:iam::444455556666:role/data";
    allowed(&adopting(role), json!({"adopt": ["arn:aws:iam::*:role/data"]}));
    rejected(
        &adopting(role),
        json!({}),
        &format!(
            "metadata.annotations[lanyard.dev/adopt]: {role} is not allowed: guardrails.adopt of class tenants allows none"
        ),
    );
    assert!(AdoptionPolicy::of(&subject(), &Class::unrestricted()).allows(role));
    assert!(!AdoptionPolicy::default().allows(role));
}

#[test]
fn adoption_of_lanyard_role_requires_its_path() {
    let role = "arn:aws:iam::444455556666:role/lanyard/eu-west-1/blue/shop-orders-01234567";
    let message = format!(
        "metadata.annotations[lanyard.dev/adopt]: {role} is not allowed: guardrails.adopt of class tenants allows arn:aws:iam::*:role/*"
    );
    rejected(
        &adopting(role),
        json!({"adopt": ["arn:aws:iam::*:role/*"]}),
        &message,
    );
    let rules = json!({"adopt": ["arn:aws:iam::*:role/lanyard/*/{namespace}-*"]});
    allowed(&adopting(role), rules.clone());

    let mut named = adopting(role);
    named.managed.as_mut().unwrap().name = Some("shop-orders-01234567".to_owned());
    allowed(&named, rules.clone());
    named.adopt.clear();
    assert_eq!(
        violations(&named, rules).len(),
        2,
        "without the annotation, a derived name is forbidden"
    );
}

#[test]
fn session_policy_is_not_restricted() {
    let mut narrowed = spec(Method::PodIdentity);
    narrowed.pod_identity.session_policy =
        Some(json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}));
    allowed(&narrowed, json!({}));
}

/// The violations of an inline policy with these statements under two rows: read access to buckets, and sending to
/// queues.
fn inline(statements: Value) -> Vec<String> {
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    let spec = managed(|role| role.inline_policies = vec![("p".to_owned(), document)]);
    violations(
        &spec,
        json!({"inline": [
            {"actions": ["s3:Get*", "s3:List*"], "resources": ["arn:aws:s3:::{namespace}-*", "arn:aws:s3:::${aws:PrincipalTag/team}/*"]},
            {"actions": ["sqs:SendMessage"], "resources": ["*"]},
        ]}),
    )
}

#[test]
fn inline_statement_must_fit_into_one_row() {
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
        // The actions of one row with the resources of another.
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
fn inline_violation_names_statement_and_rows() {
    let statements = json!([
        {"Effect": "Deny", "Action": "*", "Resource": "*"},
        {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
    ]);
    assert_eq!(
        inline(statements),
        [
            "role.managed.inlinePolicies[0].document.Statement[1]: everything but iam:* on * is not allowed: guardrails.inline of class tenants allows statements that fit into one row: s3:Get* s3:List* on arn:aws:s3:::shop-* arn:aws:s3:::${aws:PrincipalTag/team}/*; sqs:SendMessage on *"
        ]
    );
}

#[test]
fn old_policy_version_has_no_variables() {
    let document = json!({"Version": "2008-10-17", "Statement": {
        "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::${aws:PrincipalTag/team}/x",
    }});
    let spec = managed(|role| role.inline_policies = vec![("p".to_owned(), document)]);
    let rules =
        json!({"inline": [{"actions": ["*"], "resources": ["arn:aws:s3:::${aws:PrincipalTag/team}/*"]}]});
    assert_eq!(violations(&spec, rules).len(), 1);
}
