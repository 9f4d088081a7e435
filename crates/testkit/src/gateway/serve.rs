//! The gateway's server: one HTTP/1.1 exchange after another, each named, ruled on, performed and recorded.
//! In: connections of the SDK. Out: answers, or closed connections where a fault says so. Network I/O.
//! Started by `Gateway::start`.

use std::sync::Arc;

use anyhow::Context as _;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::Core;
use super::call::Call;
use super::error::{self, denied, error as refused, throttled};
use super::interference::{Refusal, Ruling, Verdict};
use super::ledger::Entry;
use super::message::{Answer, Request};

/// Serves until its task is ended; the connections end with it.
pub(crate) async fn serve(listener: TcpListener, core: Arc<Core>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(converse(stream, Arc::clone(&core)))),
                Err(why) => tracing::warn!(%why, "the gateway could not take a connection"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, core: Arc<Core>) {
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| answer(request, Arc::clone(&core)));
    if let Err(why) = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await
    {
        tracing::debug!(%why, "a connection to the gateway ended early");
    }
}

/// One exchange, in a task of its own: a caller that hangs up must not leave what the gateway does half done.
/// hyper closes the connection without an answer when this fails.
async fn answer(request: http::Request<Incoming>, core: Arc<Core>) -> anyhow::Result<Response<Full<Bytes>>> {
    let request = Request::read(request).await?;
    let answered = tokio::spawn(async move { exchange(&core, &request).await }).await?;
    answered.map(Answer::into_response).context("dropped on purpose")
}

/// Nothing when the caller is not to get an answer.
async fn exchange(core: &Core, request: &Request) -> Option<Answer> {
    let Some(call) = core.name(request) else {
        return Some(unnamed(request));
    };
    let ruling = core.interference.rule(&call).await;
    let answer = perform(core, &call, request, &ruling).await;
    for hook in ruling.after {
        hook(call.clone()).await;
    }
    let answer = answer.filter(|_| !ruling.swallow);
    core.interference.ledger.record(Entry {
        call,
        status: answer.as_ref().map(|answer| answer.status.as_u16()),
        code: answer.as_ref().and_then(error::code),
    });
    answer
}

async fn perform(core: &Core, call: &Call, request: &Request, ruling: &Ruling) -> Option<Answer> {
    match &ruling.verdict {
        Verdict::Pass => Some(truth(core, call, request).await),
        Verdict::Stale => match core.recall.last(call, request) {
            Some(old) => Some(old),
            None => Some(truth(core, call, request).await),
        },
        Verdict::Drop => None,
        Verdict::Refuse(refusal) => Some(word(refusal, call)),
    }
}

async fn truth(core: &Core, call: &Call, request: &Request) -> Answer {
    let answer = core.ask(call, request).await;
    core.recall.remember(call, request, &answer);
    answer
}

fn word(refusal: &Refusal, call: &Call) -> Answer {
    match refusal {
        Refusal::Throttled => throttled(call.service),
        Refusal::Denied => denied(call),
        Refusal::Error {
            status,
            code,
            message,
        } => refused(call.service, *status, code, message),
        Refusal::Answer { status, body } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Answer::of(call.service, status, body.clone())
        }
    }
}

fn unnamed(request: &Request) -> Answer {
    let message = format!(
        "{} {}: the gateway speaks for IAM, STS and EKS only",
        request.method, request.uri
    );
    Answer::json(StatusCode::NOT_FOUND, &serde_json::json!({ "message": message }))
}
