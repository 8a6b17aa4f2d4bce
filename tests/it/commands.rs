//! What every command has in common, as a user meets it: formats, quiet and verbose, colours, exit codes, interruptions.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use drillmaster::journal::{Lock, RunDir};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

#[path = "../../build/commit.rs"]
mod commit;

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
        command.current_dir(self.0.path()).env_remove("NO_COLOR").args(args.split_whitespace());
        command
    }

    fn run(&self, args: &str) -> (i32, String, String) {
        let out = self.command(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
    }

    /// Rehearses to the end. Returns the directory.
    fn rehearsed(&self) -> PathBuf {
        assert_eq!(self.run("rehearse -q").0, 0);
        self.path("runs/zone-outage-small-shop-seed-1")
    }

    fn lines(&self, run: &Path) -> Vec<Value> {
        let text = fs::read_to_string(run.join("journal.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn write(&self, run: &Path, lines: &[Value]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(run.join("journal.jsonl"), drillmaster::fuzz::chained(&text)).unwrap();
    }
}

fn index(lines: &[Value], kind: &str) -> usize {
    lines.iter().position(|line| line["event"]["kind"] == kind).unwrap()
}

#[test]
fn the_exit_code_of_status_says_who_has_to_act() {
    let desk = Desk::new();
    let run = desk.rehearsed();
    let status = || desk.run("status");
    assert_eq!(status().0, 0, "ended, and nothing is open");
    let whole = desk.lines(&run);
    let open = index(&whole, "FaultReverted");
    desk.write(&run, &whole[..open]);
    assert_eq!(status().0, 7, "open, and nobody is alive: {}", status().1);
    let held = Lock::acquire(&RunDir(run.clone())).unwrap();
    assert_eq!(status().0, 0, "alive: {}", status().1);
    let json: Value = serde_json::from_str(&desk.run("status -o json").1).unwrap();
    assert_eq!((&json["alive"], &json["exit"], &json["rehearsal"]), (&json!(true), &json!(0), &json!(true)));
    let mut stuck = whole[..=open].to_vec();
    let fault = whole[open]["event"]["fault"].clone();
    stuck[open]["event"] =
        json!({"kind": "FaultStuck", "fault": fault, "why": "it does not start", "commands": ["turn it on"]});
    desk.write(&run, &stuck);
    assert_eq!(status().0, 6, "a person is needed: {}", status().1);
    drop(held);
    assert_eq!(status().0, 6);
}

#[test]
fn a_rehearsal_is_never_taken_for_a_run() {
    let desk = Desk::new();
    let run = desk.rehearsed();
    for verb in ["stop", "recover"] {
        let (code, _, said) = desk.run(verb);
        assert!(code == 2 && said.contains("contains only rehearsals"), "{verb}: {said}");
    }
    let (code, _, said) = desk.run("recover --runs elsewhere");
    assert!(code == 2 && said.contains("elsewhere contains no run"), "{said}");
    for verb in ["status", "report", "log", "verify"] {
        assert_eq!(desk.run(verb).0, 0, "{verb} shows a rehearsal if there is nothing else");
    }
    // A run is taken, even if a rehearsal is newer.
    let mut lines = desk.lines(&run);
    for cluster in lines[0]["event"]["clusters"].as_array_mut().unwrap() {
        cluster["flavour"] = "kind".into();
    }
    let other = desk.path("runs/20260101t000000000-other");
    fs::create_dir(&other).unwrap();
    desk.write(&other, &lines);
    assert_eq!(desk.run("rehearse -q").0, 0);
    assert!(desk.run("status").1.starts_with("runs/20260101t000000000-other"), "{:?}", desk.run("status"));
    assert!(desk.run("log").1.contains("on small-shop"));
}

#[test]
fn ctrl_c_ends_a_rehearsal_with_a_report() {
    let desk = Desk::new();
    // Without the signal, it would take 20 seconds more.
    let mut child = desk.command("rehearse --pace 4").stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("outage: killed")));
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    let said = said.join("\n");
    assert_eq!(child.wait().unwrap().code(), Some(5), "{said}");
    assert!(said.contains("SIGINT: stopping") && said.contains("exit 5: aborted"), "{said}");
    assert!(desk.path("runs/zone-outage-small-shop-seed-1/report.html").is_file(), "{said}");
}

#[test]
fn ctrl_c_ends_a_comparison() {
    let desk = Desk::new();
    let mut command = desk.command("rehearse --what-if");
    command.arg(vec!["replicas web=4"; 500].join("; "));
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("rehearsing"))).unwrap().unwrap();
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(5), "{said:?}");
    assert!(said.last().unwrap().contains("interrupted by SIGTERM"), "{said:?}");
}

#[test]
fn a_mistyped_gate_is_refused_before_anything_starts() {
    let desk = Desk::new();
    let gated = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/gated.yaml")).unwrap();
    fs::write(desk.path("gated.yaml"), gated).unwrap();
    let out = desk.command("rehearse gated.yaml --approve-gate").arg("maywe").output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(said.contains("did you mean `may we`?") && !desk.path("runs").exists(), "{said}");
    let (code, _, said) = desk.run("rehearse zone-outage --approve-gate go");
    assert!(code == 2 && said.contains("it has no gate"), "{said}");
    let out = desk.command("rehearse gated.yaml --approve-gate").arg("may we").output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn quiet_and_verbose() {
    let desk = Desk::new();
    let (_, out, quiet) = desk.run("rehearse --quiet");
    assert!(out.is_empty() && quiet.trim_start().starts_with("REHEARSAL") && quiet.contains("exit 0"), "{quiet}");
    assert!(!quiet.contains("armed") && !quiet.contains("next "), "{quiet}");
    let (_, _, brief) = desk.run("rehearse");
    let (_, _, verbose) = desk.run("-v rehearse");
    assert!(quiet.len() < brief.len() && brief.len() * 2 < verbose.len());
    let (code, _, said) = desk.run("-q rehearse -v");
    assert!(code == 2 && said.contains("--quiet and --verbose exclude each other"), "{said}");
    let (_, out, _) = desk.run("rehearse -q -o json");
    assert!(out.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()) && out.contains("RunEnded"));
}

#[test]
fn colours_are_chosen_by_the_flag_and_the_environment() {
    let desk = Desk::new();
    let coloured = |args: &str, variable: Option<(&str, &str)>| {
        let out = desk.command(args).envs(variable).output().unwrap();
        [out.stdout, out.stderr].concat().contains(&0x1b)
    };
    assert!(!coloured("rehearse -q", None), "a pipe gets no colours");
    assert!(coloured("rehearse -q --color always", None));
    assert!(coloured("--color=always rehearse -q", Some(("NO_COLOR", "1"))), "the flag counts more");
    assert!(!coloured("rehearse -q --color never", Some(("CLICOLOR_FORCE", "1"))));
    assert!(coloured("--color always --no-such-flag", None), "an error about the command line too");
    assert!(!coloured("--color sometimes --no-such-flag", None));
}

/// Nothing was run yet: each command says so, and what to give or to do.
#[test]
fn an_empty_folder_is_explained() {
    let desk = Desk::new();
    for (args, wanted) in [
        ("history", "the folder runs does not exist: run a drill first"),
        ("report", "runs contains no run: give a run directory"),
        ("status", "runs contains no run: give a run directory"),
        ("exercise status here", "does not contain an exercise; `drillmaster exercise prepare` makes one"),
    ] {
        let (code, _, said) = desk.run(args);
        assert!(code == 2 && said.contains(wanted), "{args}: {said}");
    }
}

#[test]
fn the_first_rehearsal_fits_a_screen() {
    let (code, _, said) = Desk::new().run("rehearse");
    assert_eq!(code, 0);
    assert!(said.lines().count() <= 40, "{} lines:\n{said}", said.lines().count());
}

#[test]
fn lint_reads_every_kind_of_file_below_a_folder() {
    let desk = Desk::new();
    let (code, _, said) = desk.run(&format!("lint {}/scenarios", env!("CARGO_MANIFEST_DIR")));
    assert_eq!(code, 0, "{said}");
    assert!(said.matches(": no problems").count() >= 20, "{said}");
    for (name, text) in [
        ("s.yaml", "apiVersion: drillmaster.dev/v1\nkind: Scenario\nsteps: 1\n"),
        ("b.yaml", "apiVersion: drillmaster.dev/v1\nkind: Bindings\nnope: 1\n"),
        ("c.json", r#"{"apiVersion": "drillmaster.dev/v1", "kind": "Cluster", "zoness": {}}"#),
        ("r.yaml", "apiVersion: drillmaster.dev/v1\nkind: Readiness\nenvironment: moon\n"),
        ("broken.yaml", "apiVersion: drillmaster.dev/v1\nkind: [\n"),
        ("web.yaml", "apiVersion: apps/v1\nkind: Deployment\n"),
        ("values.yaml", "a: {{ .Values.b }}\n"),
    ] {
        fs::create_dir_all(desk.path("all")).unwrap();
        fs::write(desk.path("all").join(name), text).unwrap();
    }
    let (code, out, said) = desk.run("lint all");
    assert_eq!(code, 2);
    for name in ["s.yaml", "b.yaml", "c.json", "r.yaml", "broken.yaml"] {
        assert!(out.contains(&format!("all/{name}")), "{name}: {out}");
    }
    assert!(!out.contains("web.yaml") && said.contains("2 other files"), "{out}{said}");
    let (code, said, _) = desk.run("lint all/web.yaml");
    assert!(code == 2 && said.contains("of kind Deployment") && said.contains("drillmaster check"), "{said}");
    fs::create_dir(desk.path("none")).unwrap();
    fs::write(desk.path("none/web.yaml"), "apiVersion: apps/v1\nkind: Deployment\n").unwrap();
    let (code, _, said) = desk.run("lint none");
    assert!(code == 2 && said.contains("nothing was checked"), "a check that checks nothing does not pass: {said}");
    let (code, out, _) = desk.run("lint all -o json");
    let found: Vec<Value> = serde_json::from_str(&out).unwrap();
    assert!(code == 2 && found.iter().all(|p| p["file"].as_str().is_some_and(|f| f.starts_with("all/"))), "{out}");
}

#[test]
fn explain_takes_the_beginning_of_a_name() {
    let desk = Desk::new();
    let (code, out, _) = desk.run("explain PDB");
    assert!(code == 0 && out.lines().filter(|line| line.starts_with("  PDB-")).count() > 2, "{out}");
    assert!(!out.contains("Rule:"), "{out}");
    assert!(desk.run("explain pdb-003").1.starts_with("PDB-003 "));
    assert_eq!(
        desk.run("explain PDB-*").1.matches("Rule:").count(),
        out.lines().filter(|l| l.starts_with("  PDB-")).count()
    );
    let json: Value = serde_json::from_str(&desk.run("explain PDB-003 -o json").1).unwrap();
    assert_eq!((json["checks"].as_array().unwrap().len(), &json["checks"][0]["id"]), (1, &json!("PDB-003")));
    let (code, _, said) = desk.run("explain PBD-003");
    assert!(code == 2 && said.contains("did you mean `PDB-003`?"), "{said}");
    assert_eq!(desk.run("explain ü").0, 2);
}

#[test]
fn a_variant_that_misses_an_objective_fails_the_comparison() {
    let desk = Desk::new();
    let compare = |changes: &str, more: &str| {
        let mut command = desk.command(&format!("rehearse -q {more} --what-if"));
        let out = command.arg(changes).output().unwrap();
        (out.status.code().unwrap(), String::from_utf8(out.stdout).unwrap())
    };
    let (code, out) = compare("replicas web=4", "");
    assert_eq!(code, 0, "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    let (code, out) = compare("toleration web=20m", "");
    assert!(code == 1 && out.contains("FAIL"), "{code}: {out}");
    let (code, out) = compare("toleration web=20m; replicas web=4", "-o json");
    let json: Value = serde_json::from_str(&out).unwrap();
    let exits: Vec<&Value> = json["variants"].as_array().unwrap().iter().map(|row| &row["exit"]).collect();
    assert_eq!((code, exits), (1, vec![&json!(0), &json!(1), &json!(0), &json!(1)]), "{out}");
}

fn git(folder: &Path, args: &[&str]) {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["-c", "user.name=n", "-c", "user.email=e@example.com"]);
    assert!(command.args(args).output().unwrap().status.success(), "git {args:?}");
}

#[test]
fn the_commit_of_a_build_is_never_a_wrong_one() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("drillmaster");
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("Cargo.toml"), "").unwrap();
    fs::write(folder.join("src/main.rs"), "").unwrap();
    assert_eq!(commit::commit(&folder), "unknown", "no git");
    git(dir.path(), &["init", "--quiet"]);
    git(dir.path(), &["commit", "--quiet", "--allow-empty", "--message", "other"]);
    assert_eq!(commit::commit(&folder), "unknown", "unpacked below another checkout");
    git(&folder, &["init", "--quiet"]);
    git(&folder, &["commit", "--quiet", "--allow-empty", "--message", "empty"]);
    assert_eq!(commit::commit(&folder), "unknown", "a checkout that does not have these files");
    git(&folder, &["add", "."]);
    git(&folder, &["commit", "--quiet", "--message", "all"]);
    let clean = commit::commit(&folder);
    assert!(clean.len() == 40 && clean.chars().all(|c| c.is_ascii_hexdigit()), "{clean}");
    fs::write(folder.join("README.md"), "").unwrap();
    assert_eq!(commit::commit(&folder), clean, "documentation is not part of the program");
    fs::write(folder.join("src/main.rs"), "fn main() {}").unwrap();
    assert_eq!(commit::commit(&folder), format!("{clean}-modified"));
    assert!(commit::moves_with(&folder).iter().any(|path| path.ends_with("HEAD")));
}

#[test]
fn version_names_the_commit_and_the_time() {
    let desk = Desk::new();
    let json: Value = serde_json::from_str(&desk.run("version -o json").1).unwrap();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    let commit = json["commit"].as_str().unwrap();
    let hash = commit.strip_suffix("-modified").unwrap_or(commit);
    assert!(commit == "unknown" || hash.len() == 40 && hash.chars().all(|c| c.is_ascii_hexdigit()), "{commit}");
    let built: jiff::Timestamp = json["built"].as_str().unwrap().parse().unwrap();
    assert!(built.as_second() > 0);
    let (_, long, _) = desk.run("--version");
    assert_eq!(long, desk.run("version").1);
    assert_eq!(desk.run("-V").1, format!("drillmaster {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn experts_flags_are_in_the_long_help_only() {
    let desk = Desk::new();
    for (command, flag) in [
        ("run", "--frozen-after"),
        ("check", "--junit-per"),
        ("check", "--plan-as"),
        ("cluster up", "--engine"),
        ("plan", "--audit-log"),
    ] {
        assert!(!desk.run(&format!("{command} -h")).1.contains(flag), "{flag}");
        assert!(desk.run(&format!("{command} --help")).1.contains(flag), "{flag}");
    }
}

/// The program in the Deployment would end at once if its arguments were not complete.
#[test]
fn the_reaper_in_a_cluster_has_the_arguments_that_it_needs() {
    let manifest = drillmaster::plan::reaper("image", "account");
    let container = &manifest["spec"]["template"]["spec"]["containers"][0];
    let args: Vec<&str> = container["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
    let (code, _, said) = Desk::new().run(&args.join(" "));
    assert!(code == 2 && said.contains("cannot read the bindings file /bindings/"), "{code}: {said}");
    let mounted: Vec<&Value> = container["volumeMounts"].as_array().unwrap().iter().map(|m| &m["mountPath"]).collect();
    assert_eq!(mounted, [&json!("/runs"), &json!("/bindings")]);
}
