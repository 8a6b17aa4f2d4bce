//! The service and the replicas behind it.

use std::{cell::RefCell, time::Duration};

use drillmaster::{
    model::{Judgement, Outcome},
    world::World,
};

use super::{super::takeover::Chance, Moments, Truth};

const STOREFRONT: &str = "http://web.shop.svc/healthz";
pub const PROBES: &str = "probes: [{name: storefront, http: {url: 'http://web.shop.svc/healthz', body: ok}, \
    up: {successes: 20, over: 5s}, backedBy: [deployment/web]}]\n";
/// While one endpoint in three is dead, a probe may succeed by chance for as long as its rule demands. That is five
/// seconds here, because twenty samples hardly ever succeed by chance.
const UP_OVER_S: f64 = 5.5;
/// The time between two looks at the pods, which is also the largest delay of a watch.
const LOOK_S: f64 = 1.0;

pub struct Asked {
    rto: u64,
    within: u64,
}

impl Asked {
    pub fn of(chance: &mut Chance, patient: bool) -> Self {
        let (rto, within) = (chance.of(&[10, 42, 60, 480]), chance.of(&[20, 60, 420]));
        if patient { Self { rto: 480, within: 420 } } else { Self { rto, within } }
    }

    pub fn expect(&self) -> String {
        format!(
            "  - service: {{id: storefront, probe: storefront, rto: {}s}}\n  \
             - replicas: {{id: web, workload: deployment/web, ready: 3, within: {}s}}\n",
            self.rto, self.within
        )
    }

    pub fn lies(&self) -> Vec<String> {
        [
            "{answers: {service: web, namespace: shop, body: welcome}}",
            "{answers: {service: web, namespace: shop, status: 503}}",
            "{readiness: {workload: deployment/web, namespace: shop, does: lost}}",
            "{readiness: {workload: deployment/web, namespace: shop, does: flaps, every: 3s}}",
            "{nodeReturns: {node: any}}",
            "{scale: {workload: deployment/web, namespace: shop, replicas: 2}}",
            "{watches: {does: stall, of: pods}}",
            "{watches: {does: stall, of: nodes}}",
            "{watches: {does: lag, of: pods}}",
            "{watches: {does: refused}}",
            "{source: {source: api, does: status500}}",
            "{skew: {source: api, ahead: 90s}}",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    pub fn check(&self, of: [&Judgement; 2], truth: &Truth, when: &Moments, complete: bool, said: &str) {
        let [service, replicas] = of;
        // A pass needs a recovery before the undo. A fail is false only if the service was up in time for good.
        let up = [truth.answers.up(when.t0, when.undo), truth.answers.up(when.t0, when.end)];
        holds(service, up, self.rto as f64, UP_OVER_S, said);
        let whole = truth.cluster.whole(when);
        holds(replicas, whole, self.within as f64, LOOK_S + UP_OVER_S, said);
        if complete && self.rto == 480 && self.within == 420 {
            let passed = of.iter().all(|judgement| judgement.outcome == Outcome::Pass);
            assert!(passed, "nothing was planted, but an expectation did not pass: {of:#?}\n{said}");
        }
    }
}

/// A pass and a fail must both be true, within the error of the looks.
fn holds(judgement: &Judgement, truth: [Option<f64>; 2], objective: f64, error: f64, said: &str) {
    let met = |truth: Option<f64>, by: f64| truth.is_some_and(|s| s <= objective + by);
    let told = || format!("{}: {}\nthe truth is {truth:?} s\n{said}", judgement.outcome, judgement.because);
    match judgement.outcome {
        Outcome::Pass => assert!(met(truth[0], error), "a false pass: {}", told()),
        Outcome::Fail => assert!(!met(truth[1], -error), "a false fail: {}", told()),
        _ => {}
    }
}

/// The answers of the service, ten times a second.
#[derive(Default)]
pub struct Answers(RefCell<Vec<(i64, bool)>>);

impl Answers {
    pub async fn look(&self, world: &World) {
        let ask = |offset: u64| async move {
            tokio::time::sleep(Duration::from_millis(offset)).await;
            let mut tick = tokio::time::interval(Duration::from_millis(500));
            loop {
                tick.tick().await;
                let at = world.clock.wall().as_microsecond();
                let answer = tokio::time::timeout(Duration::from_millis(450), world.http.bytes(STOREFRONT)).await;
                let ok = matches!(answer, Ok(Ok(bytes)) if bytes.trim_ascii() == b"ok");
                self.0.borrow_mut().push((at, ok));
            }
        };
        let _: ((), (), (), (), ()) = tokio::join!(ask(0), ask(100), ask(200), ask(300), ask(400));
    }

    /// When the service began to answer without any further failure before `end`. None if it did not. A service that
    /// never failed was up from the fault on.
    fn up(&self, t0: i64, end: i64) -> Option<f64> {
        let mut seen = self.0.borrow().clone();
        seen.sort_unstable();
        let inside: Vec<_> = seen.into_iter().filter(|(at, _)| *at >= t0 && *at <= end).collect();
        match inside.iter().rposition(|(_, ok)| !ok) {
            None => Some(0.0),
            Some(last) => inside.get(last + 1).map(|(at, _)| (at - t0) as f64 / 1e6),
        }
    }
}
