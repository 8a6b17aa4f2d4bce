//! Writing files that only their owner may read. Each file is complete or absent.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// How drillmaster opens a file that it writes in parts. The caller adds `write` or `append`. A missing file is
/// created with mode 0600. A link in its place is refused.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).mode(0o600).custom_flags(nix::libc::O_NOFOLLOW);
    options
}

/// Writes a file through a temporary file in the same directory. The result has mode 0600 even if it replaces a file
/// with another mode, and it never exists in part.
///
/// # Errors
/// The target exists and is not a regular file, or the file cannot be written.
pub fn write_private(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = beside(path)?;
    write(&mut file)?;
    file.flush()?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A temporary file that will replace the one at a path.
fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("something exists there that is not a regular file"));
    }
    temporary(path)
}

fn temporary(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A new file with mode 0600 from the start: a link that somebody placed under its name is not followed.
    tempfile::Builder::new().prefix(".").suffix(".next").tempfile_in(folder)
}

/// Writes a file with this content, in the same way.
///
/// # Errors
/// As [`write_private`].
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    write_private(path, |file| file.write_all(content))
}

/// Writes a new file, complete or not at all. If two writers try at the same moment, one of them gets the error.
///
/// # Errors
/// Something has this name already ([`io::ErrorKind::AlreadyExists`]), or the file cannot be written.
pub fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = temporary(path)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

/// Writes a file that can be made again at any time: complete or absent, but not synced to the disk, because a site has
/// a thousand of them.
///
/// # Errors
/// As [`write_private`].
pub fn publish(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = beside(path)?;
    file.write_all(content)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_our_own_is_kept_and_no_link_is_followed() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("log"), folder.path().join("link"));
        private().append(true).open(&path).and_then(|mut f| f.write_all(b"one ")).expect("written");
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        private().append(true).open(&path).and_then(|mut f| f.write_all(b"two")).expect("written");
        private().write(true).open(&path).and_then(|mut f| f.write_all(b"1")).expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"1ne two");
        symlink(&path, &link).expect("linked");
        assert!(private().write(true).open(&link).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_it_whatever_was_there() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("copy.json");
        let write = |path: &Path| write_private(path, |file| file.write_all(b"new"));
        let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
        write(&path).expect("written");
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
        write(&path).expect("written");
        assert_eq!((mode(&path), fs::read(&path).expect("read")), (0o600, b"new".to_vec()));
        // A link is not written through, and a device is not replaced.
        let link = folder.path().join("link");
        symlink(&path, &link).expect("linked");
        for target in [&link, folder.path(), Path::new("/dev/null")] {
            assert!(write(target).is_err(), "{}", target.display());
        }
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "nothing half written is left");
    }
}
