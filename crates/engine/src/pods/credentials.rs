//! The credentials that the containers of a pod use first, by their environment and volumes. Input: a pod spec. Output:
//! credentials that borrow from it, and the names of variables that override them. No I/O. Values of keys are not read.

use k8s_openapi::api::core::v1::{Container, PodSpec, Volume};
use lanyard_core::model::pods::Credential;

/// The environment variables of IRSA (docs/dev/aws-behaviour.md#webhook).
const IRSA_ROLE: &str = "AWS_ROLE_ARN";
const IRSA_TOKEN: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
/// The name of the token volume that the webhook of AWS adds.
const IRSA_VOLUME: &str = "aws-iam-token";
/// The environment variable of Pod Identity (docs/dev/aws-behaviour.md#pod-wiring), and the path of the EKS
/// endpoint.
const POD_IDENTITY_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const POD_IDENTITY_PATH: &str = "/v1/credentials";
/// The variables that SDKs read before web identity, in this order (docs/dev/aws-behaviour.md#sdk-credential-order): keys,
/// then a profile.
const BEFORE_WEB_IDENTITY: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
];
/// The variable that SDKs read before the one of Pod Identity.
const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";

/// The credentials of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Carried<S> {
    WebIdentity { role: S, audience: S },
    PodIdentity,
}

impl<S> Carried<S> {
    pub fn map<T>(self, keep: &mut impl FnMut(S) -> T) -> Carried<T> {
        match self {
            Self::WebIdentity { role, audience } => Carried::WebIdentity {
                role: keep(role),
                audience: keep(audience),
            },
            Self::PodIdentity => Carried::PodIdentity,
        }
    }
}

impl<S: AsRef<str>> Carried<S> {
    pub fn to_credential(&self) -> Credential {
        match self {
            Self::WebIdentity { role, audience } => Credential::WebIdentity {
                role: role.as_ref().to_owned(),
                audience: audience.as_ref().to_owned(),
            },
            Self::PodIdentity => Credential::PodIdentity,
        }
    }
}

/// The credentials of each container. A container with both methods uses web identity, which SDKs prefer
/// (docs/dev/aws-behaviour.md#sdk-credential-order).
pub(super) fn carries(spec: &PodSpec) -> Vec<Carried<&str>> {
    let volumes = spec.volumes.as_deref().unwrap_or_default();
    let mut carried = Vec::new();
    for container in containers(spec) {
        let pod_identity = || has_pod_identity(container).then_some(Carried::PodIdentity);
        let credentials = web_identity(container, volumes).or_else(pod_identity);
        carried.extend(credentials.filter(|credentials| !carried.contains(credentials)));
    }
    carried
}

/// The containers and init containers of a pod.
pub(super) fn containers(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    let inits = spec.init_containers.iter().flatten();
    spec.containers.iter().chain(inits)
}

/// The variable by which a container sets credentials that SDKs prefer to those of both methods. Returns `None` if it
/// sets none. Variables of `envFrom` are not known.
pub(super) fn overridden_by(container: &Container) -> Option<&'static str> {
    let own = BEFORE_WEB_IDENTITY
        .into_iter()
        .find(|name| is_set(container, name));
    if own.is_some() || is_set(container, IRSA_TOKEN) {
        return own;
    }
    if is_set(container, RELATIVE_URI) {
        return Some(RELATIVE_URI);
    }
    let is_other = is_set(container, POD_IDENTITY_URI) && !has_pod_identity(container);
    is_other.then_some(POD_IDENTITY_URI)
}

/// Returns true if the pod spec sets a variable to a value or to a reference. SDKs ignore an empty value.
pub(super) fn is_set(container: &Container, name: &str) -> bool {
    let mut vars = container.env.iter().flatten();
    vars.any(|var| {
        let has_value = var.value.as_ref().is_some_and(|value| !value.is_empty());
        var.name == name && (has_value || var.value_from.is_some())
    })
}

fn web_identity<'a>(container: &'a Container, volumes: &'a [Volume]) -> Option<Carried<&'a str>> {
    let file = env(container, IRSA_TOKEN)?;
    Some(Carried::WebIdentity {
        role: env(container, IRSA_ROLE).unwrap_or_default(),
        audience: audience(container, volumes, file).unwrap_or_default(),
    })
}

pub(super) fn has_pod_identity(container: &Container) -> bool {
    env(container, POD_IDENTITY_URI).is_some_and(|uri| uri.ends_with(POD_IDENTITY_PATH))
}

fn env<'a>(container: &'a Container, name: &str) -> Option<&'a str> {
    container
        .env
        .iter()
        .flatten()
        .find(|var| var.name == name)
        .map(|var| var.value.as_deref().unwrap_or_default())
}

/// The audience of the token in a file: from the volume that is mounted there, otherwise from the volume of the
/// webhook.
fn audience<'a>(container: &Container, volumes: &'a [Volume], file: &str) -> Option<&'a str> {
    let file = unix(file);
    let mounts = container.volume_mounts.iter().flatten();
    let mounted = mounts.filter_map(|mount| {
        let inside = file.strip_prefix(unix(&mount.mount_path).trim_end_matches('/'))?;
        Some((mount.name.as_str(), inside.strip_prefix('/')?.to_owned()))
    });
    // The deepest mount contains the file.
    match mounted.min_by_key(|(_, inside)| inside.len()) {
        Some((volume, inside)) => token_audience(volumes, volume, |path| path == inside),
        None => token_audience(volumes, IRSA_VOLUME, |_| true),
    }
}

fn token_audience<'a>(volumes: &'a [Volume], name: &str, at: impl Fn(&str) -> bool) -> Option<&'a str> {
    let volume = volumes.iter().find(|volume| volume.name == name)?;
    let sources = volume.projected.as_ref()?.sources.iter().flatten();
    let mut tokens = sources.filter_map(|source| source.service_account_token.as_ref());
    tokens.find(|token| at(&token.path))?.audience.as_deref()
}

/// Converts a path to its Linux form. On Windows the webhook writes `C:\var\run` for a mount at `/var/run`.
fn unix(path: &str) -> String {
    path.strip_prefix("C:").unwrap_or(path).replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    use super::super::reading::read;
    use super::super::testing::{IRSA, POD_IDENTITY, pod, pod_of};
    use super::*;

    fn web_identity<'a>(role: &'a str, audience: &'a str) -> Carried<&'a str> {
        Carried::WebIdentity { role, audience }
    }

    #[test]
    fn container_with_both_methods_uses_web_identity() {
        let both = pod("a", &[POD_IDENTITY, IRSA].concat());
        assert_eq!(read(&both).unwrap().carries, [web_identity("arn:r", "")]);
        let one = pod("a", POD_IDENTITY);
        assert_eq!(read(&one).unwrap().carries, [Carried::PodIdentity]);
        assert_eq!(read(&pod("a", &[])).unwrap().carries, []);
    }

    #[test]
    fn containers_are_read_separately() {
        let env = |vars: &[(&str, &str)]| -> Vec<_> {
            let var = |(name, value): &(&str, &str)| json!({"name": name, "value": value});
            vars.iter().map(var).collect()
        };
        let mixed = pod_of(json!({"spec": {
            "initContainers": [{"name": "init", "env": env(POD_IDENTITY)}],
            "containers": [
                {"name": "app", "env": env(POD_IDENTITY)},
                {"name": "old", "env": env(IRSA)},
                {"name": "skipped"},
            ],
        }}));
        let carries = read(&mixed).unwrap().carries;
        assert_eq!(carries, [Carried::PodIdentity, web_identity("arn:r", "")]);
    }

    #[test]
    fn other_container_credentials_uri_is_ignored() {
        let ecs = pod("a", &[(POD_IDENTITY_URI, "http://169.254.170.2/v2/other")]);
        let facts = read(&ecs).unwrap();
        assert_eq!(
            (facts.carries, facts.overridden_by),
            (vec![], Some(POD_IDENTITY_URI))
        );
    }

    #[test]
    fn own_variables_override_in_sdk_order() {
        let by = |env: &[(&str, &str)]| read(&pod("a", env)).unwrap().overridden_by;
        let keys = ("AWS_ACCESS_KEY_ID", "AKIA");
        let profile = ("AWS_PROFILE", "team");
        assert_eq!(by(&[IRSA, &[profile, keys]].concat()), Some("AWS_ACCESS_KEY_ID"));
        assert_eq!(by(&[POD_IDENTITY, &[profile]].concat()), Some("AWS_PROFILE"));
        assert_eq!(by(&[POD_IDENTITY, &[("AWS_PROFILE", "")]].concat()), None);
        assert_eq!(
            by(&[POD_IDENTITY, &[(RELATIVE_URI, "/v2")]].concat()),
            Some(RELATIVE_URI)
        );
        assert_eq!(
            by(&[IRSA, &[(RELATIVE_URI, "/v2")]].concat()),
            None,
            "web identity is first"
        );
        assert_eq!(by(&[("AWS_REGION", "eu-west-1")]), None);
    }

    #[test]
    fn own_variable_by_reference_in_any_container_overrides() {
        let key =
            json!({"name": "AWS_ACCESS_KEY_ID", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "id"}}});
        let with = |kind: &str| pod_of(json!({"spec": {kind: [{"name": "own", "env": [key]}]}}));
        for kind in ["containers", "initContainers"] {
            let pod = with(kind);
            assert_eq!(
                read(&pod).unwrap().overridden_by,
                Some("AWS_ACCESS_KEY_ID"),
                "{kind}"
            );
        }
    }

    fn with_token(file: &str, mount: &str, volume: &str) -> Pod {
        let token = |audience: &str| json!({"projected": {"sources": [{"serviceAccountToken": {"audience": audience, "path": "token"}}]}});
        let named = |name: &str, audience: &str| {
            let mut volume = token(audience);
            volume["name"] = json!(name);
            volume
        };
        pod_of(json!({
            "spec": {
                "containers": [{
                    "name": "app",
                    "env": [{"name": IRSA_ROLE, "value": "arn:r"}, {"name": IRSA_TOKEN, "value": file}],
                    "volumeMounts": [{"name": "outer", "mountPath": "/var"}, {"name": volume, "mountPath": mount}],
                }],
                "volumes": [named(IRSA_VOLUME, "sts.amazonaws.com"), named("own", "own-audience"), named("outer", "outer")],
            }
        }))
    }

    #[test]
    fn audience_is_from_volume_of_token_file() {
        let seen = |file: &str, mount: &str, volume: &str| {
            let pod = with_token(file, mount, volume);
            match read(&pod).unwrap().carries.as_slice() {
                [Carried::WebIdentity { audience, .. }] => (*audience).to_owned(),
                other => panic!("{other:?}"),
            }
        };
        let aws = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
        let file = format!("{aws}/token");
        assert_eq!(seen(&file, aws, IRSA_VOLUME), "sts.amazonaws.com");
        assert_eq!(seen("/tokens/token", "/tokens/", "own"), "own-audience");
        // Without a matching mount the volume of the webhook is used.
        assert_eq!(seen("/elsewhere/token", "/tokens", "own"), "sts.amazonaws.com");
        assert_eq!(seen("/tokens/another", "/tokens", "own"), "");
        let windows = "C:\\var\\run\\secrets\\eks.amazonaws.com\\serviceaccount\\token";
        assert_eq!(seen(windows, aws, IRSA_VOLUME), "sts.amazonaws.com");
    }
}
