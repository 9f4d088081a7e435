//! Scenarios: what stands before, what is done to it, as data. Values in, the JSON of a spec out; no I/O.

use lanyard_core::model::spec::Method;
use serde_json::{Map, Value, json};

use crate::beside;

/// What is done, from what stands to what shall stand.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name, as the test's.
    pub name: &'static str,
    /// What stands, undisturbed, before anything strikes.
    pub before: Stand,
    /// What is then asked for.
    pub after: Stand,
    /// What is asked for instead as soon as the blow has fallen, while a killed operator is down; else when the other is done.
    pub then: Option<Stand>,
}

/// What there is of the identity.
#[derive(Debug, Clone, Copy)]
pub enum Stand {
    /// There is no object, and nothing of it.
    Nothing,
    /// The object with this spec, ready.
    Stands(Spec),
    /// The object was deleted and is gone.
    Deleted,
}

/// A spec in few words.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    pub method: Method,
    /// Whether the role is somebody else's, in whose trust policy Lanyard keeps a statement. All else of the role is then
    /// the owner's.
    pub shares: bool,
    /// The role's name; none: the one that Lanyard derives.
    pub name: Option<&'static str>,
    /// Names of AWS's own policies.
    pub policies: &'static [&'static str],
    /// Inline policies: a name and the action that it allows.
    pub inline: &'static [(&'static str, &'static str)],
    pub tags: &'static [(&'static str, &'static str)],
    pub description: Option<&'static str>,
    pub session: &'static str,
    /// The name of one of AWS's own policies.
    pub boundary: Option<&'static str>,
    pub retain: bool,
    pub create_account: bool,
    /// IRSA only.
    pub token_expiration: Option<&'static str>,
    /// Pod Identity only.
    pub session_tags: bool,
    /// Pod Identity without session tags only: the action that it allows.
    pub session_policy: Option<&'static str>,
}

/// As little as a spec may say.
pub const PLAIN: Spec = Spec {
    method: Method::PodIdentity,
    shares: false,
    name: None,
    policies: &[],
    inline: &[],
    tags: &[],
    description: None,
    session: "1h",
    boundary: None,
    retain: false,
    create_account: false,
    token_expiration: None,
    session_tags: true,
    session_policy: None,
};

/// A role with one of everything.
pub const FULL: Spec = Spec {
    policies: &["AmazonS3ReadOnlyAccess"],
    inline: &[("queue", "sqs:SendMessage")],
    tags: &[("team", "shop"), ("cost", "42")],
    description: Some("takes orders"),
    boundary: Some("AdministratorAccess"),
    ..PLAIN
};

impl Scenario {
    /// The same by this method.
    pub fn by(self, method: Method) -> Self {
        Self {
            before: self.before.by(method),
            after: self.after.by(method),
            then: self.then.map(|stand| stand.by(method)),
            ..self
        }
    }
}

impl Stand {
    fn by(self, method: Method) -> Self {
        match self {
            Self::Stands(spec) => Self::Stands(spec.by(method)),
            other => other,
        }
    }
}

impl Spec {
    /// The same by this method.
    pub const fn by(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// As a user would write it.
    pub fn to_json(self) -> Value {
        let irsa = self
            .token_expiration
            .map(|expiration| json!({"tokenExpiration": expiration}));
        let pod_identity = (!self.session_tags)
            .then(|| json!({"disableSessionTags": true, "sessionPolicy": self.session_policy.map(allowing)}));
        written(json!({
            "method": self.method,
            "serviceAccount": {"create": self.create_account},
            "deletionPolicy": if self.retain { "Retain" } else { "Delete" },
            "role": self.role(),
            "irsa": irsa,
            "podIdentity": pod_identity,
        }))
    }

    fn role(self) -> Value {
        if self.shares {
            return json!({"existing": {"arn": beside::role(), "trust": "Manage"}});
        }
        json!({"managed": self.managed()})
    }

    fn managed(self) -> Value {
        let inline: Vec<Value> = self
            .inline
            .iter()
            .map(|(name, action)| json!({"name": name, "document": allowing(action)}))
            .collect();
        let tags: Map<String, Value> = self
            .tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        let policies: Vec<String> = self.policies.iter().map(|name| of_aws(name)).collect();
        json!({
            "name": self.name,
            "maxSessionDuration": self.session,
            "description": self.description,
            "permissionsBoundaryArn": self.boundary.map(of_aws),
            "policyArns": policies,
            "inlinePolicies": inline,
            "tags": tags,
        })
    }
}

/// Without the fields that are not there, and without empty ones: where there were entries before, the API server makes
/// of an applied `{}` a null, and refuses it.
fn written(value: Value) -> Value {
    let empty = |value: &Value| {
        value.is_null()
            || value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(Map::is_empty)
    };
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !empty(value))
            .map(|(key, value)| (key, written(value)))
            .collect(),
        other => other,
    }
}

fn of_aws(policy: &str) -> String {
    format!("arn:aws:iam::aws:policy/{policy}")
}

fn allowing(action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
}
