//! What a policy does next in an exercise without people: which command, in which role, and when. Start with
//! [`next_move`].

use jiff::Timestamp;

use super::{
    check_stage::{Standing, result},
    load::LoadedPlaybook,
    order::{next_stage, open_stage},
    playbook::Role,
    policy::Policy,
    stage::{Act, Does, Effect, Evidence, Item, Manual, Require, Stage},
    state::{ItemEnd, StageState, State},
    time::plus,
    verbs::Verb,
    what::{Attached, StopFor},
};
use crate::model::{Dur, sha256};

/// The next command of a person, and its time.
pub(super) struct Move {
    pub at: Timestamp,
    pub role: Role,
    pub verb: Verb,
}

/// The next command of a person. None if only time or the drill goes on.
pub(super) fn next_move(
    loaded: &LoadedPlaybook,
    state: &State,
    policy: &Policy,
    now: Timestamp,
    sign: &dyn Fn() -> Verb,
) -> Option<Move> {
    let Some((_, stage)) = open_stage(&loaded.playbook, state) else {
        return between_stages(loaded, state, now, sign);
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
        Act::Check(_) => review_move(state, stage, &own, now),
        Act::Gate(gate) => {
            let (go, after) = policy.at_gate(&stage.id)?;
            later(after, gate.ask, Verb::Answer { gate: stage.id.clone(), yes: go, text: "by the policy".into() })
        }
        // The first stage was opened without a command, and a killed command may have opened any.
        Act::Scenario(_) => {
            own.folder.is_none().then_some(Move { at: now, role: Role::Director, verb: Verb::Next { skip: None } })
        }
        Act::Review(review) => {
            let unrated = review.rate.iter().find(|id| {
                let done = state.ratings.contains_key(*id) || state.dropped.contains_key(*id);
                is_rated_by_people(loaded, id) && !done
            });
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
        Act::SignOff(sign_off) => {
            let missing =
                sign_off.roles.iter().find(|role| !state.signed.iter().any(|(_, by, _, _)| by.role == **role));
            Some(match missing {
                Some(role) => Move { at: now, role: *role, verb: sign() },
                None => Move { at: now, role: Role::Director, verb: Verb::Close },
            })
        }
    }
}

/// On a real cluster the review is made, and decides. On a simulated one it would say nothing about the real one.
fn review_move(state: &State, stage: &Stage, own: &StageState, now: Timestamp) -> Option<Move> {
    let verb = match Standing::of(&state.place, stage, own) {
        Standing::ByPeople => {
            let why = "an exercise without people leaves the review to the pre-flight of each drill".to_owned();
            Verb::Next { skip: Some(why) }
        }
        Standing::Planned => Verb::Next { skip: None },
        Standing::Runs(_) => return None,
        // One that suffices ended its stage already.
        Standing::Ended(end) => match stage.check.as_ref()?.require {
            Require::Ready => Verb::Stop { how: StopFor::Safety, phrase: None, why: result(end).to_string() },
            Require::Recorded => Verb::Next { skip: Some(result(end).to_string()) },
        },
    };
    Some(Move { at: now, role: Role::Director, verb })
}

/// What stands for the file of a task, if a policy did it.
pub(super) const NO_FILE: &str = "nothing: a policy answered";

/// The output that a task asks for. A policy has none, and says so.
fn evidence(manual: &Manual) -> Option<Attached> {
    (manual.evidence == Evidence::Output).then(|| Attached {
        sha256: sha256(""),
        name: NO_FILE.into(),
        bytes: 0,
        review: None,
    })
}

fn is_rated_by_people(loaded: &LoadedPlaybook, id: &str) -> bool {
    loaded.playbook.objectives.iter().any(|o| o.id == id && o.judge.rating.is_some())
}

fn between_stages(loaded: &LoadedPlaybook, state: &State, now: Timestamp, sign: &dyn Fn() -> Verb) -> Option<Move> {
    let verb = match next_stage(&loaded.playbook, state) {
        Some(_) => Verb::Next { skip: None },
        None if state.signed.is_empty() => sign(),
        None => Verb::Close,
    };
    Some(Move { at: now, role: Role::Director, verb })
}

/// The next command about an item, and its time.
fn item_move(state: &State, item: &Item, policy: &Policy) -> Option<Move> {
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
            if decide.options.get(&option) == Some(&Effect::KeepHolding) && known.kept.as_ref() == Some(&option) {
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
pub(super) fn script(stage: &Stage, policy: &Policy) -> Vec<(String, Dur)> {
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        exercise::{
            load_str,
            people::PersonId,
            policy::PolicyAnswer,
            state::ItemState,
            what::{By, KeptHolding, Known, NoteOn, What},
        },
        model::Told,
        scenario::shipped_text,
    };

    /// Only the journal's record counts: a note may begin with the same words.
    #[test]
    fn a_policy_keeps_a_drill_waiting_once() {
        let text = shipped_text(Path::new("annual-dr-exercise")).expect("it is shipped");
        let loaded = load_str("annual-dr-exercise", text, &Default::default(), &|_, _| None);
        let playbook = loaded.unwrap_or_else(|problems| panic!("{problems}")).playbook;
        let mut policy = Policy::load("defaults", &playbook).unwrap_or_else(|problems| panic!("{problems}"));
        let look = PolicyAnswer { choose: Some("look".into()), ..PolicyAnswer::default() };
        policy.answers.insert("restore-now".into(), look);
        let mut items = playbook.stages.iter().flat_map(|stage| &stage.during);
        let item = items.find(|item| item.id == "restore-now").expect("it has this decision");
        let now = Timestamp::UNIX_EPOCH;
        let due = ItemState { due: Some(now), ..ItemState::default() };
        let mut state = State { items: [(item.id.clone(), due)].into(), ..State::default() };
        let mut note = |kept| {
            let because = Told::default();
            let by = By { person: PersonId("p".into()), role: Role::Player, known: Known::Asserted, because };
            let text = "restore-now: looks hard".into();
            state.take(now, &What::Noted { by, on: NoteOn::Observation, text, kept });
            item_move(&state, item, &policy).map(|planned| planned.verb)
        };
        assert!(matches!(note(None), Some(Verb::Decide { option, .. }) if option == "look"));
        assert!(note(Some(KeptHolding { item: item.id.clone(), option: "look".into() })).is_none());
    }
}
