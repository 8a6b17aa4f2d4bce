//! What an append log lost, determined by reading the log itself.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use drillmaster::{
    event::{Event, Kind},
    model::Judgement,
    sim::Description,
    world::World,
};

use super::{
    super::{
        rehearsal::{Rehearsal, on_paused_time, scenario_text},
        takeover::Chance,
    },
    So, holds, judged, small_shop, sweep, with_happens,
};

const ALL: &str = "http://orders-0.orders.shop.svc/all";
const BETWEEN: Duration = Duration::from_millis(330);
/// The log must answer within this time. An answer usually takes milliseconds.
const LIMIT: Duration = Duration::from_millis(100);
/// A line is written every half second, and is seen at the next look.
const ERROR_S: f64 = 0.4;
const NIGHT: &str = "{until: recovered, of: [deployment/web, statefulset/orders], atMost: 5m}";

struct Case {
    rpo: u64,
    text: String,
    happens: Vec<String>,
}

fn case(seed: u64) -> Case {
    let mut chance = Chance::of_seed(seed);
    let rpo = chance.of(&[3, 8, 20, 35, 60, 300]);
    let waits = chance.of(&[0, 4, 15, 30]);
    let restored = chance.below(4) > 0;
    let steps = if restored {
        format!(
            "  - {{name: snapshot, backup: {{namespaces: [shop], volumes: fileSystem, ttl: 24h, atMost: 10m}}}}\n  \
             - {{name: work, wait: {{for: {waits}s}}}}\n  \
             - {{name: fault, deleteNamespace: {{name: shop, coveredBy: snapshot}}}}\n  \
             - {{name: brought back, restore: {{backup: snapshot, atMost: 10m}}}}\n  \
             - {{name: after, wait: {NIGHT}}}\n"
        )
    } else {
        let fault = chance.of(&["killZone: {zone: a, how: kill}", "killZone: {zone: c, how: kill}"]);
        format!(
            "  - {{name: work, wait: {{for: {waits}s}}}}\n  - {{name: fault, {fault}}}\n  \
             - {{name: meanwhile, wait: {{for: 60s}}}}\n  - {{name: brought back, heal: {{fault: fault}}}}\n  \
             - {{name: after, wait: {NIGHT}}}\n"
        )
    };
    let text = format!(
        "apiVersion: drillmaster.dev/v1\nkind: Scenario\nmetadata: {{name: loss, title: t}}\nhypothesis: h\n\
         scope: {{namespaces: [shop], critical: [deployment/web, statefulset/orders]}}\n\
         data: [{{name: orders, http: {{append: 'http://orders-0.orders.shop.svc/append', read: '{ALL}'}}}}]\n\
         steps:\n{steps}expect:\n  - loss: {{id: lost, data: orders, rpo: {rpo}s, of: fault}}\n\
         limits: {{nodes: 34%, zones: 1, namespaces: 1, duration: 40m}}\ncollateral: [velero]\n"
    );
    let happens = (0..chance.below(3)).map(|_| lie(&mut chance)).collect();
    Case { rpo, text, happens }
}

fn lie(chance: &mut Chance) -> String {
    let does = chance.of(&["loses", "duplicates", "damages", "unanswered", "forgets"]);
    let one_in = chance.of(&[1, 2, 5, 17]);
    let log = format!("{{log: {{pod: orders-0, namespace: shop, does: {does}, oneIn: {one_in}}}}}");
    let volume = |does: &str| format!("{{volumeData: {{claim: data-orders-0, namespace: shop, does: {does}}}}}");
    let what = match chance.below(8) {
        0 => volume(chance.of(&["notCaptured", "notRestored", "altered"])),
        1 => chance.of(&["{watches: {does: refused}}", "{source: {source: api, does: status500}}"]).to_owned(),
        _ => log,
    };
    let after = chance.of(&["work", "fault", "brought back", "after"]);
    let (delay, lasts) = (chance.of(&[0, 1, 6, 20]), chance.of(&[1, 5, 40]));
    // Defects of a volume's data take effect in the backup or in the restore, so they must be in force from the
    // beginning.
    if what.contains("volumeData") {
        return format!("{{at: 1s, what: {what}}}");
    }
    let lasts = if does == "forgets" && what.contains("log") { String::new() } else { format!("for: {lasts}s, ") };
    format!("{{after: {{step: {after}}}, delay: {delay}s, {lasts}what: {what}}}")
}

/// The log as it was at each look.
#[derive(Default)]
struct Looks {
    /// When each line was first seen, and the look before that.
    seen: RefCell<BTreeMap<u64, Range<i64>>>,
    /// The last content of the log, and since when the log was the same or only grew.
    last: RefCell<(i64, String)>,
    last_read: RefCell<i64>,
}

impl Looks {
    async fn look(&self, world: &World) {
        loop {
            let at = world.clock.wall().as_microsecond();
            if let Ok(Ok(bytes)) = tokio::time::timeout(LIMIT, world.http.bytes(ALL)).await {
                self.take(at, String::from_utf8_lossy(&bytes).into_owned());
            }
            tokio::time::sleep(BETWEEN).await;
        }
    }

    fn take(&self, at: i64, now: String) {
        let (mut last, mut seen) = (self.last.borrow_mut(), self.seen.borrow_mut());
        let before = self.last_read.replace(at);
        let fresh = if let Some(more) = now.strip_prefix(&last.1) { more } else { now.as_str() };
        for number in fresh.lines().filter_map(number) {
            seen.entry(number).or_insert(before..at);
        }
        let grown = now.starts_with(&last.1);
        *last = (if grown { last.0 } else { at }, now);
    }

    /// The two moments between which a line was written. A line that was never seen lies between its neighbours.
    fn written(&self, line: u64) -> (i64, i64) {
        let seen = self.seen.borrow();
        if let Some(range) = seen.get(&line) {
            return (range.start, range.end);
        }
        let before = seen.range(..line).next_back().map_or(0, |(_, r)| r.start);
        let after = seen.range(line..).next().map_or(i64::MAX / 4, |(_, r)| r.end);
        (before, after)
    }
}

/// Parses the number of a line such as `drillmaster RUN 17`.
fn number(line: &str) -> Option<u64> {
    line.strip_prefix("drillmaster ")?.split_once(' ')?.1.parse().ok()
}

/// The lines that were acknowledged, from the journal: only the writer can know this.
fn acknowledged(events: &[Event]) -> BTreeSet<u64> {
    let runs = events.iter().filter_map(|e| match &e.event {
        Kind::LinesWritten { runs, .. } => Some(runs),
        _ => None,
    });
    runs.flatten().filter(|run| run.error.is_empty()).flat_map(|run| run.from..=run.to).collect()
}

fn started(events: &[Event], name: &str) -> Option<i64> {
    let is_it = |e: &&Event| matches!(&e.event, Kind::StepStarted { step, .. } if step.0 == name);
    events.iter().find(is_it).map(|e| e.at.as_microsecond())
}

/// Whether no more was lost than is allowed.
fn truth(case: &Case, looks: &Looks, events: &[Event]) -> (So, String) {
    let lines = acknowledged(events);
    let (since, text) = looks.last.borrow().clone();
    let over = events.iter().rfind(|e| matches!(e.event, Kind::StepFinished { .. })).map(|e| e.at.as_microsecond());
    let judged = events.iter().find(|e| matches!(e.event, Kind::Judged { .. })).map(|e| e.at.as_microsecond());
    // Nothing is known if the log shrank after the last step, or if it was not read until the verdict.
    let read = *looks.last_read.borrow();
    if over.is_none_or(|over| since > over) || judged.is_none_or(|judged| read < judged - 4_000_000) {
        return (So::Unknown, format!("the log changed after the last step, or was not read: {since} {over:?} {read}"));
    }
    let ours = text.lines().filter(|line| line.starts_with("drillmaster "));
    let (mut held, mut damaged, mut last) = (BTreeSet::new(), vec![], 0);
    for line in ours {
        match number(line) {
            Some(n) if !lines.contains(&n) => {}
            Some(n) if n > last => {
                held.insert(n);
                last = n;
            }
            _ => damaged.push(line),
        }
    }
    // The drill may not have read the newest lines back any more.
    let settled = judged.unwrap_or(0) - 12_000_000;
    let missing: Vec<u64> = lines.difference(&held).copied().collect();
    let late = missing.iter().any(|n| looks.written(*n).1 > settled);
    if late {
        return (So::Unknown, "the newest ones are missing".into());
    }
    if !damaged.is_empty() {
        return (So::No, format!("damaged: {damaged:?}"));
    }
    let (Some(first), Some(newest)) = (missing.first(), missing.last()) else {
        return (So::Yes, "nothing is missing".into());
    };
    let restored = case.text.contains("restore:").then(|| started(events, "brought back")).flatten();
    if restored.is_some_and(|from| looks.written(*newest).0 > from + 3_000_000) {
        return (So::No, format!("{newest} was written after the restore, and is missing"));
    }
    let Some(point) = held.range(..first).next_back() else {
        return (So::No, format!("all of {} lines are missing", missing.len()));
    };
    let (point, newest) = (looks.written(*point), looks.written(*newest));
    let age = ((newest.0 - point.1) as f64 / 1e6 - ERROR_S, (newest.1 - point.0) as f64 / 1e6 + ERROR_S);
    let so = So::within(age, case.rpo as f64);
    // The line may have been the last one in the old store.
    let edge = restored.is_some_and(|from| newest.1 > from);
    (if edge && so == So::Yes { So::Unknown } else { so }, format!("{} missing, {age:?} s old", missing.len()))
}

fn check(seed: u64, small: &str) -> Result<Vec<Judgement>, String> {
    let case = case(seed);
    let said = format!("seed {seed}, {:#?}\n{}", case.happens, case.text);
    let shop = Description::parse(&with_happens(small, &case.happens)).unwrap_or_else(|why| panic!("{why}\n{said}"));
    let loaded = scenario_text(&case.text, &shop);
    let looks = Looks::default();
    let ended = on_paused_time(async {
        let stage = Rehearsal::set(&shop, seed).await;
        let world = stage.simulation.world();
        tokio::select! {
            biased;
            ended = stage.drill(&loaded, None) => ended,
            () = looks.look(&world) => unreachable!(),
        }
    });
    let judgements = judged(&ended)?;
    let about = judgements.iter().find(|j| j.id == "lost").unwrap();
    let (so, told) = truth(&case, &looks, &ended.events);
    holds(about, so, case.happens.is_empty() && !case.text.contains("killZone"), &(so, told), &said);
    Ok(judgements)
}

#[test]
fn what_is_lost_is_counted() {
    let small = small_shop();
    sweep(64, |seed| check(seed, &small));
}
