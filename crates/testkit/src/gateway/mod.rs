//! The gateway: an HTTP proxy in this process between the AWS SDK and the emulators of IAM, STS and EKS.
//! It counts calls, makes them slow, throttled or fail on purpose, and closes the gaps between the emulators and AWS.
//! In: the emulators' URLs. Out: one URL to give the SDK as `AWS_ENDPOINT_URL`. Network I/O. Used by the test bed, tests and benches.
//!
//! ```text
//!   SDK -> serve -> call (what is it?) -> interference (latency, throttle, faults) -> gaps -> emulator
//!                                              |                                        |
//!                                           ledger                               what AWS would say
//! ```

mod call;
mod emulator;
mod error;
mod fault;
mod form;
mod interference;
mod ledger;
mod message;
mod recall;
mod serve;
#[cfg(test)]
mod testing;
mod throttle;
mod xml;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use self::call::{Call, Service};
pub use self::fault::{Fault, FaultHandle, Faults, Target};
pub use self::ledger::{Calls, Entry, Ledger, Mark};
pub use self::throttle::Throttle;

use self::emulator::Emulators;
use self::interference::Interference;
use self::message::{Answer, Request};
use self::recall::Recall;

/// Where each service is emulated: `http://host:port`. The same emulator may stand for several.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// The emulator of IAM (ministack or LocalStack).
    pub iam: String,
    /// The emulator of STS; it must be the one of IAM, whose roles it assumes.
    pub sts: String,
    /// The emulator of EKS (ministack).
    pub eks: String,
}

impl GatewayOptions {
    /// One emulator for all three.
    pub fn all(url: &str) -> Self {
        Self {
            iam: url.to_owned(),
            sts: url.to_owned(),
            eks: url.to_owned(),
        }
    }
}

/// A running gateway. Clones are handles to the same one; it stops when the last is dropped.
#[derive(Clone, Debug)]
pub struct Gateway {
    core: Arc<Core>,
    address: SocketAddr,
    _server: Arc<Server>,
}

/// What one gateway knows and does, apart from its socket.
#[derive(Debug)]
struct Core {
    interference: Interference,
    emulators: Emulators,
    recall: Recall,
}

impl Gateway {
    /// Starts a gateway on a free port of 127.0.0.1. The emulators need not answer yet.
    pub async fn start(options: GatewayOptions) -> anyhow::Result<Self> {
        let core = Arc::new(Core {
            interference: Interference::new(),
            emulators: Emulators::new(&options)?,
            recall: Recall::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no free port for the gateway")?;
        let address = listener.local_addr()?;
        let server = Server(tokio::spawn(serve::serve(listener, Arc::clone(&core))));
        Ok(Self {
            core,
            address,
            _server: Arc::new(server),
        })
    }

    /// The URL to give the SDK as `AWS_ENDPOINT_URL`, for all three services.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The record of all calls.
    pub fn ledger(&self) -> &Ledger {
        &self.core.interference.ledger
    }

    /// The faults in force.
    pub fn faults(&self) -> &Faults {
        &self.core.interference.faults
    }

    /// Makes every call wait this long before anything else happens to it. Zero, the default, takes the wait away.
    pub fn set_latency(&self, latency: Duration) {
        self.core.interference.set_latency(latency);
    }

    /// Puts these rates in force in place of the ones before, with full buckets. None, the default, lets everything pass.
    pub fn set_throttles(&self, throttles: Vec<Throttle>) {
        self.core.interference.set_throttles(throttles);
    }
}

impl Core {
    fn name(&self, request: &Request) -> Option<Call> {
        Call::of(request)
    }

    async fn ask(&self, call: &Call, request: &Request) -> Answer {
        self.emulators.forward(call.service, request).await
    }
}

/// The server's task, ended with its owner.
#[derive(Debug)]
struct Server(JoinHandle<()>);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A lock whose holder panicked is taken all the same: what it guards are records, never half-done work.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
