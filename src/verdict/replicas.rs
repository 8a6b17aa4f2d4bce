//! Judges whether a workload got its pods back in time, and how few it had.

use std::collections::BTreeSet;

use super::{
    Answer, HOLD_US, History, Series,
    effect::effect,
    outside::{self, Others},
    proof::{Bound, Own, Part, Proof, Sight},
    seconds,
    window::{EndedBy, Window},
};
use crate::{
    journal::FaultRecord,
    model::{After, Evidence, Measure, Measured, Outcome, ReplicasExpectation, Revert, ScopedWorkload, Told},
};

/// How long the first list of pods may take.
const LISTED_US: u64 = 1_000_000;

/// Until when a workload must have its pods.
#[derive(Clone, Copy)]
struct Limit {
    /// When its time begins.
    from: u64,
    /// When it ends.
    deadline: u64,
    /// What began it, after "ready 12.0 s".
    after: &'static str,
}

impl Limit {
    fn new(from: u64, within_us: u64, after: &'static str) -> Self {
        Self { from, deadline: from + within_us, after }
    }
}

/// Everything that is needed about one workload.
struct Subject<'h> {
    history: &'h History,
    window: Window,
    key: (String, String),
    /// Ready pods according to Kubernetes, on any node.
    believed: Series,
    /// Ready pods that are not on nodes that the drill took away.
    ready: Series,
    /// How many were ready at the time of the fault.
    before: i64,
    /// When the first of them was seen to disappear.
    fall: Option<u64>,
    now_us: u64,
}

pub(super) fn answer(expected: &ReplicasExpectation, history: &History, now_us: u64) -> Answer {
    let Some(mut window) = Window::of(history, expected.of.as_ref()) else {
        return Answer::new(
            Outcome::Inconclusive,
            format!("{}: the fault of this expectation did not happen", expected.workload),
        );
    };
    let key = (history.namespace(expected.namespace.as_ref()), expected.workload.to_string());
    let Some(ready) = history.ready.get(&key).cloned() else {
        return Answer::new(Outcome::Inconclusive, format!("{} was never observed", expected.workload));
    };
    let believed = history.believed(&key, |_| true);
    let before = believed.at(window.t0).unwrap_or(0);
    let fall = believed.0.iter().find(|(t, n)| *t >= window.t0 && *t <= window.last && *n < before).map(|(t, _)| *t);
    if let Some(heal) = history.heal_began(&window.step).filter(|_| expected.after == After::Heal) {
        window = window.after_heal(history, heal);
    }
    let subject = Subject { history, window, key, believed, ready, before, fall, now_us };
    let main = match (expected.ready, expected.within) {
        (Some(ready), Some(within)) if expected.after == After::Heal => {
            subject.after_heal(i64::from(ready), within.micros())
        }
        (Some(ready), Some(within)) => subject.recovers(i64::from(ready), within.micros()),
        _ => subject.unharmed(),
    };
    let floor = expected.never_below.map(|floor| subject.never_below(i64::from(floor)));
    let name = expected.workload.to_string();
    let answers = [Some(main), floor].into_iter().flatten().map(|proof| proof.conclude(&name)).collect();
    Answer::all(answers).measuring(subject.measure(expected)).with(subject.evidence())
}

impl Subject<'_> {
    fn evidence(&self) -> Evidence {
        let lowest = self.ready.min(self.window.t0, self.window.last).unwrap_or(0);
        Evidence {
            source: "watch pods (Ready, not Terminating, not on a node that was taken away)".into(),
            observed: Told::of_journal(format!("{} before the fault, lowest {lowest}", self.before)),
            from_us: Some(self.window.t0),
            to_us: Some(self.window.last),
            uncertainty_us: None,
        }
    }

    /// When the workload had its pods again, as in the bound of its proof; none if it never had.
    fn measure(&self, expected: &ReplicasExpectation) -> Option<Measure> {
        let (wanted, within) = (i64::from(expected.ready?), expected.within?);
        let (at, clock) = if expected.after == After::Heal {
            let heal = self.history.heal_began(&self.window.step)?;
            (self.reached(&self.believed, wanted, heal)?.0, heal)
        } else {
            let from = self.fall.unwrap_or(self.window.t0);
            let own = self.reached(&self.on_other_nodes(), wanted, from);
            let any = || self.reached(&self.ready, wanted, self.fell(from, wanted));
            (own.or_else(any)?.0, self.window.clock(self.history))
        };
        let took = at.checked_sub(clock)?;
        Some(Measure { of: Measured::Ready, least_us: took, most_us: took, objective_us: within.micros() })
    }

    /// The number to which the fault itself scaled the workload. Pods that were not wanted before cannot have existed.
    fn scaled(&self) -> Option<i64> {
        let own = |w: ScopedWorkload| (w.namespace, w.workload.to_string()) == self.key;
        let scales =
            |f: &FaultRecord| matches!(&f.revert, Revert::Scale { object, .. } if object.workload().is_some_and(own));
        self.history
            .state
            .faults_of(&self.window.step)
            .any(scales)
            .then(|| self.history.wanted.get(&self.key)?.at(self.window.end))
            .flatten()
    }

    fn baseline(&self, wanted: i64) -> Part {
        let t0 = self.window.t0;
        // At the start, the pods of the cluster are reported one after another.
        let listed = self.believed.0.first().map_or(t0, |(at, _)| at + LISTED_US).min(t0);
        if let Some(to) = self.scaled().filter(|to| *to > self.before) {
            return Part::Shown(format!("{} were ready before it was scaled to {to}", self.before));
        }
        let held = self.believed.min(t0.saturating_sub(HOLD_US).max(listed), t0).unwrap_or(0);
        if held >= wanted {
            Part::Shown(format!("{held} ready for 3 s before the fault"))
        } else {
            Part::Missing(format!("only {held} of {wanted} were ready before the fault, so there is no baseline"))
        }
    }

    /// A workload was hit if Kubernetes reported the loss of a ready pod before `until`.
    fn reach(&self, until: u64) -> Part {
        if self.scaled().is_some() {
            return effect(self.history, &self.window);
        }
        let other = |at| outside::other_cause(self.history, &self.window, &self.key, (at, until));
        match self.fall.filter(|t| *t < until).map(|at| (at, other(at))) {
            Some((_, Some(why))) => Part::Missing(format!("{why}: nothing shows that the fault reached it")),
            Some((at, None)) => {
                Part::Shown(format!("the number of ready pods fell {} after the fault", self.after(at)))
            }
            None => Part::Missing(format!(
                "nothing shows that the fault reached it: Kubernetes reported all {} pods as ready the whole time",
                self.before
            )),
        }
    }

    /// Changes from outside until the workload had recovered, and until it had failed.
    fn others(&self, (recovered, failed): (u64, u64)) -> Others {
        let touches = |change: &_| outside::touches(self.history, change, &self.key);
        Others::of(self.history, touches, self.window.t0, (recovered, failed))
    }

    /// When it first had fewer ready pods than this.
    fn first_below(&self, floor: i64, to: u64) -> u64 {
        let below = |(t, n): &&(u64, i64)| *t >= self.window.t0 && *t <= to && *n < floor;
        self.ready.0.iter().find(below).map_or(self.window.t0, |(t, _)| *t)
    }

    fn sight(&self, until: u64) -> Sight {
        match self.history.blind_in(self.window.t0, until) {
            Some(blind) => Sight::Missing(blind),
            None => Sight::Shown("the pods could be watched the whole time".into()),
        }
    }

    fn denominator(&self, wanted: i64) -> Part {
        Part::Shown(format!("{wanted} pods are expected"))
    }

    /// Ready pods that are not on the targets of the fault and were scheduled before its end. Pods that came back only
    /// because a node was powered on are not among them.
    fn on_other_nodes(&self) -> Series {
        let targets: BTreeSet<String> = self.window.targets(self.history).into_iter().collect();
        let end = self.window.end;
        let bound_in_time = |uid: &str| self.history.pods.bound(uid).is_some_and(|at| at < end);
        self.history.believed(&self.key, |p| !targets.contains(&*p.node) && bound_in_time(&p.uid))
    }

    /// Since when the number has been reached permanently, and whether that was observed for long enough.
    fn reached(&self, series: &Series, wanted: i64, from: u64) -> Option<(u64, bool)> {
        // What the workload had at the end of the fault's time still counts, even if it falls during the undo.
        let end = self.window.end;
        let in_time = series.settles(wanted, from, end).filter(|at| from < end && end >= at + HOLD_US);
        if let Some(at) = in_time {
            return Some((at, true));
        }
        let at = series.settles(wanted, from, self.window.last)?;
        Some((at, self.window.last >= at + HOLD_US))
    }

    fn recovers(&self, wanted: i64, within_us: u64) -> Proof {
        let window = &self.window;
        let limit = Limit::new(window.clock(self.history), within_us, window.since(self.history));
        let from = self.fall.unwrap_or(window.t0);
        let own = self.reached(&self.on_other_nodes(), wanted, from);
        let any = self.reached(&self.ready, wanted, self.fell(from, wanted));
        let (bound, own_recovery) = match (own, any) {
            (Some((at, held)), _) => {
                let own = Own::Shown("with pods that are not on a target of the fault".into());
                (self.bound(wanted, (at, held), limit), own)
            }
            (None, Some((at, held))) if window.by == EndedBy::Journal || at < window.end => {
                (self.bound(wanted, (at, held), limit), Own::Shown("before anything was undone".into()))
            }
            (None, Some((at, held))) => {
                let why = format!("{}; a recovery without that was not shown", window.how());
                let own = Own::Missing { why, over: limit.deadline <= window.end };
                (self.bound(wanted, (at, held), limit), own)
            }
            (None, None) => (self.unreached(wanted, limit.deadline), Own::NotAsked("it did not recover")),
        };
        Proof {
            baseline: self.baseline(wanted),
            reach: self.reach(window.last),
            sight: self.sight(own.or(any).map_or(window.last, |(at, _)| at + HOLD_US).min(window.last)),
            denominator: self.denominator(wanted),
            bound,
            own: own_recovery,
            others: self.others((
                own.or(any).map_or(window.last, |(at, _)| at),
                self.ready.missed(wanted, limit.deadline, window.last),
            )),
        }
    }

    /// When fewer pods than wanted were first ready. Pods that are deleted remain Ready for a moment.
    fn fell(&self, from: u64, wanted: i64) -> u64 {
        let later = self.ready.0.iter().find(|(t, n)| *t >= self.window.t0 && *t <= self.window.last && *n < wanted);
        later.map_or(from, |(t, _)| *t)
    }

    fn bound(&self, wanted: i64, (at, held): (u64, bool), limit: Limit) -> Bound {
        let took = format!("{} {}", seconds(at.saturating_sub(limit.from)), limit.after);
        match (at <= limit.deadline, held) {
            (true, true) => Bound::Met(format!("{wanted} ready {took}")),
            (false, _) => Bound::Refuted(format!("{wanted} ready only {took}")),
            (true, false) if self.now_us < at + HOLD_US => Bound::Open(format!("{wanted} ready, but not for 3 s yet")),
            (true, false) => Bound::Between(format!("{wanted} were ready {took}, but for less than 3 s")),
        }
    }

    /// The number of pods that it should have now, if a change from outside made it too small. Waiting would not bring
    /// more.
    fn capped(&self, wanted: i64) -> Option<i64> {
        let by_others = outside::harm(self.history, &self.key, self.window.t0, self.window.last).is_some();
        if by_others && self.history.state.outside.is_deleted(&self.key.0, &self.key.1) {
            return Some(0);
        }
        let wants = self.history.wanted.get(&self.key)?.at(self.window.last)?;
        (by_others && wants < wanted && self.scaled().is_none()).then_some(wants)
    }

    fn unreached(&self, wanted: i64, deadline: u64) -> Bound {
        let have = self.ready.at(self.window.last.min(deadline)).unwrap_or(0);
        if let Some(wants) = self.capped(wanted) {
            return Bound::Refuted(format!("{have} of {wanted} ready, and its wanted number is {wants} now"));
        }
        if self.now_us < deadline {
            Bound::Open(format!("{have}/{wanted} ready"))
        } else if self.window.last < deadline {
            let seen = seconds(self.window.last - self.window.t0);
            Bound::Between(format!("{have} of {wanted} ready when the observation of this fault ended after {seen}"))
        } else {
            Bound::Refuted(format!("{have} of {wanted} ready at the end of the allowed time"))
        }
    }

    /// For workloads that cannot recover earlier: the time counts from the start of the undo.
    fn after_heal(&self, wanted: i64, within_us: u64) -> Proof {
        let last = self.window.last;
        let Some(heal) = self.history.heal_began(&self.window.step) else {
            return self.healed(wanted, Bound::Open(self.history.unhealed().into()), (last, last));
        };
        let limit = Limit::new(heal, within_us, "after the heal began");
        let reached = self.reached(&self.believed, wanted, heal);
        let bound = match reached.map(|reached| (reached.0, self.bound(wanted, reached, limit))) {
            None => self.unreached(wanted, limit.deadline),
            Some((at, Bound::Met(_))) if at <= heal => Bound::Met(format!("{wanted} were ready when the heal began")),
            Some((_, bound)) => bound,
        };
        let recovered = reached.map_or(last, |(at, _)| at);
        self.healed(wanted, bound, (recovered, self.believed.missed(wanted, limit.deadline, last)))
    }

    /// The proof of a recovery after the heal. The times are those for changes from outside.
    fn healed(&self, wanted: i64, bound: Bound, times: (u64, u64)) -> Proof {
        Proof {
            baseline: self.baseline(wanted),
            reach: self.reach(self.window.hit_until),
            sight: self.sight(self.window.last),
            denominator: self.denominator(wanted),
            bound,
            own: Own::NotAsked("it is measured after the heal"),
            others: self.others(times),
        }
    }

    /// It never had fewer ready pods than at the time of the fault.
    fn unharmed(&self) -> Proof {
        let (from, to) = (self.window.t0, self.window.end);
        let lowest = self.ready.min(from, to).unwrap_or(0);
        let lasted = seconds(to.saturating_sub(from));
        let bound = if lowest >= self.before {
            Bound::Met(format!("never fewer than {} ready during the {lasted} of the fault", self.before))
        } else {
            Bound::Refuted(format!("fell from {} to {lowest} ready pods", self.before))
        };
        Proof {
            baseline: self.baseline(self.before.max(1)),
            reach: effect(self.history, &self.window),
            sight: self.sight(to),
            denominator: self.denominator(self.before),
            bound: bound.for_as_long(self.window.cut_short()),
            own: Own::NotAsked("nothing had to recover"),
            others: self.others((to, self.first_below(self.before, to))),
        }
    }

    fn never_below(&self, floor: i64) -> Proof {
        let lowest = self.ready.min(self.window.t0, self.window.last).unwrap_or(0);
        let cut = matches!(self.window.by, EndedBy::Interruption).then(|| self.window.how());
        let bound = match cut {
            _ if lowest < floor => Bound::Refuted(format!("fell to {lowest} ready pods, which is below {floor}")),
            Some(cut) => Bound::Between(format!("the lowest number was {lowest}, but {cut}")),
            None => Bound::Met(format!("never below {floor} (lowest {lowest})")),
        };
        Proof {
            baseline: self.baseline(floor),
            reach: self.reach(self.window.last),
            sight: self.sight(self.window.last),
            denominator: self.denominator(floor),
            bound,
            own: Own::NotAsked("a minimum is kept, so nothing has to recover"),
            others: self.others((self.window.last, self.first_below(floor, self.window.last))),
        }
    }

    fn after(&self, at: u64) -> String {
        seconds(at.saturating_sub(self.window.t0))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::small_journal::{SmallJournal, power};
    use crate::model::Outcome;

    fn ready(wanted: u32) -> Value {
        json!({"replicas": {"workload": "deployment/web", "ready": wanted, "within": "2m"}})
    }

    /// A fault at 10 s after which web has no pods, until its undo at 40 s.
    fn undone(verb: &Value, revert: &Value) -> (Outcome, String) {
        let journal = SmallJournal::new(verb, &[]).expects(ready(2)).wants(2, 2);
        let journal = journal.pod(5, "w1", "a", true).pod(5, "w2", "b", true).fault(10, revert);
        let journal = journal.pod_gone(12, "w1").pod_gone(12, "w2").healed(40);
        journal.pod(45, "w3", "a", true).pod(45, "w4", "b", true).judged(200)
    }

    #[test]
    fn a_recovery_by_the_undo_program_of_a_step_is_not_its_own() {
        let verb = json!({"exec": {"argv": ["break"], "undo": ["repair"]}});
        let (outcome, said) = undone(&verb, &json!({"type": "execUndo", "step": "fault"}));
        assert_eq!(outcome, Outcome::Inconclusive, "{said}");
        assert!(said.contains("undone after 30.0 s"), "{said}");
    }

    #[test]
    fn a_number_that_was_never_written_is_no_effect() {
        // Something in the cluster sets the number back before anybody sees it.
        let object = json!({"path": "/apis/apps/v1/namespaces/shop/deployments/web", "uid": "u"});
        let scale = json!({"type": "scale", "object": object, "before": 2, "written": 0});
        let (outcome, said) = undone(&json!({"scale": {"workload": "deployment/web", "to": 0}}), &scale);
        assert_eq!(outcome, Outcome::Inconclusive, "{said}");
    }

    #[test]
    fn pods_that_are_ready_for_a_moment_are_neither_baseline_nor_recovery() {
        let journal = |first: u64, again: u64| {
            let journal =
                SmallJournal::killed("a").expects(ready(2)).wants(2, 2).node(6, "b", true).node(50, "a", false);
            let journal = journal.pod(4, "w1", "a", false).pod(4, "w2", "b", true).pod(first, "w1", "a", true);
            journal.pod(50, "w1", "a", false).pod(again, "w3", "b", true).judged(100)
        };
        assert_eq!(journal(6, 70).0, Outcome::Pass, "{}", journal(6, 70).1);
        assert_eq!(journal(9, 70).0, Outcome::Inconclusive, "ready for one second before the fault");
        assert_eq!(journal(6, 99).0, Outcome::Inconclusive, "ready for one second at the end");
    }

    #[test]
    fn a_time_that_counts_from_the_heal_is_given_from_the_heal() {
        let mut asked = ready(2);
        asked["replicas"]["after"] = "heal".into();
        let journal = SmallJournal::killed("a").expects(asked).wants(2, 2).pod(5, "w1", "a", true);
        let journal = journal.pod(5, "w2", "b", true).node(50, "a", false).pod(50, "w1", "a", false).healed(60);
        let (outcome, said) = journal.pod(99, "w1", "a", true).judged(100);
        assert_eq!(outcome, Outcome::Inconclusive, "{said}");
        assert!(said.contains("were ready 39.0 s after the heal began, but for less than 3 s"), "{said}");
    }

    #[test]
    fn a_time_that_counts_from_the_end_of_a_drain_is_given_from_there() {
        let node = json!({"name": "a", "uid": "a", "provider_id": "", "zone": ""});
        let journal = SmallJournal::new(&json!({"drain": {"nodes": ["a"]}}), &["a"]).expects(ready(2)).wants(2, 2);
        let journal = journal.step(10, 40).fault(10, &json!({"type": "cordon", "node": node, "before": false}));
        let journal = journal.pod(5, "w1", "a", true).pod(5, "w2", "b", true).pod_gone(15, "w1");
        let said = journal.pod(60, "w3", "b", true).judged(100).1;
        assert!(said.contains("2 ready 20.0 s after the end of the drain"), "{said}");
    }

    #[test]
    fn pods_of_another_workload_with_a_similar_name_do_not_count() {
        let journal = SmallJournal::killed("a").expects(ready(2)).wants(2, 2).node(50, "a", false);
        let journal = journal.pod(4, "w1", "a", true).pod(4, "w2", "b", true).pod(50, "w1", "a", false);
        let others = ["deployment/web-canary", "statefulset/web", "deployment/we", "daemonset/web", ""];
        let journal = others.iter().fold(journal, |j, owner| j.pod_of(60, owner, &format!("x{owner}"), "b", true));
        assert_eq!(journal.judged(200).0, Outcome::Fail);
    }

    #[test]
    fn a_zone_of_which_one_node_stayed_did_no_harm_to_speak_of() {
        let verb = json!({"killZone": {"zone": "a", "how": "kill"}});
        let unharmed = json!({"replicas": {"workload": "deployment/web", "unharmed": true}});
        let zone = |both: bool| {
            let journal = SmallJournal::new(&verb, &["a", "b"]).expects(unharmed.clone()).wants(2, 1);
            let journal = journal.node(5, "a", true).node(5, "b", true).pod(5, "w1", "c", true);
            let journal = journal.fault(10, &power("a")).fault(10, &power("b")).node(50, "a", false);
            if both { journal.node(51, "b", false) } else { journal }.judged(100).0
        };
        assert_eq!((zone(true), zone(false)), (Outcome::Pass, Outcome::Inconclusive));
    }
}
