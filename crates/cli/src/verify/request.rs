//! One identity to prove, with the connection. Plain values; no I/O.

use lanyard_core::identity::Identity;
use lanyard_engine::raw::Decoded;

use crate::connect::Connection;
use crate::global::Global;

/// One identity to prove.
pub(super) struct Request<'a> {
    /// The connection to the API server.
    pub connection: &'a Connection,
    /// The flags of every command.
    pub global: &'a Global,
    /// The object.
    pub decoded: Decoded,
    /// Its identity under its class.
    pub identity: Identity,
}
