//! Feeds the readers with the corpora of `fuzz/` and with the files that the project ships, unchanged and altered at
//! random places. The alterations follow from a fixed seed. Every reader must return. `cargo fuzz` continues from the
//! same corpora with the same functions (docs/fuzzing.md).

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use drillmaster::fuzz::TARGETS;

/// Words that have broken readers.
const WORDS: [&str; 40] = [
    "18446744073709551615",
    "-1",
    "9e300",
    "NaN",
    "0",
    "99999999999h",
    "0.0001ms",
    "200%",
    "9999999-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "2026-13-45",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "[[[[",
    "}}",
    "\u{1b}[31m",
    "\u{9b}2J",
    "\u{202e}",
    "\u{e000}",
    "\u{fffe}",
    "\u{feff}",
    "\u{0}",
    "\r\n",
    "\t",
    "𝄞",
    "é",
    "${a}",
    "${secret:x}",
    "&a",
    "*a",
    "!x ",
    "../../x",
    "---\n",
    "? ",
    ": ",
    "- ",
    "|\n",
];

/// Random numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n.max(1) as u64).unwrap()
    }

    /// A random position between two characters.
    fn place(&mut self, text: &str) -> usize {
        let mut at = self.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    fn altered(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..=self.below(3) {
            let (a, b) = (self.place(&text), self.place(&text));
            let end = text[a..].char_indices().nth(1 + self.below(12)).map_or(text.len(), |(i, _)| a + i);
            match self.below(6) {
                0 => text.insert_str(a, WORDS[self.below(WORDS.len())]),
                1 => text.replace_range(a..end, WORDS[self.below(WORDS.len())]),
                2 => text.replace_range(a..end, ""),
                3 => text.truncate(a),
                4 => {
                    let copy = text[a.min(b)..a.max(b)].chars().take(400).collect::<String>();
                    text.insert_str(a, &copy);
                }
                _ => self.value(&mut text),
            }
            if text.is_empty() {
                break;
            }
        }
        text
    }

    /// Replaces a value by a word.
    fn value(&mut self, text: &mut String) {
        let from = self.place(text);
        let Some(at) = text[from..].find(": ").or_else(|| text[from..].find(':')) else { return };
        let begin = from + at + 1;
        let end = text[begin..].find([',', '\n', '}', ']']).map_or(text.len(), |i| begin + i);
        text.replace_range(begin..end, &format!(" {}", WORDS[self.below(WORDS.len())]));
    }
}

/// The shipped files for a target.
fn shipped(target: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = match target {
        "scenario" => "scenarios",
        "bindings" => "scenarios/bindings",
        "cluster" => "scenarios/clusters",
        "manifest" => "tests/checks",
        _ => return vec![],
    };
    let mut all: Vec<PathBuf> = std::fs::read_dir(root.join(folder)).unwrap().map(|e| e.unwrap().path()).collect();
    all.retain(|path| path.extension().is_some_and(|e| e == "yaml") && path.metadata().unwrap().len() < 20_000);
    all.sort();
    all
}

fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    assert!(!all.is_empty(), "{target} has no corpus");
    all
}

/// How many altered inputs each target gets.
const ALTERED: usize = 60;
/// The seed of the alterations.
const SEED: u64 = 1;

/// The names of the files and folders in a folder, without their extensions.
fn names(folder: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    entries.map(|e| e.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// Nothing would replay a corpus without a target.
#[test]
fn every_target_is_everywhere() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(targets.len(), TARGETS.len());
    assert_eq!(names("fuzz/corpus"), targets);
    assert_eq!(names("fuzz/fuzz_targets"), targets);
    let manifest = include_str!("../../fuzz/Cargo.toml");
    let bins = manifest.split("[[bin]]").skip(1).map(|bin| bin.split('"').nth(1).unwrap().to_owned());
    assert_eq!(bins.collect::<BTreeSet<_>>(), targets);
    let page = include_str!("../../docs/fuzzing.md");
    for name in &targets {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn whatever_is_read_returns() {
    for (target, read) in TARGETS {
        let own = corpus(target);
        let all: Vec<(PathBuf, Vec<u8>)> =
            own.into_iter().chain(shipped(target)).map(|p| (p.clone(), std::fs::read(p).unwrap())).collect();
        let attempt = |bytes: &[u8], from: &str| {
            let Ok(read) = catch_unwind(AssertUnwindSafe(|| read(bytes))) else {
                panic!("{target}: {from}:\n{}", String::from_utf8_lossy(bytes));
            };
            read
        };
        let whole = all.iter().filter(|(path, bytes)| attempt(bytes, &path.display().to_string())).count();
        assert!(whole > 0, "{target}: every input is refused, so the code behind the reader is never reached");
        let mut dice = Dice(SEED);
        for i in 0..ALTERED {
            let (path, bytes) = &all[i % all.len()];
            let Ok(text) = std::str::from_utf8(bytes) else { continue };
            attempt(dice.altered(text).as_bytes(), &format!("{}, altered ({i})", path.display()));
        }
    }
}
