//! The files of a container that can have credentials: mounts at `.aws`, and paths in variables. Paths in; sources out.
//! Paths are not kept. No I/O.

use std::fmt;

/// The source of a mounted volume.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum MountSource {
    /// A Secret.
    Secret(String),
    /// A ConfigMap.
    ConfigMap(String),
    /// Any other volume, by its name in the pod.
    Volume(String),
}

/// A volume that is mounted in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The path in the container.
    pub path: String,
    /// The sources: several for a projected volume.
    pub sources: Vec<MountSource>,
}

impl Mount {
    /// Returns true if the path of the mount is the directory `.aws` or in it.
    pub(super) fn is_aws_directory(&self) -> bool {
        unix(&self.path).split('/').any(|part| part == ".aws")
    }

    /// The deepest mount that has the file.
    pub(super) fn of<'a>(mounts: &'a [Self], file: &str) -> Option<&'a Self> {
        let file = unix(file);
        let has = |mount: &&Self| {
            let path = unix(&mount.path);
            let rest = file.strip_prefix(path.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        mounts.iter().filter(has).max_by_key(|mount| mount.path.len())
    }

    /// The sources, for people.
    pub(super) fn shown(&self) -> String {
        let sources: Vec<String> = self.sources.iter().map(ToString::to_string).collect();
        sources.join(", ")
    }
}

impl fmt::Display for MountSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(name) => write!(f, "Secret {name}"),
            Self::ConfigMap(name) => write!(f, "ConfigMap {name}"),
            Self::Volume(name) => write!(f, "volume {name}"),
        }
    }
}

/// Converts a path to its Linux form, which the webhook does not use on Windows.
pub(super) fn unix(path: &str) -> String {
    path.strip_prefix("C:").unwrap_or(path).replace('\\', "/")
}
