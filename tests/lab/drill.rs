//! Runs the real program, and reads what it wrote.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use drillmaster::{
    event::{Event, Kind},
    journal,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::hollow::Hollow;

/// The program under test: the one that was just built, or the one in $DRILL_BINARY, for example a release build.
pub fn binary() -> Command {
    let other = std::env::var_os("DRILL_BINARY");
    let mut command = Command::new(other.unwrap_or_else(|| env!("CARGO_BIN_EXE_drillmaster").into()));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("NO_COLOR", "1");
    command
}

/// A drill on the hollow lab with the rights of its administrator.
pub fn admin(lab: &Hollow) -> Drill {
    Drill::new(&lab.env, "hollow", "scenarios/bindings/hollow.yaml", &lab.env["KUBECONFIG"])
}

/// Sends a signal to a run in progress.
pub fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

pub struct Drill {
    pub env: BTreeMap<String, String>,
    pub runs: PathBuf,
    pub context: String,
    pub bind: String,
    pub kubeconfig: String,
}

/// The result of a run.
pub struct Ended {
    pub code: i32,
    pub said: String,
    pub dir: PathBuf,
}

impl Drill {
    pub fn new(env: &BTreeMap<String, String>, context: &str, bind: &str, kubeconfig: &str) -> Self {
        Self {
            env: env.clone(),
            runs: Path::new(kubeconfig).with_file_name("runs"),
            context: context.to_owned(),
            bind: bind.to_owned(),
            kubeconfig: kubeconfig.to_owned(),
        }
    }

    pub fn command(&self, verb: &str, scenario: &str, more: &[&str]) -> Command {
        let mut command = binary();
        let shipped = !scenario.starts_with('/');
        command.envs(&self.env).arg(verb);
        command.arg(if shipped { format!("scenarios/{scenario}.yaml") } else { scenario.to_owned() });
        command.args(["--context", &self.context, "--kubeconfig", &self.kubeconfig, "--bindings", &self.bind]);
        if verb == "run" {
            command.arg("--runs").arg(&self.runs).args(["--confirm", &self.context]);
        }
        command.args(more);
        command
    }

    /// Runs a scenario to its end.
    pub fn run(&self, scenario: &str, more: &[&str]) -> Ended {
        let out = self.command("run", scenario, more).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        eprintln!("{said}");
        Ended { code: out.status.code().unwrap_or(-1), said, dir: self.newest() }
    }

    /// Starts a run and does not wait for it.
    pub fn start(&self, scenario: &str, more: &[&str]) -> Child {
        std::fs::create_dir_all(&self.runs).unwrap();
        let log = std::fs::File::create(self.runs.join("log")).unwrap();
        self.command("run", scenario, more).stderr(log).stdout(Stdio::null()).spawn().unwrap()
    }

    pub fn newest(&self) -> PathBuf {
        journal::NewestRuns::below(&self.runs).newest().unwrap_or_default()
    }

    /// Runs `recover` on the newest run, from another directory and without environment variables.
    pub fn recover(&self) -> Ended {
        let out = binary().current_dir("/").env_clear().arg("recover").arg(self.newest()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        eprintln!("{said}");
        Ended { code: out.status.code().unwrap_or(-1), said, dir: self.newest() }
    }
}

pub fn events(dir: &Path) -> Vec<Event> {
    journal::read(&journal::RunDir(dir.to_owned())).map(|j| j.events).unwrap_or_default()
}

/// The number of open faults, from a fold of the journal.
pub fn open_faults(dir: &Path) -> usize {
    journal::RunState::of(&events(dir)).unwrap().open().len()
}

pub fn report(dir: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(dir.join("report.json")).unwrap()).unwrap()
}

/// The outcomes of the expectations that mention a word.
pub fn outcomes(dir: &Path, word: &str) -> Vec<String> {
    report(dir)["judgements"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|j| j["expectation"].as_str().unwrap().contains(word))
        .map(|j| format!("{}: {}", j["outcome"].as_str().unwrap(), j["because"].as_str().unwrap()))
        .collect()
}

/// Whether the journal of a running drill already contains an event.
pub fn happened(dir: &Path, look: impl Fn(&Kind) -> bool) -> bool {
    events(dir).iter().any(|e| look(&e.event))
}

/// Waits for an event of a run. If it does not come, prints the last event.
pub fn wait_for_event(dir: &Path, what: &str, seconds: u64, look: impl Fn(&Kind) -> bool) {
    let began = std::time::Instant::now();
    while !happened(dir, &look) {
        if began.elapsed().as_secs() > seconds {
            for event in events(dir).iter().rev().take(25).rev() {
                eprintln!("{}", serde_json::to_string(event).unwrap());
            }
            panic!("gave up after {seconds} s waiting for {what}");
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}
