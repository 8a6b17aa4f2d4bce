//! Starts the drills of an exercise as processes of their own, and stops them. An exercise that dies takes no drill with
//! it. Start with [`arguments`], then [`spawn`].

use std::{
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    directory::scenario_file,
    lint_time::longest,
    stage::{Check, Drill, Stage},
    use_of::set,
    what::{ClusterAccess, StopFor},
};
use crate::{
    files,
    journal::{Holder, Lock, RunDir},
    model::{Dur, is_run_name},
    scenario::rehearsed_on,
};

/// The folder of a stage's drill, in the directory of the exercise.
pub fn folder(stage: &str) -> String {
    format!("drills/{stage}")
}

/// Whether a text that a journal has as the folder of a drill is one: it becomes a path.
pub(super) fn is_folder(text: &str) -> bool {
    text.strip_prefix("drills/").is_some_and(is_run_name)
}

/// Answers of a script: the name of a hold, and how long after it asks somebody says yes.
pub type Script = Vec<(String, Dur)>;

/// The command line of a drill.
pub fn arguments(dir: &Path, stage: &Stage, drill: &Drill, place: &ClusterAccess, script: &Script) -> Vec<String> {
    let file = dir.join(scenario_file(&stage.id)).display().to_string();
    let runs = dir.join(folder(&stage.id)).display().to_string();
    let mut words: Vec<String> = match place {
        ClusterAccess::Real { arguments } => {
            let mut words = vec!["run".to_owned(), file];
            words.extend(arguments.iter().cloned());
            words
        }
        ClusterAccess::Simulated { cluster, seed, pace } => {
            let cluster = if cluster.is_empty() { rehearsed_on(&drill.scenario) } else { cluster };
            let mut words = vec![
                "rehearse".to_owned(),
                file,
                "--cluster".into(),
                cluster.to_owned(),
                "--seed".into(),
                seed.to_string(),
            ];
            if let Some(pace) = pace {
                words.extend(["--pace".to_owned(), pace.to_string()]);
            }
            words
        }
        ClusterAccess::Nowhere => vec!["rehearse".to_owned(), file],
    };
    for (name, value) in set(drill) {
        words.extend(["--set".to_owned(), format!("{name}={value}")]);
    }
    for hold in &drill.hold {
        let within = longest(stage, &hold.until).unwrap_or_default();
        words.extend(["--hold".to_owned(), format!("{}={}@{}", hold.until, hold.before, within.exact())]);
    }
    for (name, after) in script {
        words.extend(["--script".to_owned(), format!("{name}=yes@{}", after.exact())]);
    }
    words.extend(["--wait-for-answers".to_owned(), "--runs".into(), runs]);
    words
}

/// The flags of `run` that `check` has too.
const SHARED: [&str; 3] = ["--context", "--kubeconfig", "--bindings"];

/// The command line of a readiness review; none without a real cluster.
pub fn review_arguments(check: &Check, place: &ClusterAccess) -> Option<Vec<String>> {
    let ClusterAccess::Real { arguments } = place else { return None };
    let drills = check.drills.iter().map(|drill| drill.word()).collect::<Vec<_>>().join(",");
    let mut words = vec!["check".to_owned()];
    let shared = arguments.chunks_exact(2).filter(|pair| SHARED.contains(&pair[0].as_str()));
    words.extend(shared.flatten().cloned());
    words.extend(["--for".to_owned(), drills, "--output".into(), "json".into()]);
    Some(words)
}

/// The command line of the process that makes the review of a stage and records its result.
pub fn reviewer(dir: &Path, stage: &Stage) -> Vec<String> {
    vec!["exercise".to_owned(), "review".into(), dir.display().to_string(), stage.id.clone()]
}

/// Starts a drill, or the review of a stage. It is in a process group of its own, so that Ctrl-C here does not reach it.
///
/// # Errors
/// The program cannot be started.
pub fn spawn(dir: &Path, stage: &str, arguments: &[String]) -> io::Result<Child> {
    let log = files::private().append(true).open(dir.join(format!("drills/{stage}.log")))?;
    #[expect(clippy::disallowed_methods, reason = "a drill must outlive the command that started it")]
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0).spawn()
}

/// Stops the drill of a run directory, which then puts everything back. Returns a message.
///
/// # Errors
/// Nobody could tell the drill to stop: a person has to do it.
pub fn stop(run: &Path, place: &ClusterAccess, how: StopFor) -> Result<String, String> {
    let dir = RunDir(run.to_owned());
    if Lock::is_held(&dir) == Some(false) {
        return Ok("the drill is not running".into());
    }
    if let (ClusterAccess::Real { .. }, StopFor::Incident) = (place, how) {
        return page(run);
    }
    let holder = Holder::of(&dir.file("lock")).filter(Holder::is_on_this_machine);
    let pid = holder.and_then(|holder| i32::try_from(holder.pid).ok());
    match pid.map(|pid| kill(Pid::from_raw(pid), Signal::SIGTERM)) {
        Some(Ok(())) => Ok("the drill was told to stop, and puts everything back".into()),
        Some(Err(error)) => {
            Err(format!("the drill could not be told to stop ({error}): run `drillmaster stop {}`", run.display()))
        }
        None => Err(format!("the drill runs on another machine: run `drillmaster stop {}` there", run.display())),
    }
}

/// A real incident also pages. `stop` does that through the cluster.
fn page(run: &Path) -> Result<String, String> {
    let words = format!("run `drillmaster stop {} --real-incident`", run.display());
    let failed = |why: String| format!("the drill could not be told to stop ({why}): {words}");
    let program = std::env::current_exe().map_err(|e| failed(e.to_string()))?;
    #[expect(clippy::disallowed_methods, reason = "`stop` is a command of this program")]
    let output =
        std::process::Command::new(program).arg("stop").arg(run).arg("--real-incident").stdin(Stdio::null()).output();
    let output = output.map_err(|e| failed(e.to_string()))?;
    if output.status.success() {
        return Ok("the drill was told that this is a real incident: it pages, and puts everything back".into());
    }
    Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
