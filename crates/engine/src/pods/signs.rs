//! The signs of a pod or pod template that the audit of the command line needs beside its containers. Input: a pod. Output: facts
//! that borrow from it. No I/O.

use k8s_openapi::api::core::v1::Pod;
use lanyard_core::model::pods::Place;

use super::{places, reading, volumes};

/// The signs of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodSigns<'a> {
    /// True if the pod has ended.
    pub is_terminal: bool,
    /// Kind and name of its controller, or of the Deployment behind a ReplicaSet.
    pub owner: Option<(&'a str, &'a str)>,
    /// The place as shown by the pod itself.
    pub place: Place,
    /// True if it asks the webhook to skip it or some of its containers.
    pub skips_webhook: bool,
    /// The SecretProviderClass of a volume whose CSI driver creates tokens of the ServiceAccount itself.
    pub token_volume: Option<&'a str>,
}

impl<'a> PodSigns<'a> {
    /// Reads the signs. Returns `None` if the pod has no spec.
    #[must_use]
    pub fn of(pod: &'a Pod) -> Option<Self> {
        let spec = pod.spec.as_ref()?;
        Some(Self {
            is_terminal: reading::is_terminal(pod),
            owner: reading::owner(pod),
            place: places::alone(pod, spec),
            skips_webhook: reading::skips_webhook(pod),
            token_volume: volumes::token_volume(spec),
        })
    }
}
