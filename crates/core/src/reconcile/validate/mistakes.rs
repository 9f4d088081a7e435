//! Probable mistakes in the policies of a valid spec: actions, resources and condition keys that AWS does not have or
//! never combines. Input: a spec as written. Output: one sentence for each, with its field. No I/O.

use lanyard_iam_policy::mistakes::mistakes;
use serde_json::Value;

use crate::model::spec::Spec;

/// The probable mistakes in the policies of a spec. They are advice: IAM accepts such a policy.
#[must_use]
pub fn policy_mistakes(spec: &Spec) -> Vec<String> {
    let inline = spec.managed.iter().flat_map(|managed| &managed.inline_policies);
    let inline = inline
        .enumerate()
        .map(|(at, (_, document))| (format!("role.managed.inlinePolicies[{at}].document"), document));
    let session = spec.pod_identity.session_policy.iter();
    let session = session.map(|document| ("podIdentity.sessionPolicy".to_owned(), document));
    inline
        .chain(session)
        .flat_map(|(field, document)| of_document(&field, document))
        .collect()
}

fn of_document(field: &str, document: &Value) -> Vec<String> {
    let found = mistakes(document).into_iter();
    found
        .map(|mistake| format!("spec.{field}.{}: {}", mistake.place, mistake.problem))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::policy_mistakes;
    use crate::model::spec::{ManagedRoleSpec, Spec};

    #[test]
    fn misspelt_action_is_named_with_its_field() {
        let document = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "sqs:SendMessge", "Resource": "*"}});
        let managed = ManagedRoleSpec {
            inline_policies: vec![("queue".to_owned(), document)],
            ..ManagedRoleSpec::default()
        };
        let spec = Spec {
            managed: Some(managed),
            ..Spec::default()
        };
        assert_eq!(
            policy_mistakes(&spec),
            [
                "spec.role.managed.inlinePolicies[0].document.Statement.Action: sqs has no action `SendMessge`. Did you mean `sqs:SendMessage`?"
            ]
        );
        assert!(policy_mistakes(&Spec::default()).is_empty());
    }
}
