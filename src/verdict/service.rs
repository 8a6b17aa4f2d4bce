//! The recovery time of a service as its users see it: from the fault until it is stable,
//! not until something says Completed; or that it was not disturbed at all.

use super::{
    Answer, History,
    effect::effect,
    outside::{self, Others},
    proof::{Bound, Own, Part, Proof, Sight},
    seconds,
    window::{EndedBy, Window},
};
use crate::{
    event::ProbeRun,
    journal::{ProbeState, Stretch},
    model::{After, Dur, Evidence, Outcome, ProbeSpec, ServiceExpectation, Told},
};

/// What one probe saw of one fault.
struct Subject<'h> {
    history: &'h History,
    window: Window,
    spec: &'h ProbeSpec,
    runs: &'h [ProbeRun],
    /// Until then samples count: what the drill itself takes away at its end is no outage.
    until: u64,
    now_us: u64,
}

/// The samples of a stretch of time.
#[derive(Default)]
struct Outage {
    /// Times that the service was not up.
    stretches: Vec<Stretch>,
    failed: u64,
    /// When the first of them was sent.
    first_failed: Option<u64>,
    samples: u64,
    lost: u64,
    errors: Vec<Told>,
    /// The longest time without a sample that was answered, and where it began.
    unseen: (u64, u64),
}

pub(super) fn answer(expected: &ServiceExpectation, history: &History, now_us: u64) -> Answer {
    let Some(mut window) = Window::of(history, expected.of.as_ref()) else {
        return Answer::new(Outcome::Inconclusive, format!("{}: its fault never happened", expected.probe));
    };
    let plan = history.state.plan.as_ref();
    let Some(spec) = plan.and_then(|p| p.probes.iter().find(|p| p.name == expected.probe)) else {
        return Answer::new(Outcome::Inconclusive, format!("there is no probe {}", expected.probe));
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
    proof.conclude(&expected.probe).with(subject.evidence())
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

    /// Up by its rule just before; or absent, where that is the start.
    fn baseline(&self) -> Part {
        let mut state = ProbeState::default();
        let before = self.runs.iter().filter(|r| r.from_us < self.window.t0);
        let mut last = None;
        for run in before {
            // Of a stretch that goes on across the fault only what was before counts.
            let cut = ProbeRun { to_us: run.to_us.min(self.window.t0), ..run.clone() };
            state.take(&cut, &self.spec.up);
            last = Some(cut);
        }
        match last {
            None => Part::Missing("no sample before the fault, so no baseline".into()),
            Some(run) if run.lost => Part::Missing("its vantage point was lost before the fault".into()),
            Some(run) if self.spec.starts_down && !run.ok => Part::Shown("it was absent before the fault".into()),
            Some(_) if self.spec.starts_down => Part::Missing("it was there before the fault already".into()),
            Some(_) if state.up_since.is_some() => Part::Shown("up by its rule before the fault".into()),
            Some(_) => Part::Missing("it was not up before the fault".into()),
        }
    }

    /// A sample failed, or a pod behind it was hit.
    fn reach(&self, outage: &Outage, until: u64) -> Part {
        if self.spec.starts_down {
            return Part::NotAsked("the service was not there before the fault");
        }
        if let Some(why) = outage.first_failed.filter(|_| outage.failed > 0).and_then(|at| self.elses(at)) {
            return Part::Missing(why);
        }
        if outage.failed > 0 {
            return Part::Shown(format!("{} samples failed", outage.failed));
        }
        for workload in &self.spec.backed_by {
            let namespaces = self.history.state.plan.iter().flat_map(|p| &p.namespaces);
            for namespace in namespaces {
                let believed = self.history.believed(&(namespace.clone(), workload.to_string()), |_| true);
                let before = believed.at(self.window.t0).unwrap_or(0);
                if believed.0.iter().any(|(t, n)| *t >= self.window.t0 && *t <= until && *n < before) {
                    return Part::Shown(format!("a pod of {workload}, which answers it, was seen to go"));
                }
            }
        }
        let known = if self.spec.backed_by.is_empty() { ", and `backedBy` names no workload" } else { "" };
        Part::Missing(format!("no sample failed{known}: nothing shows that the fault reached it"))
    }

    /// Why the first failed sample is no sign of the fault: somebody else changed what answers,
    /// and no pod went where the fault struck.
    fn elses(&self, failed: u64) -> Option<String> {
        let Others::Seen { harmed: Some(harmed), .. } = self.others((self.window.t0, failed)) else { return None };
        let backed: Vec<String> = self.spec.backed_by.iter().map(ToString::to_string).collect();
        let mine = |key: &&(String, String)| backed.is_empty() || backed.contains(&key.1);
        let struck = |key: &(String, String)| outside::own_fall(self.history, &self.window, key);
        let own = self.history.ready.keys().filter(mine).any(struck);
        (!own).then(|| format!("no sample failed before {harmed}: nothing shows that the fault reached it"))
    }

    /// What others did to it until it had recovered, and until it had failed.
    fn others(&self, (recovered, failed): (u64, u64)) -> Others {
        let backed: Vec<String> = self.spec.backed_by.iter().map(ToString::to_string).collect();
        let touches = |change: &_| outside::touches_service(self.history, change, &backed);
        Others::of(self.history, touches, self.window.t0, (recovered, failed))
    }

    fn sight(&self, outage: &Outage, tolerated_us: u64) -> Sight {
        let (from, unseen) = outage.unseen;
        if outage.lost > 0 {
            Sight::Missing(format!("{} samples say nothing: its vantage point was lost", outage.lost))
        } else if unseen > tolerated_us {
            let (from, unseen) = (seconds(from), seconds(unseen));
            Sight::Missing(format!("no sample for {unseen} from {from} on: an outage could hide in that"))
        } else {
            Sight::Shown(format!("no time longer than {} without a sample", seconds(unseen)))
        }
    }

    fn tolerated_us(&self) -> u64 {
        self.spec.every.micros() + self.spec.timeout.micros() + self.spec.up.over.micros() + 1_000_000
    }

    fn recovers(&self, rto: Dur) -> Proof {
        let (window, clock) = (&self.window, self.window.clock(self.history));
        let outage = self.outage(window.t0, self.until);
        let deadline = clock + rto.micros();
        let (bound, own) = match outage.stretches.last() {
            None => (self.never_failed(&outage, deadline), Own::NotAsked("it never went down")),
            Some(Stretch { to_us: Some(stable), .. }) => {
                let bar = self.bar(*stable, clock);
                let stable_for_good = stable + self.spec.up.over.micros();
                let own = if stable_for_good <= window.end || window.by == EndedBy::Journal {
                    Own::Shown("before anything was undone".into())
                } else {
                    let why = format!("{}; recovery without that was not shown", window.how());
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
            reach: self.reach(&outage, self.until),
            sight: self.sight(&outage, self.tolerated_us()),
            denominator: self.denominator(&outage),
            bound,
            own,
            others: self.others((outage.stable().unwrap_or(self.until), deadline)),
        }
    }

    /// A fault that another hand or an interruption ended early might have hit it later.
    fn never_failed(&self, outage: &Outage, deadline: u64) -> Bound {
        let cut_short = matches!(self.window.by, EndedBy::Interruption | EndedBy::Return(_));
        if cut_short && self.window.end < deadline {
            return Bound::Between(format!("it had not failed, but {}", self.window.how()));
        }
        Bound::Met(format!("never failed ({} samples)", outage.samples))
    }

    /// Earliest and latest instant of the recovery after the clock's start: between the send
    /// of the last failed sample and the answer to the first success of the streak that lasted.
    fn bar(&self, stable: u64, clock: u64) -> (u64, u64) {
        let failed = self.runs.iter().rev().find(|r| !r.ok && !r.lost && r.from_us < stable).map(|r| r.to_us);
        let took = self.runs.iter().find(|r| r.ok && r.from_us <= stable && stable <= r.to_us);
        let took = took.filter(|r| r.from_us == stable).map_or(0, |r| r.first_took_us);
        let earliest = failed.unwrap_or(stable).saturating_sub(clock.max(self.window.acknowledged));
        (earliest, (stable + took).saturating_sub(clock))
    }

    fn within(&self, (earliest, latest): (u64, u64), rto: Dur, outage: &Outage) -> Bound {
        let said = format!("RTO {} to {} ({} failed samples)", seconds(earliest), seconds(latest), outage.failed);
        let said = if seconds(earliest) == seconds(latest) {
            format!("RTO {} ({} failed samples)", seconds(latest), outage.failed)
        } else {
            said
        };
        if latest <= rto.micros() {
            Bound::Met(said)
        } else if earliest > rto.micros() {
            Bound::Refuted(format!("{said}, objective {rto}"))
        } else {
            Bound::Between(format!("{said}: whether the objective of {rto} is met cannot be said"))
        }
    }

    fn still_down(&self, from_us: u64, deadline: u64, rto: Dur) -> Bound {
        if self.now_us < deadline {
            Bound::Open(format!("down since {}", seconds(from_us)))
        } else if self.until < deadline {
            let seen = seconds(self.until.saturating_sub(self.window.t0));
            Bound::Between(format!("down for the {seen} that could be seen, objective {rto}"))
        } else {
            Bound::Refuted(format!("still down when this fault's time was over, objective {rto}"))
        }
    }

    fn after_heal(&self, rto: Dur) -> Proof {
        let Some(heal) = self.history.heal_began(&self.window.step) else {
            let outage = self.outage(self.window.t0, self.until);
            return self.whole(&outage, &outage, Bound::Open("the fault is not healed yet".into()), self.until);
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
        self.whole(&before, &outage, bound, heal + rto.micros())
    }

    fn whole(&self, before: &Outage, all: &Outage, bound: Bound, deadline: u64) -> Proof {
        Proof {
            baseline: self.baseline(),
            reach: self.reach(before, self.until),
            sight: self.sight(all, self.tolerated_us()),
            denominator: self.denominator(all),
            bound,
            own: Own::NotAsked("it is measured after the heal"),
            others: self.others((all.stable().unwrap_or(self.until), deadline)),
        }
    }

    /// No outage at all, or none longer than `longest`, for as long as the fault lasted.
    fn unharmed(&self, longest: Dur) -> Proof {
        let (from, to) = (self.window.t0, self.window.end.min(self.until));
        let outage = self.outage(from, to);
        let worst = outage.stretches.iter().map(|s| s.to_us.unwrap_or(to).saturating_sub(s.from_us.max(from))).max();
        let lasted = seconds(to.saturating_sub(from));
        let bound = match worst {
            None => Bound::Met(format!(
                "no outage longer than {} for the {lasted} that the fault lasted",
                seconds(outage.unseen.1)
            )),
            Some(worst) if worst > longest.micros() => {
                Bound::Refuted(format!("it was down for {}, allowed {longest}", seconds(worst)))
            }
            Some(worst) => Bound::Met(format!("longest outage {}, allowed {longest}", seconds(worst))),
        };
        let tolerated = if longest == Dur::default() { self.tolerated_us() } else { longest.micros() };
        Proof {
            baseline: self.baseline(),
            reach: effect(self.history, &self.window),
            sight: self.sight(&outage, tolerated),
            denominator: self.denominator(&outage),
            bound,
            own: Own::NotAsked("nothing had to recover"),
            others: self.others((to, outage.first_failed.unwrap_or(to) + longest.micros())),
        }
    }

    fn denominator(&self, outage: &Outage) -> Part {
        if outage.samples == 0 && self.now_us == u64::MAX {
            return Part::Missing("no sample was taken in its time".into());
        }
        Part::Shown(format!("{} samples", outage.samples))
    }

    fn outage(&self, t0: u64, until: u64) -> Outage {
        let mut state = ProbeState::default();
        let mut outage = Outage::default();
        let mut last: Option<u64> = None;
        for run in self.runs.iter().filter(|r| r.from_us <= until) {
            if run.lost {
                outage.lost += if run.to_us >= t0 { u64::from(run.n) } else { 0 };
                state.take(run, &self.spec.up);
                continue;
            }
            if let Some(previous) = last.filter(|_| run.to_us >= t0) {
                outage.saw(previous, (run.from_us + run.first_took_us).saturating_sub(previous));
            }
            if run.to_us >= t0 {
                outage.saw(run.from_us, run.longest_unseen_us);
            }
            last = Some(run.to_us);
            let ended = state.take(run, &self.spec.up);
            if run.to_us < t0 {
                continue;
            }
            outage.samples += u64::from(run.n);
            if !run.ok {
                outage.first_failed.get_or_insert(run.from_us.max(t0));
                outage.failed += u64::from(run.n);
                if !outage.errors.contains(&run.error) {
                    outage.errors.push(run.error.clone());
                }
            }
            outage.stretches.extend(ended.filter(|s| s.to_us.is_some_and(|t| t > t0)));
        }
        if let Some(last) = last {
            outage.saw(last, until.saturating_sub(last));
        }
        if let Some(from_us) = state.down_since {
            outage.stretches.push(Stretch { from_us, to_us: None });
        }
        outage
    }
}

impl Outage {
    /// When it was up again for good, if it is.
    fn stable(&self) -> Option<u64> {
        self.stretches.last().and_then(|s| s.to_us)
    }

    fn saw(&mut self, from: u64, unseen: u64) {
        if unseen > self.unseen.1 {
            self.unseen = (from, unseen);
        }
    }
}
