//! The comparison with excerpts of AWS's models, written by hand: requests and answers that conform, and broken ones.
//! No I/O.

use http::StatusCode;
use serde_json::{Value, json};

use super::super::call::Call;
use super::super::effect::Common;
use super::super::error::{common, error};
use super::super::message::{Answer, Request};
use super::super::service::Service;
use super::super::testing::{eks, iam, sqs};
use super::{Conformance, Models, Patterns};

fn iam_model() -> Value {
    json!({
        "metadata": {"apiVersion": "2010-05-08"},
        "operations": {
            "CreateRole": {
                "http": {"method": "POST", "requestUri": "/"},
                "input": {"shape": "CreateRoleRequest"},
                "output": {"shape": "CreateRoleResponse", "resultWrapper": "CreateRoleResult"},
                "errors": [{"shape": "EntityAlreadyExistsException"}],
            },
            "DeleteRole": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "DeleteRoleRequest"}},
        },
        "shapes": {
            "CreateRoleRequest": {"type": "structure", "required": ["RoleName"], "members": {
                "RoleName": {"shape": "Name"}, "MaxSessionDuration": {"shape": "Duration"}, "Tags": {"shape": "Tags"},
            }},
            "DeleteRoleRequest": {"type": "structure", "members": {"RoleName": {"shape": "Name"}}},
            "CreateRoleResponse": {"type": "structure", "required": ["Role"], "members": {"Role": {"shape": "Role"}}},
            "Role": {"type": "structure", "required": ["RoleName", "CreateDate"], "members": {
                "RoleName": {"shape": "Name"}, "CreateDate": {"shape": "Date"}, "Tags": {"shape": "Tags"},
                "State": {"shape": "State"},
            }},
            "Name": {"type": "string", "min": 1, "max": 64, "pattern": "[\\w+=,.@-]+"},
            "Duration": {"type": "integer", "min": 3600, "max": 43200},
            "Date": {"type": "timestamp"},
            "State": {"type": "string", "enum": ["active", "inactive"]},
            "Tags": {"type": "list", "max": 2, "member": {"shape": "Tag"}},
            "Tag": {"type": "structure", "required": ["Key", "Value"], "members": {
                "Key": {"shape": "Name"}, "Value": {"shape": "Name"},
            }},
            "EntityAlreadyExistsException": {
                "type": "structure", "members": {}, "exception": true,
                "error": {"code": "EntityAlreadyExists", "httpStatusCode": 409},
            },
        },
    })
}

fn eks_model() -> Value {
    json!({
        "metadata": {"apiVersion": "2017-11-01"},
        "operations": {
            "ListPodIdentityAssociations": {
                "http": {"method": "GET", "requestUri": "/clusters/{name}/pod-identity-associations"},
                "input": {"shape": "ListRequest"},
                "output": {"shape": "ListResponse"},
            },
            "TagResource": {
                "http": {"method": "POST", "requestUri": "/tags/{resourceArn}"},
                "input": {"shape": "TagRequest"},
                "errors": [{"shape": "NotFoundException"}],
            },
        },
        "shapes": {
            "ListRequest": {"type": "structure", "required": ["clusterName"], "members": {
                "clusterName": {"shape": "Cluster", "location": "uri", "locationName": "name"},
                "maxResults": {"shape": "Results", "location": "querystring", "locationName": "maxResults"},
            }},
            "ListResponse": {"type": "structure", "members": {"associations": {"shape": "Associations"}}},
            "Associations": {"type": "list", "member": {"shape": "Association"}},
            "Association": {"type": "structure", "members": {
                "associationId": {"shape": "String"}, "createdAt": {"shape": "Time"}, "disabled": {"shape": "Flag"},
                "tags": {"shape": "TagMap"},
            }},
            "TagRequest": {"type": "structure", "required": ["resourceArn", "tags"], "members": {
                "resourceArn": {"shape": "String", "location": "uri", "locationName": "resourceArn"},
                "tags": {"shape": "TagMap"},
            }},
            "TagMap": {"type": "map", "min": 1, "max": 2, "key": {"shape": "TagKey"}, "value": {"shape": "String"}},
            "TagKey": {"type": "string", "min": 1, "max": 8},
            "Cluster": {"type": "string", "pattern": "^[0-9A-Za-z][A-Za-z0-9\\-_]*"},
            "Results": {"type": "integer", "min": 1, "max": 100},
            "String": {"type": "string"},
            "Time": {"type": "timestamp"},
            "Flag": {"type": "boolean"},
            "NotFoundException": {"type": "structure", "members": {}, "error": {"httpStatusCode": 404}},
        },
    })
}

fn conformance() -> Conformance {
    let sts = json!({"metadata": {"apiVersion": "2011-06-15"}, "operations": {}, "shapes": {}});
    Conformance {
        models: Some(Models {
            iam: serde_json::from_value(iam_model()).unwrap(),
            sts: serde_json::from_value(sts).unwrap(),
            eks: serde_json::from_value(eks_model()).unwrap(),
        }),
        patterns: Patterns::default(),
    }
}

/// The violations of a request, without an answer.
fn asked(request: &Request) -> Vec<String> {
    conformance().violations(&Call::of(request).unwrap(), request, None)
}

fn create_role(parameters: &[(&str, &str)]) -> Vec<String> {
    let own = [("Action", "CreateRole"), ("Version", "2010-05-08")];
    asked(&iam(&[own.as_slice(), parameters].concat()))
}

/// The violations of an answer to a conforming CreateRole.
fn created(answer: &Answer) -> Vec<String> {
    let request = iam(&[
        ("Action", "CreateRole"),
        ("Version", "2010-05-08"),
        ("RoleName", "orders"),
    ]);
    conformance().violations(&Call::of(&request).unwrap(), &request, Some(answer))
}

fn role(inner: &str) -> Answer {
    let text = format!(
        "<CreateRoleResponse><CreateRoleResult><Role>{inner}</Role></CreateRoleResult></CreateRoleResponse>"
    );
    Answer::xml(StatusCode::OK, text)
}

/// The violations of an answer to a conforming ListPodIdentityAssociations.
fn listed(answer: &Answer) -> Vec<String> {
    let request = eks("GET", "/clusters/prod/pod-identity-associations", "");
    conformance().violations(&Call::of(&request).unwrap(), &request, Some(answer))
}

const GOOD_ROLE: &str = "<RoleName>orders</RoleName><CreateDate>2026-01-31T10:00:00Z</CreateDate>";

#[test]
fn conforming_request_has_no_violation() {
    let tag = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "shop")];
    assert!(
        create_role(&[
            ("RoleName", "orders"),
            ("MaxSessionDuration", "3600"),
            tag[0],
            tag[1]
        ])
        .is_empty()
    );
    assert!(create_role(&[("RoleName", "orders"), ("Tags", "")]).is_empty());
    assert!(
        asked(&eks(
            "GET",
            "/clusters/prod/pod-identity-associations?maxResults=100",
            ""
        ))
        .is_empty()
    );
    assert!(asked(&eks("POST", "/tags/arn%3Aaws%2Fx", r#"{"tags":{"team":"shop"}}"#)).is_empty());
}

#[test]
fn services_without_a_model_are_not_compared() {
    assert!(asked(&sqs("ReceiveMessage", "{}")).is_empty());
    let request = iam(&[("Action", "NoSuchAction")]);
    let without_models = Conformance::default();
    assert!(
        without_models
            .violations(&Call::of(&request).unwrap(), &request, None)
            .is_empty()
    );
}

#[test]
fn unknown_operation_and_version_are_violations() {
    assert_eq!(
        asked(&iam(&[("Action", "CreateRoll")])),
        ["request: CreateRoll is no operation of iam"]
    );
    let old = asked(&iam(&[("Action", "DeleteRole"), ("Version", "2010-05-07")]));
    assert_eq!(old, ["request: Version is not 2010-05-08"]);
    let path = "/clusters/prod/associations";
    assert_eq!(
        asked(&eks("GET", path, "")),
        [format!("request: GET {path} is no operation of eks")]
    );
}

#[test]
fn missing_and_unknown_parameters_are_violations() {
    assert_eq!(
        create_role(&[("Rolename", "orders")]),
        [
            "request: RoleName is required and not set",
            "request: Rolename is unknown to the model",
        ]
    );
    let tag = create_role(&[("RoleName", "orders"), ("Tags.member.1.Key", "team")]);
    assert_eq!(tag, ["request: Tags[0].Value is required and not set"]);
    let list = asked(&eks("GET", "/clusters/prod/pod-identity-associations?max=1", ""));
    assert_eq!(list, ["request: max is unknown to the model"]);
    let body = asked(&eks("POST", "/tags/arn", "nonsense"));
    assert!(body.concat().contains("which is no JSON object"), "{body:?}");
}

#[test]
fn lengths_patterns_ranges_and_sizes_are_compared() {
    let long = "x".repeat(65);
    let violations = |parameters: &[(&str, &str)]| create_role(parameters).concat();
    assert!(violations(&[("RoleName", &long)]).contains("has 65 characters, more than 64"));
    assert!(violations(&[("RoleName", "")]).contains("has 0 characters, fewer than 1"));
    assert!(violations(&[("RoleName", "a/b")]).contains("is `a/b`, which does not match"));
    let short = [("RoleName", "a"), ("MaxSessionDuration", "900")];
    assert!(violations(&short).contains("is 900, outside Some(3600) to Some(43200)"));
    assert!(violations(&[("RoleName", "a"), ("MaxSessionDuration", "1h")]).contains("is no number"));
    let results = asked(&eks(
        "GET",
        "/clusters/prod/pod-identity-associations?maxResults=101",
        "",
    ));
    assert_eq!(
        results,
        ["request: maxResults is 101, outside Some(1) to Some(100)"]
    );
    let name = asked(&eks("GET", "/clusters/-prod/pod-identity-associations", ""));
    assert!(
        name.concat()
            .contains("clusterName is `-prod`, which does not match")
    );
}

#[test]
fn lists_and_maps_are_compared_with_their_entries() {
    let tags = ["1", "2", "3"].map(|number| {
        [
            format!("Tags.member.{number}.Key"),
            format!("Tags.member.{number}.Value"),
        ]
    });
    let sent: Vec<(&str, &str)> = tags.iter().flatten().map(|name| (name.as_str(), "a")).collect();
    let violations = create_role(&[[("RoleName", "a")].as_slice(), &sent].concat());
    assert_eq!(violations, ["request: Tags has 3 entries, more than 2"]);
    let gap = create_role(&[("RoleName", "a"), ("Tags.member.2.Key", "a")]);
    assert_eq!(gap, ["request: Tags is no list"]);
    let map = asked(&eks("POST", "/tags/arn", r#"{"tags":{"much-too-long":"x"}}"#));
    assert_eq!(
        map,
        ["request: the key much-too-long of tags has 13 characters, more than 8"]
    );
    assert_eq!(
        asked(&eks("POST", "/tags/arn", r#"{"tags":{}}"#)),
        ["request: tags has 0 entries, fewer than 1"]
    );
}

#[test]
fn conforming_answer_has_no_violation() {
    let tags = "<Tags><member><Key>team</Key><Value>shop</Value></member></Tags><State>active</State>";
    assert!(created(&role(&format!("{GOOD_ROLE}{tags}"))).is_empty());
    let body = json!({"associations": [{"associationId": "a-1", "createdAt": 1.5, "disabled": false, "tags": {}}, {"associationId": null}]});
    assert!(listed(&Answer::json(StatusCode::OK, &body)).is_empty());
}

#[test]
fn broken_answer_is_a_violation() {
    assert_eq!(
        created(&Answer::xml(StatusCode::OK, "<R/>".to_owned())),
        ["answer: the element CreateRoleResult is missing"]
    );
    let broken = role("<RoleName>orders</RoleName><State>gone</State><Tags><Key>a</Key></Tags><Surplus/>");
    assert_eq!(
        created(&broken),
        [
            "answer: Role.CreateDate is required and not set",
            "answer: Role.State is `gone`, which is not among its values",
            "answer: Role.Surplus is unknown to the model",
            "answer: Role.Tags is no list",
        ]
    );
    let body = json!({"associations": [{"associationId": 1, "createdAt": "now", "disabled": "false"}]});
    assert_eq!(
        listed(&Answer::json(StatusCode::OK, &body)),
        [
            "answer: associations[0].associationId is no text",
            "answer: associations[0].createdAt is no time",
            "answer: associations[0].disabled is no boolean",
        ]
    );
}

#[test]
fn error_has_a_code_and_a_status_of_its_operation() {
    let failed = |status: u16, code: &str| created(&error(Service::Iam, status, code, "no"));
    assert!(failed(409, "EntityAlreadyExists").is_empty());
    assert!(failed(400, "Throttling").is_empty());
    assert!(
        failed(404, "NoSuchEntity").is_empty(),
        "a missing permissions boundary"
    );
    assert_eq!(
        failed(400, "EntityAlreadyExists"),
        ["answer: the error EntityAlreadyExists has status 400, not 409"]
    );
    assert_eq!(
        failed(404, "NotFound"),
        ["answer: the operation does not return the error NotFound"]
    );
    assert_eq!(
        created(&Answer::xml(StatusCode::BAD_GATEWAY, String::new())),
        ["answer: the error with status 502 has no code"]
    );
    let request = eks("POST", "/tags/arn", r#"{"tags":{"a":"b"}}"#);
    let missing = error(Service::Eks, 404, "NotFoundException", "no");
    assert!(
        conformance()
            .violations(&Call::of(&request).unwrap(), &request, Some(&missing))
            .is_empty()
    );
}

#[test]
fn refusals_that_tests_inject_conform() {
    let create = iam(&[
        ("Action", "CreateRole"),
        ("Version", "2010-05-08"),
        ("RoleName", "orders"),
    ]);
    let list = eks("GET", "/clusters/prod/pod-identity-associations", "");
    for refusal in [
        Common::Throttled,
        Common::Denied,
        Common::TokenExpired,
        Common::ClockSkewed,
    ] {
        for request in [&create, &list] {
            let call = Call::of(request).unwrap();
            let answer = common(refusal, &call);
            let violations = conformance().violations(&call, request, Some(&answer));
            assert!(violations.is_empty(), "{refusal:?}: {violations:?}");
        }
    }
}
