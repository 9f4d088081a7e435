//! The annotations of a ServiceAccount that the pod webhook reads [webhook `pkg/annotations.go`]. Names only; no I/O.

/// The annotation by which the pod webhook learns of an IRSA role [webhook `pkg/annotations.go`].
pub const ANNOTATION_ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
/// The annotation that names another audience than the default.
pub const ANNOTATION_AUDIENCE: &str = "eks.amazonaws.com/audience";
/// The annotation that sets the lifetime of the token, in seconds.
pub const ANNOTATION_TOKEN_EXPIRATION: &str = "eks.amazonaws.com/token-expiration";
/// The annotation that makes SDKs call the regional STS endpoint.
pub const ANNOTATION_STS_REGIONAL: &str = "eks.amazonaws.com/sts-regional-endpoints";

/// Whether an annotation only shapes the token and is no part of the binding.
#[must_use]
pub fn is_token_setting(key: &str) -> bool {
    [ANNOTATION_TOKEN_EXPIRATION, ANNOTATION_STS_REGIONAL].contains(&key)
}

/// The annotation that names by their exact ARNs, with commas between, what Lanyard is to adopt for the object.
pub const ANNOTATION_ADOPT: &str = "lanyard.dev/adopt";

/// The annotation as a field of the object, for messages.
pub const FIELD_ADOPT: &str = "metadata.annotations[lanyard.dev/adopt]";
