//! An exercise without people: a policy answers, and on a simulated cluster the time is simulated too. It uses the same
//! commands as people do, and never waits without a limit. Start with [`unattended`].

use std::path::Path;

use jiff::Timestamp;

use super::{
    check_stage::Standing,
    load::LoadedPlaybook,
    next_move::{Move, next_move, script},
    order::open_stage,
    playbook::Role,
    policy::Policy,
    report::report_hash,
    session::{ExerciseError, Session},
    state::{ExercisePhase, State},
    tick::next_due,
    time::plus,
    verbs::{Verb, authorised_hash},
    what::{ClusterAccess, What},
    who::Claim,
};
use crate::model::Dur;

/// More commands than any playbook needs: reaching it is a mistake of this program.
const MOST: usize = 10_000;
/// How long a drill may go on after its own time limit.
const GRACE: Dur = Dur::secs(45 * 60);
/// How long the pre-flight of a drill on a real cluster may take, until the run begins.
const PREFLIGHT: Dur = Dur::secs(10 * 60);

/// How time passes.
pub trait Time {
    /// The time.
    fn now(&self) -> Timestamp;
    /// Waits until a time.
    fn wait(&mut self, until: Timestamp);
}

/// Simulated time: it jumps.
#[derive(Clone, Copy, Debug)]
pub struct Jumps(pub Timestamp);

impl Time for Jumps {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn wait(&mut self, until: Timestamp) {
        self.0 = self.0.max(until);
    }
}

/// Runs an exercise to its end by a policy.
///
/// # Errors
/// The directory cannot be used, or the exercise is not in a state to begin.
pub fn unattended(
    dir: &Path,
    policy: &Policy,
    time: &mut dyn Time,
    tell: &mut dyn FnMut(&str),
) -> Result<(), ExerciseError> {
    within(MOST, dir, policy, time, tell)
}

/// The same with another limit of commands. Waiting is not limited here: each wait ends at a time that is due.
fn within(
    most: usize,
    dir: &Path,
    policy: &Policy,
    time: &mut dyn Time,
    tell: &mut dyn FnMut(&str),
) -> Result<(), ExerciseError> {
    begin(dir, time)?;
    let mut commands = 0;
    while commands < most {
        let now = time.now();
        let mut session = Session::open(dir)?;
        let watched = session.tick(now)?;
        session.release();
        if session.known.state.phase == ExercisePhase::Closed {
            return Ok(());
        }
        let (loaded, state) = (&session.known.loaded, &session.known.state);
        let sign =
            || Verb::Sign { head: session.known.head.clone(), report: report_hash(&session.known, session.lines()) };
        let planned = next_move(loaded, state, policy, now, &sign);
        let due = next_due(&loaded.playbook, state, watched.as_ref()).filter(|due| *due > now);
        let drilling = drilling(loaded, state, watched.as_ref());
        match planned {
            Some(Move { at, role, verb }) if at <= now => {
                commands += 1;
                let claim = claim(&session, role);
                let done = session.act_with(&claim, &verb, now, &|_, stage| script(stage, policy));
                let simulated = matches!(session.known.state.place, ClusterAccess::Simulated { .. });
                let (child, said) = (session.child.take(), std::mem::take(&mut session.said));
                drop(session);
                said.iter().for_each(|text| tell(text));
                if let (Some(mut child), true) = (child, simulated) {
                    // The time of a rehearsal is its own, so this waits for the processor only.
                    let _ = child.wait();
                }
                if let Err(ExerciseError::Refused(why)) = done {
                    tell(&format!("not possible: {why}"));
                    forced(dir, now, &why)?;
                } else {
                    done?;
                }
            }
            planned => {
                drop(session);
                let next = [planned.map(|planned| planned.at), due].into_iter().flatten().min();
                let why = match (next, drilling) {
                    (Some(next), _) => {
                        time.wait(next);
                        continue;
                    }
                    (None, Drilling::Goes(until) | Drilling::Begins(until)) if now < until => {
                        time.wait(plus(now, Dur::secs(1)));
                        continue;
                    }
                    (None, Drilling::Goes(_)) => "the drill did not end in time",
                    (None, Drilling::Never | Drilling::Begins(_)) => {
                        "the drill did not begin; its messages are in the folder drills"
                    }
                    (None, Drilling::No) => "nobody could end this stage",
                };
                commands += 1;
                forced(dir, now, why)?;
            }
        }
    }
    Err(ExerciseError::Refused("the exercise does not end; this is a bug in drillmaster".into()))
}

fn begin(dir: &Path, time: &dyn Time) -> Result<(), ExerciseError> {
    let now = time.now();
    let mut session = Session::open(dir)?;
    if session.known.state.phase == ExercisePhase::Prepared {
        let hash = authorised_hash(&session.known.state);
        let claim = claim(&session, Role::Sponsor);
        session.act(&claim, &Verb::Authorise { hash }, now)?;
    }
    if session.known.state.phase == ExercisePhase::Authorised {
        let by = {
            let claim = claim(&session, Role::Director);
            super::who::who(
                &session.known.loaded.playbook,
                &session.known.state,
                &session.known.people,
                &claim,
                &[Role::Director],
            )
        };
        let by = by.map_err(ExerciseError::Refused)?;
        let first = session.known.loaded.playbook.stages[0].id.clone();
        let lines = vec![What::Started { by: by.clone(), unattended: true }, What::StageOpened { stage: first, by }];
        session.append(lines.into_iter().map(|line| (now, line)).collect())?;
        return Ok(());
    }
    if session.known.state.unattended {
        return Ok(());
    }
    Err(ExerciseError::Refused(
        "people have started this exercise, so a policy cannot run it: `exercise status` shows the next step".into(),
    ))
}

/// The person who acts for a role: the first one with it, or the director.
fn claim(session: &Session, role: Role) -> Claim {
    let people = &session.known.people;
    let person = people.with(role).next().or_else(|| people.with(Role::Director).next());
    Claim { name: person.map(|p| p.name.clone()), policy: true, ..Claim::default() }
}

/// Whether a drill goes on.
enum Drilling {
    No,
    Never,
    /// It has not begun, and may begin until this time.
    Begins(Timestamp),
    /// Until this time at most.
    Goes(Timestamp),
}

fn drilling(loaded: &LoadedPlaybook, state: &State, watched: Option<&super::tick::Watched>) -> Drilling {
    let Some((i, stage)) = open_stage(&loaded.playbook, state) else { return Drilling::No };
    let own = state.stage_of(&stage.id);
    if let (Some(_), Standing::Runs(until)) = (&stage.check, Standing::of(&state.place, stage, &own)) {
        return Drilling::Goes(until);
    }
    let (Some(opened), Some(watched), None) = (own.opened, watched, &own.drill) else { return Drilling::No };
    if watched.drill.dir.is_none() {
        // The process of a rehearsal has ended by now. That of a real drill goes on beside this one.
        let real = own.launched.filter(|_| matches!(state.place, ClusterAccess::Real { .. }));
        return real.map_or(Drilling::Never, |launched| Drilling::Begins(plus(launched, PREFLIGHT)));
    }
    let limit = loaded.uses.get(&i).and_then(|used| used.scenario()).map(|s| s.limits.duration).unwrap_or_default();
    Drilling::Goes(plus(opened, Dur(limit.0 + GRACE.0)))
}

/// The director ends a stage that nobody else can end.
fn forced(dir: &Path, now: Timestamp, why: &str) -> Result<(), ExerciseError> {
    let mut session = Session::open(dir)?;
    let claim = claim(&session, Role::Director);
    let verb = Verb::Next { skip: Some(why.to_owned()) };
    match session.act(&claim, &verb, now) {
        Ok(_) => Ok(()),
        Err(ExerciseError::Refused(_)) => {
            let stop = Verb::Stop { how: super::what::StopFor::Schedule, phrase: None, why: why.to_owned() };
            session.act(&claim, &stop, now).map(|_| ())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        exercise::{Drill, Prepare, Timing, load_people_str, load_str, parts::StageState, prepare, tick::Watched},
        scenario::shipped_text,
    };

    /// A clock that wakes often, as that of a real exercise.
    struct Wakes(Timestamp, usize);

    impl Time for Wakes {
        fn now(&self) -> Timestamp {
            self.0
        }

        fn wait(&mut self, until: Timestamp) {
            (self.0, self.1) = (plus(self.0, Dur::secs(60)).min(until), self.1 + 1);
        }
    }

    /// The stage of a real drill is not skipped while the drill is still in its pre-flight.
    #[test]
    fn a_real_drill_has_time_to_begin() {
        let text = shipped_text(Path::new("annual-dr-exercise")).expect("it is shipped");
        let loaded = load_str("annual-dr-exercise", text, &Default::default(), &|_, _| None);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        let launched = Timestamp::UNIX_EPOCH;
        let stage = StageState { opened: Some(launched), launched: Some(launched), ..StageState::default() };
        let state = |place| State { place, stages: [("drill".to_owned(), stage.clone())].into(), ..State::default() };
        let watched = Watched { drill: Drill::default(), timing: Timing::Wall };
        let real = state(ClusterAccess::Real { arguments: vec![] });
        let Drilling::Begins(until) = drilling(&loaded, &real, Some(&watched)) else { panic!("it is waited for") };
        assert_eq!(until, plus(launched, PREFLIGHT));
        let simulated = state(ClusterAccess::Simulated { cluster: String::new(), seed: 1, pace: None });
        assert!(matches!(drilling(&loaded, &simulated, Some(&watched)), Drilling::Never));
    }

    #[test]
    fn a_drill_that_no_command_started_is_started() {
        let text = shipped_text(Path::new("annual-dr-exercise")).expect("it is shipped");
        let loaded = load_str("annual-dr-exercise", text, &Default::default(), &|_, _| None);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        let policy = Policy::load("defaults", &loaded.playbook).unwrap_or_else(|problems| panic!("{problems}"));
        let now = Timestamp::UNIX_EPOCH;
        let planned = |folder: Option<&str>| {
            let folder = folder.map(str::to_owned);
            let stage = StageState { opened: Some(now), folder, ..StageState::default() };
            let state = State { stages: [("drill".to_owned(), stage)].into(), ..State::default() };
            next_move(&loaded, &state, &policy, now, &|| Verb::Close).map(|planned| planned.verb)
        };
        assert!(matches!(planned(None), Some(Verb::Next { skip: None })));
        assert!(planned(Some("drills/drill")).is_none(), "it was started");
    }

    /// An exercise of several hours waits more often than it has commands.
    #[test]
    fn waiting_does_not_use_up_the_commands() {
        let text = shipped_text(Path::new("tabletop")).expect("it is shipped");
        let loaded = load_str("tabletop", text, &Default::default(), &|_, _| None);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        let people = "apiVersion: drillmaster.dev/v1\nkind: People\npeople:\n\
            - {name: Sam, roles: [sponsor]}\n- {name: Dora, roles: [director]}\n- {name: Eva, roles: [evaluator]}\n\
            - {name: Pia, roles: [player]}\n- {name: Paul, roles: [player]}\n- {name: Pat, roles: [player]}\n";
        let people = load_people_str("people", people, Some(&loaded.playbook));
        let people = people.unwrap_or_else(|problems| panic!("{problems}"));
        let root = tempfile::tempdir().expect("a directory");
        let now = Timestamp::UNIX_EPOCH;
        let prepared = Prepare {
            loaded: &loaded,
            people: &people,
            place: ClusterAccess::Nowhere,
            planned: None,
            carried: vec![],
            now,
        };
        let (dir, _) = prepare(root.path(), &prepared).expect("prepared");
        let policy = Policy::load("defaults", &loaded.playbook).unwrap_or_else(|problems| panic!("{problems}"));
        let mut time = Wakes(now, 0);
        within(50, &dir, &policy, &mut time, &mut |_| {}).expect("it ends");
        assert!(time.1 > 50, "{} waits", time.1);
    }
}
