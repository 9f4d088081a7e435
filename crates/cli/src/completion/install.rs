//! The link by which kubectl asks the plugin for completions. krew links one file of a plugin only, so the program makes the link
//! itself. Input: a directory, or the PATH. Output: the path of the link. Writes one link.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// The name under which kubectl asks a plugin for completions (kubernetes/kubectl, `pkg/cmd/plugin_completion.go`).
pub(super) const FOR_KUBECTL: &str = "kubectl_complete-lanyard";

/// The name under which kubectl finds the plugin.
const PLUGIN: &str = "kubectl-lanyard";

/// Creates the link and returns its path. A link of a previous version is replaced; another file is not.
pub(super) fn install(dir: Option<&Path>) -> Result<PathBuf, CliError> {
    let dir = match dir {
        Some(dir) => dir.to_owned(),
        None => on_path().ok_or_else(|| {
            CliError::Usage(format!(
                "no directory of PATH has {PLUGIN}. Put it there, or give --dir with a directory of PATH"
            ))
        })?,
    };
    let failed = |error: io::Error| CliError::Usage(format!("{}: {error}", dir.join(FOR_KUBECTL).display()));
    let target = match dir.join(PLUGIN).exists() {
        // The link stays valid when the plugin is updated.
        true => PathBuf::from(PLUGIN),
        false => std::env::current_exe().map_err(failed)?,
    };
    let place = dir.join(FOR_KUBECTL);
    match fs::symlink_metadata(&place) {
        Ok(known) if known.is_symlink() => fs::remove_file(&place).map_err(failed)?,
        Ok(_) => {
            return Err(CliError::Usage(format!(
                "{} exists and is no link. Remove it, or give --dir",
                place.display()
            )));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    link(&target, &place).map_err(failed)?;
    Ok(place)
}

/// The first directory of the PATH that has the plugin.
fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|dir| dir.join(PLUGIN).exists())
}

#[cfg(unix)]
fn link(target: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, place)
}

#[cfg(not(unix))]
fn link(target: &Path, place: &Path) -> io::Result<()> {
    let target = place.parent().unwrap_or(Path::new(".")).join(target);
    fs::copy(target, place.with_extension("exe")).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of its own for one test.
    fn directory(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("lanyard-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn link_names_the_plugin_beside_it_and_is_replaced() {
        let dir = directory("link");
        fs::write(dir.join(PLUGIN), "").unwrap();
        for _ in 0..2 {
            let place = install(Some(&dir)).unwrap();
            assert_eq!(place, dir.join(FOR_KUBECTL));
            assert_eq!(fs::read_link(place).unwrap(), Path::new(PLUGIN));
        }
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn other_file_of_the_name_is_kept() {
        let dir = directory("file");
        fs::write(dir.join(FOR_KUBECTL), "mine").unwrap();
        let error = install(Some(&dir)).unwrap_err().to_string();
        assert!(error.contains("is no link"), "{error}");
        assert_eq!(fs::read_to_string(dir.join(FOR_KUBECTL)).unwrap(), "mine");
        fs::remove_dir_all(dir).unwrap();
    }
}
