//! Evaluates the statements of a trust policy in Lanyard's form. Input: JSON. Output: decisions. No I/O.

use aws_sdk_eks::types::PodIdentityAssociation;
use serde_json::Value;

/// The ways to assume a role: each has its own statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// With a token of the cluster's issuer.
    WebIdentity,
    /// By EKS, with session tags.
    Tagged,
    /// By EKS, without session tags.
    Untagged,
}

impl Form {
    /// The way in which EKS assumes the role of an association.
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

/// Returns `true` if a trust policy allows this way.
pub fn allows(trust: &Value, form: Form) -> bool {
    statements(trust).iter().any(|statement| form.is_of(statement))
}

/// Returns `true` if exactly one statement of a trust policy allows this way, and the policy allows no other.
pub fn allows_only(trust: &Value, form: Form) -> bool {
    statements(trust).len() == 1 && allows(trust, form)
}

fn statements(trust: &Value) -> &[Value] {
    trust
        .get("Statement")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
