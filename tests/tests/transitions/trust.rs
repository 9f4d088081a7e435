//! What a trust policy lets in, by its statements as Lanyard writes them. JSON in, answers out; no I/O.

use aws_sdk_eks::types::PodIdentityAssociation;
use serde_json::Value;

/// How somebody comes to a role: each has a statement of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// With a token of the cluster's issuer.
    WebIdentity,
    /// From EKS, with the tags of the session.
    Tagged,
    /// From EKS, without them.
    Untagged,
}

impl Form {
    /// How EKS comes to the role of an association.
    pub fn of(association: &PodIdentityAssociation) -> Self {
        match association.disable_session_tags() {
            Some(true) => Self::Untagged,
            Some(false) | None => Self::Tagged,
        }
    }

    fn is_of(self, statement: &Value) -> bool {
        let has = |pointer: &str| statement.pointer(pointer).is_some();
        match self {
            Self::WebIdentity => has("/Principal/Federated"),
            Self::Tagged => has("/Condition/StringEquals/aws:RequestTag~1eks-cluster-arn"),
            Self::Untagged => has("/Condition/StringEquals/aws:SourceArn"),
        }
    }
}

/// Whether a trust policy lets somebody in who comes so.
pub fn lets_in(trust: &Value, form: Form) -> bool {
    statements(trust).iter().any(|statement| form.is_of(statement))
}

/// Whether a trust policy lets in who comes so, by one statement, and nobody else.
pub fn lets_in_only(trust: &Value, form: Form) -> bool {
    statements(trust).len() == 1 && lets_in(trust, form)
}

fn statements(trust: &Value) -> &[Value] {
    trust
        .get("Statement")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
