//! Scenarios as data: the initial state and the changes. Input: values. Output: the JSON of a spec. No I/O.

use lanyard_core::model::spec::Method;
use serde_json::{Map, Value, json};

use crate::foreign;

/// A scenario: the change from one state to another.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The name of the scenario and of its test.
    pub name: &'static str,
    /// The state before any fault.
    pub before: State,
    /// The desired state.
    pub after: State,
    /// The desired state from the moment of the fault, while a killed operator is down. Without a fault it is applied after
    /// the first change.
    pub then: Option<State>,
}

/// The state of the identity.
#[derive(Debug, Clone, Copy)]
pub enum State {
    /// The object does not exist, nor anything of it.
    Absent,
    /// The object exists with this spec and is ready.
    Present(Spec),
    /// The object was deleted and no longer exists.
    Deleted,
}

/// A spec in short form.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    pub method: Method,
    /// The role belongs to another owner, and Lanyard manages a statement in its trust policy. The rest of the role is the
    /// owner's.
    pub shared_trust: bool,
    /// The name of the role. If `None`, Lanyard derives it.
    pub name: Option<&'static str>,
    /// Names of AWS managed policies.
    pub policies: &'static [&'static str],
    /// Inline policies: a name and the allowed action.
    pub inline: &'static [(&'static str, &'static str)],
    pub tags: &'static [(&'static str, &'static str)],
    pub description: Option<&'static str>,
    pub session: &'static str,
    /// The name of an AWS managed policy.
    pub boundary: Option<&'static str>,
    pub retain: bool,
    pub create_account: bool,
    /// IRSA only.
    pub token_expiration: Option<&'static str>,
    /// Pod Identity only.
    pub session_tags: bool,
    /// Pod Identity without session tags only: the allowed action.
    pub session_policy: Option<&'static str>,
}

/// A minimal spec.
pub const PLAIN: Spec = Spec {
    method: Method::PodIdentity,
    shared_trust: false,
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

/// A role with every setting.
pub const FULL: Spec = Spec {
    policies: &["AmazonS3ReadOnlyAccess"],
    inline: &[("queue", "sqs:SendMessage")],
    tags: &[("team", "shop"), ("cost", "42")],
    description: Some("takes orders"),
    boundary: Some("AdministratorAccess"),
    ..PLAIN
};

impl Scenario {
    /// The same state with this method.
    pub fn by(self, method: Method) -> Self {
        Self {
            before: self.before.by(method),
            after: self.after.by(method),
            then: self.then.map(|target| target.by(method)),
            ..self
        }
    }
}

impl State {
    fn by(self, method: Method) -> Self {
        match self {
            Self::Present(spec) => Self::Present(spec.by(method)),
            other => other,
        }
    }
}

impl Spec {
    /// The same spec with this method.
    pub const fn by(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// The spec as a user writes it.
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
        if self.shared_trust {
            return json!({"existing": {"arn": foreign::role(), "trust": "Manage"}});
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

/// Removes absent and empty fields: where entries existed before, the API server turns an applied `{}` into null and
/// refuses it.
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
