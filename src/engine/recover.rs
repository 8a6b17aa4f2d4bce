//! Takes over a run whose runner died or froze, and undoes what is open, with the same functions that the run would
//! have used. It first takes control of the run and then connects. Whatever fails, it tries again until the time limit
//! of the undo.

use std::sync::Arc;

use super::{
    Overrides, RecoverError, connect::Connecting, control::Control, left_open::LeftOpen, moment::Moment,
    session::Session, way_back::place_of,
};
use crate::{
    event::{Actor, Kind},
    journal::{Recorder, RunDir},
    model::{Exit, Plan},
    told,
    world::{Clock, World},
};

/// Undoes what a run left open. The reaper passes `control`, because it already has control of the run.
pub async fn recover(
    dir: &RunDir,
    actor: Actor,
    control: Option<Control>,
    overrides: &Overrides,
    show: impl FnOnce(&Arc<Recorder>, &Plan),
) -> Result<Exit, RecoverError> {
    let left = match LeftOpen::read(dir)? {
        Ok(left) => left,
        Err(exit) => return Ok(exit),
    };
    if left.plan.cluster.is_simulated() {
        return Err(RecoverError::Rehearsal(dir.0.display().to_string()));
    }
    let (place, note) = place_of(&left.way_back, overrides)?;
    let control = match control {
        Some(control) => control,
        None => Control::get(dir).await?,
    };
    let clock = left.clock(Clock::start());
    let session = match Session::open(dir, actor, control, left, clock, place.here.redactor(), overrides).await? {
        Ok(session) => session,
        Err(exit) => return Ok(exit),
    };
    show(&session.recorder, &session.plan);
    if let Some(text) = note {
        session.recorder.observe(Kind::Noted { text: told!(session.recorder, "{text}") });
    }
    match session.connect(&place).await? {
        Connecting::Done(world) => Ok(session.put_back(*world).await),
        Connecting::OutOfTime(why) => Ok(session.give_up(&place, &why).await),
    }
}

/// The same in a world that is already open. Its clock is set to that of the run.
pub async fn recover_in(
    mut world: World,
    dir: &RunDir,
    actor: Actor,
    control: Option<Control>,
    overrides: &Overrides,
) -> Result<Exit, RecoverError> {
    let left = match LeftOpen::read(dir)? {
        Ok(left) => left,
        Err(exit) => return Ok(exit),
    };
    overrides.moments.at(Moment::Seen).await;
    let control = match control {
        Some(control) => control,
        None => Control::get(dir).await?,
    };
    world.clock = left.clock(world.clock);
    let session = match Session::open(dir, actor, control, left, world.clock, &world.redactor, overrides).await? {
        Ok(session) => session,
        Err(exit) => return Ok(exit),
    };
    session.fits(&world)?;
    Ok(session.put_back(world).await)
}
