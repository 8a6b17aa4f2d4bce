//! Judges the recovery time of a service as its users see it: from the fault until it is stable, not until something
//! reports Completed. Or judges that it was not disturbed at all.

use super::{
    Answer, History, behind,
    effect::effect,
    outage::{Outage, cut, is_failed, is_in_flight},
    outside::{self, Others},
    proof::{Bound, Own, Part, Proof, Sight},
    seconds,
    window::{EndedBy, Window},
};
use crate::{
    event::ProbeRun,
    journal::{ProbeState, Stretch},
    model::{After, Dur, Evidence, Measure, Measured, Outcome, ProbeSpec, ServiceExpectation, Told},
};

/// What one probe observed of one fault.
struct Subject<'h> {
    history: &'h History,
    window: Window,
    spec: &'h ProbeSpec,
    runs: &'h [ProbeRun],
    /// Samples count until this time: what the drill itself takes away at its end is not an outage.
    until: u64,
    now_us: u64,
}

pub(super) fn answer(expected: &ServiceExpectation, history: &History, now_us: u64) -> Answer {
    let Some(mut window) = Window::of(history, expected.of.as_ref()) else {
        return Answer::new(
            Outcome::Inconclusive,
            format!("{}: the fault of this expectation did not happen", expected.probe),
        );
    };
    let plan = history.state.plan.as_ref();
    let Some(spec) = plan.and_then(|p| p.probes.iter().find(|p| p.name == expected.probe)) else {
        return Answer::new(Outcome::Inconclusive, format!("no probe has the name {}", expected.probe));
    };
    if let Some(heal) = history.heal_began(&window.step).filter(|_| expected.after == After::Heal) {
        window = window.after_heal(history, heal);
    }
    let last = window.last;
    let until = if spec.starts_down { history.over_us.map_or(last, |over| over.min(last)) } else { last };
    let runs = history.probes.get(&expected.probe).map_or(&[][..], Vec::as_slice);
    let subject = Subject { history, window, spec, runs, until, now_us };
    let proof = match (expected.rto, expected.after) {
        (Some(rto), After::Fault) => subject.recovers(rto),
        (Some(rto), After::Heal) => subject.after_heal(rto),
        (None, _) => subject.unharmed(expected.longest.unwrap_or_default()),
    };
    proof.conclude(&expected.probe).measuring(subject.measure(expected)).with(subject.evidence())
}

impl Subject<'_> {
    fn evidence(&self) -> Evidence {
        let outage = self.outage(self.window.t0, self.until);
        let errors: Vec<&str> = outage.errors.iter().map(|e| &**e).collect();
        let errors = if errors.is_empty() { "none".to_owned() } else { errors.join(", ") };
        Evidence {
            source: format!("probe {} every {}, timeout {}", self.spec.name, self.spec.every, self.spec.timeout),
            observed: Told::of_journal(format!("{} of {} samples failed ({errors})", outage.failed, outage.samples)),
            from_us: Some(self.window.t0),
            to_us: Some(self.until),
            uncertainty_us: Some(outage.unseen.1),
        }
    }

    /// The recovery time with both ends of its error bar; none if the service never failed, or is still down.
    fn measure(&self, expected: &ServiceExpectation) -> Option<Measure> {
        let rto = expected.rto?;
        let (outage, clock) = match expected.after {
            After::Fault => (self.own_outage().0, self.window.clock(self.history)),
            After::Heal => (self.outage(self.window.t0, self.until), self.history.heal_began(&self.window.step)?),
        };
        let stable = outage.stretches.last()?.to_us.filter(|at| *at > clock)?;
        let (least_us, most_us) = self.bar(stable, clock);
        Some(Measure { of: Measured::Recovery, least_us, most_us, objective_us: rto.micros() })
    }

    /// Whether it was up by its rule directly before; or absent, if it starts down.
    fn baseline(&self) -> Part {
        let mut state = ProbeState::default();
        let t0 = self.window.t0;
        // A sample that was on its way at the time of the fault, and failed, is not a failure before the fault.
        let before = self.runs.iter().filter(|r| r.from_us < t0 && !(is_failed(r) && is_in_flight(r, t0)));
        let mut last = None;
        for run in before {
            // Of samples in a row across the fault, only those before it count.
            let cut = cut(run, t0);
            state.add(&cut, &self.spec.up);
            last = Some(cut);
        }
        match last {
            None => Part::Missing("there is no sample before the fault, so there is no baseline".into()),
            Some(run) if run.lost => Part::Missing("before the fault, it could not be tested from this machine".into()),
            Some(run) if self.spec.starts_down && !run.ok => {
                Part::Shown("it did not answer before the fault, as expected".into())
            }
            Some(_) if self.spec.starts_down => Part::Missing("it already answered before the fault".into()),
            Some(_) if state.up_since.is_some() => {
                Part::Shown("it was up before the fault, by the rule of its probe".into())
            }
            Some(_) => Part::Missing("it was not up before the fault".into()),
        }
    }

    /// Whether a sample failed, or a pod behind the service was hit.
    fn reach(&self, outage: &Outage, until: u64) -> Part {
        if self.spec.starts_down {
            return Part::NotAsked("the service did not exist before the fault");
        }
        if let Some(why) = outage.first_failed.filter(|_| outage.failed > 0).and_then(|at| self.elses(at)) {
            return Part::Missing(why);
        }
        if outage.failed > 0 {
            return Part::Shown(format!("{} samples failed", outage.failed));
        }
        let fell = behind::falls(self.history, &self.window, self.spec, until);
        if let Some((workload, None)) = fell.iter().find(|(_, other)| other.is_none()) {
            return Part::Shown(format!("the number of ready pods of {workload}, which answers the probe, fell"));
        }
        if let Some((workload, Some(why))) = fell.first() {
            return Part::Missing(format!(
                "no sample failed, and of {workload}, {why}: nothing shows that the fault reached it"
            ));
        }
        let known = if self.spec.backed_by.is_empty() { ", and `backedBy` names no workload" } else { "" };
        Part::Missing(format!("no sample failed{known}: nothing shows that the fault reached it"))
    }

    /// Why the first failed sample does not show an effect of the fault: a workload behind the service was changed from
    /// outside, and no pod disappeared where the fault acted.
    fn elses(&self, failed: u64) -> Option<String> {
        let Others::Seen { harmed: Some(harmed), .. } = self.others((self.window.t0, failed)) else { return None };
        let backed = behind::workloads(self.spec);
        let mine = |key: &&(String, String)| backed.is_empty() || backed.contains(&key.1);
        let struck = |key: &(String, String)| outside::own_fall(self.history, &self.window, key, self.window.last);
        let own = self.history.ready.keys().filter(mine).any(struck);
        (!own).then(|| {
            format!(
                "samples failed only after a change from outside ({harmed}): nothing shows that the fault reached it"
            )
        })
    }

    /// Changes from outside until the service had recovered, and until it had failed.
    fn others(&self, (recovered, failed): (u64, u64)) -> Others {
        let backed = behind::workloads(self.spec);
        let touches = |change: &_| outside::touches_service(self.history, change, &backed);
        Others::of(self.history, touches, self.window.t0, (recovered, failed))
    }

    fn sight(&self, outage: &Outage, tolerated_us: u64) -> Sight {
        let (from, unseen) = outage.unseen;
        // A Service may have been directed elsewhere.
        let unwatched = self.history.state.outside.unseen_where(|resource| resource == "services");
        if !unwatched.is_empty() {
            let unwatched = unwatched.join(", ");
            Sight::Missing(format!("{unwatched} could not be watched, so it is unknown whether others changed them"))
        } else if outage.lost > 0 {
            Sight::Missing(format!("{} samples do not count: it could not be tested from this machine", outage.lost))
        } else if unseen > tolerated_us {
            let (from, unseen) = (seconds(from), seconds(unseen));
            Sight::Missing(format!(
                "there was no sample for {unseen} from {from} on: an outage during this time would not be noticed"
            ))
        } else {
            Sight::Shown(format!("the longest time without a sample was {}", seconds(unseen)))
        }
    }

    fn tolerated_us(&self) -> u64 {
        self.spec.every.micros() + self.spec.timeout.micros() + self.spec.up.over.micros()
    }

    fn recovers(&self, rto: Dur) -> Proof {
        let (window, clock) = (&self.window, self.window.clock(self.history));
        let (outage, until) = self.own_outage();
        let deadline = clock + rto.micros();
        // After the fault was undone, nobody can help the service against it.
        let recovered = outage.stable().map_or(until.min(window.end), |at| at + self.spec.up.over.micros());
        let (bound, own) = match outage.stretches.last() {
            None => (self.never_failed(&outage, deadline), Own::NotAsked("it never went down")),
            Some(Stretch { to_us: Some(stable), .. }) => {
                let bar = self.bar(*stable, clock);
                let stable_for_good = stable + self.spec.up.over.micros();
                let own = if stable_for_good <= window.end || window.by == EndedBy::Journal {
                    Own::Shown("before anything was undone".into())
                } else {
                    let why = format!("{}; a recovery without that was not shown", window.how());
                    Own::Missing { why, over: deadline <= window.end }
                };
                (self.within(bar, rto, &outage), own)
            }
            Some(Stretch { from_us, to_us: None }) => {
                (self.still_down(*from_us, deadline, rto), Own::NotAsked("it did not recover"))
            }
        };
        Proof {
            baseline: self.baseline(),
            reach: self.reach(&outage, until),
            sight: self.sight(&outage, self.tolerated_us()),
            denominator: self.denominator(&outage),
            bound,
            own,
            others: self.others((recovered, outage.missed(deadline))),
        }
    }

    /// The outage within the time of the fault, and the end of that time. If the service was up at that end with as
    /// many pods as before, and is up in the end, then a failure in between has another cause, such as an undo. Without
    /// as many pods, a row of successes may have been luck.
    fn own_outage(&self) -> (Outage, u64) {
        let (t0, end) = (self.window.t0, self.window.end);
        let all = self.outage(t0, self.until);
        if end < self.until && all.is_over() && behind::is_whole(self.history, &self.window, self.spec, end) {
            let own = self.outage(t0, end);
            if own.samples > 0 && own.is_over() {
                return (own, end);
            }
        }
        (all, self.until)
    }

    /// A fault that was ended early, from outside or by an interruption, might have hit the service later.
    fn never_failed(&self, outage: &Outage, deadline: u64) -> Bound {
        let cut_short = matches!(self.window.by, EndedBy::Interruption | EndedBy::Return(_) | EndedBy::Outside(_));
        if cut_short && self.window.end < deadline {
            return Bound::Between(format!("it did not fail, but {}", self.window.how()));
        }
        Bound::Met(format!("never failed ({} samples)", outage.samples))
    }

    /// The earliest and the latest possible time of the recovery, counted from the start of the objective: between
    /// sending the last failed sample and the answer to the first success of the row that lasted.
    fn bar(&self, stable: u64, clock: u64) -> (u64, u64) {
        let failed = self.runs.iter().rev().find(|r| !r.ok && !r.lost && r.from_us < stable).map(|r| r.to_us);
        let took = self.runs.iter().find(|r| r.ok && r.from_us <= stable && stable <= r.to_us);
        let took = took.filter(|r| r.from_us == stable).map_or(0, |r| r.first_took_us);
        let earliest = failed.unwrap_or(stable).saturating_sub(clock.max(self.window.acknowledged));
        (earliest, (stable + took).saturating_sub(clock))
    }

    fn within(&self, (earliest, latest): (u64, u64), rto: Dur, outage: &Outage) -> Bound {
        let said = format!("RTO {} ({} failed samples)", span((earliest, latest), rto.micros()), outage.failed);
        if latest <= rto.micros() {
            Bound::Met(said)
        } else if earliest > rto.micros() {
            Bound::Refuted(format!("{said}, objective {rto}"))
        } else {
            Bound::Between(format!("{said}: it is unknown whether the objective of {rto} is met"))
        }
    }

    fn still_down(&self, from_us: u64, deadline: u64, rto: Dur) -> Bound {
        if self.now_us < deadline {
            Bound::Open(format!("down since {}", seconds(from_us)))
        } else if self.until < deadline {
            let seen = seconds(self.until.saturating_sub(self.window.t0));
            Bound::Between(format!("still down when the observation of this fault ended after {seen}, objective {rto}"))
        } else {
            Bound::Refuted(format!("still down when the time of this fault ended, objective {rto}"))
        }
    }

    fn after_heal(&self, rto: Dur) -> Proof {
        let Some(heal) = self.history.heal_began(&self.window.step) else {
            let outage = self.outage(self.window.t0, self.until);
            let times = (self.until, self.until);
            return self.whole(&outage, &outage, Bound::Open(self.history.unhealed().into()), times);
        };
        let before = self.outage(self.window.t0, self.window.hit_until);
        let outage = self.outage(self.window.t0, self.until);
        let bound = match outage.stretches.last() {
            Some(Stretch { to_us: Some(stable), .. }) if *stable > heal => {
                self.within(self.bar(*stable, heal), rto, &outage)
            }
            Some(Stretch { from_us, to_us: None }) => self.still_down(*from_us, heal + rto.micros(), rto),
            _ => Bound::Met("it was up when the heal began".into()),
        };
        let recovered = match outage.stretches.last() {
            Some(Stretch { to_us: None, .. }) => self.until,
            _ => outage.stable().filter(|at| *at > heal).map_or(heal, |at| at + self.spec.up.over.micros()),
        };
        self.whole(&before, &outage, bound, (recovered, outage.missed(heal + rto.micros())))
    }

    fn whole(&self, before: &Outage, all: &Outage, bound: Bound, times: (u64, u64)) -> Proof {
        Proof {
            baseline: self.baseline(),
            reach: self.reach(before, self.window.hit_until.min(self.until)),
            sight: self.sight(all, self.tolerated_us()),
            denominator: self.denominator(all),
            bound,
            own: Own::NotAsked("it is measured after the heal"),
            others: self.others(times),
        }
    }

    /// No outage at all, or none longer than `longest`, while the fault lasted.
    fn unharmed(&self, longest: Dur) -> Proof {
        let (from, to) = (self.window.t0, self.window.end.min(self.until));
        let outage = self.outage(from, to);
        let bars: Vec<((u64, u64), u64)> =
            outage.stretches.iter().map(|s| (self.down_for(s, from, to), s.from_us.max(from))).collect();
        let (surely, since) = bars.iter().max_by_key(|(bar, _)| bar.0).copied().unwrap_or(((0, 0), to));
        let perhaps = bars.iter().map(|(bar, _)| *bar).max_by_key(|bar| bar.1).unwrap_or_default();
        let lasted = seconds(to.saturating_sub(from));
        let allowed = longest.micros();
        let bound = if bars.is_empty() {
            Bound::Met(format!(
                "no outage longer than {} during the {lasted} of the fault",
                span((outage.unseen.1, outage.unseen.1), u64::MAX)
            ))
        } else if surely.0 > allowed || allowed == 0 {
            Bound::Refuted(format!("it was down for {}, but the limit is {longest}", span(surely, allowed)))
        } else if perhaps.1 > allowed {
            let said = span(perhaps, allowed);
            Bound::Between(format!(
                "it was down for {said}: it is unknown whether that is within the limit of {longest}"
            ))
        } else {
            Bound::Met(format!("the longest outage was {}, and the limit is {longest}", span(perhaps, allowed)))
        };
        let tolerated = if longest == Dur::default() { self.tolerated_us() } else { longest.micros() };
        Proof {
            baseline: self.baseline(),
            reach: effect(self.history, &self.window),
            sight: self.sight(&outage, tolerated),
            denominator: self.denominator(&outage),
            bound: bound.for_as_long(self.window.cut_short()),
            own: Own::NotAsked("nothing had to recover"),
            others: self.others((to, since + allowed)),
        }
    }

    /// The smallest and the largest possible duration of an outage within a time: between the first and the last
    /// failure, and between the successes around them.
    fn down_for(&self, stretch: &Stretch, from: u64, to: u64) -> (u64, u64) {
        let began = stretch.from_us.max(from);
        let ended = stretch.to_us.filter(|end| *end < to);
        let until = ended.unwrap_or(to);
        let last_failed = self.runs.iter().rfind(|r| is_failed(r) && r.from_us < until);
        let least = last_failed.map_or(began, |r| r.to_us.min(until)).saturating_sub(began);
        let before = self.runs.iter().rfind(|r| r.ok && r.from_us < stretch.from_us);
        let before = before.map_or(began, |r| r.to_us.min(stretch.from_us)).max(from);
        let answer = self.runs.iter().find(|r| r.ok && Some(r.from_us) == ended).map_or(0, |r| r.first_took_us);
        (least, (until + answer).saturating_sub(before))
    }

    fn denominator(&self, outage: &Outage) -> Part {
        if outage.samples == 0 && self.now_us == u64::MAX {
            return Part::Missing("no sample was taken during the time of the fault".into());
        }
        Part::Shown(format!("{} samples", outage.samples))
    }

    fn outage(&self, t0: u64, until: u64) -> Outage {
        Outage::of(self.runs, self.spec, t0, until)
    }
}

/// An interval that contains the true value, as text. Its ends are rounded outwards, with enough digits to show on
/// which side of the objective they are.
fn span((from, to): (u64, u64), objective: u64) -> String {
    let rounded = |unit: u64| (from / unit * unit, to.div_ceil(unit) * unit);
    let shows = |(low, high): (u64, u64)| (low > objective, high > objective) == (from > objective, to > objective);
    let digits = if shows(rounded(100_000)) {
        1
    } else if shows(rounded(1_000)) {
        3
    } else {
        6
    };
    let (low, high) = rounded(10_u64.pow(6 - digits));
    let said = |us: u64| format!("{:.*} s", digits as usize, us as f64 / 1e6);
    if low == high { said(high) } else { format!("{} to {}", said(low), said(high)) }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Series,
            small_journal::{S, SmallJournal},
        },
        *,
    };
    use crate::event::{Keepsake, Kind, Unseen};

    fn run(from: u64, to: u64, n: u32, ok: bool, took: u64) -> ProbeRun {
        let (first_took_us, last_took_us, longest_unseen_us) = (took, took, took + S);
        let (lost, error) = (false, "".into());
        ProbeRun { from_us: from, to_us: to, n, ok, lost, first_took_us, last_took_us, longest_unseen_us, error }
    }

    fn probe() -> ProbeSpec {
        serde_json::from_value(serde_json::json!({
            "name": "web", "kind": {"type": "tcp", "address": "web:80"}, "every": "1s", "timeout": "1s",
            "up": {"successes": 2, "over": "1s"},
        }))
        .unwrap()
    }

    fn window(t0: u64, end: u64, by: EndedBy) -> Window {
        let step = crate::model::StepName("fault".into());
        Window { step, t0, acknowledged: t0, end, by, last: end, hit_until: end }
    }

    /// The judgement of a service that fails while these samples are taken.
    fn judged(runs: &[ProbeRun], by: EndedBy, asked: impl Fn(&Subject<'_>) -> Proof) -> Proof {
        let (history, spec) = (History::default(), probe());
        let window = window(10 * S, 60 * S, by);
        asked(&Subject { history: &history, until: window.last, window, spec: &spec, runs, now_us: u64::MAX })
    }

    #[test]
    fn a_bar_is_rounded_outwards_and_shows_its_side_of_the_objective() {
        assert_eq!(span((9_849_000, 10_060_000), 20 * S), "9.8 s to 10.1 s");
        assert_eq!(span((5 * S, 5 * S), 20 * S), "5.0 s");
        assert_eq!(span((10_040_000, 10_400_000), 10 * S), "10.040 s to 10.400 s");
        assert_eq!(span((9_000_000, 9_999_900), 10 * S), "9.0 s to 10.0 s");
        assert_eq!(span((10_000_001, 10_000_002), 10 * S), "10.000001 s to 10.000002 s");
    }

    #[test]
    fn a_run_of_samples_is_cut_where_the_time_ends() {
        let whole = run(0, 10 * S, 11, false, 0);
        let part = cut(&whole, 4 * S);
        assert_eq!((part.from_us, part.to_us, part.n), (0, 4 * S, 5));
        let between = cut(&whole, 4 * S + S / 2);
        assert_eq!((between.to_us, between.n), (4 * S, 5), "the next one was not sent yet");
        assert_eq!(cut(&whole, 20 * S), whole);
    }

    #[test]
    fn what_fails_again_after_the_undo_has_another_cause() {
        let (ready_before, ready_at_the_end) = (std::cell::Cell::new(0), std::cell::Cell::new(3));
        let proof = |runs: &[ProbeRun]| {
            let (mut history, mut spec) = (History::default(), probe());
            spec.backed_by = vec!["deployment/web".parse().unwrap()];
            let pods = Series(vec![(ready_before.get(), 3), (20 * S, 1), (26 * S, ready_at_the_end.get())]);
            history.ready.insert(("shop".into(), "deployment/web".into()), pods);
            let window = Window { last: 120 * S, ..window(10 * S, 60 * S, EndedBy::Undo) };
            let (until, now_us) = (window.last, u64::MAX);
            Subject { history: &history, until, window, spec: &spec, runs, now_us }.recovers(Dur::secs(30))
        };
        let (before, down) = (run(0, 19 * S, 20, true, 0), run(20 * S, 25 * S, 6, false, 0));
        let (blip, after) = (run(66 * S, 67 * S, 2, false, 0), run(68 * S, 120 * S, 53, true, 0));
        let up = |from: u64| run(from * S, 65 * S, (66 - from) as u32, true, 0);
        let recovered = proof(&[before.clone(), down.clone(), up(26), blip.clone(), after.clone()]);
        assert!(matches!(recovered.bound, Bound::Met(_)) && matches!(recovered.own, Own::Shown(_)), "{recovered:?}");
        // With two of three pods, it may have been luck.
        ready_at_the_end.set(2);
        let lucky = proof(&[before.clone(), down.clone(), up(26), blip.clone(), after.clone()]);
        assert!(matches!(lucky.own, Own::Missing { .. }), "{lucky:?}");
        ready_at_the_end.set(3);
        // The same without knowing how many pods there were before.
        ready_before.set(15 * S);
        let unknown = proof(&[before.clone(), down.clone(), up(26), blip.clone(), after.clone()]);
        assert!(matches!(unknown.own, Own::Missing { .. }), "{unknown:?}");
        ready_before.set(0);
        // The service was not yet up by its rule when the undo began.
        let down_for_long = run(20 * S, 59 * S, 40, false, 0);
        let late = proof(&[before.clone(), down_for_long, up(60), blip, after]);
        assert!(matches!(late.own, Own::Missing { over: true, .. }), "{late:?}");
        // Down until the end, whatever the cause.
        let down_again = run(66 * S, 120 * S, 55, false, 0);
        let ended = proof(&[before, down, up(26), down_again]);
        assert!(matches!(ended.bound, Bound::Refuted(_)), "{ended:?}");
    }

    #[test]
    fn what_was_on_its_way_when_the_fault_came_failed_by_the_fault() {
        let runs =
            [run(0, 8 * S, 9, true, 0), run(9_500_000, 9_500_000, 1, false, S), run(10_500_000, 59 * S, 50, true, 0)];
        let proof = judged(&runs, EndedBy::Journal, |s| s.recovers(Dur::secs(30)));
        assert!(matches!(proof.baseline, Part::Shown(_)), "{proof:?}");
        assert!(matches!(proof.reach, Part::Shown(_)), "{proof:?}");
        // A service that had failed by then is not a healthy start.
        let runs = [run(0, 8 * S, 9, true, 0), run(9 * S, 9 * S, 1, false, 500_000), run(11 * S, 59 * S, 49, true, 0)];
        let proof = judged(&runs, EndedBy::Journal, |s| s.recovers(Dur::secs(30)));
        assert!(matches!(proof.baseline, Part::Missing(_)), "{proof:?}");
    }

    #[test]
    fn an_outage_is_held_against_what_is_allowed_at_both_ends_of_its_bar() {
        // Down from 20 s, with the last failure at 25 s, and up from 26 s on.
        let runs =
            [run(0, 19 * S, 20, true, 0), run(20 * S, 25 * S, 6, false, 0), run(26 * S, 59 * S, 34, true, 500_000)];
        let bound = |longest| judged(&runs, EndedBy::Journal, |s| s.unharmed(longest)).bound;
        assert!(matches!(bound(Dur::secs(8)), Bound::Met(_)), "{:?}", bound(Dur::secs(8)));
        assert!(matches!(bound(Dur::secs(6)), Bound::Between(_)), "{:?}", bound(Dur::secs(6)));
        assert!(matches!(bound(Dur::secs(4)), Bound::Refuted(_)), "{:?}", bound(Dur::secs(4)));
        assert!(matches!(bound(Dur::default()), Bound::Refuted(_)), "none is allowed");
        // An outage that begins just before the undo does not count with its time after the undo.
        let late = [run(0, 58 * S, 59, true, 0), run(59 * S, 90 * S, 32, false, 0)];
        let bound = judged(&late, EndedBy::Undo, |s| s.unharmed(Dur::secs(5))).bound;
        assert!(matches!(bound, Bound::Met(_)), "{bound:?}");
    }

    #[test]
    fn a_service_that_had_not_failed_when_others_undid_the_fault_proves_nothing() {
        let runs = [run(0, 59 * S, 60, true, 0)];
        let bound = |by| judged(&runs, by, |s| s.recovers(Dur::secs(90))).bound;
        assert!(matches!(bound(EndedBy::Outside("somebody scaled it".into())), Bound::Between(_)));
        assert!(matches!(bound(EndedBy::Journal), Bound::Met(_)));
    }

    /// A service that never failed, with `deployment/web` behind it. Node a was killed at 10 s.
    fn behind(pods: impl Fn(SmallJournal) -> SmallJournal) -> (Outcome, String) {
        let probe = serde_json::json!({
            "name": "web", "kind": {"type": "tcp", "address": "web:80"}, "every": "1s", "timeout": "1s",
            "up": {"successes": 2, "over": "1s"}, "backed_by": ["deployment/web"],
        });
        let samples = Kind::ProbeSegment {
            probe: "web".into(),
            file: String::new(),
            sha256: String::new(),
            from_us: 0,
            to_us: 200 * S,
            n: 201,
            failed: 0,
            max_ms: 0,
            late: 0,
            runs: vec![run(0, 200 * S, 201, true, 0)],
        };
        let journal = SmallJournal::killed("a")
            .plans("probes", serde_json::json!([probe]))
            .expects(serde_json::json!({"service": {"probe": "web", "rto": "2m"}}))
            .at(199, samples)
            .wants(2, 2);
        pods(journal.pod(5, "w1", "a", true).pod(5, "w2", "b", true)).judged(200)
    }

    #[test]
    fn a_pod_that_others_took_from_behind_the_service_is_no_effect_of_the_fault() {
        let own = behind(|j| j.node(50, "a", false).pod(50, "w1", "a", false));
        assert_eq!(own.0, Outcome::Pass, "{}", own.1);
        let elsewhere = behind(|j| j.pod(50, "w2", "b", false));
        assert_eq!(elsewhere.0, Outcome::Inconclusive, "{}", elsewhere.1);
        assert!(elsewhere.1.contains("stayed Ready"), "{}", elsewhere.1);
        // An autoscaler takes the only pod that is not on the node.
        let fewer = serde_json::json!({"kind": "scaled", "from": 2, "to": 1});
        let scaled = behind(|j| j.changed(49, "deployment/web", &fewer).pod_gone(50, "w2"));
        assert_eq!(scaled.0, Outcome::Inconclusive, "{}", scaled.1);
        assert_eq!(behind(|j| j).0, Outcome::Inconclusive, "no pod fell");
    }

    #[test]
    fn time_in_which_evidence_is_read_after_the_last_observation_is_no_gap() {
        let kept = |what| Kind::EvidenceKept { what, file: String::new(), size: 0, sha256: String::new() };
        let hit = |j: SmallJournal| j.node(50, "a", false).pod(50, "w1", "a", false);
        let after = behind(|j| hit(j).at(240, kept(Keepsake::InventoryAfter)));
        assert_eq!(after.0, Outcome::Pass, "{}", after.1);
        let during = behind(|j| hit(j).at(240, kept(Keepsake::Bindings)));
        assert_eq!(during.0, Outcome::Inconclusive, "{}", during.1);
    }

    #[test]
    fn a_service_that_others_may_have_directed_elsewhere_unseen_is_not_proven() {
        let unseen = |why: Option<&'static str>| {
            let (resource, namespace) = ("services".to_owned(), "shop".to_owned());
            Kind::OutsideUnseen(Unseen { resource, namespace, from_us: 20 * S, why: why.map(Into::into) })
        };
        let hit = |j: SmallJournal| j.node(50, "a", false).pod(50, "w1", "a", false).at(30, unseen(Some("403")));
        assert_eq!(behind(hit).0, Outcome::Inconclusive);
        assert_eq!(behind(|j| hit(j).at(40, unseen(None))).0, Outcome::Pass, "changes in between were found later");
    }
}
