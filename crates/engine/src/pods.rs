//! The pods of a subject, indexed from a watch or listed. Input: pods of the API server. Output: the
//! credentials that they carry. No I/O: the operator watches, and `read/pods.rs` lists.
//!
//! ```text
//!   JSON ---> reading ---> record ---> index         ---> PodList { fresh: false }    all subjects of the cluster
//!                                 \--> read/pods.rs  ---> PodList { fresh: true }     one subject, before a binding is retired
//! ```

mod credentials;
mod details;
mod index;
mod places;
mod reading;
mod record;
mod signs;
#[cfg(test)]
mod testing;
mod volumes;

pub(crate) use details::detail;
pub use index::{PodIndex, SubjectKey};
pub(crate) use places::{
    AGENT_DAEMON_SETS, AGENT_NAMESPACE, Agents, HOST_NETWORK, agent_selector, is_outside_auto_mode,
};
pub(crate) use reading::PodFacts;
pub use record::PodRecord;
pub use signs::PodSigns;
