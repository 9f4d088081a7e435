//! One corpus of valid and invalid specs for core and for the admission policy. Output: specs. No I/O.

use serde_json::{Value, json};

/// All specs, without the class that they name. The CRD accepts each of them.
pub fn specs() -> Vec<Value> {
    let mut specs = vec![json!({"role": {"managed": {}}})];
    specs.extend(managed_roles().map(|role| json!({"role": {"managed": role}})));
    specs.extend(existing_roles().map(|arn| json!({"role": {"existing": {"arn": arn}}})));
    specs.extend(fields_beside_role().map(|(field, value)| json!({"role": {"managed": {}}, field: value})));
    specs
}

fn managed_roles() -> impl Iterator<Item = Value> {
    let read = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    let policies = [
        json!([read]),
        json!(["arn:aws:iam::111122223333:policy/shop/ab"]),
        json!(["arn:aws:iam::111122223333:policy/shop/abc"]),
        json!(["arn:aws:iam::111122223333:policy/bank/ab"]),
        json!([read, "arn:aws:iam::aws:policy/AdministratorAccess"]),
        json!(["arn:aws:iam::aws:policy/xAmazonS3ReadOnlyAccess"]),
    ]
    .map(|arns| json!({ "policyArns": arns }));
    let names = [
        "shop-orders",
        "shopXorders",
        "bank-orders",
        "Shop-orders",
        "shop-",
        "shop-api-pay-0123abcd",
    ]
    .map(|name| json!({ "name": name }));
    let sessions = ["1h", "2h", "2h1s", "12h", "7200s"].map(|time| json!({ "maxSessionDuration": time }));
    let boundaries = ["tenant", "other"]
        .map(|name| json!({"permissionsBoundaryArn": format!("arn:aws:iam::111122223333:policy/{name}")}));
    let tags = [
        json!({"team": "a"}),
        json!({"TEAM": "a"}),
        json!({"x.shop": "a"}),
        json!({"xyshop": "a"}),
        json!({"cost-center": "42"}),
        json!({"cost-center": "43"}),
        json!({"Cost-Center": "42"}),
        json!({"team": "a", "other": "b"}),
        json!({"Stage": "a"}),
    ]
    .map(|tags| json!({ "tags": tags }));
    let statements = [
        ("s3:GetObject", "arn:aws:s3:::shop-a/*"),
        ("s3:PutObject", "arn:aws:s3:::shop-a/*"),
    ];
    let inline = statements.map(|(action, resource)| {
        let statement = json!({"Effect": "Allow", "Action": action, "Resource": resource});
        let document = json!({"Version": "2012-10-17", "Statement": [statement]});
        json!({"inlinePolicies": [{"name": "p", "document": document}]})
    });
    let several =
        [json!({"name": "shop-a", "tags": {"team": "a"}, "policyArns": [read], "maxSessionDuration": "1h"})];
    (policies.into_iter())
        .chain(names)
        .chain(sessions)
        .chain(boundaries)
        .chain(tags)
        .chain(inline)
        .chain(several)
}

fn existing_roles() -> impl Iterator<Item = &'static str> {
    [
        "arn:aws:iam::111122223333:role/shared-shop.+",
        "arn:aws:iam::111122223333:role/shared-shop+",
        "arn:aws:iam::111122223333:role/shared-shopxx",
        "arn:aws:iam::111122223333:role/shared-bank.+",
        "arn:aws:iam::111122223333:role/any/a",
        "arn:aws:iam::111122223333:role/lanyard/eu-west-1/prod/bank-a-01234567",
        "arn:aws:iam::111122223333:role/LANYARD/eu-west-1/prod/bank-a-01234567",
    ]
    .into_iter()
}

fn fields_beside_role() -> impl Iterator<Item = (&'static str, Value)> {
    let target = |arn: &str| ("podIdentity", json!({ "targetRoleArn": arn }));
    let audience = |text: &str| ("irsa", json!({ "audience": text }));
    [
        ("method", json!("IRSA")),
        ("method", json!("PodIdentity")),
        target("arn:aws:iam::444455556666:role/data"),
        target("arn:aws:iam::444455556666:role/lanyard/eu-west-1/prod/a"),
        target("arn:aws:iam::111122223333:role/data"),
        audience("sts.amazonaws.com"),
        audience("vault.shop"),
        audience("vaultxshop"),
        audience("other"),
        ("deletionPolicy", json!("Retain")),
        (
            "podIdentity",
            json!({"disableSessionTags": true, "sessionPolicy": {"Version": "2012-10-17", "Statement": []}}),
        ),
    ]
    .into_iter()
}
