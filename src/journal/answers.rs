//! Answers to the gates and holds of a run, which another process writes into the run directory: one file for each
//! gate. The run looks for the file while it waits, and its journal records the answer. Start with [`Answer`].

use std::io;

use serde::{Deserialize, Serialize};

use super::RunDir;
use crate::{
    files,
    model::{printable, sha256},
};

/// The folder of the answers, in the run directory.
const FOLDER: &str = "answers";
/// An answer is one name and one word.
const LARGEST: u64 = 64 << 10;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The gate or hold.
    pub gate: String,
    /// Whether it is yes.
    pub approve: bool,
    /// Who gave it, and how that was known.
    pub by: String,
}

impl Answer {
    /// Writes the answer into a run directory. The first answer counts: a later one is refused.
    ///
    /// # Errors
    /// There is an answer already, or the file cannot be written.
    pub fn give(&self, dir: &RunDir) -> io::Result<()> {
        let folder = dir.file(FOLDER);
        match std::fs::create_dir(&folder) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        if std::fs::symlink_metadata(&folder)?.is_symlink() {
            return Err(io::Error::other("the directory `answers` is a symbolic link"));
        }
        let text = serde_json::to_vec(self).unwrap_or_default();
        files::create(&dir.file(&file(&self.gate)), &text).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => io::Error::new(error.kind(), self.first(dir)),
            _ => error,
        })
    }

    /// What is said to who answers later.
    fn first(&self, dir: &RunDir) -> String {
        let first = Self::to(dir, &self.gate).ok().flatten();
        let first = first.map_or_else(String::new, |first| {
            format!(": {} by {}", if first.approve { "yes" } else { "no" }, printable(&first.by))
        });
        format!("it was answered already{first}. The first answer counts")
    }

    /// The answer to a gate; none if there is none yet.
    ///
    /// # Errors
    /// The file is not an answer to this gate, or is a link.
    pub fn to(dir: &RunDir, gate: &str) -> io::Result<Option<Self>> {
        let bytes = match files::own(&dir.file(&file(gate)), LARGEST) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        let answer: Self = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
        if answer.gate == gate { Ok(Some(answer)) } else { Err(io::Error::other("it answers another gate")) }
    }
}

/// The name of a gate may have any characters, so the file is named after its hash.
fn file(gate: &str) -> String {
    format!("{FOLDER}/{}.json", &sha256(gate)[..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(gate: &str, approve: bool) -> Answer {
        Answer { gate: gate.into(), approve, by: "Ada".into() }
    }

    #[test]
    fn the_first_answer_counts_whatever_the_gate_is_called() {
        let folder = tempfile::tempdir().expect("a directory");
        let dir = RunDir(folder.path().to_owned());
        for gate in ["go", "../../etc/passwd", "\u{1b}[31m\0", ""] {
            assert_eq!(Answer::to(&dir, gate).expect("none"), None);
            answer(gate, false).give(&dir).expect("given");
            let late = answer(gate, true).give(&dir).expect_err("it was answered").to_string();
            assert!(late.contains("answered already: no by Ada. The first answer counts"), "{gate}: {late}");
            assert_eq!(Answer::to(&dir, gate).expect("read"), Some(answer(gate, false)));
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    /// Two people answer in the same moment: one of them is told that the other one was first.
    #[test]
    fn of_two_answers_at_once_one_counts() {
        let folder = tempfile::tempdir().expect("a directory");
        let dir = RunDir(folder.path().to_owned());
        for round in 0..50 {
            let gate = format!("go {round}");
            let start = std::sync::Barrier::new(2);
            let give = |approve: bool| {
                start.wait();
                answer(&gate, approve).give(&dir).is_ok()
            };
            let (yes, no) = std::thread::scope(|scope| {
                let yes = scope.spawn(|| give(true));
                let no = give(false);
                (yes.join().expect("no panic"), no)
            });
            assert!(yes != no, "{round}: {yes} {no}");
            assert_eq!(Answer::to(&dir, &gate).expect("read").map(|first| first.approve), Some(yes));
        }
    }

    #[test]
    fn a_link_or_a_damaged_file_is_not_an_answer() {
        let folder = tempfile::tempdir().expect("a directory");
        let dir = RunDir(folder.path().to_owned());
        answer("go", true).give(&dir).expect("given");
        std::fs::write(dir.file(&file("go")), b"{").expect("damaged");
        assert!(Answer::to(&dir, "go").is_err());
        let other = dir.file("other");
        std::fs::write(&other, serde_json::to_vec(&answer("link", true)).expect("json")).expect("written");
        std::os::unix::fs::symlink(&other, dir.file(&file("link"))).expect("linked");
        assert!(Answer::to(&dir, "link").is_err());
    }
}
