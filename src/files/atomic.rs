//! Writing a file so that a reader sees the old content or the new, never a part.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::Builder;

use crate::error::{Error, Result};

const PREFIX: &str = ".daleian-";
const SUFFIX: &str = ".tmp";
const BUFFER: usize = 1 << 18;

/// Writes `path` through `write`: into a temporary file of the same folder, which is flushed, synced to the disk and
/// then renamed, and the folder synced. It replaces what stood at `path`.
///
/// The writer is buffered and can seek. If anything fails, `write` included, what stood at `path` is as before and no
/// temporary file remains; a process killed in between leaves one, which [`remove_stale`] takes away. The new file
/// has the permissions that the user's umask gives to any new file.
///
/// # Errors
/// [`Error::Io`] with `path`: no such folder, no permission, disk full, `path` is a folder, or what `write` returned.
pub fn write_atomic(path: impl AsRef<Path>, write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> Result<()> {
    let path = path.as_ref();
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    replace(path, folder, write).map_err(|error| Error::io(path, "write", error))?;
    sync_folder(folder).map_err(|error| Error::io(folder, "sync the folder", error))
}

fn replace(path: &Path, folder: &Path, write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> io::Result<()> {
    // Not `Builder::tempfile_in`: it hides the file from everyone but its owner, and its errors speak of the
    // temporary name.
    let temporary = Builder::new()
        .prefix(PREFIX)
        .suffix(SUFFIX)
        .make_in(folder, |name| OpenOptions::new().write(true).create_new(true).open(name))?;
    let mut writer = BufWriter::with_capacity(BUFFER, temporary.as_file());
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|failed| failed.error)?;
    Ok(())
}

/// The rename itself must survive a power failure, so the folder is synced too; where the file system knows no such
/// thing there is nothing to wait for.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Removes the temporary files that a killed process left in `folder` (not in folders inside it), and says how many.
///
/// Only for a folder that nobody is writing to: it would take the temporary file of a living process too.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be listed or a file not removed.
pub fn remove_stale(folder: impl AsRef<Path>) -> Result<usize> {
    let folder = folder.as_ref();
    let list = |error| Error::io(folder, "list the folder", error);
    let mut removed = 0;
    for entry in fs::read_dir(folder).map_err(list)? {
        let entry = entry.map_err(list)?;
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        if ours && entry.file_type().map_err(list)?.is_file() {
            fs::remove_file(entry.path()).map_err(|error| Error::io(entry.path(), "remove", error))?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, SeekFrom};

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn writes_seeks_and_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        write_atomic(&path, |w| w.write_all(b"epoch,loss\n")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"epoch,loss\n");
        write_atomic(&path, |w| {
            w.write_all(b"....new")?;
            w.seek(SeekFrom::Start(0))?;
            w.write_all(b"very")
        })
        .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"verynew");
        assert_eq!(names(folder.path()), ["metrics.csv"]);
    }

    #[test]
    fn failure_keeps_the_old_file_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        fs::write(&path, "old").unwrap();
        let error = write_atomic(&path, |w| {
            w.write_all(&vec![7; 3 * BUFFER])?;
            // The name while it is written is one that `remove_stale` knows.
            assert!(names(folder.path()).iter().any(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX)));
            Err(io::Error::from(io::ErrorKind::StorageFull))
        })
        .unwrap_err();
        let message = error.to_string();
        assert!(message.contains("model.safetensors: cannot write: "), "{message}");
        assert!(!message.contains(PREFIX), "{message}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["model.safetensors"]);
    }

    #[test]
    fn a_panic_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let caught = std::panic::catch_unwind(|| write_atomic(&path, |_| panic!("on purpose")));
        assert!(caught.is_err());
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn names_the_final_path_when_it_cannot_be() {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = folder.path().join("no/such/x.csv");
        let message = write_atomic(&nowhere, |_| Ok(())).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{}: cannot write: ", nowhere.display())), "{message}");
        assert!(!message.contains(PREFIX), "{message}");

        let taken = folder.path().join("taken");
        fs::create_dir_all(taken.join("inside")).unwrap();
        let message = write_atomic(&taken, |_| Ok(())).unwrap_err().to_string();
        assert!(message.contains("taken: cannot write"), "{message}");
        assert_eq!(names(folder.path()), ["taken"]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write_atomic(&ours, |_| Ok(())).unwrap();
        File::create(&plain).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[test]
    fn removes_only_what_a_killed_process_left() {
        let folder = tempfile::tempdir().unwrap();
        let kept = ["model.safetensors", ".daleian-notes.txt", "x.tmp"];
        for name in kept.iter().chain(&[".daleian-Ab12Cd.tmp", ".daleian-000000.tmp"]) {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        fs::create_dir(folder.path().join(".daleian-folder.tmp")).unwrap();
        assert_eq!(remove_stale(folder.path()).unwrap(), 2);
        assert_eq!(remove_stale(folder.path()).unwrap(), 0);
        assert_eq!(names(folder.path()), [".daleian-folder.tmp", ".daleian-notes.txt", "model.safetensors", "x.tmp"]);
        let message = remove_stale(folder.path().join("none")).unwrap_err().to_string();
        assert!(message.contains("none: cannot list the folder"), "{message}");
    }
}
