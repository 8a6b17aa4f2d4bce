//! Drills on a simulated cluster, as `rehearse`, `--what-if` and `--prove` run them.

use std::sync::Arc;

use super::{Failure, interrupt::Interrupts, plan::unprepared};
use crate::{
    engine::{self, Options, Prepared, begin, prepare_in},
    event::{Event, Kind},
    journal::Recorder,
    model::Exit,
    prove::Rehearsed,
    scenario::Loaded,
    sim::{Description, Happening, SettledCluster, Simulation},
};

/// A runtime with virtual time: time stands still while tasks run, and jumps ahead when all of them wait.
pub(super) fn paused() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|e| Failure::new(Exit::Internal, format!("cannot start the async runtime: {e}")))
}

/// A rehearsal that keeps only its verdict: its run directory is deleted.
pub(super) fn rehearsal(
    settled: &SettledCluster,
    happens: &[Happening],
    loaded: &Loaded,
    approve: &[String],
    interrupts: &Interrupts,
) -> Result<Rehearsed, Failure> {
    rehearsal_in(&temporary()?, settled, happens, loaded, approve, interrupts)
}

/// A directory that is deleted when it is dropped.
pub(super) fn temporary() -> Result<tempfile::TempDir, Failure> {
    tempfile::tempdir().map_err(|e| Failure::new(Exit::Internal, format!("cannot create a temporary directory: {e}")))
}

/// A rehearsal whose run directory is below this directory.
pub(super) fn rehearsal_in(
    dir: &tempfile::TempDir,
    settled: &SettledCluster,
    happens: &[Happening],
    loaded: &Loaded,
    approve: &[String],
    interrupts: &Interrupts,
) -> Result<Rehearsed, Failure> {
    interrupts.check()?;
    paused()?.block_on(async {
        let simulation = settled.fork(happens).await.map_err(|wrong| strange(settled.description(), &wrong))?;
        let prepared = prepared(&simulation, loaded, "variant".into(), false).await?;
        let options = Options::rehearsal(dir.path(), approve);
        let heard = |recorder: &Arc<Recorder>, _: &_| recorder.tap(hears(&simulation));
        let begun = begin(prepared, loaded, &engine::ClusterAccess::default(), &options, heard)
            .map_err(|e| Failure::of(Exit::Invalid, &e))?;
        let signals = tokio::spawn(interrupts.clone().each(begun.signals()));
        let exit = engine::run(&begun, loaded, &options).await;
        signals.abort();
        interrupts.check()?;
        unbroken(&simulation)?;
        Ok(Rehearsed { exit, verdict: begun.verdict(), happened: simulation.happened() })
    })
}

/// Tells the simulation when a step begins or ends: an entry under `happens:` may wait for a step.
pub(super) fn hears(simulation: &Simulation) -> impl Fn(&Event) + Send + Sync + 'static {
    let steps = simulation.steps();
    move |event| match &event.event {
        Kind::StepStarted { step, .. } => steps.begins(step),
        Kind::StepFinished { step, .. } => steps.ends(step),
        _ => {}
    }
}

/// What rehearsals on variants of one cluster begin with.
pub(super) fn settled(description: &Description, seed: u64) -> Result<SettledCluster, Failure> {
    paused()?.block_on(SettledCluster::of(description, seed)).map_err(|wrong| strange(description, &wrong))
}

pub(super) fn strange(description: &Description, wrong: &[String]) -> Failure {
    let name = description.name();
    Failure::new(Exit::Invalid, format!("cluster {name} cannot be simulated:\n  {}", wrong.join("\n  ")))
}

/// The drill prepared for a cluster.
pub(super) async fn prepared(
    simulation: &Simulation,
    loaded: &Loaded,
    run: String,
    catalogue: bool,
) -> Result<Prepared, Failure> {
    prepare_in(simulation.world(), &Default::default(), None, loaded, run, catalogue).await.map_err(|e| unprepared(&e))
}

/// A rehearsal is worthless if the simulated controllers stopped during it.
pub(super) fn unbroken(simulation: &Simulation) -> Result<(), Failure> {
    if !simulation.is_broken() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Internal,
        "the controllers of the simulated cluster stopped: this is a bug in drillmaster, and the result of this rehearsal is not valid",
    ))
}
