//! Memory and processor time of a process, from `/proc`. Input: a process id. Output: numbers. Reads files.

use std::fs;

use anyhow::{Context, Result};

/// Ticks of a second in `/proc/<pid>/stat`: `USER_HZ`, which is 100 on every Linux.
const TICKS: f64 = 100.0;

/// Resources that a process has used so far.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Resident memory now, in MB (10^6 bytes).
    pub resident: f64,
    /// Its maximum since the start.
    pub peak: f64,
    /// The part that no file backs: heap and stacks, without the code. Shared pages of code count for every process.
    pub anonymous: f64,
    /// Processor seconds so far.
    pub cpu: f64,
}

/// Reads the usage of a process from the kernel.
pub fn of(process: u32) -> Result<Usage> {
    let read = |file: &str| {
        let path = format!("/proc/{process}/{file}");
        fs::read_to_string(&path).with_context(|| format!("reading {path}"))
    };
    let status = read("status")?;
    let line = |name: &str| {
        let kilobytes = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = kilobytes.and_then(|text| text.split_whitespace().next());
        let kilobytes: Option<f64> = kilobytes.and_then(|text| text.parse().ok());
        kilobytes.map(|kilobytes| kilobytes * 1024.0 / 1e6)
    };
    let stat = read("stat")?;
    // The second field is the program's name in parentheses, which may hold anything.
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: f64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    Ok(Usage {
        resident: line("VmRSS:").context("no VmRSS")?,
        peak: line("VmHWM:").context("no VmHWM")?,
        anonymous: line("RssAnon:").context("no RssAnon")?,
        cpu: ticks / TICKS,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn own_process_has_consistent_memory_values() {
        let usage = super::of(std::process::id()).unwrap();
        assert!(usage.resident > 0.1 && usage.peak >= usage.resident);
        assert!(usage.anonymous <= usage.resident && usage.cpu >= 0.0);
    }
}
