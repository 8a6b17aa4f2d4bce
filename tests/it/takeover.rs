//! Take-over from a runner that is not dead. The runner freezes after some line, another session takes over, and the
//! runner wakes up at some moment of the take-over. It then does what it had decided before, and its checks of the
//! fence see nothing. The successor has another wall clock. `DRILL_SEED=n` runs one seed again; tests/nightly runs ten
//! thousand.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use drillmaster::{
    engine::Moment,
    event::{Event, Kind},
    journal::{Journal, RunDir, WriteError},
    model::Exit,
    scenario::Loaded,
    sim::Description,
};
use jiff::SignedDuration;

use super::{
    hostile,
    rehearsal::{Freeze, Rehearsal, Thaw, cluster, is_act, on_paused_time},
    sweep::{is_load_bearing, seeds, undisturbed},
    wire::taken_away,
};

/// What a seed decides.
struct Case<'a> {
    whole: &'a Whole,
    freeze: Freeze,
    /// The moment of the freeze, for messages.
    at: String,
    thaw: Thaw,
}

/// Random numbers that follow from a seed.
pub struct Chance(u64);

impl Chance {
    pub fn of_seed(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (z ^ (z >> 27)) as usize % limit
    }

    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// An undisturbed drill: its lines, and the numbers of its acts that take something away.
struct Whole {
    name: &'static str,
    loaded: Loaded,
    events: Vec<Event>,
    acts: Vec<(u64, String)>,
    /// Whether names, labels and secrets are hostile.
    odd: bool,
}

impl Whole {
    async fn stage(&self, shops: &Shops) -> Rehearsal {
        if self.odd { hostile::stage(&shops.odd, 1).await } else { Rehearsal::set(&shops.tidy, 1).await }
    }
}

struct Shops {
    tidy: Description,
    odd: Description,
}

fn wholes(shops: &Shops) -> Vec<Whole> {
    let whole = |(odd, (name, loaded, events)): (bool, (&'static str, Loaded, Vec<Event>))| {
        let heard = Arc::new(Mutex::new(vec![]));
        let ear = Arc::clone(&heard);
        on_paused_time(async {
            let shop = if odd { &shops.odd } else { &shops.tidy };
            let stage = Rehearsal::set(shop, 1).await;
            stage.simulation.overhear(move |method, uri| {
                if is_act(method, uri) {
                    ear.lock().unwrap().push((taken_away(method, uri.path()), format!("{method} {}", uri.path())));
                }
            });
            stage.drill(&loaded, None).await;
        });
        let heard = std::mem::take(&mut *heard.lock().unwrap());
        let acts = heard.into_iter().enumerate();
        let acts = acts.filter(|(_, (taken, _))| taken.is_some()).map(|(n, (_, said))| (n as u64, said)).collect();
        Whole { name, loaded, events, acts, odd }
    };
    let tidy = undisturbed().map(|drill| (false, drill));
    tidy.chain(hostile::undisturbed().into_iter().map(|drill| (true, drill))).map(whole).collect()
}

fn case(seed: u64, whole: &[Whole]) -> Case<'_> {
    let mut chance = Chance(seed.wrapping_mul(0x517c_c1b7_2722_0a95));
    let whole = &whole[chance.below(whole.len())];
    let Whole { events, acts, .. } = whole;
    let armed = events.iter().find(|e| matches!(e.event, Kind::Armed { .. })).unwrap().seq;
    let over = events.iter().find(|e| matches!(e.event, Kind::RunEnded { .. })).unwrap().seq;
    let lines: Vec<&Event> = events.iter().filter(|e| e.seq >= armed && e.seq < over && is_load_bearing(e)).collect();
    let thaw = Thaw {
        at: chance.of(&Moment::ALL),
        then: chance.of(&[Duration::ZERO, Duration::from_millis(50), Duration::from_secs(4), Duration::from_secs(13)]),
        step: SignedDuration::from_secs(chance.of(&[0, 0, 45, -45, 86_400, -86_400])),
        overlooks: chance.of(&[0, 1]),
    };
    let line = lines[chance.below(lines.len())];
    let (freeze, at) = match chance.below(2) {
        0 => (Freeze::After(line.seq), format!("after line {} ({})", line.seq, line.event.name())),
        _ if acts.is_empty() => (Freeze::Sending(0), "sending its first act".to_owned()),
        _ => {
            let (act, said) = &acts[chance.below(acts.len())];
            (Freeze::Sending(*act), format!("sending {said}"))
        }
    };
    Case { whole, freeze, at, thaw }
}

#[test]
fn a_frozen_runner_wakes_up_at_any_moment_of_a_take_over() {
    let shops = Shops { tidy: cluster("small-shop"), odd: hostile::odd_shop() };
    let whole = wholes(&shops);
    let (seeds, one) = seeds(128);
    let mut seen = BTreeMap::<&str, u32>::new();
    for seed in seeds {
        let Case { whole, freeze, at, thaw } = case(seed, &whole);
        let names = if whole.odd { "odd names" } else { "tidy names" };
        let at = format!("DRILL_SEED={seed}: {} ({names}), frozen {at}, {thaw:?}", whole.name);
        on_paused_time(async {
            let stage = whole.stage(&shops).await;
            let (taken, ended) = stage.drill_frozen(&whole.loaded, freeze, thaw).await;
            let Some(taken) = taken else { return };
            stage.as_before().await.unwrap_or_else(|why| {
                tell(&ended.events);
                panic!("{at}: {why}");
            });
            for event in &ended.events {
                if let Some(word) = remarkable(event) {
                    *seen.entry(word).or_default() += 1;
                }
            }
            // The runner woke up before another session took over, and ended by itself.
            if ended.events.iter().all(|e| e.epoch == 1) {
                assert_eq!(ended.exit, Some(taken), "{at}");
                return;
            }
            *seen.entry("taken over").or_default() += 1;
            assert_eq!(taken, Exit::Aborted, "{at}: {:?}", ended.events.last());
            // The runner may have made one check of the fence before it froze. If there is a second check, it sees the
            // fence.
            let claims = thaw.overlooks < 2 && ended.exit == Some(Exit::Passed);
            assert!(!claims, "{at}: the runner claims to have passed");
        });
    }
    println!("{seen:?}");
    if !one {
        for wanted in ["taken over", "stray lines", "a late act was undone again", "a late intent was adopted"] {
            assert!(seen.contains_key(wanted), "no seed reached `{wanted}`: the sweep has become too weak: {seen:?}");
        }
    }
}

/// Prints what a drill did after it armed itself, to help find a mistake.
fn tell(events: &[Event]) {
    let told = events.iter().skip_while(|e| !matches!(e.event, Kind::Armed { .. }));
    for event in told.filter(|e| is_load_bearing(e) || e.epoch > 1) {
        println!("{} {} {}", event.epoch, event.seq, drillmaster::report::line(event).unwrap_or_default());
    }
}

fn remarkable(event: &Event) -> Option<&'static str> {
    match &event.event {
        Kind::StrayLines { .. } => Some("stray lines"),
        Kind::FaultReopened { .. } => Some("a late act was undone again"),
        // Only a session that took over records an intent on which it never acts.
        Kind::FaultIntended { .. } if event.epoch > 1 => Some("a late intent was adopted"),
        _ => None,
    }
}

/// If two sessions take over at the same instant, only one of them gets the right to act.
#[test]
fn one_of_two_takes_the_wheel() {
    let temp = tempfile::tempdir().unwrap();
    let dir = RunDir::create(temp.path(), "run").unwrap();
    super::journals::begun(&dir);
    for _ in 0..50 {
        let barrier = std::sync::Barrier::new(2);
        let take = || {
            barrier.wait();
            Journal::take_over(&dir, None, 0, drop).map(|journal| journal.epoch())
        };
        let (a, b) = std::thread::scope(|scope| {
            let other = scope.spawn(take);
            (take(), other.join().unwrap())
        });
        match (a, b) {
            // One session came after the other and fenced it.
            (Ok(a), Ok(b)) => assert_ne!(a, b),
            (Ok(_), Err(WriteError::Fenced { .. })) | (Err(WriteError::Fenced { .. }), Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}
