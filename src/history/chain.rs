//! Whether runs are missing. The header of each run names the run that ended before it on its cluster, with the hash of
//! the last line of that run, as the list of heads in the cluster had it. Whoever removes a run from the folder leaves
//! that name behind. Start with [`chains`].

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Cluster, Ended, Period, Run, period::day_of};
use crate::model::{Exit, Head};

/// What the folder shows about the runs of one cluster in a period.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    /// The context of the cluster.
    pub cluster: String,
    /// Its UID.
    pub cluster_uid: String,
    /// How many runs there are.
    pub runs: usize,
    /// How many of them were stopped, refused, or never ended.
    pub unfinished: usize,
    /// Runs that something else names, and that are not in the folder.
    pub missing: Vec<Link>,
    /// What contradicts itself.
    pub differs: Vec<String>,
    /// Why the folder cannot show that it is complete.
    pub unproven: Vec<String>,
    /// Runs that no later run names, so that their removal would not be noticed. The newest run is not among them.
    pub unnamed: Vec<String>,
    /// Whether the list of heads in the cluster was compared too.
    pub compared_with_cluster: bool,
}

/// A run that is not in the folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// The run.
    pub run: String,
    /// The exit code with which it ended.
    pub exit: u8,
    /// What names it.
    pub named_by: String,
}

impl Chain {
    /// Whether it is shown that no run is missing.
    pub fn exit(&self) -> Exit {
        if !self.missing.is_empty() || !self.differs.is_empty() {
            Exit::Failed
        } else if self.unproven.is_empty() {
            Exit::Passed
        } else {
            Exit::Inconclusive
        }
    }

    /// The result in one line.
    pub fn said(&self) -> String {
        let count = format!("{} {}", self.runs, if self.runs == 1 { "run" } else { "runs" });
        let missing = match (self.exit(), self.missing.len()) {
            (Exit::Passed, _) => "none missing".to_owned(),
            (_, 0) => "not shown that no run is missing".to_owned(),
            (_, n) => format!("{n} missing"),
        };
        let rest =
            if self.unfinished > 0 { format!(", {} refused, stopped or open", self.unfinished) } else { String::new() };
        format!("{count}, {missing}{rest}")
    }
}

/// One chain for each cluster. `all` are the drills of the whole folder, from the oldest to the newest; those outside
/// the period are the ends of links.
pub(super) fn chains(all: &[&Run], period: Option<&Period>, clusters: &[Cluster]) -> Vec<Chain> {
    let inside = |run: &Run| run.started.is_none_or(|at| period.is_none_or(|p| p.has(at)));
    let counts = all.iter().filter(|run| inside(run) || names_inside(run, period));
    let mut uids: BTreeSet<&str> = counts.map(|run| run.cluster_uid.as_str()).collect();
    // Of a cluster that keeps heads, every run may have been removed from the folder.
    uids.extend(clusters.iter().filter(|c| heads_of(c, period).next().is_some()).map(|c| c.uid.as_str()));
    uids.into_iter()
        .map(|uid| {
            let own: Vec<&Run> = all.iter().filter(|run| run.cluster_uid == uid).copied().collect();
            let shown: Vec<&Run> = own.iter().filter(|run| inside(run)).copied().collect();
            let cluster = clusters.iter().find(|c| c.uid == uid && c.heads.is_some());
            chain(uid, &own, &shown, period, cluster)
        })
        .collect()
}

/// Whether a run outside the period names one in it: a run in the next quarter names the last one of this quarter.
fn names_inside(run: &Run, period: Option<&Period>) -> bool {
    let day = run.previous.as_ref().and_then(|head| day_of(&head.run));
    let outside = run.started.is_some_and(|at| period.is_some_and(|p| !p.has(at)));
    let named = day.is_some_and(|day| period.is_some_and(|p| p.has(day)));
    outside && named && !run.from_cluster && run.result != Ended::Damaged
}

/// The heads that a cluster keeps of the runs of the period.
fn heads_of<'a>(cluster: &'a Cluster, period: Option<&'a Period>) -> impl Iterator<Item = &'a Head> {
    let all = cluster.heads.iter().flatten();
    all.filter(move |head| day_of(&head.run).is_none_or(|at| period.is_none_or(|p| p.has(at))))
}

fn chain(uid: &str, own: &[&Run], shown: &[&Run], period: Option<&Period>, cluster: Option<&Cluster>) -> Chain {
    let context = own.last().map(|run| &run.cluster).or_else(|| cluster.map(|c| &c.context));
    let mut chain = Chain {
        cluster: context.cloned().unwrap_or_default(),
        cluster_uid: uid.to_owned(),
        runs: shown.iter().filter(|run| !run.from_cluster).count(),
        unfinished: shown
            .iter()
            .filter(|run| !run.from_cluster)
            .filter(|run| matches!(run.result, Ended::Refused | Ended::Stopped | Ended::NotRestored | Ended::Open))
            .count(),
        missing: vec![],
        differs: vec![],
        unproven: vec![],
        unnamed: vec![],
        compared_with_cluster: cluster.is_some(),
    };
    if uid.is_empty() {
        chain.unproven.push("the cluster of these runs is not known".into());
    }
    let named = by_name(own);
    for run in shown.iter().filter(|run| !run.from_cluster) {
        one(&mut chain, run, own, &named, period);
    }
    for run in own.iter().filter(|run| names_inside(run, period)) {
        if let Some(head) = &run.previous {
            follow(&mut chain, head, &run.dir, &named, period);
        }
    }
    for head in cluster.into_iter().flat_map(|cluster| heads_of(cluster, period)) {
        follow(&mut chain, head, "the list of heads in the cluster", &named, period);
    }
    unnamed(&mut chain, own, shown);
    chain.missing.sort();
    chain.missing.dedup_by(|a, b| a.run == b.run);
    chain.differs.sort();
    chain.differs.dedup();
    chain
}

/// The directories of each run: its own, and that of its record in the cluster.
type ByName<'a> = BTreeMap<&'a str, Vec<&'a Run>>;

fn by_name<'a>(own: &[&'a Run]) -> ByName<'a> {
    let mut named = ByName::new();
    own.iter().for_each(|run| named.entry(&run.run).or_default().push(run));
    named
}

fn one(chain: &mut Chain, run: &Run, own: &[&Run], named: &ByName<'_>, period: Option<&Period>) {
    match run.result {
        Ended::Damaged => {
            chain.unproven.push(format!("{} does not verify", run.dir));
            return;
        }
        Ended::Open => chain.unproven.push(format!("{} has not ended", run.dir)),
        _ => {}
    }
    match &run.previous {
        Some(head) => follow(chain, head, &run.dir, named, period),
        None => {
            let earlier = own.iter().rev().find(|other| {
                other.started < run.started
                    && !other.from_cluster
                    && !other.heads.is_empty()
                    && other.result != Ended::Refused
            });
            if let Some(earlier) = earlier {
                chain.unproven.push(format!(
                    "{} is not linked: it names no run before it, although {} is older (the list of heads in the cluster was lost, or could not be read)",
                    run.dir, earlier.dir
                ));
            }
        }
    }
}

/// Looks for the run that a head belongs to.
fn follow(chain: &mut Chain, head: &Head, by: &str, named: &ByName<'_>, period: Option<&Period>) {
    let named = named.get(head.run.as_str()).map_or(&[][..], Vec::as_slice);
    let has_end = |run: &&Run| run.heads.iter().any(|own| own.head == head.head && own.exit == head.exit);
    if named.iter().any(has_end) {
        return;
    }
    if named.iter().any(|run| run.result == Ended::Damaged) {
        chain.unproven.push(format!("{} does not verify, and {by} names it", head.run));
    } else if named.iter().any(|run| run.heads.is_empty()) {
        chain.unproven.push(format!(
            "{} has no end here, but {by} names its end (exit {}): it ended in another directory, such as {0}-from-cluster",
            head.run,
            head.exit.code()
        ));
    } else if !named.is_empty() {
        chain
            .differs
            .push(format!("{}: {by} names an end of this run that differs from the end in its directory", head.run));
    } else if day_of(&head.run).is_none_or(|at| period.is_none_or(|p| !p.is_after(at))) {
        chain.missing.push(Link { run: head.run.clone(), exit: head.exit.code(), named_by: by.to_owned() });
    }
}

/// Runs of the period that no later run names, although there are later ones.
fn unnamed(chain: &mut Chain, own: &[&Run], shown: &[&Run]) {
    let named: BTreeSet<&str> = own.iter().filter_map(|run| Some(run.previous.as_ref()?.run.as_str())).collect();
    let newest = own.iter().rfind(|run| !run.from_cluster).map(|run| run.dir.as_str());
    let alone = shown
        .iter()
        .filter(|run| !run.from_cluster && !named.contains(run.run.as_str()) && newest != Some(run.dir.as_str()));
    chain.unnamed = alone.map(|run| run.dir.clone()).collect();
}
