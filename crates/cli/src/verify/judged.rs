//! The answer without a proof: on a cluster without the Pod Identity Agent, the rules of `doctor` judge whether pods would get the
//! role. Input: an identity. Output: the faults. Reads from AWS and the API server.

use lanyard_core::diagnose::{Code, Level};

use super::item::Outcome;
use super::request::Request;
use crate::discovery::identify;
use crate::doctor::findings;
use crate::error::CliError;

/// Judges an identity of Pod Identity if no agent runs. Returns `None` if one does, or if that is not known: a probe tells.
pub(super) async fn without_agent(request: &Request<'_>) -> Result<Option<Outcome>, CliError> {
    let site = identify(request.connection, request.global, None).await?;
    let findings = findings(&request.decoded, &request.identity, &site).await;
    let is_fault = |code: Code| {
        let mut of_code = findings.iter().filter(|finding| finding.code == code);
        of_code.any(|finding| finding.level == Level::Fault)
    };
    if !is_fault(Code::Ly302) {
        return Ok(None);
    }
    let others = findings.iter().filter(|finding| finding.code != Code::Ly302);
    let faults = others.filter(|finding| finding.level == Level::Fault);
    // Pods that carry other credentials say nothing about new ones.
    let faults = faults.filter(|finding| finding.code != Code::Ly103);
    let line = |finding: &lanyard_core::diagnose::Finding| {
        let observed = finding.detail.as_ref().map(|detail| detail.observed.as_str());
        format!("{} {}", finding.code.as_str(), observed.unwrap_or_default())
    };
    Ok(Some(Outcome::Judged(faults.map(line).collect())))
}
