//! Limits on concurrent work and call rates, from the settings. Plain data.

/// Limits on concurrent work and call rates.
#[derive(Debug, Clone, Copy)]
pub struct WorkLimits {
    /// Maximum number of concurrent reconciles.
    pub workers: u16,
    /// Maximum number of associations that the drift scan describes each second.
    pub describes_per_second: u16,
}
