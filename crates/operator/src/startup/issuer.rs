//! The issuer: whether AWS and the API server mean the same cluster. Issuers in, a verdict out; the API server's is read
//! from its own discovery document, which is what its tokens carry. Called once at start, before anything is written.

use lanyard_core::model::arn::Issuer;
use serde::Deserialize;
use tokio::time::timeout;

use super::ANSWER_LIMIT;
use crate::error::plainly;

/// The path that OpenID Connect Discovery 1.0 gives the document.
const DOCUMENT: &str = "/.well-known/openid-configuration";

/// Whether two issuers are one cluster's.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They are; this one is what the tokens carry, which is what AWS will compare.
    Same(Issuer),
    /// They are not.
    Other,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
}

/// Reads the issuer that the API server names itself.
pub(super) async fn read(kube: &kube::Client) -> Result<Issuer, String> {
    let request = http::Request::get(DOCUMENT)
        .body(Vec::new())
        .map_err(|error| error.to_string())?;
    let answer = match timeout(ANSWER_LIMIT, kube.request::<Discovery>(request)).await {
        Ok(answer) => answer,
        Err(_) => return Err(format!("no answer within {ANSWER_LIMIT:?}")),
    };
    match answer {
        Ok(Discovery { issuer }) => Issuer::parse(issuer).map_err(|error| error.to_string()),
        Err(error) if matches!(&error, kube::Error::Api(status) if status.code == 403) => Err(format!(
            "{} (the ClusterRole system:service-account-issuer-discovery allows it)",
            plainly(&error)
        )),
        Err(error) => Err(plainly(&error)),
    }
}

/// Compares what AWS says with what the API server says.
pub(super) fn compare(aws: &Issuer, api_server: &Issuer) -> Verdict {
    let same = aws == api_server
        || match (EksIssuer::of(aws), EksIssuer::of(api_server)) {
            (Some(aws), Some(api_server)) => aws == api_server,
            _ => false,
        };
    if same {
        Verdict::Same(api_server.clone())
    } else {
        Verdict::Other
    }
}

/// What stays the same in every host form of one cluster's issuer (docs/dev/aws-behaviour.md#issuer).
#[derive(Debug, PartialEq, Eq)]
struct EksIssuer<'a> {
    region: &'a str,
    id: &'a str,
}

/// Hosts of EKS's issuers: what stands before and after the Region.
const FORMS: [(&str, &str); 5] = [
    ("oidc.eks.", ".amazonaws.com"),
    ("oidc.eks.", ".amazonaws.com.cn"),
    ("oidc-eks.", ".api.aws"),
    ("oidc-eks.", ".api.amazonwebservices.com.cn"),
    ("oidc-eks.", ".api.amazonwebservices.eu"),
];

impl<'a> EksIssuer<'a> {
    fn of(issuer: &'a Issuer) -> Option<Self> {
        let (host, path) = issuer.host_and_path().split_once('/')?;
        let id = path
            .strip_prefix("id/")
            .filter(|id| !id.is_empty() && !id.contains('/'))?;
        let region = FORMS
            .iter()
            .find_map(|(before, after)| host.strip_prefix(before)?.strip_suffix(after))?;
        (!region.contains('.')).then_some(Self { region, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(aws: &str, api_server: &str) -> Verdict {
        compare(&Issuer::parse(aws).unwrap(), &Issuer::parse(api_server).unwrap())
    }

    fn same(issuer: &str) -> Verdict {
        Verdict::Same(Issuer::parse(issuer).unwrap())
    }

    #[test]
    fn equal_issuers_are_one_cluster_whatever_their_form() {
        let own = "https://issuer.example.com/prod";
        assert_eq!(verdict(own, own), same(own));
    }

    #[test]
    fn the_two_host_forms_of_eks_are_one_cluster_and_the_tokens_form_counts() {
        let classic = "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC";
        let dual = "https://oidc-eks.eu-west-1.api.aws/id/ABC";
        assert_eq!(verdict(classic, dual), same(dual));
        assert_eq!(verdict(dual, classic), same(classic));
        let china = (
            "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/ABC",
            "https://oidc-eks.cn-north-1.api.amazonwebservices.com.cn/id/ABC",
        );
        assert_eq!(verdict(china.0, china.1), same(china.1));
    }

    #[test]
    fn another_id_region_or_host_is_another_cluster() {
        let aws = "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC";
        for other in [
            "https://oidc.eks.eu-west-1.amazonaws.com/id/ABD",
            "https://oidc-eks.eu-west-2.api.aws/id/ABC",
            "https://oidc-eks.eu-west-1.api.aws.example.com/id/ABC",
            "https://oidc.eks.evil.eu-west-1.amazonaws.com/id/ABC",
            "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC/more",
            "https://kubernetes.default.svc",
        ] {
            assert_eq!(verdict(aws, other), Verdict::Other, "{other}");
        }
    }
}
