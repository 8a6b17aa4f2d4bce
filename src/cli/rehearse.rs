//! `drillmaster rehearse`: runs a whole drill on a simulated cluster, in virtual time.

use std::{path::Path, sync::Arc, time::Duration};

use super::{Done, Failure, args::RehearseArgs, place, plan, prove::prove, run::finish, say, shown, what_if::what_if};
use crate::{
    engine::{self, Options, Prepared, begin, prepare_in},
    event::{Event, Kind},
    files,
    journal::{JournalError, Lock, Recorder, RunDir, read},
    model::{ClusterIdentity, Exit, REHEARSAL, printable, run_name},
    prove::Rehearsed,
    report::live,
    scenario::{CLUSTERS, Home, Loaded, Sources, load, names, rehearsed_on},
    sim::{Description, Happening, Settled, Simulation},
};

/// The size limit of a cluster description. A copy of a large cluster has several megabytes.
const LARGEST: u64 = 64 << 20;

/// The scenario that `rehearse` runs when none is given.
const DEMONSTRATION: &str = "zone-outage";

pub(super) fn rehearse(args: &RehearseArgs) -> Done {
    let scenario = args.scenario.as_deref().unwrap_or(Path::new(DEMONSTRATION));
    let cluster = args.cluster.as_deref().unwrap_or_else(|| rehearsed_on(&scenario.display().to_string()));
    let description = description(cluster)?;
    let is_shipped = names(CLUSTERS).any(|name| name == cluster);
    let home = if is_shipped { Home::ShippedCluster } else { Home::Cluster }(cluster.to_owned());
    let sources = Sources { set: place::set(&args.set)?, bindings: description.bindings(), lenient: false, home };
    let loaded = load(scenario, &sources).map_err(|p| place::invalid(&p))?;
    place::warn(&loaded.warnings);
    let steps: Vec<&str> = loaded.scenario.steps.iter().map(|s| s.name.0.as_str()).collect();
    let unfit = |why| Failure::new(Exit::Invalid, format!("--cluster {cluster}: {why}"));
    description.fits(&steps).map_err(unfit)?;
    say(&format!(
        "{REHEARSAL}: {} on the simulated cluster {}, seed {}",
        loaded.scenario.metadata.name, cluster, args.seed
    ));
    if let Some(changes) = &args.what_if {
        return what_if(changes, &description, &loaded, args.seed);
    }
    if args.prove {
        return prove(args, &description, &loaded);
    }
    let done = paused()?.block_on(whole(args, cluster, &description, &loaded));
    if args.scenario.is_none() && done.is_ok() {
        say(
            "next           drillmaster rehearse SCENARIO --cluster FILE, or drillmaster plan SCENARIO --context NAME on your own cluster",
        );
    }
    done
}

/// A runtime with virtual time: time stands still while tasks run, and jumps ahead when all of them wait.
fn paused() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|e| Failure::new(Exit::Internal, format!("cannot start the async runtime: {e}")))
}

/// A rehearsal that keeps only its events: its run directory is deleted.
pub(super) fn rehearsal(
    settled: &Settled,
    happens: &[Happening],
    loaded: &Loaded,
    approve: &[String],
) -> Result<Rehearsed, Failure> {
    let dir = tempfile::tempdir()
        .map_err(|e| Failure::new(Exit::Internal, format!("cannot create a temporary directory: {e}")))?;
    paused()?.block_on(async {
        let simulation = settled.fork(happens).await.map_err(|wrong| strange(settled.description(), &wrong))?;
        let prepared = prepared(&simulation, loaded, "variant".into(), false).await?;
        let options = Options::rehearsal(dir.path(), approve);
        let heard = |recorder: &Arc<Recorder>, _: &_| recorder.tap(hears(&simulation));
        let begun = begin(prepared, loaded, &engine::Place::default(), &options, heard)
            .map_err(|e| Failure::of(Exit::Invalid, &e))?;
        let exit = engine::run(&begun, loaded, &options).await;
        unbroken(&simulation)?;
        Ok(Rehearsed { exit, events: begun.recorder.events(), happened: simulation.happened() })
    })
}

/// Tells the simulation when a step begins or ends: an entry under `happens:` may wait for a step.
fn hears(simulation: &Simulation) -> impl Fn(&Event) + Send + Sync + 'static {
    let steps = simulation.steps();
    move |event| match &event.event {
        Kind::StepStarted { step, .. } => steps.begins(step),
        Kind::StepFinished { step, .. } => steps.ends(step),
        _ => {}
    }
}

/// What rehearsals on variants of one cluster begin with.
pub(super) fn settled(description: &Description, seed: u64) -> Result<Settled, Failure> {
    paused()?.block_on(Settled::of(description, seed)).map_err(|wrong| strange(description, &wrong))
}

fn strange(description: &Description, wrong: &[String]) -> Failure {
    let name = description.name();
    Failure::new(Exit::Invalid, format!("cluster {name} cannot be simulated:\n  {}", wrong.join("\n  ")))
}

/// The drill prepared for a cluster.
async fn prepared(simulation: &Simulation, loaded: &Loaded, run: String, catalogue: bool) -> Result<Prepared, Failure> {
    prepare_in(simulation.world(), &Default::default(), None, loaded, run, catalogue)
        .await
        .map_err(|e| Failure::of(Exit::Invalid, &e))
}

async fn whole(args: &RehearseArgs, cluster: &str, description: &Description, loaded: &Loaded) -> Done {
    let run = run_name(&format!("{}-{}-seed-{}", loaded.scenario.metadata.name, description.name(), args.seed));
    // The same scenario, cluster and seed give the same rehearsal, so the new one replaces the old one.
    forget(&args.runs_dir, &run)?;
    let simulation = Simulation::start(description, args.seed).await.map_err(|wrong| strange(description, &wrong))?;
    let prepared = prepared(&simulation, loaded, run, true).await?;
    for refusal in plan::refusals(&prepared.plan.findings) {
        say(&format!("refused: {refusal}"));
    }
    let despite_preflight = args.despite_preflight;
    let mut options = Options { despite_preflight, ..Options::rehearsal(&args.runs_dir, &args.approve) };
    if despite_preflight {
        // The readiness checks that are repeated before the first act would refuse again.
        options.preflight_max_age = Duration::MAX;
    }
    let display = args.output.display(args.verbose);
    let mut screen = None;
    let begun = begin(prepared, loaded, &engine::Place::default(), &options, |recorder, _| {
        recorder.tap(hears(&simulation));
        screen = Some(live(recorder, display));
    })
    .map_err(|e| Failure::of(Exit::Invalid, &e))?;
    let dir = begun.dir.clone();
    let pace = args.speed.map(|speed| tokio::spawn(paced(speed)));
    let exit = engine::run(&begun, loaded, &options).await;
    if let Some(pace) = pace {
        pace.abort();
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
    finish(&dir, exit)
}

/// A rehearsal is worthless if the simulated controllers stopped during it.
fn unbroken(simulation: &Simulation) -> Result<(), Failure> {
    if !simulation.is_broken() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Internal,
        "the controllers of the simulated cluster stopped: this is a bug in drillmaster, and the result of this rehearsal is not valid",
    ))
}

/// Slows virtual time down to a multiple of real time, so that people can watch.
async fn paced(speed: f64) {
    const STEP: Duration = Duration::from_millis(100);
    loop {
        tokio::time::sleep(STEP).await;
        #[expect(clippy::disallowed_methods, reason = "real time is what this is to wait for")]
        std::thread::sleep(STEP.div_f64(speed));
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
            format!("cannot replace {}: {why}; move that directory away, or give another --runs-dir", shown(&dir.0)),
        )
    };
    let _ours = Lock::take(&dir).map_err(|e| Failure::of(Exit::Invalid, &e))?;
    match read(&dir) {
        Ok(journal) if !is_rehearsal(&journal.events) => return Err(refused("it is not a rehearsal".into())),
        Ok(_) | Err(JournalError::Empty(_)) => {}
        Err(error) => return Err(refused(error.to_string())),
    }
    if let Some(other) = dir.foreign().map_err(|e| refused(e.to_string()))? {
        return Err(refused(format!("it contains {}, which is not a file of a run", printable(&other))));
    }
    std::fs::remove_dir_all(&dir.0).map_err(|e| refused(e.to_string()))
}

fn is_rehearsal(events: &[Event]) -> bool {
    matches!(events.first().map(|e| &e.event), Some(Kind::RunStarted { clusters, .. })
        if !clusters.is_empty() && clusters.iter().all(ClusterIdentity::is_simulated))
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
