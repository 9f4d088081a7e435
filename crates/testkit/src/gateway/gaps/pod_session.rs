//! Gap of both emulators: EKS Auth (`AssumeRoleForPodIdentity`) does not exist, and AssumeRole cannot stand in for it, because no
//! caller is the service principal pods.eks.amazonaws.com. A stand-in for the agent judges the trust policy itself and names the
//! sessions that it vends; STS then knows their keys. Input: keys with ARNs, and requests. Output: answers of GetCallerIdentity.
//! No I/O.

use std::collections::HashMap;

use http::StatusCode;
use parking_lot::Mutex;

use super::super::call::scope;
use super::super::message::{Answer, Request};
use super::super::service::Service;
use super::super::xml;

/// The ARNs of vended sessions, by access key id.
#[derive(Debug, Default)]
pub(crate) struct PodSessions(Mutex<HashMap<String, String>>);

impl PodSessions {
    /// Records a session.
    pub fn add(&self, key: &str, arn: &str) {
        self.0.lock().insert(key.to_owned(), arn.to_owned());
    }

    /// The answer to GetCallerIdentity. Returns `None` for a key of the emulators.
    pub fn caller(&self, request: &Request) -> Option<Answer> {
        let arn = self.0.lock().get(&scope(request)?.key)?.clone();
        let account = arn.split(':').nth(4).unwrap_or_default();
        let session = arn.rsplit('/').next().unwrap_or_default();
        let (user, arn) = (
            xml::escape(&format!("AROAPODSESSION000000:{session}")),
            xml::escape(&arn),
        );
        let body = format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>{arn}</Arn><UserId>{user}</UserId><Account>{account}</Account></GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata>\
             </GetCallerIdentityResponse>"
        );
        Some(Answer::of(Service::Sts, StatusCode::OK, body))
    }
}
