//! `drillmaster rehearse`: runs a whole drill on a simulated cluster, in virtual time.

use std::{collections::BTreeSet, path::Path, time::Duration};

use super::{
    Done, Failure,
    args::{RehearseArgs, TalkArgs},
    gates,
    interrupt::Interrupts,
    note, note_whole, place, plan,
    prove::prove,
    run::finish,
    say, shown,
    simulated::{hears, paused, prepared, strange, unbroken},
    what_if::what_if,
};
use crate::{
    engine::{self, Options, begin},
    files,
    journal::{JournalError, Lock, RunDir, follow, is_rehearsal},
    model::{Exit, REHEARSAL, printable, run_name},
    report::live,
    scenario::{CLUSTERS, Home, Loaded, Problems, SCENARIOS, Sources, load, names, rehearsed_on},
    sim::{Description, Simulation},
};

/// The size limit of a cluster description. A copy of a large cluster has several megabytes.
const LARGEST: u64 = 64 << 20;

/// The scenario that `rehearse` runs when none is given.
const DEMONSTRATION: &str = "zone-outage";

pub(super) fn rehearse(args: &RehearseArgs, talk: TalkArgs) -> Done {
    let interrupts = Interrupts::listen()?;
    let scenario = args.scenario.as_deref().unwrap_or(Path::new(DEMONSTRATION));
    let cluster = args.cluster.as_deref().unwrap_or_else(|| rehearsed_on(&scenario.display().to_string()));
    let description = description(cluster)?;
    let is_shipped = names(CLUSTERS).any(|name| name == cluster);
    let home = if is_shipped { Home::ShippedCluster } else { Home::Cluster }(cluster.to_owned());
    let sources = Sources { set: place::set(&args.set)?, bindings: description.bindings(), lenient: false, home };
    let loaded = load(scenario, &sources).map_err(|p| unsuited(scenario, cluster, &p))?;
    place::warn(&loaded.warnings);
    gates::check(&loaded.scenario, &args.approve_gate)?;
    let steps: Vec<&str> = loaded.scenario.steps.iter().map(|s| s.name.0.as_str()).collect();
    let unfit = |why| Failure::new(Exit::Invalid, format!("--cluster {cluster}: {why}"));
    description.fits(&steps).map_err(unfit)?;
    note(&format!("{REHEARSAL}: {} on {}, seed {}", loaded.scenario.metadata.name, cluster, args.seed));
    if let Some(changes) = &args.what_if {
        return what_if(args, changes, &description, &loaded, &interrupts);
    }
    if args.prove {
        return prove(args, &description, &loaded, &interrupts);
    }
    let done = paused()?.block_on(whole(args, talk, cluster, &description, &loaded, &interrupts));
    if args.scenario.is_none() && matches!(done, Ok(Exit::Passed)) {
        note_whole("next           drillmaster list scenarios; drillmaster rehearse --help");
    }
    done
}

/// A shipped scenario on a cluster that it is not made for: the message says which cluster suits it. If values are all
/// that is missing on another shipped cluster, nothing in a file is wrong, so no line of a file is shown.
fn unsuited(scenario: &Path, cluster: &str, problems: &Problems) -> Failure {
    let name = scenario.display().to_string();
    let suits = rehearsed_on(&name);
    let failure = place::invalid(problems);
    if suits == cluster || !names(SCENARIOS).any(|shipped| shipped == name) {
        return failure;
    }
    let undefined: Option<BTreeSet<&str>> = problems.list.iter().map(|p| p.undefined.as_deref()).collect();
    if let Some(undefined) = undefined.filter(|_| names(CLUSTERS).any(|shipped| shipped == cluster)) {
        let missing = undefined.into_iter().collect::<Vec<_>>().join(", ");
        let text = format!(
            "{name} cannot be rehearsed on {cluster}: the cluster has no values for {missing}. {name} is made for the \
             simulated cluster {suits}: without --cluster it is rehearsed there"
        );
        return Failure::new(Exit::Invalid, text);
    }
    let text = format!(
        "{}\n{} is made for the simulated cluster {suits}: without --cluster it is rehearsed there",
        failure.text.trim_end(),
        shown(scenario)
    );
    Failure { text, ..failure }
}

async fn whole(
    args: &RehearseArgs,
    talk: TalkArgs,
    cluster: &str,
    description: &Description,
    loaded: &Loaded,
    interrupts: &Interrupts,
) -> Done {
    let run = run_name(&format!("{}-{}-seed-{}", loaded.scenario.metadata.name, description.name(), args.seed));
    // The same scenario, cluster and seed give the same rehearsal, so the new one replaces the old one.
    forget(&args.runs, &run)?;
    let simulation = Simulation::start(description, args.seed).await.map_err(|wrong| strange(description, &wrong))?;
    let prepared = prepared(&simulation, loaded, run, true).await?;
    for refusal in plan::refusals(&prepared.plan.findings) {
        say(&format!("refused: {refusal}"));
    }
    let despite_preflight = args.despite_preflight;
    let asking = gates::asking(&loaded.scenario, &args.asking, &args.script)?;
    let mut options = Options { despite_preflight, asking, ..Options::rehearsal(&args.runs, &args.approve_gate) };
    if despite_preflight {
        // The readiness checks that are repeated before the first act would refuse again.
        options.preflight_max_age = Duration::MAX;
    }
    let display = args.output.format.display(talk);
    let mut screen = None;
    let begun = begin(prepared, loaded, &engine::ClusterAccess::default(), &options, |recorder, _| {
        recorder.tap(hears(&simulation));
        screen = Some(live(recorder, display));
    })
    .map_err(|e| Failure::of(Exit::Invalid, &e))?;
    let dir = begun.dir.clone();
    let signals = tokio::spawn(interrupts.clone().each(begun.signals()));
    let pace = args.pace.map(|pace| tokio::spawn(paced(pace, interrupts.clone())));
    let exit = engine::run(&begun, loaded, &options).await;
    for task in std::iter::once(signals).chain(pace) {
        task.abort();
        // What it holds is gone only when it has ended. The screen waits for that.
        let _ = task.await;
    }
    drop(begun);
    // Print all lines of the rehearsal before the error: they show where it broke.
    if let Some(screen) = screen {
        let _ = screen.join();
    }
    unbroken(&simulation)?;
    for missed in simulation.without_effect() {
        say(&format!("--cluster {cluster}: {missed}"));
    }
    finish(&dir, exit, talk)
}

/// Slows virtual time down to a multiple of real time, so that people can watch. After a signal, nobody wants to wait.
async fn paced(pace: f64, interrupts: Interrupts) {
    const STEP: Duration = Duration::from_millis(100);
    loop {
        tokio::time::sleep(STEP).await;
        if interrupts.sleep(STEP.div_f64(pace)) {
            return;
        }
    }
}

/// Removes an earlier rehearsal of the same name, unless another process writes to it. Never removes anything else.
fn forget(runs: &Path, run: &str) -> Result<(), Failure> {
    let dir = RunDir(runs.join(run));
    if dir.0.is_symlink() || !dir.journal().is_file() {
        return Ok(());
    }
    let refused = |why: String| {
        Failure::new(
            Exit::Invalid,
            format!("cannot replace {}: {why}; move that directory away, or give another --runs", shown(&dir.0)),
        )
    };
    let _ours = Lock::acquire(&dir).map_err(|e| Failure::of(Exit::Invalid, &e))?;
    match follow(&dir, |_, _| ()) {
        Ok(_) if !is_rehearsal(&dir) => return Err(refused("it is not a rehearsal".into())),
        Ok(_) | Err(JournalError::Empty(_)) => {}
        Err(error) => return Err(refused(error.to_string())),
    }
    if let Some(other) = dir.foreign().map_err(|e| refused(e.to_string()))? {
        return Err(refused(format!("it contains {}, which is not a file of a run", printable(&other))));
    }
    std::fs::remove_dir_all(&dir.0).map_err(|e| refused(e.to_string()))
}

/// The description of a cluster: a shipped one by its name, or a file.
fn description(name: &str) -> Result<Description, Failure> {
    let text = match CLUSTERS.iter().find(|shipped| shipped.name == name) {
        Some(shipped) => shipped.text.to_owned(),
        None => files::text(Path::new(name), LARGEST).map_err(|e| {
            let known: Vec<&str> = names(CLUSTERS).collect();
            Failure::new(Exit::Invalid, format!("--cluster {name}: {e}; give a file, or one of {}", known.join(", ")))
        })?,
    };
    let (description, warnings) = Description::load(name, &text).map_err(|problems| place::invalid(&problems))?;
    place::warn(&warnings);
    Ok(description)
}
