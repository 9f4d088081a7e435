//! The gateway's server: one HTTP/1.1 exchange after another, each named, ruled on, performed and recorded.
//! Input: connections of the SDK. Output: answers, or closed connections where a fault says so. Network I/O.
//! Started by `Gateway::start`; a front serves its side with the same loop and the same exchange.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use super::call::Call;
use super::core::Core;
use super::error::{self, error as refused};
use super::interference::{Refusal, Verdict};
use super::ledger::Entry;
use super::message::{Answer, Request};

/// The server's task, ended with its owner.
#[derive(Debug)]
pub(super) struct Server(pub JoinHandle<()>);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Serves until its task is ended, and the connections with it; `hang_up` ends those that are open.
pub(super) async fn serve<A, F, B>(listener: TcpListener, hang_up: Arc<Notify>, answer: A)
where
    A: Fn(http::Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = anyhow::Result<Response<B>>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(converse(stream, answer.clone()))),
                Err(why) => tracing::warn!(%why, "the gateway could not take a connection"),
            },
            Some(_) = connections.join_next() => {}
            () = hang_up.notified() => connections.abort_all(),
        }
    }
}

async fn converse<A, F, B>(stream: TcpStream, answer: A)
where
    A: Fn(http::Request<Incoming>) -> F,
    F: Future<Output = anyhow::Result<Response<B>>>,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let _ = stream.set_nodelay(true);
    if let Err(why) = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await
    {
        tracing::debug!(%why, "a connection to the gateway ended early");
    }
}

/// One exchange with AWS, in a task of its own: a caller that hangs up must not leave what the gateway does half done.
/// hyper closes the connection without an answer when this fails.
pub(super) async fn answer(
    request: http::Request<Incoming>,
    core: Arc<Core>,
) -> anyhow::Result<Response<Full<Bytes>>> {
    let request = Request::read(request).await?;
    let answered = tokio::spawn(async move {
        let Some(call) = core.name(&request) else {
            return Some(unnamed(&request));
        };
        let truth = core.ask(&call, &request);
        exchange(&core, &call, &request, truth).await
    });
    answered
        .await?
        .map(Answer::into_response)
        .context("dropped on purpose")
}

/// Rules on a call, lets `truth` answer it unless something stands in its place, and records it with its violations of AWS's
/// models.
/// Nothing when the caller is not to get an answer.
pub(super) async fn exchange(
    core: &Core,
    call: &Call,
    request: &Request,
    truth: impl Future<Output = Answer>,
) -> Option<Answer> {
    let Core {
        interference, recall, ..
    } = core;
    let began = Instant::now();
    let ruling = interference.rule(call).await;
    let truth = async {
        let answer = truth.await;
        recall.remember(call, request, &answer);
        answer
    };
    let answer = match &ruling.verdict {
        Verdict::Pass => Some(truth.await),
        Verdict::Stale => match recall.last(call, request) {
            Some(old) => Some(old),
            None => Some(truth.await),
        },
        Verdict::Drop => None,
        Verdict::Refuse(refusal) => Some(refusal_code(refusal, call)),
    };
    for hook in ruling.after {
        hook(call.clone()).await;
    }
    // A test writes such an answer to show what the operator makes of a broken one.
    let deliberate = matches!(ruling.verdict, Verdict::Refuse(Refusal::Answer { .. }));
    let compared = answer.as_ref().filter(|_| !deliberate);
    let violations = core.conformance.violations(call, request, compared);
    let answer = answer.filter(|_| !ruling.swallow);
    interference.ledger.record(Entry {
        call: call.clone(),
        status: answer.as_ref().map(|answer| answer.status.as_u16()),
        code: answer.as_ref().and_then(error::code),
        caller: caller(request),
        violations,
        began,
        ended: Instant::now(),
    });
    answer
}

/// The app id that an SDK was given, as its user agent has it (`app/<id>`), or the token that a kube client shows to a front.
pub(super) fn caller(request: &Request) -> Option<String> {
    let words = request
        .header("x-amz-user-agent")
        .or(request.header("user-agent"));
    let app = words
        .unwrap_or_default()
        .split(' ')
        .find_map(|word| word.strip_prefix("app/"));
    let token = || request.header("authorization")?.strip_prefix("Bearer ");
    app.or_else(token).map(str::to_owned)
}

/// A refusal in the words of the call's own protocol.
pub(super) fn refusal_code(refusal: &Refusal, call: &Call) -> Answer {
    match refusal {
        Refusal::Common(common) => error::common(*common, call),
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
        "{} {}: the gateway speaks for IAM, STS, EKS and SQS only",
        request.method, request.uri
    );
    Answer::json(StatusCode::NOT_FOUND, &serde_json::json!({ "message": message }))
}
