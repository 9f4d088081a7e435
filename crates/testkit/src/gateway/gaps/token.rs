//! What STS asks of a web identity token before it looks at any role: a known key's signature, time, audience [F 6.2].
//! In: the token, the issuer's keys, the provider's client IDs, the time. Out: its claims, or STS's refusal. No I/O.
//! Used by `web_identity`.

use std::collections::HashMap;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::locked;

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
        locked(&self.0).insert(issuer.trim_end_matches('/').to_owned(), keys);
        Ok(())
    }

    /// That one of the issuer's keys signed the token.
    pub fn verify(&self, token: &str, claims: &Claims) -> Result<(), Refused> {
        let header = decode_header(token).map_err(|_| not_a_token())?;
        let keys = locked(&self.0);
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
    /// The claims as they stand in the token, whoever signed it.
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
