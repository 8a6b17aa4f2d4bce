//! The sweep of truth: random faults, windows, objectives and things that happen beside the
//! drill, judged against what somebody saw who looked ten times a second and believed
//! nobody. No pass where the expectation was broken, no fail where it held, and nothing
//! inconclusive where nothing was planted and the window was long enough.
//! `DRILL_SEED=n` runs one seed again; tests/nightly runs ten thousand.

use std::{cell::RefCell, time::Duration};

use drillmaster::{
    event::{Event, Kind},
    model::{Judgement, Outcome},
    sim::Description,
    world::World,
};
use serde_json::Value;

use super::{
    rehearsal::{Stage, on_paused_time, scenario_text},
    sweep::seeds,
    takeover::Chance,
};

const STOREFRONT: &str = "http://web.shop.svc/healthz";
const PODS: &str = "/api/v1/namespaces/shop/pods";
/// While one endpoint in three is dead, a probe may be lucky for as long as its rule asks for:
/// five seconds here, for twenty samples are hardly ever lucky.
const UP_OVER_S: f64 = 5.5;
/// A look at the pods is this much apart, and a watch as much late.
const LOOK_S: f64 = 1.0;

/// What a seed decides.
struct Case {
    rto: u64,
    within: u64,
    text: String,
    happens: Vec<String>,
    /// Nothing is planted, and each step has its time.
    plain: bool,
}

fn case(seed: u64) -> Case {
    let mut chance = Chance::of_seed(seed);
    let fault = chance.of(&[
        "killZone: {zone: a, how: kill}",
        "killNodes: {hosting: deployment/web, count: 1, how: kill}",
        "killNodes: {hosting: deployment/web, count: 1, how: pause}",
        "impairNodes: {hosting: deployment/web, stop: kubelet}",
    ]);
    let rto = chance.of(&[10, 42, 60, 480]);
    let within = chance.of(&[20, 60, 420]);
    let recovered = "{until: recovered, of: [storefront, deployment/web], atMost: 9m}";
    let wait = chance.of(&["{for: 5s}", "{for: 30s}", "{for: 41s}", "{for: 70s}", recovered, recovered]);
    let text = format!(
        "apiVersion: drillmaster.dev/v1\nkind: Scenario\nmetadata: {{name: truth, title: t}}\nhypothesis: h\n\
         scope: {{namespaces: [shop], critical: [deployment/web]}}\n\
         probes: [{{name: storefront, http: {{url: '{STOREFRONT}', body: ok}}, up: {{successes: 20, over: 5s}}, backedBy: [deployment/web]}}]\n\
         steps:\n  - {{name: fault, {fault}}}\n  - {{name: meanwhile, wait: {wait}}}\n  - {{name: back, heal: {{fault: fault}}}}\n\
         expect:\n  - service: {{probe: storefront, rto: {rto}s}}\n  \
         - replicas: {{workload: deployment/web, ready: 3, within: {within}s}}\n\
         limits: {{nodes: 34%, zones: 1, duration: 40m}}\ncollateral: [velero]\n"
    );
    let lies = [
        "what: {answers: {service: web, namespace: shop, body: welcome}}",
        "what: {answers: {service: web, namespace: shop, status: 503}}",
        "what: {readiness: {workload: deployment/web, namespace: shop, does: lost}}",
        "what: {readiness: {workload: deployment/web, namespace: shop, does: flaps, every: 3s}}",
        "what: {nodeReturns: {node: any}}",
        "what: {scale: {workload: deployment/web, namespace: shop, replicas: 2}}",
        "what: {watches: {does: stall, of: pods}}",
        "what: {watches: {does: lag, of: pods}}",
        "what: {watches: {does: refused}}",
        "what: {source: {source: api, does: status500}}",
        "what: {skew: {source: api, ahead: 90s}}",
    ];
    let mut happens = vec![];
    for _ in 0..chance.below(3) {
        let (delay, lasts) = (chance.of(&[1, 8, 30, 55]), chance.of(&[4, 25, 90]));
        let what = chance.of(&lies);
        let lasts = if what.contains("nodeReturns") { String::new() } else { format!("for: {lasts}s, ") };
        happens.push(format!("{{after: {{step: fault}}, delay: {delay}s, {lasts}{what}}}"));
    }
    let plain = happens.is_empty() && wait == recovered && rto == 480 && within == 420;
    Case { rto, within, text, happens, plain }
}

/// What was so, each with its wall time in microseconds.
#[derive(Default)]
struct Truth {
    answers: RefCell<Vec<(i64, bool)>>,
    ready: RefCell<Vec<(i64, Vec<String>)>>,
}

impl Truth {
    /// Looks until it is dropped.
    async fn look(&self, world: &World) {
        let ask = |offset: u64| async move {
            tokio::time::sleep(Duration::from_millis(offset)).await;
            let mut tick = tokio::time::interval(Duration::from_millis(500));
            loop {
                tick.tick().await;
                let at = world.clock.wall().as_microsecond();
                let answer = tokio::time::timeout(Duration::from_millis(450), world.http.bytes(STOREFRONT)).await;
                let ok = matches!(answer, Ok(Ok(bytes)) if bytes.trim_ascii() == b"ok");
                self.answers.borrow_mut().push((at, ok));
            }
        };
        let count = async {
            loop {
                if let Ok(list) = world.kube.get(PODS).await {
                    let at = world.clock.wall().as_microsecond();
                    self.ready.borrow_mut().push((at, ready(&list)));
                }
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        };
        let _: ((), (), (), (), (), ()) = tokio::join!(ask(0), ask(100), ask(200), ask(300), ask(400), count);
    }

    /// When the service answered without a failure for good, before `end`; none if it did
    /// not. A service that never failed was up from the fault on.
    fn up(&self, t0: i64, end: i64) -> Option<f64> {
        let mut seen = self.answers.borrow().clone();
        seen.sort_unstable();
        let inside: Vec<_> = seen.into_iter().filter(|(at, _)| *at >= t0 && *at <= end).collect();
        match inside.iter().rposition(|(_, ok)| !ok) {
            None => Some(0.0),
            Some(last) => inside.get(last + 1).map(|(at, _)| (at - t0) as f64 / 1e6),
        }
    }

    /// When three pods were ready for two seconds on nodes that were not taken away, after
    /// one of them had fallen; none if they never were before `end`.
    fn whole(&self, t0: i64, end: i64, dark: &[String]) -> Option<f64> {
        let ready = self.ready.borrow();
        let enough = |nodes: &Vec<String>| nodes.iter().filter(|n| !dark.contains(n)).count() >= 3;
        let mut since = None;
        for (at, nodes) in ready.iter().filter(|(at, _)| *at >= t0 && *at <= end) {
            match (enough(nodes), since) {
                (true, None) => since = Some(*at),
                (true, Some(from)) if at - from >= 2_000_000 => return Some((from - t0) as f64 / 1e6),
                (true, Some(_)) => {}
                (false, _) => since = None,
            }
        }
        None
    }
}

/// The nodes of the pods of web that are ready and stay.
fn ready(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().into_iter().flatten();
    let is_ready = |pod: &&Value| {
        let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        pod["metadata"]["deletionTimestamp"].is_null()
            && pod["metadata"]["name"].as_str().is_some_and(|n| n.starts_with("web-"))
            && conditions.into_iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
    };
    items.filter(is_ready).map(|pod| pod["spec"]["nodeName"].as_str().unwrap_or_default().to_owned()).collect()
}

fn at(events: &[Event], is_it: impl Fn(&Kind) -> bool) -> Option<i64> {
    events.iter().find(|e| is_it(&e.event)).map(|e| e.at.as_microsecond())
}

fn check(seed: u64, small: &str) -> Outcome {
    let case = case(seed);
    let mut text = small.to_owned();
    if !case.happens.is_empty() {
        text += "happens:\n";
        case.happens.iter().for_each(|entry| text += &format!("  - {entry}\n"));
    }
    let shop = Description::parse(&text).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    let loaded = scenario_text(&case.text, &shop);
    let truth = Truth::default();
    let ended = on_paused_time(async {
        let stage = Stage::set(&shop, seed).await;
        let world = stage.simulation.world();
        tokio::select! {
            biased;
            ended = stage.drill(&loaded, None) => ended,
            () = truth.look(&world) => unreachable!(),
        }
    });
    let said = format!("seed {seed}, {:?}\n{}", case.happens, case.text);
    let judged = ended.events.iter().find_map(|e| match &e.event {
        Kind::Judged { judgements, outcome, .. } => Some((judgements.clone(), *outcome)),
        _ => None,
    });
    let Some((judgements, outcome)) = judged else { return Outcome::Inconclusive };
    let Some(t0) = at(&ended.events, |k| matches!(k, Kind::FaultApplied { .. })) else { return outcome };
    let undo = at(&ended.events, |k| matches!(k, Kind::RevertStarted { .. })).unwrap_or(i64::MAX);
    let end = ended.events.last().map_or(t0, |e| e.at.as_microsecond());
    let dark: Vec<String> = ended
        .events
        .iter()
        .filter_map(|e| match &e.event {
            Kind::FaultApplied { fault, .. } => fault.0.rsplit('/').next().map(str::to_owned),
            _ => None,
        })
        .collect();
    let of = |word: &str| judgements.iter().find(|j| j.expectation.starts_with(word)).unwrap();
    // A pass needs a recovery before the undo; a fail is false only if it was up in time for good.
    let up = [truth.up(t0, undo.min(end)), truth.up(t0, end)];
    holds(of("storefront"), up, case.rto as f64, UP_OVER_S, &said);
    let whole = truth.whole(t0, end, &dark);
    holds(of("deployment/web"), [whole; 2], case.within as f64, LOOK_S + UP_OVER_S, &said);
    if case.plain {
        assert!(outcome == Outcome::Pass, "nothing was planted, and it is {outcome}: {judgements:#?}\n{said}");
    }
    outcome
}

/// A pass was true, and a fail, too; both give or take the error of whoever looked.
fn holds(judgement: &Judgement, truth: [Option<f64>; 2], objective: f64, error: f64, said: &str) {
    let met = |truth: Option<f64>, by: f64| truth.is_some_and(|s| s <= objective + by);
    let told = || format!("{}: {}\nthe truth is {truth:?} s\n{said}", judgement.outcome, judgement.because);
    match judgement.outcome {
        Outcome::Pass => assert!(met(truth[0], error), "a false pass: {}", told()),
        Outcome::Fail => assert!(!met(truth[1], -error), "a false fail: {}", told()),
        _ => {}
    }
}

#[test]
fn verdicts_say_what_was_so() {
    let small = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/clusters/small-shop.yaml"));
    let small = small.unwrap();
    let mut counts = [0_u32; 3];
    for seed in seeds(256).0 {
        match check(seed, &small) {
            Outcome::Pass => counts[0] += 1,
            Outcome::Fail => counts[1] += 1,
            _ => counts[2] += 1,
        }
    }
    println!("{} passed, {} failed, {} inconclusive", counts[0], counts[1], counts[2]);
}
