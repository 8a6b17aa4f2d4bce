//! Names of commands and flags that were changed. The old ones still work, and no help shows them.

use std::{fs, process::Command};

use tempfile::TempDir;

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  replicas: 2\n  \
    selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    \
    spec: {containers: [{name: a, image: 'i:1'}]}\n";
const READINESS: &str = "apiVersion: drillmaster.dev/v1\nkind: Readiness\nenvironment: staging\n";
const BINDINGS: &str = "apiVersion: drillmaster.dev/v1\nkind: Bindings\nvalues: {storefront: 'http://a.invalid/'}\n";

fn desk() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("m.yaml"), WEB).unwrap();
    fs::write(dir.path().join("d.yaml"), READINESS).unwrap();
    fs::write(dir.path().join("b.yaml"), BINDINGS).unwrap();
    fs::write(dir.path().join("gated.yaml"), include_str!("../lab/gated.yaml")).unwrap();
    dir
}

/// The exit code, standard output and standard error.
fn program(dir: &TempDir, args: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
    command.current_dir(dir.path()).env("NO_COLOR", "1").env_remove("KUBECONFIG").env("HOME", dir.path());
    let out = command.args(args.split_whitespace()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

#[test]
fn an_old_name_means_what_the_new_one_means() {
    let dir = desk();
    assert_eq!(program(&dir, "rehearse --runs-dir runs --speed 100000 --quiet").0, 0);
    for (old, new) in [
        ("check m.yaml --drill d.yaml", "check m.yaml --readiness d.yaml"),
        ("check m.yaml --format markdown", "check m.yaml --output markdown"),
        ("check m.yaml --fix-plan", "check m.yaml -o fix-plan"),
        ("lint gated.yaml --bind b.yaml", "lint gated.yaml --bindings b.yaml"),
        ("list-checks", "list checks"),
        ("list-checks -o json", "list checks -o json"),
        ("replay --runs-dir runs", "log --runs runs"),
        ("status --runs-dir runs", "status --runs runs"),
        ("rbac --check", "rbac --for check"),
        ("capture --review --out o --context no", "capture --for check --out o --context no"),
        ("recover --watch --context no", "standby --context no"),
        (
            "recover --watch --dead-after 5s --bind b.yaml --context no",
            "standby --dead-after 5s --bindings b.yaml --context no",
        ),
        (
            "run gated.yaml --bind b.yaml --context no --approve x",
            "run gated.yaml --bindings b.yaml --context no --approve-gate x",
        ),
        (
            "run gated.yaml --bind b.yaml --context no --approve maywe",
            "run gated.yaml --bind b.yaml --context no --approve-gate maywe",
        ),
        ("rehearse zone-outage --approve x", "rehearse zone-outage --approve-gate x"),
        ("rehearse --speed 0", "rehearse --pace 0"),
    ] {
        let (before, now) = (program(&dir, old), program(&dir, new));
        assert_eq!((before.0, &before.1), (now.0, &now.1), "{old}");
        // An error of the command line names the flag by its new name.
        assert_eq!(before.2.lines().next(), now.2.lines().next(), "{old}");
    }
}

#[test]
fn an_old_format_with_a_file_prints_nothing() {
    let dir = desk();
    let (_, printed, _) = program(&dir, "check m.yaml --format json=old.json");
    assert_eq!(printed, "");
    let (_, printed, _) = program(&dir, "check m.yaml --write json=new.json");
    assert!(printed.contains("m.yaml"), "the review is printed too: {printed}");
    let read = |name: &str| -> serde_json::Value {
        let mut review: serde_json::Value = serde_json::from_slice(&fs::read(dir.path().join(name)).unwrap()).unwrap();
        review["at"].take();
        review
    };
    assert_eq!(read("old.json"), read("new.json"));
    let (code, _, said) = program(&dir, "check m.yaml --format json --write json=x.json");
    assert!(code == 2 && said.contains("cannot be used with"), "{said}");
}

#[test]
fn no_help_shows_an_old_name() {
    let dir = desk();
    for command in ["", "check", "capture", "rbac", "recover", "rehearse", "run", "status", "log", "report"] {
        let (code, help, _) = program(&dir, &format!("{command} --help"));
        assert_eq!(code, 0);
        for old in [
            "--approve ",
            "--drill",
            "--format",
            "--fix-plan",
            "--watch",
            "--speed",
            "--review",
            "--check",
            "--runs-dir",
            "list-checks",
            "replay",
        ] {
            // The reports of a run have formats, as the papers of an exercise have. It was an old name of `check` only.
            if (command, old) != ("report", "--format") {
                assert!(!help.contains(old), "`{old}` in the help of `{command}`: {help}");
            }
        }
    }
}
