//! What each side of a role chain needs, where EKS goes on from an association's role to a target role (docs/dev/aws-behaviour.md#target-role).
//! ARNs and flags in, statements out; no I/O. Called by `summarise`, for whoever owns either side.

use serde_json::{Value, json};

use crate::model::arn::RoleArn;
use crate::model::subject::Subject;
use lanyard_iam_policy::Statement;
use lanyard_iam_policy::trust::statement;

/// Both actions on both sides: sessions of pods carry tags, which go along (docs/dev/aws-behaviour.md#target-role).
const ACTIONS: [&str; 2] = ["sts:AssumeRole", "sts:TagSession"];

/// What has to stand among the permissions of the association's role.
#[must_use]
pub fn permission(target: &RoleArn) -> Statement {
    statement([
        ("Effect", Value::from("Allow")),
        ("Action", json!(ACTIONS)),
        ("Resource", Value::from(target.to_string())),
    ])
}

/// What has to stand in the trust policy of the target role. The association's role is named by a condition, since a
/// principal is stored by its unique id and dies with it (docs/dev/aws-behaviour.md#document-normalisation). `external_id`: what EKS sends where session tags are off.
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
    fn a_target_is_let_in_by_the_tags_of_the_session_or_by_the_external_id() {
        let source = identity(&spec(Method::PodIdentity)).role_arn().clone();
        let told = |id, tags| trust(&source, &subject(), id, tags).to_json();
        let tagged = told(Some("x"), true);
        assert!(
            tagged.contains("kubernetes-namespace\":\"shop") && !tagged.contains("ExternalId"),
            "{tagged}"
        );
        let untagged = told(Some("eu-west-1/111122223333/prod/shop/orders"), false);
        assert!(
            untagged.contains("sts:ExternalId") && !untagged.contains("RequestTag"),
            "{untagged}"
        );
        for statement in [tagged, untagged, told(None, false)] {
            assert!(
                statement.contains("arn:aws:iam::111122223333:root")
                    && statement.contains(&source.to_string())
            );
        }
    }
}
