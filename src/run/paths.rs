//! The files that a configuration names: where they are looked for, and how a run folder names them.
//!
//! A run folder can be moved, copied and published, so that no absolute path is written into it.

use std::path::{Component, Path, PathBuf};

use super::phase::{BlocksSpec, PhaseSpec};
use super::{RunConfig, names};
use crate::error::{Error, Result};

/// Folders that a file and a run folder must have in common to be of one project: `/home/name`, not `/home`.
const SHARED: usize = 2;

impl RunConfig {
    /// Every file or folder that the configuration names.
    fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let blocks = self.phase.iter_mut().filter_map(|phase| match phase {
            PhaseSpec::Prune(phase) => match &mut phase.blocks {
                Some(BlocksSpec::File(file)) => Some(file),
                _ => None,
            },
            PhaseSpec::Train(_) => None,
        });
        let connectome = self.connectome.iter_mut().flat_map(|files| [Some(&mut files.edges), files.neurons.as_mut()]);
        connectome.flatten().chain(self.task.path_mut()).chain(self.start.as_mut()).chain(blocks).collect()
    }

    /// The files of the connectome, by their keys.
    pub(super) fn connectome_files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.connectome.iter().flat_map(|files| {
            let neurons = files.neurons.as_deref().map(|neurons| ("neurons", neurons));
            [Some(("edges", files.edges.as_path())), neurons].into_iter().flatten()
        })
    }

    /// The same where relative paths start from `folder`.
    pub(crate) fn based_at(mut self, folder: &Path) -> Self {
        self.paths_mut().into_iter().for_each(|path| *path = tidy(&folder.join(&path)));
        self
    }

    /// The same with no word of where files are, to compare configurations.
    pub(super) fn without_paths(&self) -> Self {
        let mut config = self.clone();
        config.paths_mut().into_iter().for_each(|path| *path = PathBuf::new());
        config
    }

    /// The same as a file in `folder` has it: no path is absolute.
    pub(super) fn seen_from(&self, folder: &Path) -> Self {
        let mut config = self.clone();
        config.paths_mut().into_iter().for_each(|path| *path = from_folder(path, folder));
        config
    }

    /// The same as the run folder `folder` has it: no path is absolute, and the start is the copy there.
    pub(super) fn kept_in(&self, folder: &Path) -> Self {
        let start = self.start.is_some().then(|| names::START.into());
        Self { start, ..self.seen_from(folder) }
    }

    /// Checks that every path can be written as text.
    ///
    /// # Errors
    /// With the first that is not UTF-8.
    pub(super) fn check_paths(&self, source: &Path) -> Result<()> {
        let mut config = self.clone();
        let odd = config.paths_mut().into_iter().find(|path| path.to_str().is_none());
        odd.map_or(Ok(()), |path| {
            let problem = format!("it names {}, which is not UTF-8; expected another name", path.display());
            Err(Error::content(source, problem))
        })
    }
}

/// `path` as it is seen from `folder`, if both lie in one project; else the last part of its name alone.
fn from_folder(path: &Path, folder: &Path) -> PathBuf {
    let (path, folder) = (whole(path), folder.canonicalize().unwrap_or_else(|_| whole(folder)));
    let (path_parts, folder_parts): (Vec<_>, Vec<_>) = (path.components().collect(), folder.components().collect());
    let shared = path_parts.iter().zip(&folder_parts).take_while(|(a, b)| a == b).count();
    let named = path_parts[..shared].iter().filter(|part| matches!(part, Component::Normal(_))).count();
    if named < SHARED {
        return path.file_name().map_or_else(|| ".".into(), PathBuf::from);
    }
    let up = folder_parts[shared..].iter().map(|_| Component::ParentDir);
    up.chain(path_parts[shared..].iter().copied()).collect()
}

/// The absolute path without links in the folders above it, as far as these are there.
fn whole(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    // a link stays a link, so that what it stands for is found under the name that was given
    let parts = absolute.parent().zip(absolute.file_name());
    let found = match parts {
        Some((parent, name)) => parent.canonicalize().map(|parent| parent.join(name)),
        None => absolute.canonicalize(),
    };
    found.unwrap_or(absolute)
}

/// `path` without `folder/..`, where `folder` is no link.
fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        let into_folder = matches!(out.components().next_back(), Some(Component::Normal(_))) && !out.is_symlink();
        match part {
            Component::ParentDir if into_folder => drop(out.pop()),
            Component::CurDir => {}
            part => out.push(part),
        }
    }
    if out.as_os_str().is_empty() { ".".into() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_project_are_named_from_the_run_folder() {
        let folder = Path::new("/no/such/project/runs/one");
        let named = |path: &str| from_folder(Path::new(path), folder).to_str().unwrap().to_string();
        assert_eq!(named("/no/such/project/data.npz"), "../../data.npz");
        assert_eq!(named("/no/such/project/runs/one/data.npz"), "data.npz");
        assert_eq!(named("/no/such/other/mnist"), "../../../other/mnist");
        // a path through another user's folder is nobody's business
        assert_eq!(named("/no/one/data.npz"), "data.npz");
        assert_eq!(named("/data.npz"), "data.npz");
    }

    #[test]
    fn steps_back_are_taken() {
        for (path, want) in [
            ("run/../data.npz", "data.npz"),
            ("./a/b/../../../c", "../c"),
            ("../../c", "../../c"),
            ("a/..", "."),
            ("/a/../b", "/b"),
        ] {
            assert_eq!(tidy(Path::new(path)), Path::new(want), "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_stepped_back_from() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("far/run")).unwrap();
        let link = folder.path().join("run");
        std::os::unix::fs::symlink(folder.path().join("far/run"), &link).unwrap();
        assert_eq!(tidy(&link.join("../data.npz")), link.join("../data.npz"));
        let named = from_folder(&folder.path().join("data.npz"), &folder.path().join("run/inner"));
        assert_eq!(named, Path::new("../../../data.npz"));
    }
}
