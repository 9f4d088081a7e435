//! A running emulator: its process and address. No I/O of its own.

use crate::process::{Port, Process};

/// A running AWS emulator.
#[derive(Debug)]
pub struct Emulator {
    pub(super) _process: Process,
    pub(super) port: Port,
}

impl Emulator {
    /// Its own URL, past the gateway: no gap is closed there.
    pub fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }
}
