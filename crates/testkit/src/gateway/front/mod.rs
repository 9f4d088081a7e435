//! A front of the API server: the gateway's second side, between a client and kube-apiserver.
//! Input: who to speak as (a kubeconfig's user). Output: one plain URL; what comes there is forwarded over TLS in that name.
//! It shares ledger and faults with the AWS side, so that "the n-th write" is counted over both. Network I/O.
//! ```text
//!   kube client -> serve -> call (what is it?) -> interference (faults) -> API server
//! ```
//! Watches are passed on as they come. What takes over the connection (exec, attach, port-forward) is not supported.

mod call;
mod serve;
mod upstream;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use self::upstream::Behind;
use super::handle::Gateway;
use super::serve::{Server, serve};

/// A running front. Clones are handles to the same one; it stops when the last is dropped.
#[derive(Clone, Debug)]
pub struct Front {
    address: SocketAddr,
    hang_up: Arc<Notify>,
    _server: Arc<Server>,
}

impl Gateway {
    /// Starts a front on a free port of 127.0.0.1 that speaks to the API server as the user of `config`.
    pub async fn front(&self, mut config: kube::Config) -> Result<Front> {
        // The caller sees the effect of a fault, and watches last.
        config.default_retry = false;
        config.read_timeout = None;
        config.write_timeout = None;
        let upstream = kube::Client::try_from(config).context("no client for the API server")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no free port for the front")?;
        let address = listener.local_addr()?;
        let hang_up = Arc::new(Notify::new());
        let behind = Arc::new(Behind {
            upstream,
            core: Arc::clone(&self.core),
        });
        let served = serve(listener, Arc::clone(&hang_up), move |request| {
            serve::answer(request, Arc::clone(&behind))
        });
        Ok(Front {
            address,
            hang_up,
            _server: Arc::new(Server(tokio::spawn(served))),
        })
    }
}

impl Front {
    /// The URL to give a kube client, which needs no credentials for it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Closes every connection, those of watches too, as a load balancer does when a server goes away. New ones are
    /// taken: with a fault that resets every call the API server is as good as gone.
    pub fn hang_up(&self) {
        self.hang_up.notify_one();
    }
}
