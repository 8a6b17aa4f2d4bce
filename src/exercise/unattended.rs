//! An exercise without people: a policy answers, and on a simulated cluster the time is simulated too. It uses the same
//! commands as people do, and never waits without a limit. Start with [`unattended`].

use std::{path::Path, time::Duration};

use jiff::Timestamp;

use super::{
    load::LoadedPlaybook,
    playbook::Role,
    policy::Policy,
    report::report_hash,
    session::{ExerciseError, Session},
    stage::{Act, Does, Effect, Stage},
    state::{ItemEnd, Phase, State},
    tick::{next_due, open_stage},
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

/// The next command of a person, and its time.
struct Move {
    at: Timestamp,
    role: Role,
    verb: Verb,
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
    begin(dir, time)?;
    for _ in 0..MOST {
        let now = time.now();
        let mut session = Session::open(dir)?;
        let watched = session.tick(now)?;
        session.release();
        if session.known.state.phase == Phase::Closed {
            return Ok(());
        }
        let (loaded, state) = (&session.known.loaded, &session.known.state);
        let signed = report_hash(&session.known, session.lines());
        let planned = next_move(loaded, state, policy, now, (&session.known.head, &signed));
        let due = next_due(&loaded.playbook, state, watched.as_ref()).filter(|due| *due > now);
        let drilling = drilling(loaded, state, watched.as_ref());
        match planned {
            Some(Move { at, role, verb }) if at <= now => {
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
                match (next, drilling) {
                    (Some(next), _) => time.wait(next),
                    (None, Drilling::Goes(until)) if now < until => time.wait(plus(now, Dur(Duration::from_secs(1)))),
                    (None, Drilling::Goes(_)) => forced(dir, now, "the drill did not end in time")?,
                    (None, Drilling::Never) => {
                        forced(dir, now, "the drill did not begin; its messages are in the folder drills")?
                    }
                    (None, Drilling::No) => forced(dir, now, "nobody could end this stage")?,
                }
            }
        }
    }
    Err(ExerciseError::Refused("the exercise does not end; this is a bug in drillmaster".into()))
}

fn begin(dir: &Path, time: &dyn Time) -> Result<(), ExerciseError> {
    let now = time.now();
    let mut session = Session::open(dir)?;
    if session.known.state.phase == Phase::Prepared {
        let hash = authorised_hash(&session.known.state);
        let claim = claim(&session, Role::Sponsor);
        session.act(&claim, &Verb::Authorise { hash }, now)?;
    }
    if session.known.state.phase == Phase::Authorised {
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
    Err(ExerciseError::Refused("people have begun this exercise: it goes on with them".into()))
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
    /// Until this time at most.
    Goes(Timestamp),
}

fn drilling(loaded: &LoadedPlaybook, state: &State, watched: Option<&super::tick::Watched>) -> Drilling {
    let Some((i, stage)) = open_stage(&loaded.playbook, state) else { return Drilling::No };
    let own = state.stage_of(&stage.id);
    let (Some(opened), Some(watched), None) = (own.opened, watched, &own.drill) else { return Drilling::No };
    if watched.drill.dir.is_none() {
        return Drilling::Never;
    }
    let limit = loaded.uses.get(&i).and_then(|used| used.scenario()).map(|s| s.limits.duration).unwrap_or_default();
    Drilling::Goes(plus(opened, Dur(limit.0 + GRACE.0)))
}

/// The next command of a person. None if only time or the drill goes on.
fn next_move(
    loaded: &LoadedPlaybook,
    state: &State,
    policy: &Policy,
    now: Timestamp,
    (head, report): (&str, &str),
) -> Option<Move> {
    let Some((_, stage)) = open_stage(&loaded.playbook, state) else {
        return between_stages(loaded, state, now, (head, report));
    };
    let own = state.stage_of(&stage.id);
    let opened = own.opened?;
    let items = stage.during.iter().filter_map(|item| item_move(state, item, policy));
    if let Some(first) = items.min_by_key(|planned| planned.at) {
        return Some(first);
    }
    let later = |after: Dur, role: Role, verb: Verb| Some(Move { at: plus(opened, after), role, verb });
    match stage.act()? {
        Act::Brief(_) | Act::Discuss(_) => {
            // Items may still become due.
            let open = stage.during.iter().any(|item| state.item_of(&item.id).is_open());
            (!open).then(|| later(stage.planned(), Role::Director, Verb::Next { skip: None }))?
        }
        Act::Manual(manual) => {
            let after = policy.at_task(&stage.id);
            let skip = Verb::Next { skip: Some("nobody did it".into()) };
            match after {
                Some(after) => later(
                    after,
                    manual.role,
                    Verb::Done { id: stage.id.clone(), text: "done by the policy".into(), evidence: evidence(manual) },
                ),
                None => later(stage.planned(), Role::Director, skip),
            }
        }
        Act::Check(_) => {
            let why = "an exercise without people leaves the review to the pre-flight of each drill".to_owned();
            later(Dur::default(), Role::Director, Verb::Next { skip: Some(why) })
        }
        Act::Gate(gate) => {
            let (go, after) = policy.at_gate(&stage.id)?;
            later(after, gate.ask, Verb::Answer { gate: stage.id.clone(), yes: go, text: "by the policy".into() })
        }
        Act::Scenario(_) => None,
        Act::Review(review) => {
            let unrated =
                review.rate.iter().find(|id| is_rated_by_people(loaded, id) && !state.ratings.contains_key(*id));
            match unrated {
                Some(id) => {
                    let objective = loaded.playbook.objectives.iter().find(|o| o.id == *id)?;
                    let role = objective.judge.rating.unwrap_or(Role::Evaluator);
                    let why = "by the policy".to_owned();
                    later(Dur::default(), role, Verb::Rate { objective: id.clone(), rating: policy.rates(id), why })
                }
                None => later(stage.planned(), Role::Director, Verb::Next { skip: None }),
            }
        }
        Act::SignOff(sign) => {
            let missing = sign.roles.iter().find(|role| !state.signed.iter().any(|(_, by, _, _)| by.role == **role));
            Some(match missing {
                Some(role) => {
                    Move { at: now, role: *role, verb: Verb::Sign { head: head.to_owned(), report: report.to_owned() } }
                }
                None => Move { at: now, role: Role::Director, verb: Verb::Close },
            })
        }
    }
}

/// The output that a task asks for. A policy has none, and says so.
fn evidence(manual: &super::stage::Manual) -> Option<super::what::Attached> {
    use super::{stage::Evidence, what::Attached};
    (manual.evidence == Evidence::Output).then(|| Attached {
        sha256: super::people::hash(""),
        name: "nothing: a policy answered".into(),
        bytes: 0,
    })
}

fn is_rated_by_people(loaded: &LoadedPlaybook, id: &str) -> bool {
    loaded.playbook.objectives.iter().any(|o| o.id == id && o.judge.rating.is_some())
}

fn between_stages(
    loaded: &LoadedPlaybook,
    state: &State,
    now: Timestamp,
    (head, report): (&str, &str),
) -> Option<Move> {
    let unopened = |stage: &&Stage| !state.stages.contains_key(&stage.id);
    let after_stop =
        |stage: &&Stage| state.phase != Phase::Stopped || stage.review.is_some() || stage.sign_off.is_some();
    let next = loaded.playbook.stages.iter().filter(unopened).find(after_stop);
    let verb = match next {
        Some(_) => Verb::Next { skip: None },
        None if state.signed.is_empty() => Verb::Sign { head: head.to_owned(), report: report.to_owned() },
        None => Verb::Close,
    };
    Some(Move { at: now, role: Role::Director, verb })
}

/// The next command about an item, and its time.
fn item_move(state: &State, item: &super::stage::Item, policy: &Policy) -> Option<Move> {
    let known = state.item_of(&item.id);
    // An answer after the time limit is late, and still an answer.
    let late = known.end == Some(ItemEnd::Missed);
    let due = known.due.filter(|_| known.is_open() || late && policy.to(item).is_some())?;
    if let (Some(Does::Inject(_)), None) = (item.does(), known.given) {
        let role = Role::Controller;
        return Some(Move { at: due, role, verb: Verb::Inject { item: item.id.clone() } });
    }
    let Some((option, after)) = policy.to(item) else {
        // Without a time limit it would stay open for ever.
        let why = "nobody answered".to_owned();
        return item.within().is_none().then(|| Move {
            at: due,
            role: Role::Controller,
            verb: Verb::SkipItem { item: item.id.clone(), why },
        });
    };
    let at = plus(known.given.unwrap_or(due), after);
    let text = "by the policy".to_owned();
    let verb = match item.does()? {
        Does::Decide(decide) => {
            let option = option?;
            // The policy has said this once; the drill holds until the time limit.
            if decide.options.get(&option) == Some(&Effect::KeepHolding)
                && state.notes.iter().any(|note| note.text.starts_with(&format!("{}: {option}", item.id)))
            {
                return None;
            }
            Verb::Decide { item: item.id.clone(), option, text }
        }
        Does::Manual(manual) => Verb::Done { id: item.id.clone(), text, evidence: evidence(manual) },
        Does::Inject(_) => Verb::Done { id: item.id.clone(), text, evidence: None },
    };
    Some(Move { at, role: item.role()?, verb })
}

/// When the script of a rehearsal releases each hold: as long after it asks as the policy needs for the decision.
fn script(stage: &Stage, policy: &Policy) -> Vec<(String, Dur)> {
    let holds = stage.scenario.iter().flat_map(|drill| &drill.hold);
    let answer = |until: &String| {
        let item = stage.during.iter().find(|item| item.id == *until)?;
        let Some(Does::Decide(decide)) = item.does() else { return None };
        let (option, after) = policy.to(item)?;
        let releases = decide.options.get(&option?) == Some(&Effect::Release);
        (releases && after < decide.within).then(|| (until.clone(), after))
    };
    holds.filter_map(|hold| answer(&hold.until)).collect()
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
