//! Reading regular files with a size limit.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

use nix::libc::{ELOOP, O_NOFOLLOW, O_NONBLOCK};

const NOT_REGULAR: &str = "it is not a regular file";

/// Reads a file that the user named. A named pipe is refused, because opening one may wait forever. A pipe that the
/// shell already opened (`/dev/fd/N`) is read.
///
/// # Errors
/// A device, a directory, a pipe, more than `most` bytes, or text that is not UTF-8.
pub fn text(path: &Path, most: u64) -> io::Result<String> {
    let passed_on = path.starts_with("/dev/fd") || path == Path::new("/dev/stdin");
    let file = if passed_on { File::open(path)? } else { regular(path)? };
    let kind = file.metadata()?.file_type();
    if !kind.is_file() && !kind.is_fifo() {
        return Err(io::Error::other(NOT_REGULAR));
    }
    text_of_bytes(limited(file, most)?)
}

/// Opens a file that the user named, for reading in parts. Opening never waits.
///
/// # Errors
/// A device, a directory, or a pipe.
pub fn regular(path: &Path) -> io::Result<File> {
    open(path, O_NONBLOCK)
}

/// Reads a file that drillmaster wrote into its own directory. A link in its place is refused, because it could lead
/// to any other file.
///
/// # Errors
/// A link, anything else that is not a regular file, or more than `most` bytes.
pub fn own(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    limited(own_file(path)?, most)
}

/// Opens such a file, for reading in parts.
///
/// # Errors
/// A link, or anything else that is not a regular file.
pub fn own_file(path: &Path) -> io::Result<File> {
    open(path, O_NONBLOCK | O_NOFOLLOW).map_err(|error| match error.raw_os_error() {
        Some(ELOOP) => {
            io::Error::other("it is a symbolic link, and drillmaster does not follow links in its own directories")
        }
        _ => error,
    })
}

/// Converts bytes to text.
///
/// # Errors
/// The bytes are not UTF-8; the error names the line of the first invalid byte.
pub fn text_of_bytes(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..good].iter().filter(|b| **b == b'\n').count() + 1;
        io::Error::other(format!("line {line} is not valid UTF-8"))
    })
}

/// Opens a regular file. The open file is checked, not the path: another file may replace the path in between.
fn open(path: &Path, flags: i32) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other(NOT_REGULAR)) }
}

fn limited(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::other(format!("it is larger than {}", size(most))));
    }
    Ok(bytes)
}

pub(super) fn size(bytes: u64) -> String {
    if bytes < 1 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.yaml");
        std::fs::write(&path, "a: 1\n").expect("written");
        assert_eq!(text(&path, 5).expect("read"), "a: 1\n");
        assert_eq!(text(&path, 4).expect_err("too large").to_string(), "it is larger than 0 KiB");
        std::fs::write(&path, b"a: 1\nb: \xff\n").expect("written");
        assert_eq!(text(&path, 99).expect_err("not text").to_string(), "line 2 is not valid UTF-8");
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("made");
        for other in [Path::new("/dev/zero"), folder.path(), &pipe] {
            assert_eq!(text(other, 99).expect_err("refused").to_string(), NOT_REGULAR, "{}", other.display());
            assert!(own(other, 99).is_err(), "{}", other.display());
            assert_eq!(regular(other).expect_err("refused").to_string(), NOT_REGULAR, "{}", other.display());
        }
    }

    #[test]
    fn a_link_is_followed_only_where_the_user_named_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&path, "x").expect("written");
        std::os::unix::fs::symlink(&path, &link).expect("linked");
        assert_eq!(text(&link, 9).expect("read"), "x");
        assert_eq!(own(&path, 9).expect("read"), b"x");
        let why = own(&link, 9).expect_err("refused").to_string();
        assert!(why.contains("symbolic link"), "{why}");
    }
}
