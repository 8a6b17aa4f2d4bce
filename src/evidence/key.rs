//! Keys: ed25519, in PEM. Start with [`keygen`], then [`Private`].

use std::{fmt, fs, path::Path};

use pem::{EncodeConfig, LineEnding, Pem};
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};

use crate::{
    files,
    model::{Secret, SecretRef, sha256},
};

/// What stands before the 32 bytes of a private key (PKCS #8, RFC 8410).
const PRIVATE: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// What stands before the 32 bytes of a public key (SubjectPublicKeyInfo, RFC 8410).
const PUBLIC: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
/// A file with keys is not larger.
const LARGEST: u64 = 1 << 20;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("cannot use the key file {path}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The program gives no key.
    #[error("`{program}` gave no private key: {why}")]
    Program {
        /// The program and its arguments.
        program: String,
        /// Why.
        why: String,
    },
    /// The variable is not set.
    #[error("the environment variable {0}, which should hold the private key, is not set")]
    Unset(String),
    /// It is not a key.
    #[error("{whose} is not an ed25519 {what} key in PEM: `drillmaster keygen` makes one")]
    NotAKey {
        /// Where it comes from.
        whose: String,
        /// private or public
        what: &'static str,
    },
    /// A key already exists there.
    #[error("{0} exists: drillmaster does not replace a key. Give another name, or move the old key away")]
    Exists(String),
    /// The machine has no random numbers.
    #[error("cannot get random numbers from the system")]
    Random,
}

/// SHA-256 of a public key as SubjectPublicKeyInfo, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(pub String);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public([u8; 32]);

impl Public {
    /// Every public key in a file.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn read_all(path: &Path) -> Result<Vec<Self>, KeyError> {
        let name = path.display().to_string();
        let text = files::text(path, LARGEST).map_err(|source| KeyError::File { path: name.clone(), source })?;
        Self::parse_all(&text).ok_or(KeyError::NotAKey { whose: name, what: "public" })
    }

    /// Every public key in a text; none if there is no key, or something else.
    pub fn parse_all(text: &str) -> Option<Vec<Self>> {
        let blocks = pem::parse_many(text).ok()?;
        let keys: Option<Vec<Self>> = blocks.iter().map(Self::of).collect();
        keys.filter(|keys| !keys.is_empty())
    }

    fn of(block: &Pem) -> Option<Self> {
        let bytes = block.contents().strip_prefix(&PUBLIC).filter(|_| block.tag() == "PUBLIC KEY")?;
        Some(Self(bytes.try_into().ok()?))
    }

    fn der(&self) -> Vec<u8> {
        [&PUBLIC[..], &self.0[..]].concat()
    }

    /// The key in PEM, as cosign and OpenSSL read it.
    pub fn pem(&self) -> String {
        encode("PUBLIC KEY", self.der())
    }

    /// Its fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(sha256(self.der()))
    }

    /// Whether this key made the signature.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

/// A private key.
pub struct Private(Ed25519KeyPair);

impl Private {
    /// The key from its source: a file, an environment variable, or the output of a program.
    ///
    /// # Errors
    /// It cannot be read, or is not a key.
    pub fn read(from: &SecretRef, run: impl FnOnce(&[String]) -> Result<Secret, String>) -> Result<Self, KeyError> {
        let not_a_key = || KeyError::NotAKey { whose: from.to_string(), what: "private" };
        let text = match from {
            SecretRef::File(path) => files::text(Path::new(path), LARGEST)
                .map_err(|source| KeyError::File { path: path.clone(), source })
                .map(Secret::new)?,
            SecretRef::Env(name) => std::env::var(name).map(Secret::new).map_err(|_| KeyError::Unset(name.clone()))?,
            SecretRef::Exec(argv) => run(argv).map_err(|why| KeyError::Program { program: argv.join(" "), why })?,
        };
        Self::parse(text.reveal()).ok_or_else(not_a_key)
    }

    fn parse(text: &str) -> Option<Self> {
        let block = pem::parse(text).ok().filter(|block| block.tag() == "PRIVATE KEY")?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(block.contents()).ok().map(Self)
    }

    /// The public key.
    pub fn public(&self) -> Option<Public> {
        Some(Public(self.0.public_key().as_ref().try_into().ok()?))
    }

    /// A signature. The same key and message give the same signature.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Private(***)")
    }
}

/// Makes a key pair: `NAME.key`, which only its owner may read, and `NAME.pub`.
///
/// # Errors
/// A file exists or cannot be written.
pub fn keygen(name: &Path) -> Result<Public, KeyError> {
    let with = |end: &str| {
        let mut path = name.as_os_str().to_owned();
        path.push(end);
        std::path::PathBuf::from(path)
    };
    let (private, public) = (with(".key"), with(".pub"));
    for path in [&private, &public] {
        if fs::symlink_metadata(path).is_ok() {
            return Err(KeyError::Exists(path.display().to_string()));
        }
    }
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).map_err(|_| KeyError::Random)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Random)?;
    let key = Public(pair.public_key().as_ref().try_into().map_err(|_| KeyError::Random)?);
    let text = Secret::new(encode("PRIVATE KEY", [&PRIVATE[..], &seed[..]].concat()));
    let write = |path: &Path, text: &str| {
        files::replace(path, text.as_bytes())
            .map_err(|source| KeyError::File { path: path.display().to_string(), source })
    };
    write(&private, text.reveal())?;
    write(&public, &key.pem())?;
    Ok(key)
}

fn encode(tag: &str, bytes: Vec<u8>) -> String {
    pem::encode_config(&Pem::new(tag, bytes), EncodeConfig::new().set_line_ending(LineEnding::LF))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hex;

    /// The first test vector of RFC 8032, in the PEM of RFC 8410.
    #[test]
    fn the_vector_of_the_standard() {
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len()).step_by(2).filter_map(|i| u8::from_str_radix(&hex[i..i + 2], 16).ok()).collect()
        };
        let text = encode("PRIVATE KEY", [&PRIVATE[..], &bytes(seed)[..]].concat());
        let key = Private::parse(&text).expect("a key");
        let public = key.public().expect("a key");
        assert_eq!(hex(public.0), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let signature = key.sign(b"");
        assert!(hex(&signature).starts_with("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"));
        assert!(public.verifies(b"", &signature) && !public.verifies(b"x", &signature));
        assert_eq!(Public::parse_all(&public.pem()), Some(vec![public.clone()]));
        assert_eq!(Public::parse_all(&text), None, "a private key is not a public one");
        assert!(!format!("{key:?}").contains("9d61"));
    }

    #[test]
    fn a_key_is_never_replaced_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let name = folder.path().join("audit");
        let public = keygen(&name).expect("keys");
        let file = folder.path().join("audit.key");
        assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
        assert!(matches!(keygen(&name), Err(KeyError::Exists(_))));
        let from = SecretRef::File(file.display().to_string());
        let private = Private::read(&from, |_| Err("no program".into())).expect("a key");
        assert_eq!(private.public(), Some(public.clone()));
        assert_eq!(Public::read_all(&folder.path().join("audit.pub")).expect("keys"), [public]);
    }
}
