//! Checks of STS on a web identity token before it reads any role: signature by a known key, time, audience (docs/dev/aws-behaviour.md#web-identity-errors).
//! Input: the token, the issuer's keys, the provider's client IDs, the time. Output: its claims, or STS's refusal. No I/O.

use parking_lot::Mutex;
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Value, json};

/// The published keys of token issuers, by issuer URL.
#[derive(Debug, Default)]
pub(crate) struct Keys(Mutex<HashMap<String, JwkSet>>);

/// A refusal of STS: code and message. The HTTP status is 400 for all of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub code: &'static str,
    pub message: String,
}

/// The claims that count.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Claims {
    pub iss: String,
    pub sub: String,
    #[serde(default)]
    aud: Audience,
    exp: u64,
}

/// Kubernetes writes a list, others write a string.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Default for Audience {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Keys {
    pub fn set(&self, issuer: &str, jwks: &str) -> anyhow::Result<()> {
        let keys: JwkSet = serde_json::from_str(jwks)?;
        self.0
            .lock()
            .insert(issuer.trim_end_matches('/').to_owned(), keys);
        Ok(())
    }

    /// That one of the issuer's keys signed the token.
    pub fn verify(&self, token: &str, claims: &Claims) -> Result<(), Refused> {
        let header = decode_header(token).map_err(|_| not_a_token())?;
        let keys = self.0.lock();
        let known = keys.get(claims.iss.trim_end_matches('/'));
        let jwk = header.kid.as_deref().and_then(|kid| known?.find(kid)).ok_or_else(|| invalid(
            "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
        ))?;
        let mut validation = Validation::new(header.alg);
        validation.validate_exp = false;
        validation.validate_aud = false;
        let key = DecodingKey::from_jwk(jwk)
            .map_err(|_| invalid("The key of the identity provider cannot be used"))?;
        decode::<Value>(token, &key, &validation)
            .map_err(|_| invalid("Token signature verification failed"))?;
        Ok(())
    }
}

impl Claims {
    /// The claims of the token, without a check of its signature.
    pub fn unverified(token: &str) -> Result<Self, Refused> {
        let payload = token
            .split('.')
            .nth(1)
            .and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
        payload
            .and_then(|payload| serde_json::from_slice(&payload).ok())
            .ok_or_else(not_a_token)
    }

    /// That the token has not run out. `now` is in seconds since 1970.
    pub fn check_time(&self, now: u64) -> Result<(), Refused> {
        if now < self.exp {
            return Ok(());
        }
        let message = format!(
            "Token expired: current date/time {now} must be before the expiration date/time {}",
            self.exp
        );
        Err(Refused {
            code: "ExpiredTokenException",
            message,
        })
    }

    /// The audience under which the provider takes the token.
    pub fn audience(&self, client_ids: &[String]) -> Result<String, Refused> {
        let asked = match &self.aud {
            Audience::One(one) => std::slice::from_ref(one),
            Audience::Many(many) => many.as_slice(),
        };
        let found = asked.iter().find(|audience| client_ids.contains(audience));
        found.cloned().ok_or_else(|| invalid("Incorrect token audience"))
    }

    /// An unsigned token with these claims and one audience.
    pub fn restated(&self, audience: &str) -> String {
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({"iss": self.iss, "sub": self.sub, "aud": audience, "exp": self.exp});
        format!("{}.{}.", encode(json!({"alg": "none"})), encode(claims))
    }
}

pub(crate) fn invalid(message: &str) -> Refused {
    Refused {
        code: "InvalidIdentityToken",
        message: message.to_owned(),
    }
}

fn not_a_token() -> Refused {
    invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};

    use super::*;

    const ISSUER: &str = "https://issuer.example.com/id/A";

    fn payload() -> Value {
        json!({"iss": ISSUER, "sub": "system:serviceaccount:shop:orders", "aud": ["sts.amazonaws.com", "api"], "exp": 1000})
    }

    /// A key of an issuer: signs tokens, and publishes itself.
    struct Key(EncodingKey);

    impl Key {
        fn new() -> Self {
            Self(EncodingKey::from_ec_der(
                &rcgen::KeyPair::generate().unwrap().serialize_der(),
            ))
        }

        fn sign(&self) -> String {
            let header = Header {
                kid: Some("k".into()),
                ..Header::new(Algorithm::ES256)
            };
            encode(&header, &payload(), &self.0).unwrap()
        }

        fn published(&self, kid: &str) -> Keys {
            let mut jwk = Jwk::from_encoding_key(&self.0, Algorithm::ES256).unwrap();
            jwk.common.key_id = Some(kid.to_owned());
            let keys = Keys::default();
            keys.set(ISSUER, &json!({"keys": [jwk]}).to_string()).unwrap();
            keys
        }
    }

    fn verify(keys: &Keys, token: &str) -> Result<(), &'static str> {
        keys.verify(token, &Claims::unverified(token).unwrap())
            .map_err(|refused| refused.code)
    }

    #[test]
    fn token_signed_by_unpublished_key_is_rejected() {
        let (key, other) = (Key::new(), Key::new());
        let token = key.sign();
        assert_eq!(verify(&key.published("k"), &token), Ok(()));
        assert_eq!(verify(&other.published("k"), &token), Err("InvalidIdentityToken"));
        assert_eq!(
            verify(&key.published("unknown"), &token),
            Err("InvalidIdentityToken")
        );
        assert_eq!(verify(&Keys::default(), &token), Err("InvalidIdentityToken"));
    }

    #[test]
    fn expired_token_is_rejected() {
        let claims: Claims = serde_json::from_value(payload()).unwrap();
        assert_eq!(claims.check_time(999), Ok(()));
        assert_eq!(claims.check_time(1000).unwrap_err().code, "ExpiredTokenException");
    }

    #[test]
    fn token_needs_one_audience_of_the_provider() {
        let claims: Claims = serde_json::from_value(payload()).unwrap();
        assert_eq!(claims.audience(&["api".into()]).unwrap(), "api");
        assert_eq!(
            claims.audience(&["other".into()]).unwrap_err().message,
            "Incorrect token audience"
        );
        let plain: Claims =
            serde_json::from_value(json!({"iss": "i", "sub": "s", "aud": "api", "exp": 1})).unwrap();
        assert_eq!(plain.audience(&["api".into()]).unwrap(), "api");
    }

    #[test]
    fn restated_token_keeps_claims_with_one_audience() {
        let claims: Claims = serde_json::from_value(payload()).unwrap();
        let restated = Claims::unverified(&claims.restated("api")).unwrap();
        assert_eq!((restated.iss, restated.sub), (claims.iss, claims.sub));
        assert!(matches!(restated.aud, Audience::One(audience) if audience == "api"));
    }

    #[test]
    fn malformed_token_is_rejected() {
        for token in ["", "a.b.c", "nonsense"] {
            assert_eq!(
                Claims::unverified(token).unwrap_err().code,
                "InvalidIdentityToken"
            );
        }
    }
}
