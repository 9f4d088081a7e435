//! Names of the annotations of a ServiceAccount that the pod identity webhook reads, and of the adoption annotation.
//! No I/O. Source: `pkg/annotations.go` of `aws/amazon-eks-pod-identity-webhook`.

/// The annotation with the IRSA role of a ServiceAccount.
pub const ANNOTATION_ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
/// The annotation with a non-default audience.
pub const ANNOTATION_AUDIENCE: &str = "eks.amazonaws.com/audience";
/// The annotation with the token lifetime in seconds.
pub const ANNOTATION_TOKEN_EXPIRATION: &str = "eks.amazonaws.com/token-expiration";
/// The annotation that makes SDKs call the regional STS endpoint.
pub const ANNOTATION_STS_REGIONAL: &str = "eks.amazonaws.com/sts-regional-endpoints";

/// Returns true if an annotation only configures the token and is not part of the binding.
#[must_use]
pub fn is_token_setting(key: &str) -> bool {
    [ANNOTATION_TOKEN_EXPIRATION, ANNOTATION_STS_REGIONAL].contains(&key)
}

/// The annotation with the exact ARNs, separated by commas, of the resources that Lanyard adopts for the object.
pub const ANNOTATION_ADOPT: &str = "lanyard.dev/adopt";

/// The field path of [`ANNOTATION_ADOPT`], for messages.
pub const FIELD_ADOPT: &str = "metadata.annotations[lanyard.dev/adopt]";

/// The annotation by which a user states that a trust policy admits the subject, where Lanyard cannot verify it. Its value
/// is the digest of the trust policy, which the condition `TrustReady` shows.
pub const ANNOTATION_VERIFIED_TRUST: &str = "lanyard.dev/verified-trust";
