//! The sweep of truth: random faults, windows, objectives and entries of `happens:`. Each verdict is compared with
//! independent looks, several times a second, at the service, the API server, the monitoring and the append log. No
//! expectation may pass if it was broken, or fail if it was met. If nothing was planted and the window was long enough,
//! none may be inconclusive. `DRILL_SEED=n` runs one seed again; tests/nightly runs ten thousand.

mod alerts;
mod budgets;
mod cluster;
mod loss;
mod monitoring;
mod placement;
mod service;
mod so;

use std::{
    collections::BTreeMap,
    panic::{RefUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

use drillmaster::{
    event::{Event, Kind, StepEnd},
    model::Judgement,
    sim::Description,
    world::World,
};

use self::so::{So, holds};
use super::{
    rehearsal::{Ended, Rehearsal, acted, on_paused_time, scenario_text},
    sweep::seeds,
    takeover::Chance,
};

/// The expectations that are compared with the truth.
const ASKED: [&str; 7] = ["storefront", "web", "page", "spread", "covered", "budgeted", "lost"];

/// What a seed decides.
struct Case {
    service: service::Asked,
    page: alerts::Asked,
    spread: placement::Asked,
    budgets: budgets::Asked,
    text: String,
    happens: Vec<String>,
    /// Whether nothing is planted and each step has enough time.
    undisturbed: bool,
}

fn case(seed: u64) -> Case {
    let mut chance = Chance::of_seed(seed);
    // One seed in eight gets all the time it needs, and nothing is planted.
    let patient = seed % 8 == 7;
    let fault = chance.of(&[
        "killZone: {zone: a, how: kill}",
        "killNodes: {hosting: deployment/web, count: 1, how: kill}",
        "killNodes: {hosting: deployment/web, count: 1, how: pause}",
        "impairNodes: {hosting: deployment/web, stop: kubelet}",
    ]);
    let service = service::Asked::of(&mut chance, patient);
    let recovered = "{until: recovered, of: [storefront, deployment/web], atMost: 9m}";
    let wait = chance.of(&["{for: 5s}", "{for: 30s}", "{for: 41s}", "{for: 70s}", recovered, recovered]);
    let wait = if patient { recovered } else { wait };
    let mut page = alerts::Asked::of(&mut chance, patient);
    let spread = placement::Asked::of(&mut chance);
    let budgets = budgets::Asked::of(&mut chance);
    let paged = if patient || chance.below(3) == 0 { page.wait() } else { String::new() };
    let mut happens = vec![];
    for _ in 0..if patient { 0 } else { chance.below(4) } {
        let (lies, longest) = match chance.below(4) {
            0 => (page.lies(), 600),
            1 => (budgets.lies(), 600),
            _ => (service.lies(), 90),
        };
        let what = &lies[chance.below(lies.len())];
        let (delay, lasts) = (chance.of(&[1, 8, 30, 45, 55]), chance.of(&[4, 25, 90, longest]));
        let after = chance.of(&["fault", "fault", "fault", "back"]);
        let has_an_end = !what.contains("nodeReturns") && !what.contains("delete");
        let lasts = if has_an_end { format!("for: {lasts}s, ") } else { String::new() };
        happens.push(format!("{{after: {{step: {after}}}, delay: {delay}s, {lasts}what: {what}}}"));
    }
    page.beside(&happens);
    let text = format!(
        "apiVersion: drillmaster.dev/v1\nkind: Scenario\nmetadata: {{name: truth, title: t}}\nhypothesis: h\n\
         scope: {{namespaces: [shop], critical: [{}]}}\n{}\
         steps:\n  - {{name: fault, {fault}}}\n  - {{name: meanwhile, wait: {wait}}}\n{paged}  \
         - {{name: back, heal: {{fault: fault}}}}\nexpect:\n{}{}{}{}\
         limits: {{nodes: 34%, zones: 1, duration: 40m}}\ncollateral: [velero]\n",
        budgets.critical.join(", "),
        service::PROBES,
        service.expect(),
        page.expect(),
        spread.expect(),
        budgets.expect(),
    );
    let undisturbed = happens.is_empty() && wait == recovered && !paged.is_empty();
    Case { service, page, spread, budgets, text, happens, undisturbed }
}

/// What the observers of this test saw. They look until they are dropped.
#[derive(Default)]
struct Truth {
    answers: service::Answers,
    cluster: cluster::Looks,
    alerts: monitoring::Looks,
}

impl Truth {
    /// Looks at everything. Only the names of the targets are taken from the drill.
    async fn look(&self, world: &World, page: &alerts::Asked, targets: &Mutex<Vec<String>>) {
        tokio::join!(self.answers.look(world), self.cluster.look(world, targets), self.alerts.look(world, page));
    }
}

/// The moments of a drill, in microseconds of the wall clock.
struct Moments {
    t0: i64,
    undo: i64,
    /// The time of its last line.
    end: i64,
    /// The targets of the fault.
    targets: Vec<String>,
    /// Whether the machines themselves were taken away.
    dark: bool,
}

impl Moments {
    fn of(events: &[Event], dark: bool) -> Option<Self> {
        let at = |is_it: fn(&Kind) -> bool| Some(events.iter().find(|e| is_it(&e.event))?.at.as_microsecond());
        // The time at which the first act was sent, by the clock of the line that reports it.
        let t0 = events.iter().find_map(|e| match &e.event {
            Kind::FaultApplied { sent_us, .. } if acted(e) => Some(e.at.as_microsecond() - (e.t_us - sent_us) as i64),
            _ => None,
        })?;
        let end = events.last()?.at.as_microsecond();
        let undo = at(|k| matches!(k, Kind::RevertStarted { .. })).unwrap_or(end);
        Some(Self { t0, undo: undo.min(end), end, targets: events.iter().filter_map(target).collect(), dark })
    }
}

fn judged(ended: &Ended) -> Result<Vec<Judgement>, String> {
    let judged = ended.events.iter().find_map(|e| match &e.event {
        Kind::Judged { judgements, .. } => Some(judgements.clone()),
        _ => None,
    });
    let findings = ended.events.iter().find_map(|e| match &e.event {
        Kind::PreflightDone { findings, .. } => Some(findings.iter().filter(|f| f.refuses())),
        _ => None,
    });
    let acted = ended.events.iter().any(acted);
    judged.filter(|_| acted).ok_or_else(|| {
        let why = findings.into_iter().flatten().map(|f| format!("{}: {}", f.check, f.observed));
        let mut steps = ended.events.iter().filter(|e| matches!(e.event, Kind::StepFinished { .. }));
        format!("{:?}, {:?}", why.collect::<Vec<_>>(), steps.next_back())
    })
}

/// Runs all seeds, so that one failure does not hide another. If an expectation never passes or never fails in many
/// seeds, the sweep has not tested it.
fn sweep(usual: u64, check: impl Fn(u64) -> Result<Vec<Judgement>, String> + RefUnwindSafe) {
    let (seeds, _) = seeds(usual);
    let (mut counts, mut refused, mut failed) = (BTreeMap::<String, BTreeMap<String, u32>>::new(), vec![], vec![]);
    for seed in &seeds {
        match catch_unwind(|| check(*seed)) {
            Ok(Ok(judgements)) => judgements.iter().filter(|j| ASKED.contains(&j.id.as_str())).for_each(|j| {
                *counts.entry(j.id.clone()).or_default().entry(j.outcome.to_string()).or_default() += 1;
            }),
            Ok(Err(why)) => refused.push(format!("seed {seed}: {why}")),
            Err(_) => failed.push(seed),
        }
    }
    println!("{counts:#?}, {} not begun", refused.len());
    assert!(failed.is_empty(), "DRILL_SEED, one of these: {failed:?}");
    assert!(refused.len() <= seeds.len() / 10 + 1, "too many drills are refused: {refused:#?}");
    let both = |of: &BTreeMap<String, u32>| of.contains_key("PASS") && of.contains_key("FAIL");
    assert!(seeds.len() < 64 || counts.values().all(both), "an expectation never passed or never failed: {counts:#?}");
}

/// The node on which a fault is about to act.
fn target(event: &Event) -> Option<String> {
    match &event.event {
        Kind::FaultIntended { fault, .. } => fault.0.rsplit('/').next().map(str::to_owned),
        _ => None,
    }
}

fn with_happens(cluster: &str, happens: &[String]) -> String {
    let entries = happens.iter().map(|entry| format!("  - {entry}\n"));
    if happens.is_empty() { cluster.to_owned() } else { format!("{cluster}happens:\n{}", entries.collect::<String>()) }
}

fn small_shop() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/clusters/small-shop.yaml");
    std::fs::read_to_string(path).unwrap()
}

/// Fails if the drill was refused, or ended before anything happened.
fn check(seed: u64, small: &str) -> Result<Vec<Judgement>, String> {
    let case = case(seed);
    let said = format!("seed {seed}, {:#?}\n{}", case.happens, case.text);
    let shop = with_happens(&case.budgets.cluster(small), &case.happens);
    let shop = Description::parse(&shop).unwrap_or_else(|why| panic!("{why}\n{said}"));
    let loaded = scenario_text(&case.text, &shop);
    let truth = Truth::default();
    let targets = Arc::new(Mutex::new(vec![]));
    let hears = Arc::clone(&targets);
    let ended = on_paused_time(async {
        let stage = Rehearsal::set(&shop, seed).await;
        let world = stage.simulation.world();
        tokio::select! {
            biased;
            ended = stage.drill_heard(&loaded, move |event| hears.lock().unwrap().extend(target(event))) => ended,
            () = truth.look(&world, &case.page, &targets) => unreachable!(),
        }
    });
    let judgements = judged(&ended)?;
    let when = Moments::of(&ended.events, !case.text.contains("impairNodes")).ok_or("no fault was applied")?;
    let of = |id: &str| judgements.iter().find(|j| j.id == id).unwrap();
    // A step that gave up has ended the drill early, for example because an alert never came.
    let gave_up = |e: &Event| matches!(e.event, Kind::StepFinished { end: StepEnd::Failed, .. });
    let complete = case.undisturbed && !ended.events.iter().any(gave_up);
    case.service.check([of("storefront"), of("web")], &truth, &when, complete, &said);
    case.page.check(of("page"), &truth, &when, complete, &said);
    case.spread.check(of("spread"), &truth.cluster, &when, complete, &said);
    case.budgets.check([of("covered"), of("budgeted")], &truth.cluster, &when, complete, &said);
    Ok(judgements)
}

#[test]
fn verdicts_say_what_was_so() {
    let small = small_shop();
    sweep(160, |seed| check(seed, &small));
}
