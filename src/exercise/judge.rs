//! The result of an objective: from the expectations of drills, the times between moments, and ratings. Without an
//! observation, it is not proven. Start with [`judge`].

use jiff::Timestamp;

use super::{
    playbook::{JudgedBy, Objective, Playbook},
    stage::Stage,
    state::{ItemEnd, State},
    time::{between, long},
    what::{DrillMoment, Rating},
};
use crate::model::{Dur, Outcome};

/// The result of an objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// What was measured.
    pub measured: Measured,
    /// The evidence for it, in words.
    pub because: String,
    /// The rating by people.
    pub rating: Option<Rating>,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measured {
    /// It was met.
    Met,
    /// It was not met.
    Missed,
    /// Not enough was observed.
    Unproven,
    /// Only people decide about it, and nobody did yet.
    Unrated,
    /// Only people decide about it, and they did.
    Rated,
    /// It was dropped after the authorisation, so nothing counts for it.
    Dropped,
}

impl Judgement {
    /// In words.
    pub fn words(&self) -> &'static str {
        match (self.measured, self.rating) {
            (Measured::Met, _) => "met",
            (Measured::Missed, _) => "not met",
            (Measured::Unproven, _) => "not proven",
            (Measured::Rated, Some(rating)) => rating.words(),
            (Measured::Unrated | Measured::Rated, _) => "not rated",
            (Measured::Dropped, _) => "dropped",
        }
    }

    /// Whether a rating is better than the measurement.
    pub fn is_better(&self, rating: Rating) -> bool {
        match self.measured {
            Measured::Missed | Measured::Unproven => rating < Rating::M,
            Measured::Met | Measured::Unrated | Measured::Rated | Measured::Dropped => false,
        }
    }
}

/// What came of an objective.
pub fn judge(playbook: &Playbook, state: &State, objective: &Objective) -> Judgement {
    let rating = state.ratings.get(&objective.id).map(|(rating, ..)| *rating);
    let (measured, because) = match objective.judge.one() {
        Some(JudgedBy::Expect(ids)) => expected(state, ids),
        Some(JudgedBy::Time { from, to, within }) => timed(playbook, state, from, to, within),
        Some(JudgedBy::Rating(role)) if rating.is_some() => (Measured::Rated, format!("rated by the {role}")),
        Some(JudgedBy::Rating(role)) => (Measured::Unrated, format!("the {role} has not rated it")),
        None => (Measured::Unproven, "nothing judges it".into()),
    };
    let result = Judgement { measured, because, rating };
    if !state.dropped.contains_key(&objective.id) {
        return result;
    }
    // What was measured all the same is not hidden.
    let because = format!("dropped after the authorisation; until now: {} ({})", result.words(), result.because);
    Judgement { measured: Measured::Dropped, because, rating }
}

/// All expectations must have passed, in the newest drill that judged them.
fn expected(state: &State, ids: &[String]) -> (Measured, String) {
    let (mut worst, mut said) = (Measured::Met, vec![]);
    for id in ids {
        let drills = state.stages.values().filter_map(|stage| stage.drill.as_ref());
        let found = drills.filter_map(|drill| Some((drill.at, drill.judged.iter().find(|judged| judged.id == *id)?)));
        let found = found.max_by_key(|(at, _)| *at).map(|(_, judged)| judged);
        let (measured, why) = match found {
            None => (Measured::Unproven, format!("{id}: no drill judged it")),
            Some(judged) => {
                let time = judged.measured_us.map(|us| format!(" after {}", Dur(std::time::Duration::from_micros(us))));
                let measured = match judged.outcome {
                    Outcome::Pass => Measured::Met,
                    Outcome::Fail => Measured::Missed,
                    Outcome::Inconclusive | Outcome::Skipped | Outcome::Waived => Measured::Unproven,
                };
                (measured, format!("{id}: {}{}", judged.outcome, time.unwrap_or_default()))
            }
        };
        worst = match (worst, measured) {
            (Measured::Missed, _) | (_, Measured::Missed) => Measured::Missed,
            (Measured::Unproven, _) | (_, Measured::Unproven) => Measured::Unproven,
            _ => Measured::Met,
        };
        said.push(why);
    }
    (worst, said.join("; "))
}

fn timed(playbook: &Playbook, state: &State, from: &str, to: &str, within: Dur) -> (Measured, String) {
    let Some(began) = begin(playbook, state, from) else {
        return (Measured::Unproven, format!("`{from}` did not happen"));
    };
    match end(playbook, state, to) {
        // Otherwise two moments in the wrong order would meet every limit.
        End::At(at) if at < began => (Measured::Unproven, format!("`{to}` happened before `{from}`")),
        End::At(at) => {
            let took = between(began, at);
            let measured = if took <= within { Measured::Met } else { Measured::Missed };
            (measured, format!("{} from `{from}` to `{to}`; the limit is {within}", long(took)))
        }
        End::Never(why) => (Measured::Missed, format!("`{to}`: {why}")),
        End::Open => (Measured::Unproven, format!("`{to}` did not end")),
    }
}

/// When a moment begins: an item was due, a stage was opened, the fault of a step was applied.
fn begin(playbook: &Playbook, state: &State, name: &str) -> Option<Timestamp> {
    if let Some(item) = state.items.get(name).filter(|_| is_item(playbook, name)) {
        return item.given.or(item.due);
    }
    if let Some(stage) = state.stages.get(name) {
        return stage.opened;
    }
    step(playbook, state, name, DrillMoment::Done)
}

enum End {
    At(Timestamp),
    Never(&'static str),
    Open,
}

/// When a moment ends: an item was answered, a stage or a step was done. A default is not an answer.
fn end(playbook: &Playbook, state: &State, name: &str) -> End {
    if is_item(playbook, name) {
        let Some(item) = state.items.get(name) else { return End::Open };
        return match (item.end, item.ended) {
            (Some(ItemEnd::Answered | ItemEnd::Late), Some(at)) => End::At(at),
            (Some(ItemEnd::Missed), _) => End::Never("nobody answered in time"),
            (Some(ItemEnd::Defaulted), _) => End::Never("nobody decided in time, and the default counted"),
            _ => End::Open,
        };
    }
    if let Some(stage) = state.stages.get(name) {
        use super::what::StageEnd;
        return match (stage.end, stage.ended) {
            (Some(StageEnd::Done), Some(at)) => End::At(at),
            (Some(StageEnd::Failed), _) => End::Never("the stage failed"),
            _ => End::Open,
        };
    }
    step(playbook, state, name, DrillMoment::Done).map_or(End::Open, End::At)
}

fn is_item(playbook: &Playbook, name: &str) -> bool {
    playbook.stages.iter().flat_map(|stage: &Stage| &stage.during).any(|item| item.id == name)
}

fn step(playbook: &Playbook, state: &State, name: &str, moment: DrillMoment) -> Option<Timestamp> {
    let drills = playbook.stages.iter().filter(|stage| stage.scenario.is_some());
    drills.filter_map(|stage| state.seen_at(&stage.id, name, moment)).min()
}

/// The times of people: from the page to the word to customers. What was not recorded says so.
pub fn times_of_people(playbook: &Playbook, state: &State) -> Vec<(&'static str, Option<Timestamp>, String)> {
    use super::{
        stage::{Does, Moment},
        what::NoteOn,
    };
    let items = || playbook.stages.iter().flat_map(|stage| &stage.during);
    let paged = state.seen.iter().filter(|seen| seen.moment == DrillMoment::Alert).map(|seen| seen.at).min();
    let answers = |does: fn(&Does<'_>) -> bool, after_alert: bool| {
        let found = items().filter(move |item| {
            let alert = matches!(item.after.moment(), Some(Moment::Alert(_)));
            item.does().as_ref().is_some_and(does) && (!after_alert || alert)
        });
        found
            .filter_map(|item| state.items.get(&item.id))
            .filter(|item| matches!(item.end, Some(ItemEnd::Answered | ItemEnd::Late)))
            .filter_map(|item| item.ended)
            .min()
    };
    let noted = |on: NoteOn| state.notes.iter().filter(|note| note.on == on).map(|note| note.at).min();
    let said = |at: Option<Timestamp>, known: &str, unknown: &str| {
        if at.is_some() { known.to_owned() } else { unknown.to_owned() }
    };
    let acknowledged = answers(|does| matches!(does, Does::Manual(_)), true);
    let declared = noted(NoteOn::Declared);
    let decided = answers(|does| matches!(does, Does::Decide(_)), false);
    let communicated = noted(NoteOn::Communicated);
    vec![
        ("paged", paged, said(paged, "Alertmanager had the first alert", "not recorded: no alert was received")),
        (
            "acknowledged",
            acknowledged,
            said(
                acknowledged,
                "the task after the page was answered",
                "not recorded: no task after the page was answered",
            ),
        ),
        (
            "declared",
            declared,
            said(
                declared,
                "`exercise note --on declared`",
                "not recorded: nobody noted it (`exercise note --on declared`)",
            ),
        ),
        ("decided", decided, said(decided, "the first decision", "not recorded: nobody made a decision")),
        (
            "communicated",
            communicated,
            said(
                communicated,
                "`exercise note --on communicated`",
                "not recorded: nobody noted it (`exercise note --on communicated`)",
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        exercise::{
            parts::{DrillEnd, StageState},
            what,
        },
        model::{Exit, Told},
        scenario::shipped_text,
    };

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(n).expect("a time")
    }

    fn drilled(at: i64, outcome: Outcome) -> StageState {
        let judged = what::Judged { id: "e".into(), outcome, because: Told::default(), measured_us: None };
        let (run, head) = (String::new(), String::new());
        let drill = DrillEnd { run, head, exit: Exit::Passed, at: second(at), judged: vec![judged] };
        StageState { drill: Some(drill), ..StageState::default() }
    }

    /// The names of the stages are in another order than their drills.
    #[test]
    fn the_newest_drill_counts() {
        for (first, second, wanted) in
            [(Outcome::Fail, Outcome::Pass, Measured::Met), (Outcome::Pass, Outcome::Fail, Measured::Missed)]
        {
            let stages = [("z".to_owned(), drilled(1, first)), ("a".to_owned(), drilled(2, second))];
            let state = State { stages: stages.into(), ..State::default() };
            assert_eq!(expected(&state, &["e".to_owned()]).0, wanted);
            let stages = [("a".to_owned(), drilled(1, first)), ("z".to_owned(), drilled(2, second))];
            let state = State { stages: stages.into(), ..State::default() };
            assert_eq!(expected(&state, &["e".to_owned()]).0, wanted);
        }
    }

    #[test]
    fn moments_in_the_wrong_order_prove_nothing() {
        let text = shipped_text(std::path::Path::new("tabletop")).expect("it is shipped");
        let loaded = crate::exercise::load_str("tabletop", text, &Default::default(), &|_, _| None);
        let playbook = loaded.unwrap_or_else(|problems| panic!("{problems}")).playbook;
        let stage = |from, to| StageState {
            opened: Some(second(from)),
            ended: Some(second(to)),
            end: Some(what::StageEnd::Done),
            ..StageState::default()
        };
        let stages = [("brief".to_owned(), stage(0, 10)), ("hotwash".to_owned(), stage(50, 60))];
        let state = State { stages: stages.into(), ..State::default() };
        let timed = |from, to| timed(&playbook, &state, from, to, Dur::secs(100)).0;
        assert_eq!(timed("brief", "hotwash"), Measured::Met);
        assert_eq!(timed("hotwash", "brief"), Measured::Unproven);
    }
}
