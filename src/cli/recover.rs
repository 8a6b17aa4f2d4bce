//! `drillmaster recover` and `drillmaster standby`, and the hidden command `reap`, which is the reaper process.

use std::path::Path;

use super::{
    Done, Failure,
    args::{PlaceArgs, ReapArgs, RecoverArgs, StandbyArgs, TalkArgs},
    place,
    report::organisation_or_none,
    run::finish,
    say, shown,
};
use crate::{
    engine::{NEEDS_BINDINGS, Overrides, RecoverError, from_cluster, reap as watch_over, recover as pick_up, stand_by},
    event::Actor,
    journal::RunDir,
    model::{Dur, Exit},
    report::{self, Display, live},
    verdict::ReadRun,
    world::connect,
};

pub(super) async fn recover(args: &RecoverArgs, talk: TalkArgs) -> Done {
    let overrides = Overrides {
        context: place::contexts(&args.place.context)?.0,
        kubeconfigs: args.place.kubeconfig.clone().into_iter().collect(),
        bindings: args.place.bindings.clone(),
        unwind_within: Some(args.unwind_within.0),
        ..Overrides::default()
    };
    if args.watch {
        return watch(&args.place, &args.run.runs, args.dead_after).await;
    }
    let dir = if args.from_cluster {
        let place = place::place_or_own(&args.place).await?;
        let (kube, _) = connect(&place.reach, &place.here).await.map_err(|e| place::not_connected(&e))?;
        from_cluster(&kube, &args.run.runs, &place).await.map_err(|e| failure(&e))?
    } else {
        place::dir(&args.run, place::WhichRun::Run)?
    };
    if nothing_open(&dir) {
        say(&format!("{}: this run left nothing open; nothing was changed", shown(&dir.0)));
        return Ok(Exit::Passed);
    }
    // An undo is shown event by event: somebody waits for each of them.
    let display = match args.output.format.display(talk) {
        Display::Brief => Display::Verbose,
        other => other,
    };
    let mut screen = None;
    let done =
        pick_up(&dir, Actor::Recover, None, &overrides, |recorder, _| screen = Some(live(recorder, display))).await;
    if let Some(screen) = screen {
        let _ = screen.join();
    }
    let exit = done.map_err(|e| failure(&e))?;
    finish(&dir, exit, talk)?;
    // `recover` succeeded when it left nothing open, although the run itself was aborted.
    Ok(if exit == Exit::Aborted { Exit::Passed } else { exit })
}

pub(super) async fn standby(args: &StandbyArgs) -> Done {
    watch(&args.place, &args.runs, args.dead_after).await
}

/// Stands by until it fails. It needs the bindings: without them it could undo nothing, so it refuses to start.
async fn watch(place: &PlaceArgs, runs: &Path, dead_after: Dur) -> Done {
    if place.bindings.is_none() {
        return Err(Failure::new(Exit::Invalid, NEEDS_BINDINGS));
    }
    let place = place::place(place)?;
    Err(failure(&stand_by(&place, runs, dead_after.0, say).await))
}

fn nothing_open(dir: &RunDir) -> bool {
    let Ok(reading) = ReadRun::from(dir) else { return false };
    let history = reading.history();
    history.illegal.is_none() && history.state.open().is_empty() && history.state.ended.is_some()
}

fn failure(error: &RecoverError) -> Failure {
    let exit = match error {
        RecoverError::Open(_) | RecoverError::Api(_) => Exit::Refused,
        _ => Exit::Invalid,
    };
    Failure::of(exit, error)
}

pub(super) async fn reap(args: &ReapArgs) -> Done {
    let dir = RunDir(args.dir.clone());
    let exit = watch_over(&dir, args.frozen_after.0).await.map_err(|e| failure(&e))?;
    if let Ok(reading) = ReadRun::from(&dir) {
        let organisation = organisation_or_none();
        let _ = report::write_all(&dir, &reading, &organisation);
    }
    Ok(exit)
}
