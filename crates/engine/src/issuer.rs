//! The token issuer, which shows whether AWS and the API server describe the same cluster.
//! Input: both issuers; that of the API server comes from its discovery document, as in its tokens. Output: a match.
//! Reads from the API server.

use std::time::Duration;

use lanyard_core::model::arn::Issuer;
use serde::Deserialize;
use tokio::time::timeout;

use crate::error::kube_message;

/// The maximum time for one response of the API server.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The path that OpenID Connect Discovery 1.0 gives the document.
const DOCUMENT: &str = "/.well-known/openid-configuration";

/// The comparison of two issuers.
#[derive(Debug, PartialEq, Eq)]
pub enum IssuerMatch {
    /// They belong to one cluster. The value is the issuer in the tokens, which AWS compares.
    Same(Issuer),
    /// They belong to different clusters.
    Different,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
}

/// Reads the issuer from the discovery document of the API server.
///
/// # Errors
/// Returns an error with the message for the user if the API server does not return an issuer.
pub async fn read(kube: &kube::Client) -> Result<Issuer, String> {
    let request = http::Request::get(DOCUMENT)
        .body(Vec::new())
        .map_err(|error| error.to_string())?;
    let response = match timeout(RESPONSE_TIMEOUT, kube.request::<Discovery>(request)).await {
        Ok(response) => response,
        Err(_) => return Err(format!("no response within {RESPONSE_TIMEOUT:?}")),
    };
    match response {
        Ok(Discovery { issuer }) => Issuer::parse(issuer).map_err(|error| error.to_string()),
        Err(error) if matches!(&error, kube::Error::Api(status) if status.code == 403) => Err(format!(
            "{} (the ClusterRole system:service-account-issuer-discovery allows it)",
            kube_message(&error)
        )),
        Err(error) => Err(kube_message(&error)),
    }
}

/// Compares the issuer of AWS with that of the API server.
#[must_use]
pub fn compare(aws: &Issuer, api_server: &Issuer) -> IssuerMatch {
    let same = aws == api_server
        || match (EksIssuer::of(aws), EksIssuer::of(api_server)) {
            (Some(aws), Some(api_server)) => aws == api_server,
            _ => false,
        };
    if same {
        IssuerMatch::Same(api_server.clone())
    } else {
        IssuerMatch::Different
    }
}

/// The parts that are the same in every host form of one cluster's issuer (docs/dev/aws-behaviour.md#issuer).
#[derive(Debug, PartialEq, Eq)]
struct EksIssuer<'a> {
    region: &'a str,
    id: &'a str,
}

/// Hosts of EKS issuers: the text before and after the Region.
const HOST_FORMS: [(&str, &str); 5] = [
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
        let region = HOST_FORMS
            .iter()
            .find_map(|(before, after)| host.strip_prefix(before)?.strip_suffix(after))?;
        (!region.contains('.')).then_some(Self { region, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(aws: &str, api_server: &str) -> IssuerMatch {
        compare(&Issuer::parse(aws).unwrap(), &Issuer::parse(api_server).unwrap())
    }

    fn same(issuer: &str) -> IssuerMatch {
        IssuerMatch::Same(Issuer::parse(issuer).unwrap())
    }

    #[test]
    fn equal_issuers_of_any_form_match() {
        let own = "https://issuer.example.com/prod";
        assert_eq!(compared(own, own), same(own));
    }

    #[test]
    fn eks_host_forms_match_and_the_token_form_is_kept() {
        let classic = "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC";
        let dual = "https://oidc-eks.eu-west-1.api.aws/id/ABC";
        assert_eq!(compared(classic, dual), same(dual));
        assert_eq!(compared(dual, classic), same(classic));
        let china = (
            "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/ABC",
            "https://oidc-eks.cn-north-1.api.amazonwebservices.com.cn/id/ABC",
        );
        assert_eq!(compared(china.0, china.1), same(china.1));
    }

    #[test]
    fn different_id_region_or_host_does_not_match() {
        let aws = "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC";
        for other in [
            "https://oidc.eks.eu-west-1.amazonaws.com/id/ABD",
            "https://oidc-eks.eu-west-2.api.aws/id/ABC",
            "https://oidc-eks.eu-west-1.api.aws.example.com/id/ABC",
            "https://oidc.eks.evil.eu-west-1.amazonaws.com/id/ABC",
            "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC/more",
            "https://kubernetes.default.svc",
        ] {
            assert_eq!(compared(aws, other), IssuerMatch::Different, "{other}");
        }
    }
}
