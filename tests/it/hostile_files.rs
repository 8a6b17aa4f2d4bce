//! Runs the program with files that are damaged, hostile or far too large. Each gives a clear error or is read in
//! bounded time. No other file is written or removed.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use drillmaster::{
    journal::{Lock, RunDir},
    model::is_printable,
};
use serde_json::Value;

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        fs::write(self.path(name), text).unwrap();
        self
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
        command.current_dir(self.0.path()).env("NO_COLOR", "1").env("RUST_BACKTRACE", "0").args(args);
        command
    }

    /// Returns the exit code and all output. Fails if there is a panic or a control character in the output.
    fn run(&self, args: &[&str]) -> (i32, String) {
        told(&self.command(args).output().unwrap())
    }

    /// Runs a rehearsal to its end. Returns its directory.
    fn rehearsed(&self) -> PathBuf {
        let (code, said) = self.run(&["rehearse"]);
        assert_eq!(code, 0, "{said}");
        self.path("runs/zone-outage-small-shop-seed-1")
    }
}

fn told(out: &Output) -> (i32, String) {
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(!said.contains("panicked"), "{said}");
    let odd = said.chars().find(|c| *c != '\n' && *c != '\t' && !is_printable(*c) && *c != '\u{fffd}');
    assert!(odd.is_none(), "{odd:?} in {said}");
    (out.status.code().unwrap_or_else(|| panic!("a signal ended the program: {said}")), said)
}

fn shipped(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn corpus(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name)).unwrap()
}

#[test]
fn a_mistake_beside_letters_of_any_language_is_shown() {
    let desk = Desk::new();
    for name in ["not-ascii-1", "not-ascii-2", "not-ascii-3", "bom-and-crlf", "nul", "odd-yaml", "nested", "escapes"] {
        desk.file("s.yaml", corpus(&format!("scenario/{name}.yaml")));
        let (code, said) = desk.run(&["lint", "s.yaml"]);
        assert_eq!(code, if name == "escapes" { 0 } else { 2 }, "{name}: {said}");
    }
    desk.file("m.yaml", corpus("manifest/budget.yaml")).file("d.yaml", corpus("readiness_file/not-ascii.yaml"));
    let (code, said) = desk.run(&["check", "m.yaml", "--readiness", "d.yaml"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("unknown key `über`"), "{said}");
}

#[test]
fn many_keys_and_deep_nesting() {
    let desk = Desk::new();
    desk.file("keys.yaml", (0..20_000).map(|i| format!("k{i}: 1\n")).collect::<String>());
    let (code, said) = desk.run(&["lint", "keys.yaml"]);
    assert!(code == 2 && said.contains("… and ") && said.len() < 1 << 20, "{code}");
    desk.file("deep.yaml", "- ".repeat(50_000) + "x\n");
    let (code, said) = desk.run(&["lint", "deep.yaml"]);
    assert!(code == 2 && said.contains("nested more than 64 levels deep"), "{said}");
    let (code, said) = desk.run(&["rehearse", "--cluster", "deep.yaml"]);
    assert!(code == 2 && said.contains("nested more than 64 levels deep"), "{said}");
    assert_eq!(desk.run(&["check", "deep.yaml"]).0, 2);
}

#[test]
fn what_is_not_a_regular_file_is_not_read() {
    let desk = Desk::new();
    nix_fifo(&desk.path("pipe"));
    desk.file("m.yaml", corpus("manifest/budget.yaml"));
    for odd in ["pipe", "/dev/zero", "/"] {
        for args in [
            vec!["lint", odd],
            vec!["rehearse", odd],
            vec!["rehearse", "--cluster", odd],
            vec!["plan", "s.yaml", "--context", "a", "--bindings", odd],
            vec!["check", "m.yaml", "--readiness", odd],
            vec!["check", "m.yaml", "--scan", odd],
            vec!["check", "m.yaml", "--baseline", odd],
            vec!["check", "--capture", odd],
            vec!["plan", "s.yaml", "--context", "a", "--audit-log", odd],
            vec!["run", "s.yaml", "--context", "a", "--audit-log", odd],
        ] {
            // `lint` reads what is below a folder.
            if (args[0], odd) == ("lint", "/") {
                continue;
            }
            let (code, said) = desk.run(&args);
            assert!(code == 2 && said.contains("not a regular file"), "{args:?}: {code}: {said}");
        }
    }
}

/// A pipe that the shell has opened is read, as in `drillmaster lint <(make-scenario)`.
#[test]
fn a_pipe_that_was_passed_on_is_read() {
    let desk = Desk::new();
    for input in ["/dev/fd/0", "/dev/stdin"] {
        for (text, wanted) in [(shipped("scenarios/zone-outage.yaml"), 0), ("steps: 1\n".to_owned(), 2)] {
            let (reader, mut writer) = std::io::pipe().unwrap();
            // This text fits into the buffer of a pipe.
            writer.write_all(text.as_bytes()).unwrap();
            drop(writer);
            let (code, said) = told(&desk.command(&["lint", input]).stdin(reader).output().unwrap());
            assert!(code == wanted && !said.contains("regular"), "{input}: {code}: {said}");
        }
    }
}

/// A program that reads the output must get the same bytes that a file would contain.
#[test]
fn json_on_standard_output_is_not_altered() {
    let desk = Desk::new();
    let odd = desk.path("kept\u{200d}\u{202e}\u{e000}");
    fs::rename(desk.rehearsed(), &odd).unwrap();
    let out = desk.command(&["verify", "--output", "json", odd.to_str().unwrap()]).output().unwrap();
    let verified: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(verified["dir"], odd.to_str().unwrap());
}

/// The output contains nothing about the scenario: no table and no verdict.
#[test]
fn a_rehearsal_that_could_not_be_made_is_an_internal_error() {
    let desk = Desk::new();
    for args in [&["--what-if", "node +1 zone=a"][..], &["--prove"]] {
        let nowhere = desk.path("nowhere");
        let out = desk.command(&[&["rehearse"], args].concat()).env("TMPDIR", nowhere).output().unwrap();
        let (code, said) = told(&out);
        assert!(code == 70 && said.contains("cannot create a temporary directory"), "{args:?}: {code}: {said}");
        assert!(out.stdout.is_empty(), "{args:?}: {said}");
    }
}

fn nix_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// The files of a run that another person packed.
#[test]
fn links_in_a_run_directory_are_not_followed() {
    let desk = Desk::new();
    let run = desk.rehearsed();
    let dir = run.to_str().unwrap();
    desk.file("precious", "precious");
    // One link at the temporary file of the next report, and one at the report itself.
    symlink(desk.path("precious"), run.join(".report.html.next")).unwrap();
    assert_eq!(desk.run(&["report", dir]).0, 0);
    fs::remove_file(run.join("report.html")).unwrap();
    symlink(desk.path("precious"), run.join("report.html")).unwrap();
    let (code, said) = desk.run(&["report", dir]);
    assert!(code == 2 && said.contains("not a regular file"), "{said}");
    fs::remove_file(run.join("report.html")).unwrap();
    for name in ["scenario.yaml", "plan.json", "journal.jsonl"] {
        let (path, kept) = (run.join(name), desk.path(name));
        fs::rename(&path, &kept).unwrap();
        symlink(&kept, &path).unwrap();
        let (code, said) = desk.run(&["verify", dir]);
        assert_eq!(code, 1, "{name}: {said}");
        fs::remove_file(&path).unwrap();
        fs::rename(&kept, &path).unwrap();
    }
    fs::rename(run.join("samples"), desk.path("samples")).unwrap();
    symlink(desk.path("samples"), run.join("samples")).unwrap();
    let (code, said) = desk.run(&["verify", dir]);
    assert!(code == 1 && said.contains("symbolic link"), "{said}");
    assert_eq!(fs::read_to_string(desk.path("precious")).unwrap(), "precious");
}

#[test]
fn a_journal_of_impossible_times() {
    let desk = Desk::new();
    let run = desk.rehearsed();
    let journal = run.join("journal.jsonl");
    let mut lines: Vec<Value> =
        fs::read_to_string(&journal).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    lines.last_mut().unwrap()["t_us"] = u64::MAX.into();
    let text: String = lines.iter().map(|l| format!("{l}\n")).collect();
    fs::write(&journal, drillmaster::fuzz::chained(&text)).unwrap();
    for verb in ["report", "log", "status", "verify", "recover"] {
        let (code, said) = desk.run(&[verb, run.to_str().unwrap()]);
        let wanted = if verb == "verify" { 1 } else { 2 };
        assert!(
            code == wanted && said.contains("more than 100 years after the start of the run"),
            "{verb}: {code}: {said}"
        );
    }
}

#[test]
fn a_lock_that_cannot_be_read_proves_nothing() {
    let desk = Desk::new();
    let run = desk.rehearsed();
    assert_eq!(fs::metadata(run.join("lock")).unwrap().permissions().mode() & 0o777, 0o600);
    let journal = run.join("journal.jsonl");
    let half: String = fs::read_to_string(&journal).unwrap().lines().take(100).map(|l| format!("{l}\n")).collect();
    fs::write(&journal, half).unwrap();
    let status = || desk.run(&["status", run.to_str().unwrap()]).1;
    assert!(status().contains("DEAD: the runner stopped before the end"), "{}", status());
    fs::remove_file(run.join("lock")).unwrap();
    symlink("/dev/null", run.join("lock")).unwrap();
    assert!(status().contains("cannot tell whether it is still running"), "{}", status());
}

#[test]
fn a_second_rehearsal_does_not_remove_the_first() {
    let desk = Desk::new();
    let run = desk.rehearsed();
    let inode = fs::metadata(run.join("journal.jsonl")).unwrap().ino();
    let held = Lock::acquire(&RunDir(run.clone())).unwrap();
    let (code, said) = desk.run(&["rehearse"]);
    assert!(code == 2 && said.contains("another process holds"), "{said}");
    assert_eq!(fs::metadata(run.join("journal.jsonl")).unwrap().ino(), inode);
    drop(held);
    fs::write(run.join("precious.txt"), "keep").unwrap();
    let (code, said) = desk.run(&["rehearse"]);
    assert!(code == 2 && said.contains("precious.txt, which is not a file of a run"), "{said}");
    fs::remove_file(run.join("precious.txt")).unwrap();
    assert_eq!(desk.run(&["rehearse"]).0, 0);
    // A journal that names no cluster is not the journal of a rehearsal.
    let journal = run.join("journal.jsonl");
    let mut lines: Vec<Value> =
        fs::read_to_string(&journal).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    lines[0]["event"]["clusters"] = serde_json::json!([]);
    let text: String = lines.iter().map(|l| format!("{l}\n")).collect();
    fs::write(&journal, drillmaster::fuzz::chained(&text)).unwrap();
    let (code, said) = desk.run(&["rehearse"]);
    assert!(code == 2 && said.contains("it is not a rehearsal") && run.join("report.html").is_file(), "{said}");
}

#[test]
fn output_that_is_lost_is_not_a_success() {
    let desk = Desk::new();
    desk.file("m.yaml", corpus("manifest/budget.yaml"));
    // Text for people was read as far as somebody wanted; a part of the data for a program is not the data.
    let (people, programs) = (0, 74);
    for (args, closed) in [
        (&["completions", "bash"][..], programs),
        (&["schema"], programs),
        (&["list", "checks"], people),
        (&["list", "checks", "--output", "json"], programs),
        (&["explain", "PDB-001"], people),
        (&["--help"], people),
        (&["--version"], people),
        (&["check", "m.yaml", "--exit-zero"], people),
        (&["list", "scenarios"], people),
        (&["rehearse", "--output", "json"], programs),
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let out = desk.command(args).stdout(Stdio::from(full)).stderr(Stdio::piped()).output().unwrap();
        let (code, said) = told(&out);
        assert!(code == 74 && said.contains("cannot write to standard output"), "{args:?}: {code}: {said}");
        // The reader has closed the pipe, as `head` does.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let out = desk.command(args).stdout(Stdio::from(writer)).stderr(Stdio::piped()).output().unwrap();
        let (code, said) = told(&out);
        assert_eq!(code, closed, "{args:?}: {said}");
        assert_eq!(said.contains("closed it early: the output is not complete"), closed == 74, "{args:?}: {said}");
    }
    let (code, said) = desk.run(&["check", "m.yaml", "--write", "json=/dev/full"]);
    assert!(code == 2 && said.contains("cannot write /dev/full"), "{said}");
}

#[test]
fn speeds_and_rates_that_nobody_can_keep() {
    let desk = Desk::new();
    for speed in ["1e-300", "nan", "-1", "0", "inf", "1e300"] {
        let (code, said) = desk.run(&["rehearse", &format!("--pace={speed}")]);
        assert!(code == 2 && said.contains("write a number from"), "{speed}: {code}: {said}");
    }
    for every in ["0.0001ms", "0s", "1ms", "99999999999999d", "-1s", "NaNs"] {
        let text =
            shipped("scenarios/zone-outage.yaml").replace("body: ok}", &format!("body: ok}}\n    every: {every}"));
        assert!(text.contains(every));
        desk.file("s.yaml", text);
        assert_eq!(desk.run(&["lint", "s.yaml"]).0, 2, "{every}");
        assert_eq!(desk.run(&["rehearse", "s.yaml"]).0, 2, "{every}");
    }
}

#[test]
fn a_list_of_many_objects() {
    let desk = Desk::new();
    let items: Vec<Value> = (0..1500)
        .map(|i| {
            serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": format!("web-{i}"), "namespace": format!("shop{}", i % 50)},
                "spec": {"replicas": 3, "selector": {"matchLabels": {"app": format!("w{i}")}}, "template": {
                    "metadata": {"labels": {"app": format!("w{i}")}},
                    "spec": {"containers": [{"name": "c", "image": format!("r.example/w:{i}")}]}}}})
        })
        .collect();
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items});
    desk.file("list.json", serde_json::to_string_pretty(&list).unwrap());
    let (code, said) = desk.run(&["check", "list.json", "--write", "json=o.json"]);
    assert_eq!(code, 3, "{said}");
    let review: Value = serde_json::from_str(&fs::read_to_string(desk.path("o.json")).unwrap()).unwrap();
    let lines: std::collections::BTreeSet<u64> =
        review["results"].as_array().unwrap().iter().filter_map(|r| r["subject"]["line"].as_u64()).collect();
    assert!(lines.len() > 1500, "each object must have its own lines: {}", lines.len());
    let (_, script) = desk.run(&["check", "list.json", "--output", "fix-plan", "--plan-as", "script"]);
    assert!(script.matches("kubectl").count() > 1000);
    let (_, diff) = desk.run(&["check", "list.json", "--output", "fix-plan"]);
    assert!(diff.matches("\n+            \"automountServiceAccountToken\": false,").count() > 1000);
}

/// Markup in names is plain text in every format.
#[test]
fn names_that_are_markup() {
    let desk = Desk::new();
    desk.file("m.yaml", corpus("manifest/markup.yaml"));
    let out = desk.command(&["check", "m.yaml", "--output", "markdown", "--write", "junit=j.xml"]).output().unwrap();
    let markdown = String::from_utf8(out.stdout).unwrap();
    assert!(markdown.contains("evil"), "{markdown}");
    for live in ["![i](http", "[l](http", " `c`", "<b>", "http://evil"] {
        assert!(!markdown.contains(live), "{live}: {markdown}");
    }
    let rows = markdown.lines().filter(|line| line.starts_with('|'));
    for row in rows {
        let cells = row.replace("\\\\", "").replace("\\|", "").matches('|').count();
        assert_eq!(cells, 6, "{row}");
    }
    let junit = fs::read_to_string(desk.path("j.xml")).unwrap();
    assert!(junit.contains("<testcase") && junit.chars().all(|c| c == '\n' || is_printable(c)), "{junit}");
}

#[test]
fn escapes_in_names_of_a_drill() {
    let desk = Desk::new();
    desk.file("s.yaml", corpus("scenario/escapes.yaml")).file("c.yaml", corpus("cluster/escapes.yaml"));
    let (code, said) = desk.run(&["rehearse", "s.yaml", "--cluster", "c.yaml"]);
    assert!(said.contains("FORGED") && code == 1, "{code}: {said}");
    for line in said.lines() {
        assert!(!line.trim_start().starts_with("FORGED"), "a name made a separate line: {line}");
    }
    // The summary as a terminal with colours shows it: the only escape sequences are those of the colours.
    let dir = fs::read_dir(desk.path("runs")).unwrap().next().unwrap().unwrap().path();
    let reading = drillmaster::verdict::ReadRun::from(&RunDir(dir)).unwrap();
    let summary = drillmaster::report::summary(&drillmaster::report::story_of(&reading), true);
    let colours = ["\u{1b}[0m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m"];
    let plain = colours.iter().fold(summary.clone(), |text, colour| text.replace(colour, ""));
    assert!(plain.len() < summary.len() && plain.chars().all(|c| c == '\n' || is_printable(c)), "{summary:?}");
    let (code, said) = desk.run(&["lint", "a\u{1b}[31m\nFORGED\u{202e}.yaml"]);
    assert!(code == 2 && !said.lines().any(|l| l.starts_with("FORGED")), "{said}");
}
