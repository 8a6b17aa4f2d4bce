//! Any observation, for property tests.

use std::sync::Arc;

use jiff::Timestamp;
use proptest::{collection::vec, prelude::*};

use super::{BudgetSays, Event, Kind, LineRun, PodView, ProbeRun};
use crate::model::{StepName, Told};

fn told() -> impl Strategy<Value = Told> {
    any::<String>().prop_map(Told::of_journal)
}

fn time() -> impl Strategy<Value = Timestamp> {
    (-377_000_000_000_i64..253_000_000_000, 0_i32..1_000_000_000)
        .prop_map(|(second, nano)| Timestamp::new(second, nano).unwrap_or(Timestamp::UNIX_EPOCH))
}

fn pod() -> impl Strategy<Value = Kind> {
    (any::<[String; 7]>(), any::<[bool; 3]>(), any::<String>()).prop_map(|(names, is, resource_version)| {
        let [namespace, name, uid, owner, node, phase, disruption] = names;
        let [ready, terminating, aside] = is;
        let pod = PodView { namespace, name, uid, owner, node, phase, ready, terminating, disruption, aside };
        Kind::PodSeen { pod: Arc::new(pod), resource_version }
    })
}

fn node() -> impl Strategy<Value = Kind> {
    (any::<[String; 5]>(), any::<bool>(), any::<Vec<String>>()).prop_map(|(names, unschedulable, taints)| {
        let [node, uid, zone, ready, resource_version] = names;
        Kind::NodeSeen { node, uid, zone, ready, unschedulable, taints, resource_version }
    })
}

fn counts() -> impl Strategy<Value = Kind> {
    let budget = (any::<[String; 2]>(), any::<[i64; 4]>(), any::<bool>()).prop_map(|(names, counts, current)| {
        let ([namespace, name], [healthy, desired, allowed, expected]) = (names, counts);
        Kind::BudgetSeen { namespace, name, healthy, desired, allowed, expected, current }
    });
    let workload = any::<(String, String, u32, u32)>()
        .prop_map(|(namespace, workload, wanted, ready)| Kind::WorkloadSeen { namespace, workload, wanted, ready });
    prop_oneof![budget, workload]
}

fn gone() -> impl Strategy<Value = Kind> {
    let labels = prop::collection::btree_map(any::<String>(), any::<String>(), 0..3);
    prop_oneof![
        any::<[String; 2]>().prop_map(|[node, uid]| Kind::NodeGone { node, uid }),
        any::<[String; 3]>().prop_map(|[namespace, name, uid]| Kind::PodGone { namespace, name, uid }),
        (any::<[String; 2]>(), labels).prop_map(|([source, name], labels)| Kind::AlertGone { source, name, labels }),
    ]
}

fn alert() -> impl Strategy<Value = Kind> {
    let labels = prop::collection::btree_map(any::<String>(), any::<String>(), 0..3);
    let lists = any::<[Vec<String>; 2]>();
    (any::<[String; 3]>(), labels, prop::option::of(time()), lists).prop_map(|(names, labels, since, lists)| {
        let ([source, name, state], [receivers, suppressed_by]) = (names, lists);
        Kind::AlertSeen { source, name, labels, state, since, receivers, suppressed_by }
    })
}

fn eviction() -> impl Strategy<Value = Kind> {
    use BudgetSays::{Allowed, Ambiguous, NotAsked, Refused, Uncovered, Unsettled};
    let says = prop::sample::select(vec![Allowed, Refused, Ambiguous, Uncovered, Unsettled, NotAsked]);
    (any::<[String; 6]>(), any::<(bool, u16)>(), told(), says).prop_map(
        |(names, (dry_run, code), message, expected)| {
            let [step, namespace, pod, owner, reason, budget] = names;
            Kind::EvictionAnswered { step, namespace, pod, owner, dry_run, code, reason, message, expected, budget }
        },
    )
}

fn samples() -> impl Strategy<Value = Kind> {
    let run = (any::<[u64; 5]>(), any::<(u32, bool, bool)>(), told()).prop_map(|(times, (n, ok, lost), error)| {
        let [from_us, to_us, first_took_us, last_took_us, longest_unseen_us] = times;
        ProbeRun { from_us, to_us, n, ok, lost, first_took_us, last_took_us, longest_unseen_us, error }
    });
    (any::<[String; 3]>(), any::<[u64; 3]>(), any::<[u32; 3]>(), vec(run, 0..4)).prop_map(
        |(names, times, counts, runs)| {
            let ([probe, file, sha256], [from_us, to_us, max_ms], [n, failed, late]) = (names, times, counts);
            Kind::ProbeSegment { probe, file, sha256, from_us, to_us, n, failed, max_ms, late, runs }
        },
    )
}

fn lines() -> impl Strategy<Value = Kind> {
    let run = (any::<[u64; 4]>(), told()).prop_map(|([from, to, from_us, to_us], error)| LineRun {
        from,
        to,
        from_us,
        to_us,
        error,
    });
    let written = (any::<String>(), vec(run, 0..4)).prop_map(|(data, runs)| Kind::LinesWritten { data, runs });
    let read = (any::<(String, Vec<(u64, u64)>, u64, bool)>(), told())
        .prop_map(|((data, missing, damaged, more), error)| Kind::LinesRead { data, missing, damaged, error, more });
    prop_oneof![written, read]
}

fn progress() -> impl Strategy<Value = Kind> {
    (any::<String>(), told(), told()).prop_map(|(step, waiting_for, last_seen)| Kind::StepProgress {
        step: StepName(step),
        waiting_for,
        last_seen,
    })
}

/// Any event of a kind for which [`Kind::is_observation`] holds.
pub(crate) fn any_observation() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![pod(), node(), counts(), gone(), alert(), eviction(), samples(), lines(), progress()];
    (kind, any::<[u64; 3]>(), time(), any::<(String, bool)>()).prop_map(
        |(event, [seq, t_us, epoch], at, (prev, must))| {
            assert!(event.is_observation(), "{event:?}");
            Event { seq, at, t_us, epoch, prev, must, event }
        },
    )
}
