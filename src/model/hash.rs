//! SHA-256 and hexadecimal digits, as journals, manifests and names contain them. Start with [`sha256`].

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// Bytes as hexadecimal digits, in small letters.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

/// The SHA-256 of some bytes in 64 hexadecimal digits. A shorter hash is the beginning of it.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_other_programs() {
        assert_eq!(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hex([0, 0x0f, 0xff]), "000fff");
    }
}
