//! The dependencies against `deny.toml`: licences, banned crates and sources. `cargo deny check` does more (it knows the
//! advisories), but compiling it takes longer than all other steps of CI. This test needs only cargo.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The crates that are compiled into the program or its tests on Linux, as cargo lists them.
fn packages() -> Vec<Value> {
    let listed = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        // Cargo has the crates of a feature only where it was built.
        .args(cfg!(feature = "pdf").then_some("--all-features"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let metadata: Value = serde_json::from_slice(&listed.stdout).expect("cargo prints JSON");
    let Value::Array(all) = &metadata["packages"] else { panic!("no packages") };
    assert!(all.len() > 100, "only {} packages: is this the whole list?", all.len());
    all.clone()
}

/// The strings of an array of `deny.toml` that stands on one line.
fn allowed(section: &str, key: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml")).unwrap();
    let (_, rest) = text.split_once(&format!("[{section}]\n")).expect("the section exists");
    let line = rest.lines().take_while(|l| !l.starts_with('[')).find_map(|l| l.strip_prefix(&format!("{key} = ")));
    serde_json::from_str(line.expect("the key exists")).expect("an array of strings on one line")
}

/// Whether a licence expression can be met with these licences. `AND` binds closer than `OR`, and `/` is an old `OR`.
fn is_met(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = any(&words, &mut at, allowed);
    met && at == words.len()
}

fn any(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = all(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all(words, at, allowed);
    }
    met
}

fn all(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut met = licence(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= licence(words, at, allowed);
    }
    met
}

fn licence(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let met = any(words, at, allowed);
        *at += 1;
        return met;
    }
    let mut name = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        name = format!("{name} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    allowed.contains(&name)
}

#[test]
fn a_licence_expression_is_met_by_what_it_asks_for() {
    let may = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    for met in ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "(MIT OR X) AND ISC", "Apache-2.0 WITH LLVM-exception"] {
        assert!(is_met(met, &may), "{met}");
    }
    for unmet in ["GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "", "MIT MIT", "(X OR Y) AND MIT", "X OR MIT AND Y"] {
        assert!(!is_met(unmet, &may), "{unmet}");
    }
}

#[test]
fn every_dependency_has_an_allowed_licence_and_comes_from_crates_io() {
    let may = allowed("licenses", "allow");
    let mut wrong = vec![];
    for package in packages().iter().filter(|p| !p["source"].is_null()) {
        let (name, source) = (&package["name"], &package["source"]);
        let licence = package["license"].as_str().unwrap_or("");
        if !is_met(licence, &may) {
            wrong.push(format!("{name}: the licence `{licence}` is not in deny.toml"));
        }
        if *source != CRATES_IO {
            wrong.push(format!("{name} comes from {source}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_dependency_is_banned_and_none_has_a_free_version() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml")).unwrap();
    let banned: Vec<&str> = text.split("crate = \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(!banned.is_empty(), "deny.toml bans at least one crate");
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        assert!(!banned.contains(&name), "{name} is banned in deny.toml");
        if name == env!("CARGO_PKG_NAME") {
            for dependency in package["dependencies"].as_array().unwrap() {
                assert_ne!(dependency["req"], "*", "{}: name a version", dependency["name"]);
            }
        }
    }
}
