//! The tokens of the board: one for each role of an exercise. `tokens.json` holds their hashes and no token, so whoever
//! reads the file cannot act with it. New tokens replace all earlier ones. Start with [`make_tokens`].

use std::{io, path::Path};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{people::random_hex, playbook::Role};
use crate::{files, model::sha256};

/// The name of the file in an exercise's directory.
pub const TOKENS: &str = "tokens.json";
/// The format of the file.
const FORMAT: &str = "tokens-1";
/// The size limit of the file: there are seven roles.
const LARGEST: u64 = 64 << 10;

/// The hash of a token. Two hashes are compared in a time that does not depend on where they differ.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenHash(String);

impl TokenHash {
    /// The hash of a token as somebody gave it.
    pub fn of(token: &str) -> Self {
        Self(sha256(token))
    }

    /// Its first characters, for a name that tells nothing.
    pub(crate) fn short(&self) -> String {
        self.0.chars().take(16).collect()
    }

    /// Whether both are of the same token.
    pub fn is(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

/// The tokens that are valid now.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    format: String,
    made: Timestamp,
    tokens: Vec<RoleToken>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleToken {
    role: Role,
    sha256: TokenHash,
}

impl Tokens {
    /// Reads the file of an exercise's directory.
    ///
    /// # Errors
    /// The file is missing, is a link, or is damaged.
    pub fn read(dir: &Path) -> io::Result<Self> {
        let tokens: Self = serde_json::from_slice(&files::own(&dir.join(TOKENS), LARGEST)?)?;
        if tokens.format != FORMAT {
            return Err(io::Error::other(format!("its format is not {FORMAT}")));
        }
        Ok(tokens)
    }

    /// The role of a token. Every entry is compared, so the time does not tell which one was near.
    pub fn role_of(&self, given: &TokenHash) -> Option<Role> {
        let same = |known: &RoleToken| known.sha256.is(given).then_some(known.role);
        self.tokens.iter().fold(None, |found, known| same(known).or(found))
    }
}

/// A token: 256 random bits, with a word in front that says what it is for.
pub fn new_token(word: &str) -> String {
    format!("{word}-{}{}", random_hex(), random_hex())
}

/// Makes a token for each role, and stores their hashes in place of all earlier ones. Nobody can show the tokens again.
///
/// # Errors
/// The file cannot be written.
pub fn make_tokens(
    dir: &Path,
    roles: impl IntoIterator<Item = Role>,
    now: Timestamp,
) -> io::Result<Vec<(Role, String)>> {
    let made: Vec<(Role, String)> = roles.into_iter().map(|role| (role, new_token(role.word()))).collect();
    let tokens = made.iter().map(|(role, token)| RoleToken { role: *role, sha256: TokenHash::of(token) }).collect();
    let file = Tokens { format: FORMAT.into(), made: now, tokens };
    files::replace(&dir.join(TOKENS), &serde_json::to_vec_pretty(&file)?)?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_tokens_end_the_earlier_ones_and_the_file_has_only_hashes() {
        let dir = tempfile::tempdir().expect("a folder");
        let make = || make_tokens(dir.path(), [Role::Director, Role::Player], Timestamp::UNIX_EPOCH).expect("made");
        let role = |token: &str| Tokens::read(dir.path()).expect("read").role_of(&TokenHash::of(token));
        let first = make();
        assert_eq!((role(&first[0].1), role(&first[1].1)), (Some(Role::Director), Some(Role::Player)));
        assert_eq!((role(""), role("director"), role(&first[0].1[1..])), (None, None, None));
        let file = std::fs::read_to_string(dir.path().join(TOKENS)).expect("read");
        assert!(first.iter().all(|(_, token)| !file.contains(&token[token.len() - 64..])), "{file}");
        let second = make();
        assert_eq!((role(&first[0].1), role(&second[0].1)), (None, Some(Role::Director)));
    }
}
