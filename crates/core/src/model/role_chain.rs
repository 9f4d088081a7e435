//! The statements that both sides of a role chain need, where EKS chains from the role of an association to a target
//! role (docs/dev/aws-behaviour.md#target-role). Input: ARNs and flags; output: statements. No I/O.

use serde_json::{Value, json};

use crate::model::arn::RoleArn;
use crate::model::subject::Subject;
use lanyard_iam_policy::Statement;
use lanyard_iam_policy::trust::statement;

/// Both actions on both sides: pod sessions carry tags, which are passed on (docs/dev/aws-behaviour.md#target-role).
const ACTIONS: [&str; 2] = ["sts:AssumeRole", "sts:TagSession"];

/// The statement that the permissions of the association's role must contain.
#[must_use]
pub fn permission(target: &RoleArn) -> Statement {
    statement([
        ("Effect", Value::from("Allow")),
        ("Action", json!(ACTIONS)),
        ("Resource", Value::from(target.to_string())),
    ])
}

/// The statement that the trust policy of the target role must contain. A condition names the association's role,
/// since IAM stores a principal by its unique ID, which is lost when the role is deleted
/// (docs/dev/aws-behaviour.md#document-normalisation). `external_id` is the external ID that EKS sends if session
/// tags are off.
#[must_use]
pub fn trust(
    source: &RoleArn,
    subject: &Subject,
    external_id: Option<&str>,
    session_tags: bool,
) -> Statement {
    let equals = match (session_tags, external_id) {
        (true, _) => json!({
            "aws:RequestTag/eks-cluster-arn": subject.cluster.to_string(),
            "aws:RequestTag/kubernetes-namespace": subject.namespace.to_string(),
            "aws:RequestTag/kubernetes-service-account": subject.name.to_string(),
        }),
        (false, Some(id)) => json!({"sts:ExternalId": id}),
        (false, None) => Value::Null,
    };
    let mut condition = json!({"ArnEquals": {"aws:PrincipalArn": source.to_string()}});
    if let (Some(condition), false) = (condition.as_object_mut(), equals.is_null()) {
        condition.insert("StringEquals".to_owned(), equals);
    }
    let root = format!("arn:{}:iam::{}:root", source.partition, source.account);
    statement([
        ("Effect", Value::from("Allow")),
        ("Principal", json!({"AWS": root})),
        ("Action", json!(ACTIONS)),
        ("Condition", condition),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{identity, spec, subject};
    use crate::model::spec::Method;

    #[test]
    fn target_trust_has_session_tags_or_external_id() {
        let source = identity(&spec(Method::PodIdentity)).role_arn().clone();
        let statement = |id, tags| trust(&source, &subject(), id, tags).to_json();
        let tagged = statement(Some("x"), true);
        assert!(
            tagged.contains("kubernetes-namespace\":\"shop") && !tagged.contains("ExternalId"),
            "{tagged}"
        );
        let untagged = statement(Some("eu-west-1/111122223333/prod/shop/orders"), false);
        assert!(
            untagged.contains("sts:ExternalId") && !untagged.contains("RequestTag"),
            "{untagged}"
        );
        for statement in [tagged, untagged, statement(None, false)] {
            assert!(
                statement.contains("arn:aws:iam::111122223333:root")
                    && statement.contains(&source.to_string())
            );
        }
    }
}
