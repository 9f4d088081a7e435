//! Account and region of everything that is emulated. No I/O.

/// The region that everything emulated is in.
pub const REGION: &str = "us-east-1";
/// The account that everything emulated is in.
pub const ACCOUNT: &str = "000000000000";
