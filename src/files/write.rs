//! Writing: files that only their owner may read, there whole or not at all.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// How a file of this program's own is opened that is written bit by bit (say how: `write` or
/// `append`). It is made where it is not there, with mode 0600. A link in its place is refused.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).mode(0o600).custom_flags(nix::libc::O_NOFOLLOW);
    options
}

/// Writes a file through a temporary one beside it, so that it has mode 0600 even where a
/// file with other rights was there, and is never there in part.
///
/// # Errors
/// A target that is there and is not a regular file, or a file that cannot be written.
pub fn write_private(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("something is there already that is not a regular file"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Of mode 0600 from the start, and a new file: a link that waits under its name is not followed.
    let mut file = tempfile::Builder::new().prefix(".").suffix(".next").tempfile_in(folder)?;
    write(&mut file)?;
    file.flush()?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The same of content that is there already.
///
/// # Errors
/// As [`write_private`].
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    write_private(path, |file| file.write_all(content))
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
        // Nothing is written through a link, and nothing takes the place of a device.
        let link = folder.path().join("link");
        symlink(&path, &link).expect("linked");
        for target in [&link, folder.path(), Path::new("/dev/null")] {
            assert!(write(target).is_err(), "{}", target.display());
        }
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "nothing half written is left");
    }
}
