//! Gaps of both emulators in AssumeRoleWithWebIdentity: the token is not verified, the IAM OIDC provider is not asked for,
//! the role's maximum session is not kept; ministack compares `aud`, which Kubernetes writes as a list, as one string, so that
//! no Kubernetes token ever fits a trust policy; and its answer names a made-up subject, where LocalStack's names none.
//! LocalStack does not judge the trust at all, and that is left so: the test bed has STS from ministack where it matters.
//! Input: the request. Output: STS's refusal (docs/dev/aws-behaviour.md#web-identity-errors), or the emulator's judgement of the trust. Asks the emulators of IAM and STS.

use std::time::{SystemTime, UNIX_EPOCH};

use super::super::emulator::Emulators;
use super::super::error::error;
use super::super::message::{Answer, Request};
use super::super::service::Service;
use super::super::xml;
use super::provider::Providers;
use super::token::{Claims, Keys, Refused, invalid};

/// AssumeRoleWithWebIdentity: checked here as far as the emulators do not, then judged by the emulator of STS.
pub(crate) async fn assume(
    keys: &Keys,
    providers: &Providers,
    emulators: &Emulators,
    request: &Request,
) -> Answer {
    let mut form = request.form();
    let role = form.get("RoleArn").unwrap_or_default().to_owned();
    let token = form.get("WebIdentityToken").unwrap_or_default().to_owned();
    let Some((partition, account)) = role_place(&role) else {
        return refuse(&Refused {
            code: "ValidationError",
            message: "Request ARN is invalid".to_owned(),
        });
    };
    let accepted = match accept(
        keys,
        providers,
        emulators,
        &token,
        &format!("arn:{partition}:iam::{account}"),
    )
    .await
    {
        Ok(accepted) => accepted,
        Err(refused) => return refuse(&refused),
    };
    if let Some(refused) = session_too_long(emulators, account, &role, form.get("DurationSeconds")).await {
        return refuse(&refused);
    }
    let (claims, audience) = accepted;
    form.set("WebIdentityToken", &claims.restated(&audience));
    let answer = emulators.forward(Service::Sts, &request.with_form(&form)).await;
    if answer.status.is_success() {
        attested(answer, &claims, &audience)
    } else {
        answer
    }
}

/// The claims of a token that the account's provider takes, and the audience under which it does.
async fn accept(
    keys: &Keys,
    providers: &Providers,
    emulators: &Emulators,
    token: &str,
    account: &str,
) -> Result<(Claims, String), Refused> {
    let claims = Claims::unverified(token)?;
    let host = claims
        .iss
        .split_once("://")
        .map_or(claims.iss.as_str(), |(_, host)| host);
    let provider = providers
        .read(emulators, &format!("{account}:oidc-provider/{host}"))
        .await;
    let missing = |_| {
        invalid(&format!(
            "No OpenIDConnect provider found in your account for {}",
            claims.iss
        ))
    };
    let provider = provider.map_err(missing)?;
    keys.verify(token, &claims)?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.as_secs());
    claims.check_time(now)?;
    let audience = claims.audience(&provider.client_ids)?;
    Ok((claims, audience))
}

/// Every role allows an hour, so a shorter session needs no read of the role.
async fn session_too_long(
    emulators: &Emulators,
    account: &str,
    role: &str,
    asked: Option<&str>,
) -> Option<Refused> {
    let asked = asked?.parse::<u64>().ok().filter(|asked| *asked > 3600)?;
    let name = role.rsplit('/').next().unwrap_or_default();
    let found = emulators.ask_iam(account, "GetRole", &[("RoleName", name)]).await;
    let limit: u64 = xml::text(&found.text(), "MaxSessionDuration")?.parse().ok()?;
    let message =
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.".to_owned();
    (asked > limit).then_some(Refused {
        code: "ValidationError",
        message,
    })
}

/// Partition and account of `arn:<partition>:iam::<account>:role/<path and name>`.
fn role_place(arn: &str) -> Option<(&str, &str)> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":iam::")?;
    let (account, name) = rest.split_once(":role/")?;
    let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !name.is_empty()).then_some((partition, account))
}

fn refuse(refused: &Refused) -> Answer {
    error(Service::Sts, 400, refused.code, &refused.message)
}

/// The answer with what the token really said.
fn attested(answer: Answer, claims: &Claims, audience: &str) -> Answer {
    let mut text = answer.text();
    let said = [
        ("SubjectFromWebIdentityToken", claims.sub.as_str()),
        ("Audience", audience),
        ("Provider", claims.iss.as_str()),
    ];
    for (name, value) in said {
        let value = xml::escape(value);
        text = xml::without(&text, name).replacen(
            RESULT_END,
            &format!("<{name}>{value}</{name}>{RESULT_END}"),
            1,
        );
    }
    answer.with_body(text)
}

const RESULT_END: &str = "</AssumeRoleWithWebIdentityResult>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_arn_without_account_has_no_location() {
        assert_eq!(
            role_place("arn:aws-cn:iam::123456789012:role/p/r"),
            Some(("aws-cn", "123456789012"))
        );
        for arn in [
            "",
            "r",
            "arn:aws:iam::123456789012:user/u",
            "arn:aws:iam::12:role/r",
            "arn:aws:iam::123456789012:role/",
        ] {
            assert_eq!(role_place(arn), None, "{arn}");
        }
    }
}
