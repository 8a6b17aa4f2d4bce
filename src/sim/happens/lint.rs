//! Checks the entries of `happens:` when a description is read: it refuses names that do not exist, values that make no
//! sense, and times that contradict each other. Each message says how to correct the entry. Read [`lint`] first.

use std::fmt::Display;

use serde::{Deserialize, de::IgnoredAny};
use serde_saphyr::Spanned;

use super::{After, Answers, Happening, ObjectSeen, Seen, Skew, What, Which, objects};
use crate::{
    model::Dur,
    scenario::Mistake,
    sim::{Description, happens::Names, sense::OBJECTS},
};

/// The message for an entry that happens in an instant and therefore has no end.
const AT_ONCE: &str = "`for` sets how long an entry lasts, but this one happens in an instant: remove `for`";

/// The line of each entry in a file.
pub(in crate::sim) fn positions(text: &str) -> Vec<u64> {
    #[derive(Deserialize)]
    struct Lines {
        #[serde(default)]
        happens: Vec<Spanned<IgnoredAny>>,
    }
    let lines: Result<Lines, _> = serde_saphyr::from_str(text);
    lines.map(|l| l.happens.iter().map(|entry| entry.referenced.line()).collect()).unwrap_or_default()
}

/// The place of an entry, as messages show it.
pub(super) fn at(entry: usize, happening: &Happening) -> String {
    match happening.line {
        0 => format!("happens[{entry}]"),
        line => format!("line {line}: happens[{entry}]"),
    }
}

/// All mistakes in the entries of a description.
pub(in crate::sim) fn lint(description: &Description) -> Vec<Mistake> {
    if description.happens.is_empty() {
        return vec![];
    }
    let names = Names::of(description);
    // Objects that are restored into the recovery cluster have the names that they have in the first cluster.
    let there = description.recovery.as_ref().map(|second| Names::of(second).with(Names::of(description)));
    let mut wrong = vec![];
    for (entry, happening) in description.happens.iter().enumerate() {
        let mut say = Say { entry, wrong: &mut wrong };
        let names = match (happening.in_, &there) {
            (Which::First, _) => &names,
            (Which::Recovery, Some(there)) => there,
            (Which::Recovery, None) => {
                say.wrong("there is no recovery cluster: describe one under `recovery`, or remove `in`");
                continue;
            }
        };
        when(happening, names, &mut say);
        what(&happening.what, names, &mut say);
    }
    wrong
}

/// Finds entries that wait for a step that the scenario does not have.
pub(in crate::sim) fn strangers(description: &Description, steps: &[&str]) -> Vec<String> {
    let waits = |happening: &Happening| match &happening.after {
        Some(After::Step(step) | After::StepEnds(step)) if !steps.contains(&step.as_str()) => Some(step.clone()),
        _ => None,
    };
    let strange = description.happens.iter().enumerate().filter_map(|(entry, h)| Some((at(entry, h), waits(h)?)));
    strange
        .map(|(at, step)| format!("{at}: the scenario has no step `{step}`: write one of {}", steps.join(", ")))
        .collect()
}

/// Collects the mistakes of one entry.
struct Say<'a> {
    entry: usize,
    wrong: &'a mut Vec<Mistake>,
}

impl Say<'_> {
    fn wrong(&mut self, why: impl Display) {
        let path = vec!["happens".to_owned(), self.entry.to_string()];
        self.wrong.push(Mistake { path, what: why.to_string(), needs: OBJECTS, ..Mistake::default() });
    }

    fn that(&mut self, holds: bool, otherwise: &str) {
        if !holds {
            self.wrong(otherwise);
        }
    }

    fn all(&mut self, checks: impl IntoIterator<Item = Result<(), String>>) {
        checks.into_iter().filter_map(Result::err).for_each(|why| self.wrong(why));
    }
}

fn when(it: &Happening, names: &Names, say: &mut Say<'_>) {
    match (&it.at, &it.after) {
        (Some(_), None) | (None, Some(_)) => {}
        (Some(_), Some(_)) => {
            say.wrong("`at` and `after` exclude each other: use one of them; `delay` goes with `after`")
        }
        (None, None) => say.wrong("the entry never begins: add `at: 30s` or `after: {step: NAME}`"),
    }
    say.that(it.delay.is_none() || it.after.is_some(), "`delay` needs `after`: add its time to `at` instead");
    say.that(it.for_ != Some(Dur::default()), "`for: 0s` has no effect: remove it to let the entry last to the end");
    if let Some(After::Seen(seen)) = &it.after {
        say.all([match seen {
            Seen::NodeSilent(node) | Seen::NodeNotReady(node) | Seen::NodeReadyAgain(node) => names.node(node),
            Seen::ObjectMade(object) | Seen::ObjectGone(object) => kind(object),
            Seen::AlertFires(alert) => names.alert(alert),
        }]);
    }
    let at_once = matches!(it.what, What::Delete(_) | What::Backup(_) | What::NodeReturns(_) | What::NodeRestarts(_));
    say.that(it.for_.is_none() || !at_once, AT_ONCE);
}

fn kind(seen: &ObjectSeen) -> Result<(), String> {
    let word = seen.object.split('/').next().unwrap_or_default();
    let resource = objects::kind(word).ok_or_else(|| Names::no_kind(word))?;
    if resource.namespaced && seen.namespace.is_empty() {
        return Err(format!("a {} is always in a namespace: add `namespace: NAME`", resource.kind));
    }
    Ok(())
}

fn what(what: &What, names: &Names, say: &mut Say<'_>) {
    match what {
        What::Patch(it) => {
            say.all([names.object(&it.object, &it.namespace)]);
            let fields = it.patch.as_object().is_some_and(|fields| !fields.is_empty());
            say.that(fields, "`patch` changes nothing: write fields, for example `patch: {spec: {paused: true}}`");
        }
        What::Scale(it) => say.all([names.workload(&it.workload, &it.namespace)]),
        What::Delete(it) => say.all([names.object(&it.object, &it.namespace)]),
        What::Label(it) => {
            say.all([names.object(&it.object, &it.namespace)]);
            say.that(!it.labels.is_empty(), "`labels` is empty: write `labels: {NAME: VALUE}`");
        }
        What::Silence(it) => {
            say.all([names.alertmanager(it.alertmanager.as_ref())]);
            say.that(!it.matchers.is_empty(), "the silence has no matchers: write `matchers: {alertname: NAME}`");
            say.all(it.matchers.get("alertname").map(|alert| names.alert(alert)));
        }
        What::Inhibition(it) => {
            say.all([names.alertmanager(it.alertmanager.as_ref())]);
            let words = !it.source.is_empty() && !it.target.is_empty();
            say.that(words, "the inhibition needs labels in `source` and in `target`");
        }
        What::Rule(it) => say.all([names.alert(&it.alert)]),
        What::Delivery(it) => say.all([names.alertmanager(Some(&it.alertmanager))]),
        What::Source(it) => say.all([names.source(&it.source)]),
        What::Skew(it) => skew(it, names, say),
        What::Watches(it) => say.all(it.of.as_deref().map(Names::kind)),
        What::Readiness(it) => {
            say.all([names.workload(&it.workload, &it.namespace), every(it.every)]);
        }
        What::Answers(it) => answers(it, names, say),
        What::Log(it) => {
            say.all([names.pod(&it.pod, &it.namespace)]);
            say.that(it.one_in != Some(0), "`oneIn: 0` affects no line: write 1 for all lines, 2 for every second");
        }
        What::Velero(_) => {}
        What::VolumeData(it) => say.all([names.claim(&it.claim, &it.namespace)]),
        What::Backup(it) => {
            say.that(!it.namespaces.is_empty(), "the backup contains nothing: write `namespaces: [NAME]`");
            say.all(it.namespaces.iter().map(|n| names.object(&format!("namespace/{n}"), "")));
            say.all(it.schedule.iter().map(|s| names.object(&format!("schedule/{s}"), "velero")));
        }
        What::BudgetLags(it) => say.all([names.object(&format!("poddisruptionbudget/{}", it.budget), &it.namespace)]),
        What::NodeReturns(it) => say.all([names.node(&it.node)]),
        What::NodeRestarts(it) => say.all([names.node(&it.node)]),
        What::NodeHost(it) => {
            say.all([names.node(&it.node)]);
            say.that(
                it.says.is_some() || it.ignores,
                "the entry does not change what the host does: write `says: stopped` or `ignores: true`",
            );
        }
        What::Autoscaler(it) => {
            say.all([names.workload(&it.workload, &it.namespace), every(it.every)]);
            say.that(it.min < it.max, "`min` must be less than `max`, or the autoscaler scales nothing");
        }
        What::GitOps(it) => {
            say.that(!it.objects.is_empty(), "`objects` is empty: write `objects: [deployment/NAME]`");
            say.all(it.objects.iter().map(|object| names.object(object, &it.namespace)));
            say.all([every(it.every)]);
        }
    }
}

fn every(every: Option<Dur>) -> Result<(), String> {
    match every {
        Some(every) if every < Dur::secs(1) => Err(format!("`every: {every}` is too short: write 1s or more")),
        _ => Ok(()),
    }
}

fn skew(it: &Skew, names: &Names, say: &mut Say<'_>) {
    say.all([names.clock(&it.source)]);
    let by = it.ahead.xor(it.behind).is_some_and(|by| by > Dur::default());
    say.that(by, "say by how much the clock is wrong: write either `ahead` or `behind`, such as `behind: 30s`");
}

fn answers(it: &Answers, names: &Names, say: &mut Say<'_>) {
    say.all([names.object(&format!("service/{}", it.service), &it.namespace)]);
    let other = it.status.is_some() || it.body.is_some() || it.takes.is_some();
    say.that(other || it.hangs, "the entry changes no answer: write `status`, `body`, `takes` or `hangs: true`");
    say.that(!other || !it.hangs, "`hangs: true` never answers: remove it, or remove `status`, `body` and `takes`");
    let status = it.status.unwrap_or(200);
    say.that((100..600).contains(&status), "`status` must be between 100 and 599");
}
