//! One exchange with the API server: named, ruled on, forwarded and recorded; a watch is passed on as it comes.
//! Input: requests of a kube client. Output: answers, or closed connections where a fault says so. Network I/O.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use http::header::{AUTHORIZATION, HOST};
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Bytes, Incoming};

use super::call;
use super::upstream::Behind;
use crate::gateway::call::Call;
use crate::gateway::error::error;
use crate::gateway::interference::Verdict;
use crate::gateway::ledger::Entry;
use crate::gateway::message::{Answer, Request};
use crate::gateway::serve::{caller, exchange, refusal_code};
use crate::gateway::service::Service;

/// An answer's body: known whole, or coming for as long as the watch lasts.
pub(super) type Payload = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// hyper closes the connection without an answer when this fails.
pub(super) async fn answer(
    request: http::Request<Incoming>,
    behind: Arc<Behind>,
) -> Result<Response<Payload>> {
    let request = Request::read(request).await?;
    let call = call::of(&request);
    // In a task of its own: a caller that hangs up, or is killed, must not leave a call half done.
    let answered = tokio::spawn(async move {
        if call::is_watch(&call) {
            return watch(&behind, call, &request).await;
        }
        let truth = ask(&behind, &request);
        let answer = exchange(&behind.core, &call, &request, truth).await;
        answer.map(whole)
    });
    answered.await?.context("dropped on purpose")
}

/// A watch is recorded as it opens. No answer of it is kept, so a stale one is a true one.
async fn watch(behind: &Behind, call: Call, request: &Request) -> Option<Response<Payload>> {
    let began = Instant::now();
    let ruling = behind.core.interference.rule(&call).await;
    let answer = match &ruling.verdict {
        Verdict::Pass | Verdict::Stale => Some(open(behind, request).await),
        Verdict::Drop => None,
        Verdict::Refuse(refusal) => Some(whole(refusal_code(refusal, &call))),
    };
    for hook in ruling.after {
        hook(call.clone()).await;
    }
    let answer = answer.filter(|_| !ruling.swallow);
    behind.core.interference.ledger.record(Entry {
        call,
        status: answer.as_ref().map(|answer| answer.status().as_u16()),
        code: None,
        caller: caller(request),
        violations: Vec::new(),
        began,
        ended: Instant::now(),
    });
    answer
}

async fn open(behind: &Behind, request: &Request) -> Response<Payload> {
    match send(behind, request).await {
        Ok(answer) => answer.map(|body| body.map_err(Into::into).boxed_unsync()),
        Err(why) => whole(unanswered(&why)),
    }
}

async fn ask(behind: &Behind, request: &Request) -> Answer {
    let answered = async { Answer::read(send(behind, request).await?).await };
    answered.await.unwrap_or_else(|why| unanswered(&why))
}

async fn send(
    behind: &Behind,
    request: &Request,
) -> Result<Response<impl Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Send + use<>>> {
    let mut outgoing = http::Request::new(kube::client::Body::from(request.body.clone()));
    *outgoing.method_mut() = request.method.clone();
    *outgoing.uri_mut() = request.uri.clone();
    *outgoing.headers_mut() = request.headers.clone();
    // The user behind the front is the one that counts, and the host is that of the API server.
    for name in [AUTHORIZATION, HOST] {
        outgoing.headers_mut().remove(name);
    }
    Ok(behind.upstream.send(outgoing).await?)
}

fn unanswered(why: &anyhow::Error) -> Answer {
    let message = format!("the API server did not answer: {why:#}");
    error(
        Service::Kubernetes,
        StatusCode::SERVICE_UNAVAILABLE.as_u16(),
        "ServiceUnavailable",
        &message,
    )
}

fn whole(answer: Answer) -> Response<Payload> {
    answer
        .into_response()
        .map(|body| body.map_err(|never| match never {}).boxed_unsync())
}
