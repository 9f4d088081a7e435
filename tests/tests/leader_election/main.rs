//! Two operators of one cluster: whatever happens to the one that leads, the two never write at the same time, and the
//! other one goes on where it stopped. Needs the test bed; does I/O.
//!
//! ```text
//!   leader   --writes--X  frozen ..................... resumed: not one write more
//!   standby                     | its lease runs out |--writes-->
//! ```

mod frozen;
mod pair;
mod takeover;
