//! Clusters with many pods and nodes. The number of requests of a drill must not grow with both the size of the cluster
//! and the time that the drill waits.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use drillmaster::{event::Kind, model::Exit, sim::Description};

use super::rehearsal::{Ended, Rehearsal, cluster, on_paused_time, scenario};

const PODS: &str = "/api/v1/namespaces/shop/pods";
const NODES: &str = "/api/v1/nodes";

/// Six hundred pods on sixty nodes.
fn crowded() -> Description {
    let mut shop = cluster("small-shop");
    shop.zones.values_mut().for_each(|nodes| *nodes = 20);
    let web = shop.workloads.iter_mut().find(|w| w.name == "deployment/web").unwrap();
    web.replicas = Some(600);
    web.budget = [("minAvailable".to_owned(), "60%".into())].into();
    shop
}

/// Whether a request asks for the first page of a list of all objects.
fn first_page(uri: &http::Uri, path: &str) -> bool {
    let query = uri.query().unwrap_or_default();
    uri.path() == path && !query.contains("watch=") && !query.contains("continue=")
}

/// Runs a drill and counts the requests that match.
fn drill(name: &str, counted: impl Fn(&http::Uri) -> bool + Send + Sync + 'static) -> (Ended, usize) {
    let shop = crowded();
    let loaded = scenario(name, &shop);
    let asked = Arc::new(AtomicUsize::new(0));
    let ear = Arc::clone(&asked);
    let ended = on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        stage.simulation.overhear(move |method, uri| {
            if *method == http::Method::GET && counted(uri) {
                ear.fetch_add(1, Ordering::SeqCst);
            }
        });
        stage.drill(&loaded, None).await
    });
    (ended, asked.load(Ordering::SeqCst))
}

#[test]
fn all_pods_are_not_listed_again_and_again_while_a_restore_is_waited_for() {
    let (ended, lists) = drill("namespace-loss-and-restore", |uri| first_page(uri, PODS));
    assert_eq!(ended.exit, Some(Exit::Passed), "{:?}", ended.events.last());
    let seconds = ended.events.last().unwrap().t_us / 1_000_000;
    println!("{lists} lists in {seconds} s");
    assert!(lists as u64 <= seconds, "{lists} lists of all pods in {seconds} s");
}

#[test]
fn the_nodes_of_a_large_zone_are_looked_at_by_one_list() {
    let (ended, lists) = drill("zone-outage", |uri| first_page(uri, NODES));
    assert!(ended.exit.is_some());
    let seconds = ended.events.last().unwrap().t_us / 1_000_000;
    println!("{lists} lists in {seconds} s");
    // The observer lists the nodes every five seconds. The plan and the pre-flight add a few requests.
    assert!((seconds / 5..seconds / 5 + 20).contains(&(lists as u64)), "{lists} lists of all nodes in {seconds} s");
}

#[test]
fn each_node_of_a_large_zone_is_read_a_few_times_while_it_comes_back() {
    let one_node = |uri: &http::Uri| uri.path().strip_prefix(NODES).is_some_and(|name| name.len() > 1);
    let (ended, reads) = drill("zone-outage", one_node);
    let undone = ended.events.iter().filter(|e| matches!(e.event, Kind::FaultReverted { .. })).count();
    println!("{reads} requests for single nodes");
    assert_eq!(undone, 20);
    // Ten requests a second for each of twenty nodes would be thousands.
    assert!(reads < 20 * 30, "{reads} requests for single nodes");
}

#[test]
fn the_faults_of_a_large_zone_are_written_to_the_cluster_together() {
    let (ended, reads) = drill("zone-outage", |uri| uri.path().contains("/configmaps/run-"));
    let undone = ended.events.iter().filter(|e| matches!(e.event, Kind::FaultReverted { .. })).count();
    println!("{reads} requests for the record in the cluster");
    assert_eq!(undone, 20);
    // Without that, the record is read before each of forty changes.
    assert!(reads < 25, "{reads} requests for the record in the cluster");
}

#[test]
fn a_crash_among_the_faults_of_a_large_zone_is_undone() {
    let shop = crowded();
    let loaded = scenario("zone-outage", &shop);
    let whole = on_paused_time(async { Rehearsal::set(&shop, 1).await.drill(&loaded, None).await });
    let lines =
        |of: fn(&Kind) -> bool| -> Vec<u64> { whole.events.iter().filter(|e| of(&e.event)).map(|e| e.seq).collect() };
    let intended = lines(|kind| matches!(kind, Kind::FaultIntended { .. }));
    let applied = lines(|kind| matches!(kind, Kind::FaultApplied { .. }));
    assert_eq!((intended.len(), applied.len()), (20, 20));
    // Some of the intents are on disk, and then all of them. None is in the cluster yet.
    for line in [intended[10], intended[19]] {
        on_paused_time(async {
            let stage = Rehearsal::set(&shop, 1).await;
            assert!(stage.drill(&loaded, Some(line)).await.exit.is_none());
            let exit = stage.recover().await;
            assert!(matches!(exit, Exit::Passed | Exit::Aborted), "killed after line {line}: {exit:?}");
            stage.as_before().await.unwrap_or_else(|why| panic!("killed after line {line}: {why}"));
        });
    }
    // After the first act, the cluster alone is enough to undo everything.
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        assert!(stage.drill(&loaded, Some(applied[0])).await.exit.is_none());
        let dir = stage.recovered_from_cluster().await.unwrap();
        assert_eq!(stage.recover_from(&dir).await, Exit::Aborted);
        stage.as_before().await.unwrap();
    });
}
