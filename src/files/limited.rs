//! A reader with a size limit. Unpacked data may be far larger than the packed file.

use std::io::{self, Read};

/// A reader that returns an error after a number of bytes. `Read::take` would end silently, as if there were no more
/// data.
#[derive(Debug)]
pub struct Limited<R> {
    inner: R,
    left: u64,
    most: u64,
}

impl<R: Read> Limited<R> {
    /// Reads at most this many bytes.
    pub fn new(inner: R, most: u64) -> Self {
        Self { inner, left: most, most }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if room == 0 && !buffer.is_empty() {
            return match self.inner.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::Error::other(format!(
                    "it unpacks to more than {}, which is the limit",
                    super::read::size(self.most)
                ))),
            };
        }
        let read = self.inner.read(&mut buffer[..room])?;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_beyond_the_limit_is_an_error_and_no_end() {
        let read = |most: u64| {
            let mut all = vec![];
            Limited::new(&b"four"[..], most).read_to_end(&mut all).map(|_| all)
        };
        assert_eq!(read(5).expect("less"), b"four");
        assert_eq!(read(4).expect("just so many"), b"four");
        assert!(read(3).expect_err("more").to_string().contains("more than 0 KiB"));
    }
}
