//! Sweeps over single requests and signals: what one of them does to a drill, at every place where it can happen.

use std::sync::{Arc, Mutex};

use drillmaster::{
    engine::Begun,
    event::Kind,
    journal::{RunState, read},
    model::{Exit, Revert},
    scenario::Loaded,
    sim::{Description, Fate},
};
use http::Method;

use super::{
    rehearsal::{Rehearsal, cluster, on_paused_time, scenario},
    sweep::{one_of, shipped, tries_all, undisturbed},
};

const FATES: [Fate; 4] = [Fate::Unavailable, Fate::LostAnswer, Fate::Twice, Fate::Hangs];

/// Each request that changes something fails before its effect, loses its answer, happens twice, or hangs. Reads and
/// renewals of the Lease are sampled. Every third request is tried, and these take turns at the fates. With
/// `DRILL_SWEEP=all`, each request gets all of them, which takes some minutes.
#[test]
fn each_request_fails_is_lost_doubled_or_hangs() {
    let shop = cluster("small-shop");
    let all = tries_all();
    let (mut runs, mut requests) = (0_u32, 0_usize);
    for name in shipped() {
        let loaded = scenario(name, &shop);
        for number in worth_trying(&shop, &loaded).into_iter().step_by(one_of(3)) {
            requests += 1;
            let fates = if all { &FATES[..] } else { &FATES[requests % 4..][..1] };
            for &fate in fates {
                runs += 1;
                on_paused_time(async {
                    let stage = Rehearsal::set(&shop, 1).await;
                    stage.trouble_at(number, fate);
                    let ended = stage.drill(&loaded, None).await;
                    let at = format!("{name}, request {number}: {fate:?}");
                    let exit = ended.exit.unwrap_or(Exit::Internal);
                    assert!(exit != Exit::Internal, "{at}: {:?}", ended.events.last());
                    if matches!(exit, Exit::Residue | Exit::Left) {
                        stage.recover().await;
                    }
                    stage.as_before().await.unwrap_or_else(|why| panic!("{at}: ended with {exit:?}: {why}"));
                });
            }
        }
    }
    println!("{runs} drills, trouble with {requests} requests");
    assert!(requests > 250 / one_of(3), "only {requests} requests: the sweep has become too weak");
}

/// The numbers of the requests of a drill that change something, and a sample of the others.
fn worth_trying(shop: &Description, loaded: &Loaded) -> Vec<u64> {
    let heard = Arc::new(Mutex::new(Vec::<(Method, String)>::new()));
    let ear = Arc::clone(&heard);
    on_paused_time(async {
        let stage = Rehearsal::set(shop, 1).await;
        stage.simulation.overhear(move |method, uri| {
            if !uri.path().starts_with("/power/") {
                ear.lock().unwrap().push((method.clone(), uri.path().to_owned()));
            }
        });
        stage.drill(loaded, None).await;
    });
    let heard = heard.lock().unwrap();
    let mut often = 0;
    let mut worth = vec![];
    for (number, (method, path)) in heard.iter().enumerate() {
        let routine = *method == Method::GET || path.contains("/leases/") || path.ends_with("selfsubjectaccessreviews");
        often += u32::from(routine);
        if !routine || often % 29 == 0 {
            worth.push(number as u64);
        }
    }
    worth
}

/// One, two or three signals when an undo begins.
#[test]
fn signals_during_each_undo() {
    let shop = cluster("small-shop");
    let (mut runs, mut left) = (0, 0);
    for (name, loaded, whole) in undisturbed() {
        for event in whole.iter().filter(|e| matches!(e.event, Kind::RevertStarted { .. })) {
            for signals in 1..=3 {
                runs += 1;
                on_paused_time(async {
                    let stage = Rehearsal::set(&shop, 1).await;
                    let seq = event.seq;
                    let signal = async |run: &Begun| (0..signals).for_each(|_| run.signal("SIGINT"));
                    let ended = stage.drill_when(&loaded, move |e| e.seq == seq, signal).await;
                    let at = format!("{name}, {signals} signals at line {seq}");
                    let exit = ended.exit.unwrap_or(Exit::Internal);
                    if exit == Exit::Left {
                        left += 1;
                        stage.recover().await;
                    } else {
                        assert!(matches!(exit, Exit::Passed | Exit::Aborted), "{at}: {exit:?}");
                    }
                    stage.as_before().await.unwrap_or_else(|why| panic!("{at}: ended with {exit:?}: {why}"));
                });
            }
        }
    }
    println!("{runs} drills, {left} of them left in a hurry and recovered");
    assert!(left > 5, "only {left} of {runs} were left with something open: the sweep has become too weak");
}

/// Law I2: when something is taken away, its undo must be on the disk already.
#[test]
fn the_intent_is_on_the_disk_before_the_act() {
    let shop = cluster("small-shop");
    let mut acts = 0;
    for name in shipped() {
        let loaded = scenario(name, &shop);
        on_paused_time(async {
            let stage = Rehearsal::set(&shop, 1).await;
            let wrong = Arc::new(Mutex::new(Vec::<String>::new()));
            let count = Arc::new(Mutex::new(0));
            let (told, counted, journal) = (Arc::clone(&wrong), Arc::clone(&count), stage.run_dir());
            stage.simulation.overhear(move |method, uri| {
                let Some(target) = taken_away(method, uri.path()) else { return };
                *counted.lock().unwrap() += 1;
                let state = RunState::of(&read(&journal).map(|j| j.events).unwrap_or_default()).unwrap();
                if !state.open().iter().any(|f| names(&f.revert, &target)) {
                    told.lock().unwrap().push(format!("{method} {uri}"));
                }
            });
            stage.drill(&loaded, None).await;
            assert!(wrong.lock().unwrap().is_empty(), "{name}: without an intent: {wrong:?}");
            acts += *count.lock().unwrap();
        });
    }
    println!("{acts} acts");
    assert!(acts >= 12, "only {acts} acts were heard");
}

/// Law I4: each change of the cluster names its field manager, and each created object names its run. (A deletion has
/// no field manager. It names the UID of the deleted object.)
#[test]
fn every_change_says_whose_it_is() {
    let shop = cluster("small-shop");
    let mut changes = 0;
    for name in shipped() {
        let loaded = scenario(name, &shop);
        on_paused_time(async {
            let stage = Rehearsal::set(&shop, 1).await;
            let nameless = Arc::new(Mutex::new(Vec::<String>::new()));
            let count = Arc::new(Mutex::new(0));
            let (told, counted) = (Arc::clone(&nameless), Arc::clone(&count));
            stage.simulation.overhear(move |method, uri| {
                if !matches!(*method, Method::POST | Method::PUT | Method::PATCH) || uri.path().starts_with("/power/") {
                    return;
                }
                *counted.lock().unwrap() += 1;
                if !uri.query().unwrap_or("").split('&').any(|q| q == "fieldManager=drillmaster") {
                    told.lock().unwrap().push(format!("{method} {uri}"));
                }
            });
            stage.drill(&loaded, None).await;
            assert!(nameless.lock().unwrap().is_empty(), "{name}: {nameless:?}");
            changes += *count.lock().unwrap();
            let made = |o: &serde_json::Value| {
                let kind = o["kind"].as_str().unwrap_or("");
                matches!(kind, "Backup" | "Restore")
                    && !o["metadata"]["name"].as_str().unwrap_or("").starts_with("nightly")
            };
            for object in stage.simulation.picture().into_iter().filter(made) {
                assert_eq!(object["metadata"]["labels"]["drillmaster.dev/run"], "run", "{object}");
            }
        });
    }
    assert!(changes > 200, "only {changes} changes were heard");
}

/// The object that a request takes away, if it does.
pub fn taken_away(method: &Method, path: &str) -> Option<String> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method, &parts[..]) {
        (&Method::POST, ["power", "kill" | "stop" | "pause", node]) => Some((*node).to_owned()),
        (&Method::PATCH, ["api", "v1", "nodes", node]) => Some((*node).to_owned()),
        (&Method::DELETE, ["api", "v1", "namespaces", namespace]) => Some((*namespace).to_owned()),
        // The drill itself created the pods that read volumes.
        (&Method::DELETE, ["api", "v1", "namespaces", _, "pods", pod]) if pod.starts_with("drill-read-") => None,
        (&Method::DELETE, ["api", "v1", "namespaces", namespace, "pods", _]) => Some((*namespace).to_owned()),
        _ => None,
    }
}

fn names(revert: &Revert, target: &str) -> bool {
    serde_json::to_string(revert).is_ok_and(|text| text.contains(&format!("\"{target}\"")))
}
