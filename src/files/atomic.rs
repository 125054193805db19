//! A file is written under a temporary name, synced, and renamed: whoever looks sees the old one or the new one.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::error::{Error, Result};

const PREFIX: &str = ".daleian-";
const SUFFIX: &str = ".tmp";

/// Writes `path` through `write`. On any failure (a full disk, say) the file that was there stays as it was, and
/// nothing else is left behind.
///
/// # Errors
/// If the folder does not exist, is not writable or has no room.
pub fn write_atomic(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let failed = |source| Error::io(path, "write", source);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // made here, so that it gets the permissions of an ordinary file, and so that the system's own error is at hand
    // (`tempfile` wraps it in one that names the temporary file)
    let mut refused = None;
    let create = |path: &Path| {
        let file = File::options().write(true).create_new(true).open(path);
        refused = file.as_ref().err().and_then(io::Error::raw_os_error);
        file
    };
    let file = tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).make_in(folder, create);
    let file = file.map_err(|error| failed(refused.map_or(error, io::Error::from_raw_os_error)))?;
    let mut out = BufWriter::with_capacity(1 << 16, file.as_file());
    write(&mut out).and_then(|()| out.flush()).map_err(failed)?;
    drop(out);
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // the new name must survive a crash too; a folder cannot be opened everywhere, and then this is all there is
    #[cfg(unix)]
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(())
}

/// Removes what a killed process left in `folder`.
///
/// # Errors
/// If the folder cannot be read or a file not removed.
pub fn remove_stale(folder: &Path) -> Result<()> {
    let failed = |source| Error::io(folder, "clean up", source);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_a_file_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        for text in ["first", "second, longer"] {
            write_atomic(&path, |out| out.write_all(text.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_atomic(&path, |out| out.write_all(b"old")).unwrap();
        let error = write_atomic(&path, |out| {
            out.write_all(&[b'x'; 100_000])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        })
        .unwrap_err();
        assert!(error.to_string().contains("a.txt: cannot write"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = write_atomic(Path::new("/nowhere/at/all/a.txt"), |_| Ok(())).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/at/all/a.txt: cannot write"), "{error}");
        assert!(!error.to_string().contains(PREFIX), "{error}");
    }

    #[test]
    fn stale_files_go_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".daleian-abc.tmp", "b.txt", ".daleian-notes"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_stale(folder.path()).unwrap();
        assert_eq!(names(folder.path()), [".daleian-notes", "b.txt"]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_an_ordinary_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write_atomic(&ours, |out| out.write_all(b"x")).unwrap();
        fs::write(&plain, "x").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
