//! A session that has taken over a run: it is in control, has an open journal, and knows everything that is to be put
//! back.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::Instant};

use super::{
    ClusterAccess, Interrupts, Overrides, RecoverError,
    announce::announce_later,
    begin::claim,
    conclude::{conclude, judge_and_end},
    control::Control,
    guard,
    left_open::{LeftOpen, over},
    moment::{Moment, Moments},
    settle::{Before, SettleResult, settle},
    unwind::{StillOpen, unwind},
};
use crate::{
    event::{Actor, EndReason, Kind},
    journal::{Journal, Recorder, RunDir, RunState, WriteError},
    model::{ClusterIdentity, Exit, Names, Plan, Redactor, SecretRef, StepName, WayBack},
    scenario::{Sources, load_str},
    steps::{Approvals, Direction, Lost, StepContext, Wheel},
    told,
    verdict::{Ending, Follower},
    world::{Clock, Http, LEASE_DURATION, Lease, LeaseError, RunRecord, SecretReader, World},
};

/// A run that was taken over.
pub(super) struct Session {
    pub recorder: Arc<Recorder>,
    judge: Arc<Follower>,
    pub plan: Plan,
    pub actor: Actor,
    pub moments: Moments,
    /// Everything is tried again until this time.
    pub deadline: Instant,
    pub clock: Clock,
    dir: RunDir,
    run_id: String,
    operator: String,
    secrets: BTreeMap<String, SecretRef>,
    redactor: Arc<Redactor>,
    before: Before,
}

impl Session {
    /// Creates the next segment, reads all earlier ones, and writes the first line. When the segment exists, the
    /// earlier session does not act any more. Nothing in the cluster is touched.
    pub(super) async fn open(
        dir: &RunDir,
        actor: Actor,
        control: Control,
        left: LeftOpen,
        clock: Clock,
        redactor: &Arc<Redactor>,
        overrides: &Overrides,
    ) -> Result<Result<Self, Exit>, RecoverError> {
        let moments = overrides.moments.clone();
        moments.at(Moment::Lock).await;
        let limit = overrides.unwind_within.unwrap_or(left.unwind_within).max(Duration::from_secs(1));
        let dead = control.is_dead();
        let (lock, holder) = control.into_parts();
        let before = Before { dead, holds: lock.is_none(), holder, taken: Instant::now() };
        let judge = Arc::new(Follower::default());
        let mut journal = Journal::take_over(dir, lock, 0, |event| judge.take(&Arc::new(event)))?;
        moments.at(Moment::Segment).await;
        // The run may have ended by itself before the segment was created. Then no session is opened.
        let (state, illegal) = judge.with(|history| (history.state.clone(), history.illegal.clone()));
        if let Some(illegal) = illegal {
            return Err(RecoverError::Illegal(dir.0.display().to_string(), illegal));
        }
        if let Some(exit) = over(&state) {
            return Ok(Err(exit));
        }
        let simulated = left.plan.cluster.is_simulated();
        if simulated {
            journal.survive_nothing();
        }
        let (epoch, continues) = (journal.epoch(), journal.continues().cloned());
        let now = move || (clock.now_us(), clock.wall());
        let follower = Arc::clone(&judge);
        let recorder =
            Recorder::new(journal, state, Arc::clone(redactor), now).followed_by(move |event| follower.take(event));
        let recorder = Arc::new(recorder);
        let why = match actor {
            Actor::Reaper => "the runner is dead or frozen",
            _ => "requested by a person",
        };
        let opened = Kind::SessionOpened {
            epoch,
            actor,
            pid: if simulated { 0 } else { std::process::id() },
            why: why.into(),
            continues,
        };
        match recorder.record(opened) {
            Ok(_) => {}
            Err(error @ WriteError::Fenced { .. }) => return Err(error.into()),
            // The disk is full, but the segment exists: no other session acts, and the undo does not need the disk.
            Err(_) => {}
        }
        moments.at(Moment::Opened).await;
        Ok(Ok(Self {
            recorder,
            judge,
            plan: left.plan,
            actor,
            moments,
            deadline: Instant::now() + limit,
            clock,
            dir: dir.clone(),
            run_id: left.run_id,
            operator: left.operator,
            secrets: secrets_of(dir, &left.way_back),
            redactor: Arc::clone(redactor),
            before,
        }))
    }

    /// Checks that the world is the one of the run.
    pub(super) fn fits(&self, world: &World) -> Result<(), RecoverError> {
        let uid = |of: Option<&ClusterIdentity>| of.map(|c| c.uid.clone()).unwrap_or_default();
        let there = world.recovery.as_ref().map(|w| &w.identity);
        let pairs = [(Some(&world.identity), Some(&self.plan.cluster)), (there, self.plan.recovery.as_ref())];
        for (found, wanted) in pairs {
            if uid(found) != uid(wanted) {
                let context = found.or(wanted).map(|c| c.context.clone()).unwrap_or_default();
                return Err(RecoverError::WrongCluster { context, found: uid(found), wanted: uid(wanted) });
            }
        }
        Ok(())
    }

    /// Takes the Lease, undoes what is open, makes sure that no act arrives late, and ends the journal.
    pub(super) async fn put_back(self, world: World) -> Exit {
        self.moments.at(Moment::Connected).await;
        let Self { recorder, deadline, moments, dir, before, .. } = &self;
        let (deadline, interrupts) = (*deadline, Interrupts::default());
        let mut tasks = JoinSet::new();
        if world.simulated().is_none() {
            let _ = interrupts.listen(&mut tasks, recorder);
        }
        let mut context = self.context(world);
        if let Err(lost) = take_lease(&mut context, &self).await {
            recorder.observe(Kind::LeaseTrouble { why: told!(recorder, "{lost}") });
            return Exit::Left;
        }
        moments.at(Moment::Lease).await;
        guard::lease(&mut tasks, &context, &interrupts);
        guard::heartbeat(&mut tasks, &context.world, dir);
        guard::journal(&mut tasks, &context.world, recorder, &interrupts);
        recorder.observe(Kind::RunWoken { why: EndReason::Recovered, detail: "taken over by another session".into() });
        let left = unwind(&context, &interrupts, deadline.saturating_duration_since(Instant::now())).await;
        moments.at(Moment::Undone).await;
        if left == StillOpen::Nothing {
            let before = Before { holder: before.holder.clone(), ..*before };
            self.settle(&context, &interrupts, before).await;
        }
        if context.wheel.is_fenced() {
            tasks.shutdown().await;
            return Exit::Left;
        }
        let well = context.judge.with(Ending::after).exit() == Exit::Aborted;
        if !well {
            announce_later(&context, "A DRILL COULD NOT BE RECOVERED, and a person has to fix it: see its report")
                .await;
        }
        tasks.shutdown().await;
        let exit = conclude(&context, dir, "").await;
        if well {
            let _ = context.lease.release().await;
        } else {
            // A person was asked to act, so a stand-by must not interfere.
            let _ = context.lease.leave().await;
        }
        exit
    }

    async fn settle(&self, context: &StepContext, interrupts: &Interrupts, before: Before) {
        let holder = before.holder.clone();
        match settle(context, interrupts, &self.dir, before, self.deadline).await {
            SettleResult::Surely => {}
            SettleResult::Unconfirmed(faults) => {
                let named = faults.iter().map(|f| f.id.clone()).collect();
                self.recorder.observe(Kind::Unconfirmed { faults: named });
                context.mirror_with(&faults, None).await;
            }
            SettleResult::HolderLives => {
                let (pid, host) = holder.map_or((None, String::new()), |h| (Some(h.pid), h.host));
                self.recorder.observe(Kind::HolderLives { pid, host });
            }
        }
    }

    /// The time limit passed before the cluster could be reached: reports what is open with the commands to undo it,
    /// and calls a person.
    pub(super) async fn give_up(&self, place: &ClusterAccess, why: &str) -> Exit {
        for fault in self.recorder.with(RunState::open) {
            let commands = fault.revert.commands();
            self.recorder.observe(Kind::FaultStuck { fault: fault.id, why: told!(self.recorder, "{why}"), commands });
        }
        if let Some(url) = &place.bindings.announce {
            let text = told!(
                self.recorder,
                "A DRILL COULD NOT BE RECOVERED, and a person has to fix it: see its report. Run {} on {}",
                self.run_id,
                self.plan.cluster.context
            );
            let body = serde_json::json!({"text": text, "run": self.run_id});
            let sent = Http::new(Duration::from_secs(10), &self.redactor).post(url, &body).await;
            let detail = sent.as_ref().err().map(|e| told!(self.recorder, "{e}")).unwrap_or_default();
            self.recorder.observe(Kind::Notified { to: "announce".into(), what: text, ok: sent.is_ok(), detail });
        }
        judge_and_end(&self.recorder, &self.judge, why)
    }

    /// The names that the journal contains without redaction.
    fn names(&self) -> Names {
        Names::of(&serde_json::to_value(&self.plan).unwrap_or_default())
    }

    fn context(&self, world: World) -> StepContext {
        let claim = claim(&self.dir, &self.run_id, self.recorder.epoch());
        StepContext {
            lease: Lease::new(world.kube.clone(), claim.clone()),
            record: RunRecord::new(world.kube.clone(), claim),
            wheel: Arc::new(Wheel::new(Arc::clone(&self.recorder))),
            secret_reader: SecretReader::new(
                self.secrets.clone(),
                world.outside.clone(),
                Arc::clone(&world.redactor),
                self.names(),
            ),
            world: Arc::new(world),
            recorder: Arc::clone(&self.recorder),
            judge: Arc::clone(&self.judge),
            step: StepName::from("recover"),
            direction: Direction::Undo,
            plan: Arc::new(self.plan.clone()),
            run: self.run_id.clone(),
            approvals: Arc::new(Approvals { operator: self.operator.clone(), ..Approvals::default() }),
            mirroring: Arc::default(),
        }
    }
}

/// Requests the Lease. Only a live session with a higher number prevents the undo. Every other problem is recorded,
/// and the Lease is requested again at each renewal.
async fn take_lease(context: &mut StepContext, session: &Session) -> Result<(), LeaseError> {
    for _ in 0..2 {
        let asked_us = context.recorder.now_us();
        match context.lease.acquire(|| context.world.clock.wall()).await {
            Ok(()) => {
                context.wheel.confirmed(asked_us, LEASE_DURATION);
                return Ok(());
            }
            Err(LeaseError::Fenced { theirs, mine }) => {
                if !context.lease.is_silent().await {
                    return Err(LeaseError::Fenced { theirs, mine });
                }
                // That session died elsewhere: its run directory cannot be reached, and its number is taken.
                let claim = claim(&session.dir, &session.run_id, theirs + 1);
                context.lease = Lease::new(context.world.kube.clone(), claim.clone());
                context.record = RunRecord::new(context.world.kube.clone(), claim);
            }
            Err(error) => {
                if let Some(to) = Lost::by(&error) {
                    context.wheel.lost(to);
                }
                context.recorder.observe(Kind::LeaseTrouble { why: told!(context.recorder, "{error}") });
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The references to the secrets of undo commands. Version 0.1.0 did not record them, so they are read again from the
/// run's own copy of the scenario.
fn secrets_of(dir: &RunDir, way_back: &WayBack) -> BTreeMap<String, SecretRef> {
    if let Some(needs) = &way_back.needs {
        return needs.secrets.clone();
    }
    let text = dir.text("scenario.yaml").unwrap_or_default();
    let sources = Sources { lenient: true, ..Sources::default() };
    load_str("scenario.yaml", &text, &sources).map(|l| l.secrets).unwrap_or_default()
}
