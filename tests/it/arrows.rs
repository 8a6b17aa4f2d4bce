//! The arrow test: which module may use which others. The table is the one in ARCHITECTURE.md, which calls the modules
//! rooms.

use std::{collections::BTreeSet, fs, path::Path};

/// Each room, and the rooms that it may use in addition to `model`.
const TABLE: [(&str, &[&str]); 25] = [
    ("model", &[]),
    ("event", &[]),
    ("files", &[]),
    ("kubernetes", &[]),
    ("scenario", &["files"]),
    ("world", &["files"]),
    ("sim", &["world", "kubernetes", "scenario"]),
    ("clusters", &["world"]),
    ("inventory", &["files", "world", "kubernetes"]),
    ("journal", &["event", "files"]),
    ("readiness", &["inventory", "kubernetes", "scenario", "world"]),
    ("plan", &["scenario", "inventory", "kubernetes", "steps", "verdict", "world"]),
    ("steps", &["event", "world", "inventory", "kubernetes", "journal", "verdict"]),
    ("observe", &["event", "files", "world", "kubernetes", "journal"]),
    ("verdict", &["event", "journal"]),
    ("evidence", &["event", "files", "journal", "verdict"]),
    ("report", &["event", "evidence", "files", "journal", "verdict"]),
    ("exercise", &["event", "evidence", "files", "journal", "report", "scenario", "verdict"]),
    ("verify", &["event", "exercise", "journal", "plan", "scenario", "verdict"]),
    ("history", &["event", "exercise", "files", "inventory", "journal", "report", "scenario", "verdict", "verify"]),
    ("board", &["event", "exercise", "files", "journal", "report"]),
    ("prove", &["event", "scenario", "sim", "verdict"]),
    (
        "engine",
        &[
            "files",
            "plan",
            "steps",
            "observe",
            "world",
            "journal",
            "event",
            "inventory",
            "readiness",
            "scenario",
            "kubernetes",
            "verdict",
        ],
    ),
    (
        "cli",
        &[
            "files",
            "engine",
            "plan",
            "steps",
            "observe",
            "world",
            "journal",
            "event",
            "inventory",
            "readiness",
            "scenario",
            "kubernetes",
            "verdict",
            "evidence",
            "report",
            "verify",
            "history",
            "exercise",
            "board",
            "prove",
            "sim",
            "clusters",
        ],
    ),
    ("fuzz", &["cli", "inventory", "journal", "plan", "readiness", "report", "scenario", "sim", "verdict"]),
];

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut all = vec![];
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            all.push(path);
        }
    }
    all
}

/// The rooms that are named after `crate::`, in `use` trees and in paths.
fn used(text: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (i, _) in text.match_indices("crate::") {
        let rest = &text[i + 7..];
        if let Some(tree) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = true;
            let mut word = String::new();
            for c in tree.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    c if depth == 0 && start && (c.is_alphanumeric() || c == '_') => word.push(c),
                    _ => {
                        if !word.is_empty() {
                            rooms.insert(std::mem::take(&mut word));
                            start = false;
                        }
                    }
                }
            }
            if !word.is_empty() {
                rooms.insert(word);
            }
        } else {
            rooms.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    rooms
}

/// The next test does not check a room that is missing from the table.
#[test]
fn every_room_is_in_the_table_and_in_the_page_in_order() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rooms: BTreeSet<String> = fs::read_dir(src)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "lib" && name != "main")
        .collect();
    let table: BTreeSet<String> = TABLE.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(rooms, table);
    let page = include_str!("../../ARCHITECTURE.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let rows: Vec<&str> = rows.filter(|room| *room != "room").collect();
    assert_eq!(rows.iter().map(|room| (*room).to_owned()).collect::<BTreeSet<_>>(), table);
    let lib = include_str!("../../src/lib.rs");
    let order: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(rows, order, "the page lists the rooms in the order of lib.rs");
}

#[test]
fn arrows_point_as_the_table_says() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = vec![];
    for (room, may) in TABLE {
        let own = src.join(format!("{room}.rs"));
        let all = if own.is_file() { vec![own] } else { files(&src.join(room)) };
        for file in all {
            let text = fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for target in used(code) {
                let known = TABLE.iter().any(|(r, _)| *r == target);
                if known && target != room && target != "model" && !may.contains(&target.as_str()) {
                    wrong.push(format!("{}: {room} uses {target}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn kube_is_named_only_where_it_may_be() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for room in [
        "model",
        "scenario",
        "plan",
        "journal",
        "verdict",
        "report",
        "event",
        "kubernetes",
        "readiness",
        "steps",
        "observe",
    ] {
        for file in files(&src.join(room)) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(!text.contains("use kube::") && !text.contains(" kube::"), "{} names kube", file.display());
        }
    }
}

/// The context of a step checks whether the session may still act. A step that sends requests in another way would not
/// be fenced.
#[test]
fn steps_change_the_cluster_by_their_context_only() {
    let steps = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/steps");
    for file in files(&steps).into_iter().filter(|f| !f.ends_with("context.rs")) {
        let text = fs::read_to_string(&file).unwrap();
        let joined: String = text.split_whitespace().collect();
        assert!(!joined.contains("kube.send("), "{} sends past its context", file.display());
    }
}

/// Only real drills may use the programs, files and variables of this machine. Any other code that used them would
/// start programs in a rehearsal.
#[test]
fn this_machine_is_taken_by_real_drills_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let may = ["world/here.rs", "engine/begin.rs", "engine/way_back.rs", "clusters/", "cli/place.rs"];
    for file in files(&src) {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let named = code.contains("Here::now") || code.contains("Here::as_then") || code.contains("Here::default");
        let path = file.strip_prefix(&src).unwrap().to_str().unwrap();
        assert!(!named || may.iter().any(|m| path.starts_with(m)), "{path} takes this machine");
    }
}

#[test]
fn every_select_is_biased_or_says_why_not() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in files(&src) {
        let text = fs::read_to_string(&file).unwrap();
        for (i, _) in text.match_indices("select! {") {
            assert!(
                text[i + 9..].trim_start().starts_with("biased;"),
                "{}: a select! without `biased;` picks at random",
                file.display()
            );
        }
    }
}

/// Files that may be longer: catalogues of equal entries, and what is still to be split.
const LONG: [(&str, &str); 3] = [
    ("event/kind.rs", "a catalogue: every kind of event in a journal"),
    ("sim/mod.rs", "still to be split"),
    ("sim/store.rs", "still to be split"),
];

#[test]
fn files_stay_small() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut long = BTreeSet::new();
    for file in files(&src) {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.split("#[cfg(test)]").next().unwrap().lines().count();
        if lines > 400 {
            long.insert(file.strip_prefix(&src).unwrap().to_str().unwrap().to_owned());
        }
    }
    let listed: BTreeSet<String> = LONG.iter().map(|(file, _)| (*file).to_owned()).collect();
    let (new, gone) = (&long - &listed, &listed - &long);
    assert!(new.is_empty(), "more than 400 lines without their tests; split by subject: {new:?}");
    assert!(gone.is_empty(), "no longer than 400 lines any more; remove from LONG: {gone:?}");
}
