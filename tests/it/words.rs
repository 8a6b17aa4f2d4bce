//! Plain words: text that stops a reader, and pointers to lists that are not in this repository. The patterns are data;
//! each has an example that it must find, so that no pattern is dead. If a pattern finds text that is right, add that to
//! its `fine`.

use std::{fs, path::Path};

use regex::Regex;

/// Text that stops a reader.
struct Pattern {
    /// What is wrong.
    wrong: &'static str,
    /// Around it, this makes it right: "there is no baseline" is plain English, "this is no baseline" is not.
    fine: &'static str,
    /// A sentence that the pattern must find.
    example: &'static str,
    /// What to write.
    instead: &'static str,
}

const NEVER: &str = "^$";

const PATTERNS: [Pattern; 14] = [
    Pattern {
        wrong: r"\b(is|are|was|were|be) no [a-z]+",
        fine: r"(?i)\bthere (is|are|was|were) no\b|\bno (longer|more)\b",
        example: "`x` is no name",
        instead: "`x` is not a valid name; the backup contains no volume",
    },
    Pattern {
        wrong: r"\b(is|are|was|were|be) none of\b",
        fine: NEVER,
        example: "the container is none of its nodes",
        instead: "the container belongs to another cluster",
    },
    Pattern {
        wrong: r"\b[Ww]hat (nobody|somebody|no one)\b",
        fine: NEVER,
        example: "what nobody saw is inconclusive",
        instead: "inconclusive: nothing observed the end of the drill",
    },
    Pattern {
        wrong: r"\bthat (there|it) (is|are|was|were)[.,;:]",
        fine: NEVER,
        example: "for series that there are, or reach somebody",
        instead: "for metrics that exist",
    },
    Pattern {
        wrong: r"(^|[.;:>*/] +)Who (asks|names|wants)\b[^?]*$",
        fine: NEVER,
        example: "Who names a check wants it, whatever the profile.",
        instead: "A check named with --only runs in every profile",
    },
    Pattern {
        wrong: r"\bit is so\b|\bsuch (that )?(came|comes|there)\b|\bto be had\b|\bin so far\b|\band the like\b",
        fine: NEVER,
        example: "it is so long that",
        instead: "say how long, how many, which",
    },
    Pattern {
        wrong: r"\b[Ss]omebody else\b",
        fine: NEVER,
        example: "somebody else scaled it",
        instead: "others scaled it; it was changed outside the drill; another run holds the Lease",
    },
    Pattern {
        wrong: r"\b(throws?|other) dice\b",
        fine: NEVER,
        example: "--seed throws other dice",
        instead: "uses another random seed",
    },
    Pattern {
        wrong: r"\bstands? in (`?docs|the (file|journal|plan|report|README))",
        fine: NEVER,
        example: "what its model does not know stands in docs/fidelity.md",
        instead: "docs/fidelity.md lists the limits of the simulation",
    },
    Pattern {
        wrong: r"\b(nobody|no one) can be (asked|seen|told)\b",
        fine: NEVER,
        example: "nobody can be asked here",
        instead: "there is no terminal to ask at",
    },
    Pattern {
        wrong: r"\b(lest|whence|hitherto|hearsay|begun with)\b",
        fine: NEVER,
        example: "blocks until it is begun with",
        instead: "the usual word",
    },
    // Pointers that help nobody who clones this repository.
    Pattern {
        wrong: r"\b(style|people|hostile|soundness)\.md\b|\bshared/(design|audit|facts)\b",
        fine: NEVER,
        example: "see point 4 of style.md",
        instead: "say it here, or cite a page of docs/",
    },
    Pattern {
        wrong: r"(?i)\b(correctness|hostile|soundness|audit|finding|findings|point|issue|item) #?[0-9]{1,3}\b",
        fine: NEVER,
        example: "(correctness 37)",
        instead: "the reason in a sentence, or a page of docs/",
    },
    Pattern {
        wrong: r"(^|[\s`'\x22(=])(/work|/root|/home/[a-z]+)/",
        fine: NEVER,
        example: "see `/work/main/README.md`",
        instead: "a path inside the repository",
    },
];

/// Text of others, or text that this project recorded and must not change.
const NOT_OURS: [&str; 5] = [
    "tests/recorded/",
    "tests/fidelity/",
    "kind-configs/stack/velero-crds.yaml",
    "docs/report.schema.json",
    "tests/it/words.rs",
];

const ROOTS: [&str; 13] = [
    ".ci",
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "action.yml",
    "build",
    "docs",
    "kind-configs",
    "playbooks",
    "scenarios",
    "src",
    "tests",
];

/// All text files under a path, by their path in the repository.
pub fn texts(path: &str, all: &mut Vec<(String, String)>) {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if NOT_OURS.iter().any(|theirs| path.starts_with(theirs) || format!("{path}/") == *theirs) {
        return;
    }
    if full.is_dir() {
        let mut names: Vec<_> = fs::read_dir(full).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        for name in names {
            texts(&format!("{path}/{}", name.to_str().unwrap()), all);
        }
    } else if let Ok(text) = fs::read_to_string(full) {
        all.push((path.to_owned(), text));
    }
}

fn compiled() -> Vec<(&'static Pattern, Regex, Regex)> {
    PATTERNS.iter().map(|p| (p, Regex::new(p.wrong).unwrap(), Regex::new(p.fine).unwrap())).collect()
}

/// The first wrong text of a line that nothing makes right.
fn wrong<'a>(line: &'a str, wrong: &Regex, fine: &Regex) -> Option<&'a str> {
    let fine: Vec<_> = fine.find_iter(line).map(|m| m.range()).collect();
    let found = wrong.find_iter(line).find(|m| !fine.iter().any(|f| f.start < m.end() && m.start() < f.end));
    found.map(|m| m.as_str())
}

#[test]
fn every_pattern_finds_its_example() {
    for (pattern, bad, fine) in compiled() {
        assert!(wrong(pattern.example, &bad, &fine).is_some(), "{} does not find: {}", pattern.wrong, pattern.example);
    }
    let (_, bad, fine) = &compiled()[0];
    assert_eq!(wrong("if there is no baseline, it is no longer open", bad, fine), None);
    assert_eq!(wrong("there is no key, and this is no key", bad, fine), Some("is no key"));
}

#[test]
fn all_text_is_in_plain_words() {
    let mut all = vec![];
    for root in ROOTS {
        texts(root, &mut all);
    }
    assert!(all.len() > 600, "only {} files were read", all.len());
    let (patterns, mut found) = (compiled(), vec![]);
    for (path, text) in &all {
        for (number, line) in text.lines().enumerate() {
            for (pattern, bad, fine) in &patterns {
                if let Some(said) = wrong(line, bad, fine) {
                    found.push(format!("{path}:{}: `{said}`: write, for example: {}", number + 1, pattern.instead));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
