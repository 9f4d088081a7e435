//! Free ports for programs that need one in their settings. Input: the cache. Output: a port that no other test bed picks while
//! it is held. Does I/O (lock files, a trial bind).
//! Asking the kernel for a free port and letting go of it leaves a gap in which another test bed takes it. So a port is
//! claimed by a lock file first, from below the range that the kernel gives to outgoing connections.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

use crate::cache::{self, Cache};

const RANGE: Range<u16> = 20_000..30_000;

/// Where this process looks next, so that it does not try its own ports again.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port on 127.0.0.1 that is ours until this is dropped.
#[derive(Debug)]
pub struct Port {
    /// The number.
    pub number: u16,
    _claim: File,
}

impl Port {
    /// Claims a port that nothing listens on.
    pub fn claim(cache: &Cache) -> Result<Self> {
        let claims = cache.dir("ports")?;
        for _ in RANGE {
            let number = candidate();
            let Some(claim) = cache::try_lock(&claims.join(number.to_string()))? else {
                continue;
            };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Self {
                    number,
                    _claim: claim,
                });
            }
        }
        bail!(
            "no free port on 127.0.0.1 between {} and {}",
            RANGE.start,
            RANGE.end
        )
    }

    /// `127.0.0.1:<port>`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }
}

/// Processes start at different places, so that they seldom meet.
fn candidate() -> u16 {
    let width = u32::from(RANGE.end - RANGE.start);
    let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
    let offset = process::id().wrapping_mul(37).wrapping_add(step) % width;
    RANGE
        .start
        .saturating_add(u16::try_from(offset).unwrap_or_default())
}
