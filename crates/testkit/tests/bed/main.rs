//! The test bed, tried: that it is what it says, that nothing of it stays, and what it says when it cannot start.
//! Needs Go and Python the first time (minutes), nothing but the cache afterwards.

mod facts;
mod failures;
mod process_reaper;
mod support;
