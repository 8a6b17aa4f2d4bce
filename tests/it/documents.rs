//! The documentation as a whole: its links lead somewhere, its table of contents is complete, and the files that it
//! names exist.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

use drillmaster::{journal::FaultState, model::Outcome, prove::Attacks};
use regex::Regex;

use crate::words::texts;

/// Made from the catalogue, and also printed by the program, where a link to another page would lead nowhere.
const WITHOUT_LINKS: [&str; 2] = ["docs/checks.md", "docs/example-exercise/report.md"];

/// Pages by their path in the repository, without their code blocks.
fn pages() -> BTreeMap<String, String> {
    let mut all = vec![];
    for root in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs"] {
        texts(root, &mut all);
    }
    let blocks = Regex::new(r"(?s)```.*?```").unwrap();
    all.retain(|(path, _)| path.ends_with(".md"));
    all.into_iter().map(|(path, text)| (path, blocks.replace_all(&text, "").into_owned())).collect()
}

fn exists(path: &str) -> bool {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists()
}

/// Where a relative link of a page leads: a path in the repository, and a heading or nothing.
fn target(page: &str, link: &str) -> (String, String) {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    if path.is_empty() {
        return (page.to_owned(), anchor.to_owned());
    }
    let mut clean = PathBuf::new();
    for part in Path::new(page).parent().unwrap().join(path).components() {
        if part == Component::ParentDir {
            assert!(clean.pop(), "{page}: {link} leads out of the repository");
        } else {
            clean.push(part);
        }
    }
    (clean.to_str().unwrap().to_owned(), anchor.to_owned())
}

/// The relative links of a page.
fn links(page: &str, text: &str) -> Vec<(String, String)> {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let all = link.captures_iter(text).map(|c| c[1].to_owned());
    all.filter(|l| !l.contains("://")).map(|l| target(page, &l)).collect()
}

/// The anchor that GitHub and GitLab give a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}

fn headings(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| line.starts_with('#'));
    lines.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let (pages, mut broken) = (pages(), vec![]);
    for (page, text) in &pages {
        for (path, anchor) in links(page, text) {
            let heading = || pages.get(&path).is_none_or(|text| headings(text).contains(&anchor));
            if !exists(&path) || !anchor.is_empty() && !heading() {
                broken.push(format!("{page}: {path}#{anchor}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn anchors_are_made_as_the_forges_make_them() {
    assert_eq!(anchor(" What `verify` checks"), "what-verify-checks");
    assert_eq!(target("docs/design/wheel.md", "../../ARCHITECTURE.md#undo"), ("ARCHITECTURE.md".into(), "undo".into()));
    assert_eq!(links("docs/a.md", "[x](b.md) and [y](https://z)"), [("docs/b.md".into(), String::new())]);
}

#[test]
fn the_table_of_contents_is_complete_and_pages_link_each_other() {
    let pages = pages();
    let listed: BTreeSet<String> =
        links("docs/README.md", &pages["docs/README.md"]).into_iter().map(|(path, _)| path).collect();
    for (page, text) in &pages {
        assert!(page == "docs/README.md" || listed.contains(page), "docs/README.md does not list {page}");
        let others = links(page, text).iter().any(|(path, _)| path != page && path.ends_with(".md"));
        assert!(others || WITHOUT_LINKS.contains(&page.as_str()), "{page} links no other page");
    }
}

/// What drillmaster is, a first run and the next steps: without scrolling.
#[test]
fn the_first_screen_of_the_readme_fits_forty_lines() {
    let readme = &pages()["README.md"];
    let first = readme.lines().position(|line| line == "## Status").expect("the part after the first screen");
    assert!(first <= 40, "{first} lines");
}

/// 74 is not the result of a command: its output could not be written.
#[test]
fn the_readme_lists_every_exit_code() {
    use drillmaster::model::Exit;
    let all = [
        Exit::Passed,
        Exit::Failed,
        Exit::Invalid,
        Exit::Refused,
        Exit::Inconclusive,
        Exit::Aborted,
        Exit::Residue,
        Exit::Left,
        Exit::Internal,
    ];
    let codes: Vec<u8> = all.iter().map(|exit| exit.code()).chain([74]).collect();
    let readme = &pages()["README.md"];
    let (_, table) = readme.split_once("| exit | meaning |").expect("the table of exit codes");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let listed: Vec<u8> = rows.map(|row| row.split('|').nth(1).unwrap().trim().parse().unwrap()).collect();
    assert_eq!(listed, codes);
}

/// The changelog names files of earlier versions.
#[test]
fn files_that_the_pages_name_exist() {
    let quoted = Regex::new("`([^`\n]+)`").unwrap();
    let of_repository = Regex::new(r"^(src|tests|docs|scenarios|playbooks|kind-configs)/[\w./-]+$").unwrap();
    let of_src = Regex::new(r"^[a-z_]+(/[a-z_0-9]+)+\.rs$").unwrap();
    let (mut missing, mut named) = (vec![], 0);
    for (page, text) in pages().iter().filter(|(page, _)| *page != "CHANGELOG.md") {
        for path in quoted.captures_iter(text).map(|c| c[1].to_owned()) {
            let there = if of_repository.is_match(&path) {
                exists(&path)
            } else if of_src.is_match(&path) {
                exists(&format!("src/{path}"))
            } else {
                continue;
            };
            named += 1;
            if !there {
                missing.push(format!("{page}: `{path}`"));
            }
        }
    }
    assert!(named > 40, "only {named} files were found in the pages");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// The words of a verdict, of a proof and of the end of a fault.
#[test]
fn the_glossary_explains_what_reports_say() {
    let glossary = include_str!("../../docs/glossary.md");
    let rows = glossary.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let terms: BTreeSet<&str> = rows.flat_map(|terms| terms.split(", ")).collect();
    let outcomes = [Outcome::Pass, Outcome::Fail, Outcome::Inconclusive, Outcome::Skipped, Outcome::Waived];
    let parts =
        [Attacks::Baseline, Attacks::Reach, Attacks::Sight, Attacks::Denominator, Attacks::Bound, Attacks::OwnRecovery];
    let faults = [FaultState::Replaced, FaultState::Left, FaultState::Kept, FaultState::Stuck];
    let said = outcomes.map(|outcome| outcome.to_string().to_lowercase()).into_iter();
    let said = said.chain(parts.map(|part| part.to_string()));
    for word in said.chain(faults.map(|state| format!("{state:?}").to_lowercase())) {
        assert!(terms.contains(word.as_str()), "docs/glossary.md does not explain `{word}`");
    }
}
