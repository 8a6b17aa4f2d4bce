//! The transcripts of the README are lines that the program prints. `UPDATE_GOLDEN=1 cargo test` writes their figures
//! again; if the words of a line have changed, choose the line again by hand.

use std::{fs, path::Path, process::Command};

/// The file of the second transcript.
const SHOP: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: \"registry.example/web:1.0\", ports: [{name: http, containerPort: 8080}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {minAvailable: 3, selector: {matchLabels: {app: web}}}
";

/// What a reader sees who runs this in an empty directory.
fn printed(args: &[&str]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("shop.yaml"), SHOP).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
    let output = command.current_dir(dir.path()).args(args).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// A line with all its figures made equal.
fn words(line: &str) -> String {
    let mut out = String::new();
    for c in line.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('#') {
            out.push('#');
        }
    }
    out
}

/// The lines of a transcript as the program prints them now, in this order.
fn again(shown: &[&str], printed: &[String]) -> Result<Vec<String>, String> {
    let mut rest = printed.iter();
    let line = |line: &&str| {
        let same = rest.clone().position(|p| p == line).or_else(|| rest.clone().position(|p| words(p) == words(line)));
        let at = same.ok_or_else(|| format!("the program does not print, or not at this place: {line}"))?;
        rest.nth(at).cloned().ok_or_else(|| "no more lines".to_owned())
    };
    shown.iter().map(line).collect()
}

/// Runs the command of a transcript; the first of the README has none, and shows what `rehearse` prints.
fn current(block: &str) -> Result<String, String> {
    let lines: Vec<&str> = block.lines().collect();
    let (command, shown) = match lines.split_first() {
        Some((first, rest)) if first.starts_with("$ drillmaster ") => (Some(*first), rest),
        _ => (None, &lines[..]),
    };
    let args: Vec<&str> = command.map_or(vec!["rehearse"], |c| c.split_whitespace().skip(2).collect());
    let fresh = again(shown, &printed(&args))?;
    Ok(command.map(str::to_owned).into_iter().chain(fresh).map(|line| line + "\n").collect())
}

#[test]
fn the_readme_shows_what_the_program_prints() {
    const FENCE: &str = "```console\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(path).unwrap();
    let mut parts = readme.split(FENCE);
    let mut text = parts.next().unwrap().to_owned();
    let mut blocks = 0;
    for part in parts {
        let (block, rest) = part.split_once("```\n").unwrap();
        let block = current(block).unwrap_or_else(|why| panic!("README.md: {why}"));
        text.push_str(&format!("{FENCE}{block}```\n{rest}"));
        blocks += 1;
    }
    assert_eq!(blocks, 2);
    super::golden::check_at("README.md", &text);
}

#[test]
fn a_line_that_the_program_does_not_print_is_found() {
    let printed = ["PASS web: 3 ready 51.1 s", "exit 0: passed (89 s)"].map(str::to_owned);
    assert_eq!(again(&["exit 0: passed (7 s)"], &printed).unwrap(), ["exit 0: passed (89 s)"]);
    assert!(again(&["exit 0: failed (89 s)"], &printed).is_err());
    assert!(again(&["exit 0: passed (89 s)", "PASS web: 3 ready 51.1 s"], &printed).is_err(), "another order");
}
