//! Asked of every drill, written in none: is the application whole again? An
//! undo that was seen to be done says nothing of the pods that it disturbed. The
//! collateral is asked too: a drill that ends without DNS is not at its end.

use super::{
    History,
    outside::{self, Others},
    proof::{Bound, Own, Part, Proof, Sight},
};
use crate::model::{Evidence, Judgement, Outcome, OutsideChange, Revert, Told, few};

/// After the last undo, the application has this long to be whole again.
const PATIENCE_US: u64 = 300_000_000;

/// As many workloads as are named with their numbers.
const NAMED: usize = 10;

/// A workload, when the drill armed itself and now.
struct Counts {
    key: (String, String),
    name: String,
    before: i64,
    now: i64,
    /// How many pods it wants now, where others scaled it down meanwhile.
    scaled_to: Option<i64>,
    /// Somebody else deleted it, and it is not there again.
    is_deleted: bool,
}

impl Counts {
    /// What was deleted wants no pods, and is not whole all the same.
    fn is_short(&self) -> bool {
        self.is_deleted || self.now < self.scaled_to.map_or(self.before, |wants| wants.min(self.before))
    }

    fn words(&self) -> String {
        let Self { name, now, before, .. } = self;
        if self.is_deleted {
            return format!("{name} was deleted by others, and had {before} ready");
        }
        format!("{name} has {now} of {} ready", self.scaled_to.unwrap_or(*before))
    }
}

fn counts(history: &History, armed: u64) -> impl Iterator<Item = Counts> {
    let collateral = |key: &(String, String)| history.state.plan.iter().any(|p| p.collateral.contains(&key.0));
    // One that wanted no pods has none to count, and can be deleted nevertheless.
    let idle = history.wanted.iter().filter(move |(key, wanted)| {
        !history.ready.contains_key(*key) && wanted.at(armed).is_some() && is_deleted(history, key)
    });
    let all = move || history.ready.iter();
    let scope = all().filter(move |(key, _)| !collateral(key)).map(|(key, ready)| (key, Some(ready)));
    let others = all().filter(move |(key, _)| collateral(key)).map(|(key, ready)| (key, Some(ready)));
    scope.chain(idle.map(|(key, _)| (key, None))).chain(others).map(move |(key, ready)| {
        let at = |time| ready.and_then(|series| series.at(time)).unwrap_or(0);
        let (namespace, workload) = key;
        let was_there = at(armed) > 0 || history.wanted.get(key).is_some_and(|wanted| wanted.at(armed).is_some());
        Counts {
            key: key.clone(),
            name: format!("{namespace}/{workload}"),
            before: at(armed),
            now: at(history.end_us),
            scaled_to: scaled_down(history, key, armed),
            is_deleted: was_there && is_deleted(history, key),
        }
    })
}

/// What an autoscaler or a person scaled a workload down to. What the drill scaled and has
/// not put back is no excuse.
fn scaled_down(history: &History, key: &(String, String), armed: u64) -> Option<i64> {
    let wanted = history.wanted.get(key)?;
    let (before, now) = (wanted.at(armed)?, wanted.at(history.end_us)?);
    let ours = history.state.faults.iter().filter(|f| f.state.is_open()).any(|f| match &f.revert {
        Revert::Scale { object, .. } => {
            object.workload().is_some_and(|w| w.namespace == key.0 && w.workload.to_string() == key.1)
        }
        _ => false,
    });
    (now < before && !ours).then_some(now)
}

/// Whether somebody else deleted the workload, and it is not there again.
fn is_deleted(history: &History, key: &(String, String)) -> bool {
    history.state.outside.is_deleted(&key.0, &key.1)
}

/// Workloads with fewer ready pods than when the drill armed itself.
fn short(history: &History) -> Option<Vec<Counts>> {
    Some(counts(history, history.armed_us?).filter(Counts::is_short).collect())
}

/// The numbers that the judgement rests on.
fn numbers(history: &History) -> String {
    let all: Vec<Counts> = counts(history, history.armed_us.unwrap_or_default()).collect();
    few(all.iter().map(|c| format!("{} {} before, {} now", c.name, c.before, c.now)), NAMED, ("; ", ";"))
}

/// What others scaled down: it has what it wants now, not what it had.
fn scaled(history: &History) -> String {
    let all = counts(history, history.armed_us.unwrap_or_default());
    let told: Vec<String> = all
        .filter(|c| c.now < c.before)
        .filter_map(|c| Some(format!("{} was scaled to {} by others meanwhile", c.name, c.scaled_to?)))
        .collect();
    if told.is_empty() { String::new() } else { format!(", or as they want now: {}", told.join("; ")) }
}

/// What is still waited for.
pub(super) fn waiting(history: &History, now_us: u64) -> Vec<String> {
    let undone = history.state.faults.iter().filter_map(|f| f.closed.as_ref().map(|(t, _)| *t)).max().unwrap_or(0);
    if now_us > undone + PATIENCE_US {
        return vec![];
    }
    // Nobody says that what was deleted comes back.
    let short = short(history).unwrap_or_default().into_iter().filter(|c| !c.is_deleted);
    let mut waiting: Vec<String> = short.map(|c| c.words()).collect();
    // What came back into sight just now has yet to be looked at.
    waiting.extend(last_look(history, now_us));
    waiting
}

/// Why the last look at the application may have seen too little.
fn last_look(history: &History, now_us: u64) -> Option<String> {
    history.blind_in(now_us.saturating_sub(2_000_000), now_us)
}

/// The collateral is said to be whole only where it was looked at.
fn around(history: &History) -> &'static str {
    let looked = |namespace: &String| history.ready.keys().any(|(of, _)| of == namespace);
    if history.state.plan.iter().any(|p| p.collateral.iter().any(looked)) { " and of its collateral" } else { "" }
}

/// What others did to the workloads that are short. That others helped is no matter: they are
/// whole, or they are not.
fn others(history: &History, short: &[Counts]) -> Others {
    let armed = history.armed_us.unwrap_or_default();
    let touches = |change: &OutsideChange| short.iter().any(|c| outside::touches(history, change, &c.key));
    match Others::of(history, touches, armed, (0, history.end_us)) {
        Others::Seen { harmed, .. } => Others::Seen { helped: None, harmed },
        other => other,
    }
}

/// The judgement that every drill gets.
pub(super) fn judgement(history: &History) -> Option<Judgement> {
    let short = short(history)?;
    if !history.state.faults.iter().any(|f| f.revert.disturbs()) || history.ready.is_empty() {
        return None;
    }
    let count = history.ready.len();
    let bound = if short.is_empty() {
        Bound::Met(format!("{count} workloads have as many ready pods as before{}", scaled(history)))
    } else {
        Bound::Refuted(short.iter().map(Counts::words).collect::<Vec<_>>().join("; "))
    };
    // What somebody saw before the end is no word over the end.
    let sight = last_look(history, history.end_us);
    let proof = Proof {
        baseline: Part::Shown("they were counted when the drill armed itself".into()),
        reach: Part::NotAsked("it is asked whatever the fault hit"),
        sight: sight.map_or_else(|| Sight::Shown("the watches were in contact at the end".into()), Sight::Missing),
        denominator: Part::Shown(format!("{count} workloads of the scope and its collateral")),
        bound,
        own: Own::NotAsked("it is looked at after the undo"),
        others: others(history, &short),
    };
    let answer = proof.conclude("afterwards");
    Some(Judgement {
        id: "afterwards".into(),
        expectation: format!("afterwards every workload of the scope{} is whole again", around(history)),
        of: None,
        outcome: answer.outcome.unwrap_or(Outcome::Inconclusive),
        because: Told::of_journal(answer.because),
        parts: answer.parts,
        evidence: vec![Evidence {
            source: "watch pods, when armed and at the end".into(),
            observed: Told::of_journal(numbers(history)),
            from_us: history.armed_us,
            to_us: Some(history.end_us),
            uncertainty_us: None,
        }],
    })
}
