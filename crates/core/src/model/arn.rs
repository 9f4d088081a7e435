//! ARNs of roles, managed policies and the IAM OIDC provider, and the issuer URL. Input: text; output: a parsed
//! value. No I/O. The ARN of a role is its natural key: partition, account, path and name.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::model::name::{
    AccountId, NameError, Partition, RoleName, RolePath, is_iam_word, name, name_ignoring_case, sized,
};

/// The parsed ARN of an IAM role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleArn {
    /// The partition of the role.
    pub partition: Partition,
    /// The account of the role.
    pub account: AccountId,
    /// The path of the role, `/` if it has none.
    pub path: RolePath,
    /// The name of the role.
    pub name: RoleName,
}

impl RoleArn {
    /// Parses an ARN such as `arn:aws:iam::111122223333:role/team/orders`.
    ///
    /// # Errors
    /// Returns an error if the text is not the ARN of a role.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let invalid = || NameError::new(text, "a role ARN such as arn:aws:iam::111122223333:role/orders");
        let rest = text.strip_prefix("arn:").ok_or_else(invalid)?;
        let (partition, rest) = rest.split_once(":iam::").ok_or_else(invalid)?;
        let (account, rest) = rest.split_once(":role/").ok_or_else(invalid)?;
        let (path, name) = match rest.rsplit_once('/') {
            Some((path, name)) => (format!("/{path}/"), name),
            None => ("/".to_owned(), rest),
        };
        Ok(Self {
            partition: Partition::parse(partition).map_err(|_| invalid())?,
            account: AccountId::parse(account).map_err(|_| invalid())?,
            path: RolePath::parse(path).map_err(|_| invalid())?,
            name: RoleName::parse(name).map_err(|_| invalid())?,
        })
    }

    /// Returns true if AWS owns the role: service-linked roles and roles of IAM Identity Center cannot be changed.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.path.as_str().starts_with("/aws-service-role/")
            || self.path.as_str().starts_with("/aws-reserved/")
            || self.name.as_str().starts_with("AWSReservedSSO_")
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:{}:iam::{}:role{}{}",
            self.partition, self.account, self.path, self.name
        )
    }
}

impl TryFrom<String> for RoleArn {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<RoleArn> for String {
    fn from(arn: RoleArn) -> String {
        arn.to_string()
    }
}

name_ignoring_case!(
    /// The ARN of a managed policy of AWS (`arn:aws:iam::aws:policy/...`) or of a customer. IAM finds a policy without
    /// regard to case and shows its own spelling (awslabs/mcp#4101), so the comparison ignores the case.
    PolicyArn, "a managed policy ARN such as arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess", is_policy_arn
);

fn is_policy_arn(text: &str) -> bool {
    let Some((head, path)) = text.split_once(":policy/") else {
        return false;
    };
    let Some((partition, owner)) = head
        .strip_prefix("arn:")
        .and_then(|rest| rest.split_once(":iam::"))
    else {
        return false;
    };
    sized(text, 20, 2048)
        && Partition::parse(partition).is_ok()
        && (owner == "aws" || AccountId::parse(owner).is_ok())
        && !path.is_empty()
        && path.chars().all(|c| is_iam_word(c) || c == '/')
}

name!(
    /// The issuer of a cluster's ServiceAccount tokens: an `https` URL of at most 255 characters without query (IAM
    /// `CreateOpenIDConnectProvider`). A trailing slash is part of it: IAM and STS compare it with the `iss` claim of
    /// the token exactly, and every AKS cluster has one (Azure/azure-workload-identity#1700, aws/aws-sam-cli#7432).
    Issuer, "an issuer: an https URL of at most 255 characters without query or fragment", is_issuer
);

fn is_issuer(text: &str) -> bool {
    text.strip_prefix("https://").is_some_and(|rest| {
        sized(text, 9, 255)
            && !rest.is_empty()
            && !rest.starts_with('/')
            && rest.chars().all(|c| c.is_ascii_graphic() && c != '?' && c != '#')
    })
}

impl Issuer {
    /// The issuer without its scheme: the end of the provider ARN and the prefix of condition keys.
    #[must_use]
    pub fn host_and_path(&self) -> &str {
        self.as_str().trim_start_matches("https://")
    }

    /// The ARN of the IAM OIDC provider for this issuer in an account.
    #[must_use]
    pub fn provider_arn(&self, partition: &Partition, account: &AccountId) -> String {
        format!(
            "arn:{partition}:iam::{account}:oidc-provider/{}",
            self.host_and_path()
        )
    }

    /// Returns true if AWS can fetch keys from this issuer. Names that resolve only inside a cluster or a private
    /// network, and private addresses, are not public.
    #[must_use]
    pub fn is_public(&self) -> bool {
        let host = self.host_and_path().split(['/', ':']).next().unwrap_or_default();
        if let Ok(address) = host.parse::<Ipv4Addr>() {
            return !(address.is_private() || address.is_loopback() || address.is_link_local());
        }
        let inside = [".svc", ".local", ".internal"];
        host.contains('.') && !host.contains(".svc.") && !inside.iter().any(|suffix| host.ends_with(suffix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_arn_with_and_without_path_round_trips() {
        for text in [
            "arn:aws:iam::111122223333:role/orders",
            "arn:aws-cn:iam::111122223333:role/a/b/orders",
        ] {
            assert_eq!(RoleArn::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            RoleArn::parse("arn:aws:iam::111122223333:role/a/b/orders")
                .unwrap()
                .path
                .as_str(),
            "/a/b/"
        );
    }

    #[test]
    fn role_arn_parse_user_arn_is_rejected() {
        assert!(RoleArn::parse("arn:aws:iam::111122223333:user/orders").is_err());
    }

    #[test]
    fn service_linked_role_is_reserved() {
        let arn =
            "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS";
        assert!(RoleArn::parse(arn).unwrap().is_reserved());
    }

    #[test]
    fn issuer_keeps_its_trailing_slash() {
        let url = "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/";
        let issuer = Issuer::parse(url).unwrap();
        assert_ne!(issuer, Issuer::parse(url.trim_end_matches('/')).unwrap());
        let (partition, account) = (
            Partition::parse("aws").unwrap(),
            AccountId::parse("111122223333").unwrap(),
        );
        assert_eq!(
            issuer.provider_arn(&partition, &account),
            "arn:aws:iam::111122223333:oidc-provider/westeurope.oic.prod-aks.azure.com/tenant/cluster/"
        );
        assert!(issuer.is_public() && Issuer::parse("https:///").is_err());
    }

    #[test]
    fn policy_arns_are_compared_without_case() {
        let lower = PolicyArn::parse("arn:aws:iam::aws:policy/amazons3readonlyaccess").unwrap();
        let upper = PolicyArn::parse("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess").unwrap();
        assert_eq!(lower, upper);
        assert_eq!(std::collections::BTreeSet::from([lower.clone(), upper]).len(), 1);
        assert_eq!(lower.as_str(), "arn:aws:iam::aws:policy/amazons3readonlyaccess");
    }

    #[test]
    fn issuer_in_cluster_or_private_network_is_not_public() {
        let public = |url: &str| Issuer::parse(url).unwrap().is_public();
        for inside in [
            "https://kubernetes.default.svc",
            "https://kubernetes.default.svc.cluster.local",
            "https://kubernetes",
            "https://localhost:6443",
            "https://ip-10-0-0-1.eu-west-1.compute.internal",
            "https://10.0.0.1",
            "https://127.0.0.1:6443/prod",
        ] {
            assert!(!public(inside), "{inside}");
        }
        for outside in [
            "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC",
            "https://s3.eu-west-1.amazonaws.com/issuers/prod",
            "https://oidc.example.com",
        ] {
            assert!(public(outside), "{outside}");
        }
    }
}
