//! The words with which the Pod Identity Agent refuses credentials: the SDK reports its status alone. Input: the environment.
//! Output: status and text of an error answer. Sends one request to the agent.

use std::time::Duration;

use http::Uri;
use lanyard_core::model::text::message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(2);

/// The length of an answer that is read.
const LENGTH: u64 = 4096;

/// The error answer of the agent. Returns `None` if it does not answer, or answers with credentials.
pub(super) async fn answer() -> Option<String> {
    let uri: Uri = std::env::var("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        .ok()?
        .parse()
        .ok()?;
    let file = std::env::var_os("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")?;
    let token = std::fs::read_to_string(file).ok()?;
    let answer = timeout(LIMIT, ask(&uri, token.trim())).await.ok()?.ok()?;
    refusal(&answer)
}

async fn ask(uri: &Uri, token: &str) -> std::io::Result<String> {
    let host = uri.host().unwrap_or_default();
    let address = (host.trim_matches(['[', ']']), uri.port_u16().unwrap_or(80));
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET {} HTTP/1.0\r\nHost: {host}\r\nAuthorization: {token}\r\n\r\n",
        uri.path()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LENGTH).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The status and the text of an error answer. An answer with credentials is never returned.
fn refusal(answer: &str) -> Option<String> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
    (status >= 400).then(|| message(&format!("the agent answered {status}: {}", body.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_has_status_and_text_and_no_credentials() {
        let body = "[id]: (AccessDeniedException): Unauthorized Exception!, fault: client";
        let answer = format!("HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n{body}\n");
        assert_eq!(refusal(&answer), Some(format!("the agent answered 400: {body}")));
        assert_eq!(
            refusal("HTTP/1.0 200 OK\r\n\r\n{\"SecretAccessKey\":\"s\"}"),
            None
        );
        assert_eq!(refusal("not http"), None);
    }
}
