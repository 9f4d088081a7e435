//! The trust statements for IRSA and EKS Pod Identity (docs/dev/aws-behaviour.md#session-tags,
//! docs/dev/aws-behaviour.md#irsa-trust). Input: names and ARNs; output: statements and a document. No I/O.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::document::{Document, Statement};

/// The service principal of EKS Pod Identity, the same in every partition
/// (docs/dev/aws-behaviour.md#pod-identity-trust).
pub const POD_IDENTITY_SERVICE: &str = "pods.eks.amazonaws.com";

/// The condition key with the name of the ServiceAccount, a session tag of Pod Identity (docs/dev/aws-behaviour.md#session-tags).
pub const TAG_SERVICE_ACCOUNT: &str = "aws:RequestTag/kubernetes-service-account";

/// The conditions of a Pod Identity trust, which follow from the settings of the association.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conditions {
    /// The association sends session tags: the trust names the subjects.
    SessionTags {
        /// The ARN of the cluster.
        cluster_arn: String,
        /// The namespace of the subjects.
        namespace: String,
        /// The names of the ServiceAccounts.
        service_accounts: BTreeSet<String>,
    },
    /// Session tags are off: the trust can name only the cluster and admits all its ServiceAccounts.
    SourceOnly {
        /// The ARN of the cluster.
        cluster_arn: String,
        /// The account ID of the cluster.
        account: String,
    },
}

/// The `sub` claim of a ServiceAccount token.
#[must_use]
pub fn token_subject(namespace: &str, service_account: &str) -> String {
    format!("system:serviceaccount:{namespace}:{service_account}")
}

/// The statement that admits these ServiceAccounts (namespace, name) with IRSA.
///
/// `issuer` is the URL of the issuer without `https://`, as in the ARN of the provider.
#[must_use]
pub fn irsa_statement(
    sid: &str,
    provider_arn: &str,
    issuer: &str,
    audience: &str,
    subjects: &BTreeSet<(String, String)>,
) -> Statement {
    let subjects = subjects
        .iter()
        .map(|(namespace, name)| token_subject(namespace, name));
    let mut claims = Map::new();
    claims.insert(format!("{issuer}:aud"), Value::from(audience));
    claims.insert(format!("{issuer}:sub"), one_or_list(subjects));
    statement([
        ("Sid", Value::from(sid)),
        ("Effect", Value::from("Allow")),
        ("Principal", json!({"Federated": provider_arn})),
        ("Action", Value::from("sts:AssumeRoleWithWebIdentity")),
        ("Condition", json!({"StringEquals": claims})),
    ])
}

/// The statement that admits Pod Identity for the subjects in the conditions.
///
/// EKS requires both actions even if no session tags are sent (docs/dev/aws-behaviour.md#association-errors).
#[must_use]
pub fn pod_identity_statement(sid: &str, conditions: &Conditions) -> Statement {
    let conditions = match conditions {
        Conditions::SessionTags {
            cluster_arn,
            namespace,
            service_accounts,
        } => json!({
            "aws:RequestTag/eks-cluster-arn": cluster_arn,
            "aws:RequestTag/kubernetes-namespace": namespace,
            TAG_SERVICE_ACCOUNT: one_or_list(service_accounts.iter().cloned()),
        }),
        Conditions::SourceOnly { cluster_arn, account } => json!({
            "aws:SourceAccount": account,
            "aws:SourceArn": cluster_arn,
        }),
    };
    statement([
        ("Sid", Value::from(sid)),
        ("Effect", Value::from("Allow")),
        ("Principal", json!({"Service": POD_IDENTITY_SERVICE})),
        ("Action", json!(["sts:AssumeRole", "sts:TagSession"])),
        ("Condition", json!({"StringEquals": conditions})),
    ])
}

/// A trust policy with these statements.
#[must_use]
pub fn trust_document(statements: Vec<Statement>) -> Document {
    Document::of(statements)
}

/// A statement with these elements.
#[must_use]
pub fn statement<const N: usize>(elements: [(&str, Value); N]) -> Statement {
    Statement::new(
        elements
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

/// One value as it is, several as a list: the short form saves characters of IAM's size quota.
pub(crate) fn one_or_list(values: impl Iterator<Item = String>) -> Value {
    let mut values: Vec<Value> = values.map(Value::from).collect();
    match (values.pop(), values.is_empty()) {
        (Some(only), true) => only,
        (last, _) => values.into_iter().chain(last).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::{Kind, lint};

    const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/A1";
    const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/A1";
    const CLUSTER: &str = "arn:aws:eks:eu-west-1:111122223333:cluster/prod";

    fn subjects(names: &[&str]) -> BTreeSet<(String, String)> {
        names
            .iter()
            .map(|name| ("shop".to_owned(), (*name).to_owned()))
            .collect()
    }

    #[test]
    fn irsa_statement_names_provider_subject_and_audience() {
        let statement = irsa_statement(
            "Lanyard1",
            PROVIDER,
            ISSUER,
            "sts.amazonaws.com",
            &subjects(&["orders"]),
        );
        assert_eq!(
            statement.to_json(),
            format!(
                r#"{{"Sid":"Lanyard1","Effect":"Allow","Principal":{{"Federated":"{PROVIDER}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringEquals":{{"{ISSUER}:aud":"sts.amazonaws.com","{ISSUER}:sub":"system:serviceaccount:shop:orders"}}}}}}"#
            )
        );
    }

    #[test]
    fn irsa_statement_lists_subjects_sorted() {
        let statement = irsa_statement(
            "Lanyard1",
            PROVIDER,
            ISSUER,
            "a",
            &subjects(&["orders", "basket"]),
        );
        let listed = r#":sub":["system:serviceaccount:shop:basket","system:serviceaccount:shop:orders"]"#;
        assert!(statement.to_json().contains(listed), "{}", statement.to_json());
    }

    #[test]
    fn tagged_pod_identity_statement_names_the_subject() {
        let conditions = Conditions::SessionTags {
            cluster_arn: CLUSTER.to_owned(),
            namespace: "shop".to_owned(),
            service_accounts: BTreeSet::from(["orders".to_owned()]),
        };
        assert_eq!(
            pod_identity_statement("Lanyard2", &conditions).to_json(),
            format!(
                r#"{{"Sid":"Lanyard2","Effect":"Allow","Principal":{{"Service":"pods.eks.amazonaws.com"}},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{{"StringEquals":{{"aws:RequestTag/eks-cluster-arn":"{CLUSTER}","aws:RequestTag/kubernetes-namespace":"shop","aws:RequestTag/kubernetes-service-account":"orders"}}}}}}"#
            )
        );
    }

    #[test]
    fn untagged_pod_identity_statement_names_the_cluster() {
        let conditions = Conditions::SourceOnly {
            cluster_arn: CLUSTER.to_owned(),
            account: "111122223333".to_owned(),
        };
        let json = pod_identity_statement("Lanyard2", &conditions).to_json();
        let condition = format!(
            r#""Condition":{{"StringEquals":{{"aws:SourceAccount":"111122223333","aws:SourceArn":"{CLUSTER}"}}}}"#
        );
        assert!(json.contains(&condition), "{json}");
    }

    #[test]
    fn trust_document_has_no_defect_and_minimal_size() {
        let irsa = irsa_statement(
            "Lanyard0123456789abcdef",
            PROVIDER,
            ISSUER,
            "sts.amazonaws.com",
            &subjects(&["orders"]),
        );
        let conditions = Conditions::SourceOnly {
            cluster_arn: CLUSTER.to_owned(),
            account: "111122223333".to_owned(),
        };
        let document = trust_document(vec![irsa, pod_identity_statement("LanyardPods", &conditions)]);
        assert_eq!(lint(&document.to_value(), Kind::Trust), Vec::new());
        assert_eq!(
            document.statement("LanyardPods").and_then(Statement::sid),
            Some("LanyardPods")
        );
        assert_eq!(document.size(), document.to_json().len());
    }
}
