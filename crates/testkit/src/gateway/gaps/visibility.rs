//! Gap of both emulators: STS sees a new role, trust policy or OIDC provider at once, where AWS shows it some seconds late
//! (docs/dev/aws-behaviour.md#iam-consistency). Input: the successful writes, and a request for credentials. Output: AWS's
//! refusal while a write is younger than the lag. At first the lag is zero. No I/O.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::super::call::Call;
use super::super::error::error;
use super::super::message::{Answer, Request};
use super::super::service::Service;

/// The writes that STS may not see yet, by role name; those of providers concern every role.
#[derive(Debug, Default)]
pub(crate) struct Visibility {
    lag: Mutex<Duration>,
    roles: Mutex<HashMap<String, Instant>>,
    providers: Mutex<Option<Instant>>,
}

impl Visibility {
    /// Sets how late STS sees a write.
    pub fn set_lag(&self, lag: Duration) {
        *self.lag.lock().unwrap_or_else(PoisonError::into_inner) = lag;
    }

    /// Records a successful write.
    pub fn note(&self, call: &Call, request: &Request) {
        match call.operation.as_str() {
            "CreateRole" | "UpdateAssumeRolePolicy" => {
                let form = request.form();
                let role = form.get("RoleName").unwrap_or_default().to_owned();
                let mut roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
                roles.insert(role, Instant::now());
            }
            "CreateOpenIDConnectProvider" | "AddClientIDToOpenIDConnectProvider" => {
                *self.providers.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
            _ => {}
        }
    }

    /// The refusal of a web identity for a role that STS does not see yet.
    pub fn refusal(&self, request: &Request) -> Option<Answer> {
        let lag = *self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        let form = request.form();
        let arn = form.get("RoleArn").unwrap_or_default();
        let name = arn.rsplit('/').next().unwrap_or_default();
        let roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        let provider = *self.providers.lock().unwrap_or_else(PoisonError::into_inner);
        let written = roles.get(name).copied().max(provider)?;
        let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        (written.elapsed() < lag).then(|| error(Service::Sts, 403, "AccessDenied", message))
    }
}
