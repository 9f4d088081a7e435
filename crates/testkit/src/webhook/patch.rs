//! The JSON patch that gives a pod what was decided: environment, token volume, mounts, label (docs/dev/aws-behaviour.md#pod-wiring, docs/dev/aws-behaviour.md#webhook).
//! Input: the pod as sent, a decision, the region. Output: patch operations. What a container sets itself is left alone. No I/O.

use serde_json::{Value, json};

use super::decision::{Credentials, Decision};

/// The path of a token in a pod.
struct Token<'a> {
    volume: &'static str,
    mount: &'static str,
    file: &'static str,
    audience: &'a str,
}

/// The operations, as RFC 6902 has them.
pub fn patch(pod: &Value, decision: &Decision, region: &str) -> Vec<Value> {
    let token = token(&decision.credentials);
    let path = token_path(pod, &token);
    let equip = |container: &Value| equipped(container, decision, &token, &path, region);
    let mut operations = Vec::new();
    if decision.credentials == Credentials::PodIdentity {
        operations.push(label(pod));
    }
    operations.extend(volume(pod, &token, decision.token_expiration));
    for list in ["containers", "initContainers"] {
        let containers = pod.pointer(&format!("/spec/{list}")).and_then(Value::as_array);
        if let Some(containers) = containers.filter(|containers| !containers.is_empty()) {
            let containers: Vec<Value> = containers.iter().map(equip).collect();
            operations.push(json!({"op": "add", "path": format!("/spec/{list}"), "value": containers}));
        }
    }
    operations
}

fn token(credentials: &Credentials) -> Token<'_> {
    match credentials {
        Credentials::PodIdentity => Token {
            volume: "eks-pod-identity-token",
            mount: "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
            file: "eks-pod-identity-token",
            audience: "pods.eks.amazonaws.com",
        },
        Credentials::WebIdentity { audience, .. } => Token {
            volume: "aws-iam-token",
            mount: "/var/run/secrets/eks.amazonaws.com/serviceaccount",
            file: "token",
            audience,
        },
    }
}

fn token_path(pod: &Value, token: &Token<'_>) -> String {
    let path = format!("{}/{}", token.mount, token.file);
    let selector = pod.pointer("/spec/nodeSelector");
    let windows = ["kubernetes.io/os", "beta.kubernetes.io/os"]
        .into_iter()
        .any(|key| {
            selector
                .and_then(|selector| selector.get(key))
                .and_then(Value::as_str)
                == Some("windows")
        });
    if windows {
        format!("C:{}", path.replace('/', "\\"))
    } else {
        path
    }
}

fn label(pod: &Value) -> Value {
    if pod.pointer("/metadata/labels").is_some_and(Value::is_object) {
        json!({"op": "add", "path": "/metadata/labels/eks.amazonaws.com~1pod-identity", "value": "enabled"})
    } else {
        json!({"op": "add", "path": "/metadata/labels", "value": {"eks.amazonaws.com/pod-identity": "enabled"}})
    }
}

fn volume(pod: &Value, token: &Token<'_>, expiration: i64) -> Option<Value> {
    let volumes = pod.pointer("/spec/volumes").and_then(Value::as_array);
    if volumes.is_some_and(|volumes| named(volumes, token.volume)) {
        return None;
    }
    let projection = json!({"audience": token.audience, "expirationSeconds": expiration, "path": token.file});
    let volume =
        json!({"name": token.volume, "projected": {"sources": [{"serviceAccountToken": projection}]}});
    Some(match volumes {
        Some(_) => json!({"op": "add", "path": "/spec/volumes/0", "value": volume}),
        None => json!({"op": "add", "path": "/spec/volumes", "value": [volume]}),
    })
}

/// The container with what it lacks. Of a pair of variables, one that is set keeps both away.
fn equipped(container: &Value, decision: &Decision, token: &Token<'_>, path: &str, region: &str) -> Value {
    let mut container = container.clone();
    let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
    if decision.skipped.contains(name) {
        return container;
    }
    let env = list(&container, "env");
    let mut wanted: Vec<[(&str, &str); 2]> = Vec::new();
    wanted.push([("AWS_DEFAULT_REGION", region), ("AWS_REGION", region)]);
    wanted.push(match &decision.credentials {
        Credentials::PodIdentity => [
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "http://169.254.170.23/v1/credentials",
            ),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path),
        ],
        Credentials::WebIdentity { role_arn, .. } => {
            [("AWS_ROLE_ARN", role_arn), ("AWS_WEB_IDENTITY_TOKEN_FILE", path)]
        }
    });
    let mut added = Vec::new();
    if decision.regional_sts && !named(&env, "AWS_STS_REGIONAL_ENDPOINTS") {
        added.push(json!({"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "regional"}));
    }
    let missing = wanted
        .into_iter()
        .filter(|pair| !pair.iter().any(|(name, _)| named(&env, name)));
    added.extend(
        missing
            .flatten()
            .map(|(name, value)| json!({"name": name, "value": value})),
    );
    let mounts = list(&container, "volumeMounts");
    let mount = json!({"name": token.volume, "readOnly": true, "mountPath": token.mount});
    let mount = (!named(&mounts, token.volume)).then_some(mount);
    if let Some(fields) = container.as_object_mut() {
        fields.insert("env".to_owned(), env.into_iter().chain(added).collect());
        fields.insert(
            "volumeMounts".to_owned(),
            mounts.into_iter().chain(mount).collect(),
        );
    }
    container
}

fn list(container: &Value, name: &str) -> Vec<Value> {
    container
        .get(name)
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

fn named(items: &[Value], name: &str) -> bool {
    items
        .iter()
        .any(|item| item.get("name").and_then(Value::as_str) == Some(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn decision(credentials: Credentials) -> Decision {
        Decision {
            credentials,
            token_expiration: 86_400,
            regional_sts: true,
            skipped: BTreeSet::new(),
        }
    }

    fn irsa() -> Decision {
        decision(Credentials::WebIdentity {
            role_arn: "arn:r".into(),
            audience: "sts.amazonaws.com".into(),
        })
    }

    fn value_of<'a>(operations: &'a [Value], path: &str) -> &'a Value {
        operations
            .iter()
            .find(|operation| operation["path"] == path)
            .map(|operation| &operation["value"])
            .unwrap()
    }

    fn env(container: &Value) -> Vec<String> {
        list(container, "env")
            .iter()
            .map(|variable| {
                format!(
                    "{}={}",
                    variable["name"].as_str().unwrap(),
                    variable["value"].as_str().unwrap()
                )
            })
            .collect()
    }

    #[test]
    fn pod_identity_adds_variables_volume_and_label() {
        let pod = json!({"metadata": {}, "spec": {"containers": [{"name": "app"}]}});
        let operations = patch(&pod, &decision(Credentials::PodIdentity), "eu-west-1");
        assert_eq!(
            value_of(&operations, "/metadata/labels")["eks.amazonaws.com/pod-identity"],
            "enabled"
        );
        let source = value_of(&operations, "/spec/volumes")
            .pointer("/0/projected/sources/0/serviceAccountToken")
            .unwrap();
        assert_eq!(
            *source,
            json!({"audience": "pods.eks.amazonaws.com", "expirationSeconds": 86_400, "path": "eks-pod-identity-token"})
        );
        let container = &value_of(&operations, "/spec/containers")[0];
        let file = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token";
        let expected = [
            "AWS_STS_REGIONAL_ENDPOINTS=regional".to_owned(),
            "AWS_DEFAULT_REGION=eu-west-1".to_owned(),
            "AWS_REGION=eu-west-1".to_owned(),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials".to_owned(),
            format!("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE={file}"),
        ];
        assert_eq!(env(container), expected);
        assert_eq!(container["volumeMounts"][0]["readOnly"], true);
    }

    #[test]
    fn irsa_adds_role_and_token_without_label() {
        let pod = json!({"metadata": {"labels": {}}, "spec": {
            "containers": [{"name": "app"}], "initContainers": [{"name": "init"}], "volumes": [{"name": "other"}],
        }});
        let operations = patch(&pod, &irsa(), "eu-west-1");
        assert!(
            operations
                .iter()
                .all(|operation| !operation["path"].as_str().unwrap().contains("labels"))
        );
        assert_eq!(value_of(&operations, "/spec/volumes/0")["name"], "aws-iam-token");
        for path in ["/spec/containers", "/spec/initContainers"] {
            let variables = env(&value_of(&operations, path)[0]);
            assert!(
                variables.contains(&"AWS_ROLE_ARN=arn:r".to_owned()),
                "{variables:?}"
            );
        }
    }

    #[test]
    fn variables_of_the_container_are_kept() {
        let own = json!([{"name": "AWS_ROLE_ARN", "value": "own"}, {"name": "AWS_REGION", "value": "own"}]);
        let pod = json!({"spec": {"containers": [{"name": "app", "env": own}], "volumes": [{"name": "aws-iam-token"}]}});
        let operations = patch(&pod, &irsa(), "eu-west-1");
        let variables = env(&value_of(&operations, "/spec/containers")[0]);
        assert_eq!(
            variables,
            [
                "AWS_ROLE_ARN=own",
                "AWS_REGION=own",
                "AWS_STS_REGIONAL_ENDPOINTS=regional"
            ]
        );
        assert!(
            operations
                .iter()
                .all(|operation| operation["path"] != "/spec/volumes/0")
        );
    }

    #[test]
    fn skipped_container_is_unchanged() {
        let pod = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "app"}, {"name": "proxy"}]}});
        let skipping = Decision {
            skipped: BTreeSet::from(["proxy".to_owned()]),
            ..decision(Credentials::PodIdentity)
        };
        let operations = patch(&pod, &skipping, "eu-west-1");
        assert_eq!(
            value_of(&operations, "/spec/containers")[1],
            json!({"name": "proxy"})
        );
        assert_eq!(
            value_of(&operations, "/metadata/labels/eks.amazonaws.com~1pod-identity"),
            "enabled"
        );
    }

    #[test]
    fn windows_pod_gets_windows_path() {
        let pod = json!({"spec": {"nodeSelector": {"kubernetes.io/os": "windows"}, "containers": [{"name": "app"}]}});
        let variables = env(&value_of(&patch(&pod, &irsa(), "r"), "/spec/containers")[0]);
        assert!(
            variables.contains(
                &r"AWS_WEB_IDENTITY_TOKEN_FILE=C:\var\run\secrets\eks.amazonaws.com\serviceaccount\token"
                    .to_owned()
            )
        );
    }
}
