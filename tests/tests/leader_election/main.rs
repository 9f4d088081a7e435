//! Proves leader election with two operators of one cluster: they never write at the same time, whatever happens to the
//! leader, and the standby continues where the leader stopped. Needs the test bed; does I/O.
//!
//! ```text
//!   leader   --writes--X  frozen ..................... resumed: not one write more
//!   standby                     | its lease runs out |--writes-->
//! ```

mod frozen;
mod pair;
mod takeover;
