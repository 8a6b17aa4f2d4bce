//! Changes from outside during a drill. They are reported with their author, explain what they may have caused, make no
//! expectation about the fault pass or fail, and prevent "the cluster is as before" as long as they remain.

use drillmaster::{
    event::{Event, Kind},
    journal::RunState,
    model::{Author, Exit, Judgement, Outcome, OutsideChange, OutsideWhat, Role},
    report,
    sim::Description,
    verdict::{self, ReadRun},
    world::ApiCall,
};

use super::rehearsal::{Rehearsal, acted, on_paused_time, scenario_text};

const SHOP: &str = include_str!("../../scenarios/clusters/small-shop.yaml");

pub const OUTAGE: &str = "
apiVersion: drillmaster.dev/v1
kind: Scenario
metadata: {name: outside, title: Others work here too}
hypothesis: What others do is not what the fault did.
scope: {namespaces: [shop], critical: [deployment/web]}
probes:
  - name: storefront
    http: {url: 'http://web.shop.svc/healthz', body: ok}
    up: {successes: 8, over: 2s}
    backedBy: [deployment/web]
steps:
  - {name: outage, killNodes: {nodes: [node-a-0], how: kill}}
  - {name: recovers, wait: {until: recovered, of: [deployment/web], atMost: 6m}}
  - {name: on, wait: {for: 3m}}
  - {name: back, heal: {fault: outage}}
expect:
  - replicas: {workload: deployment/web, ready: 3, within: 4m}
limits: {nodes: 34%, zones: 1, duration: 40m}
";

/// The shop with one pod of web on node-a-0 and one on node-b-0.
pub fn shop(happens: &[&str]) -> Description {
    let mut text = SHOP.to_owned();
    if !happens.is_empty() {
        text += "happens:\n";
        happens.iter().for_each(|entry| text += &format!("  - {entry}\n"));
    }
    let mut shop = Description::parse(&text).unwrap();
    let nodes = ["node-a-0", "node-b-0", "node-c-0"].map(str::to_owned).to_vec();
    shop.placement.insert("shop".into(), [("deployment/web".to_owned(), nodes)].into());
    shop
}

struct Seen {
    events: Vec<Event>,
    exit: Option<Exit>,
}

fn drill(scenario: &str, happens: &[&str]) -> Seen {
    let shop = shop(happens);
    let loaded = scenario_text(scenario, &shop);
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let ended = stage.drill(&loaded, None).await;
        assert_eq!(stage.simulation.without_effect(), Vec::<String>::new());
        Seen { events: ended.events, exit: ended.exit }
    })
}

impl Seen {
    fn changes(&self) -> Vec<OutsideChange> {
        RunState::of(&self.events).unwrap().outside.iter().cloned().collect()
    }

    fn sentences(&self) -> Vec<String> {
        self.changes().iter().map(OutsideChange::sentence).collect()
    }

    fn judged(&self, word: &str) -> Judgement {
        let judgements = verdict::judge(&self.events).judgements;
        judgements.iter().find(|j| j.expectation.contains(word)).cloned().unwrap_or_else(|| panic!("{judgements:#?}"))
    }

    fn ending(&self) -> String {
        let last = self.events.last().map(|e| &e.event);
        let Some(Kind::RunEnded { detail, .. }) = last else { panic!("{last:?}") };
        detail.to_string()
    }

    #[track_caller]
    fn is(&self, word: &str, outcome: Outcome, because: &str) {
        let judged = self.judged(word);
        let told = self.sentences();
        assert_eq!(judged.outcome, outcome, "{}\n{told:?}", judged.because);
        assert!(judged.because.contains(because), "{}\n{told:?}", judged.because);
    }
}

#[test]
fn nobody_is_accused_where_nobody_came() {
    let alone = drill(OUTAGE, &[]);
    assert_eq!(alone.sentences(), Vec::<String>::new());
    assert_eq!(alone.exit, Some(Exit::Passed), "{}", alone.ending());
    assert_eq!(alone.ending(), "passed; the cluster is as before");
}

#[test]
fn whoever_scales_a_workload_down_is_named_and_the_fault_is_not_charged_with_it() {
    let scaled = drill(
        OUTAGE,
        &[
            "{after: {step: outage}, delay: 2s, what: {scale: {workload: deployment/web, namespace: shop, replicas: 2, by: kubectl-scale}}}",
        ],
    );
    let said = "kubectl-scale scaled deployment/web to 2";
    assert_eq!(scaled.sentences(), [said]);
    scaled.is("deployment/web", Outcome::Inconclusive, said);
    scaled.is("all its pods again", Outcome::Pass, "scaled to 2 outside the drill");
    let ending = scaled.ending();
    assert!(ending.contains("changed from outside: deployment/web of namespace shop has replicas=2"), "{ending}");
    assert!(!ending.contains("as before"), "{ending}");
    // The change appears in every report.
    let story = report::story_of_events(&scaled.events);
    assert!(story.changed_outside.len() == 1 && story.changed_outside[0].remains);
    let summary = report::summary(&story, false);
    assert!(summary.contains("from outside") && summary.contains(said), "{summary}");
    let document = report::document(&story, &ReadRun::of(&scaled.events), &report::Beside::default());
    let markdown = report::markdown(&document);
    assert!(markdown.contains("## Changed from outside") && markdown.contains("(still changed)"), "{markdown}");
    assert!(markdown.contains("| from outside |"), "the timeline must contain it: {markdown}");
    let json = serde_json::to_string(&story).unwrap();
    assert!(json.contains(r#""changedOutside":[{"at""#), "{json}");
}

#[test]
fn a_change_that_is_taken_back_does_not_remain() {
    let scaled = drill(
        OUTAGE,
        &[
            "{after: {stepEnds: recovers}, for: 20s, what: {scale: {workload: deployment/web, namespace: shop, replicas: 4, by: kubectl-scale}}}",
        ],
    );
    assert_eq!(scaled.changes().len(), 2);
    // The workload had recovered before.
    scaled.is("deployment/web", Outcome::Pass, "3 ready");
    assert_eq!(scaled.ending(), "passed; the cluster is as before");
}

#[test]
fn a_workload_that_others_deleted_is_not_whole() {
    let deleted = drill(
        OUTAGE,
        &["{after: {stepEnds: recovers}, delay: 2s, what: {delete: {object: deployment/web, namespace: shop}}}"],
    );
    deleted.is("all its pods again", Outcome::Inconclusive, "shop/deployment/web was deleted outside the drill");
    assert_eq!(deleted.exit, Some(Exit::Inconclusive), "{}", deleted.ending());
}

#[test]
fn a_recovery_that_others_helped_is_not_shown_to_be_its_own() {
    let restart = r#"{after: {step: outage}, delay: 3s, what: {patch: {object: deployment/web, namespace: shop, by: kubectl-rollout, patch: {spec: {template: {metadata: {annotations: {kubectl.kubernetes.io/restartedAt: "2026-01-01T00:00:00Z"}}}}}}}}"#;
    let restarted = drill(OUTAGE, &[restart]);
    let said = "kubectl-rollout restarted the pods of deployment/web";
    assert_eq!(restarted.sentences(), [said], "pods that the rollout replaces are nobody's deletions");
    restarted.is("deployment/web", Outcome::Inconclusive, said);
    let autoscaler = "{after: {step: outage}, delay: 4s, what: {autoscaler: {workload: deployment/web, namespace: shop, min: 3, max: 5, every: 10m}}}";
    let grown = drill(OUTAGE, &[autoscaler]);
    assert_eq!(grown.changes()[0].by.role(), Role::Autoscaler);
    grown.is(
        "deployment/web",
        Outcome::Inconclusive,
        "an autoscaler (kube-controller-manager) scaled deployment/web to 4",
    );
}

/// Ready pods of web are deleted one second after an event.
fn deleting(scenario: &str, when: fn(&Event) -> bool, count: usize) -> Seen {
    let shop = shop(&[]);
    let loaded = scenario_text(scenario, &shop);
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        let kube = stage.simulation.world().kube;
        let ended = stage
            .drill_when(&loaded, when, async |_| {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                let pods = kube.list("/api/v1/namespaces/shop/pods").await.unwrap().0;
                let name = |pod: &serde_json::Value| pod["metadata"]["name"].as_str().unwrap().to_owned();
                let stays = |pod: &&serde_json::Value| {
                    name(pod).starts_with("web-")
                        && pod["spec"]["nodeName"] != "node-a-0"
                        && pod["metadata"]["deletionTimestamp"].is_null()
                };
                for pod in pods.iter().filter(stays).take(count) {
                    let path = format!("/api/v1/namespaces/shop/pods/{}", name(pod));
                    kube.send(&ApiCall::delete(path, "", Some(0))).await.unwrap();
                }
            })
            .await;
        Seen { events: ended.events, exit: ended.exit }
    })
}

#[test]
fn a_pod_that_somebody_deletes_is_told_although_nothing_says_who_it_was() {
    let deleted = deleting(OUTAGE, acted, 1);
    let changes = deleted.changes();
    assert!(changes.len() == 1 && changes[0].by == Author::Unknown, "{changes:#?}");
    let web = ["deployment/web".to_owned()];
    assert_eq!((&changes[0].what, &changes[0].workloads[..]), (&OutsideWhat::Deleted, &web[..]));
    deleted.is("deployment/web", Outcome::Inconclusive, "an unknown author deleted pod/web-");
    assert!(
        deleted.ending().ends_with("the cluster is as before"),
        "its controller has created another pod: {}",
        deleted.ending()
    );
}

#[test]
fn what_has_no_part_in_a_verdict_is_told_all_the_same() {
    let edited = drill(
        OUTAGE,
        &[
            "{after: {step: outage}, delay: 2s, what: {patch: {object: configmap/settings, namespace: shop, by: kubectl-edit, patch: {data: {currency: USD}}}}}",
            "{after: {stepEnds: recovers}, delay: 2s, what: {patch: {object: node/node-b-1, by: kubectl-cordon, patch: {spec: {unschedulable: true}}}}}",
        ],
    );
    assert_eq!(edited.sentences(), ["kubectl-edit edited configmap/settings", "kubectl-cordon cordoned node/node-b-1"]);
    edited.is("deployment/web", Outcome::Pass, "3 ready");
    let ending = edited.ending();
    assert!(ending.contains("configmap/settings of namespace shop was edited by kubectl-edit"), "{ending}");
    assert!(ending.contains("node/node-b-1 is cordoned, by kubectl-cordon"), "{ending}");
    assert_eq!(edited.exit, Some(Exit::Passed));
}

#[test]
fn a_survivor_that_somebody_restarts_is_not_the_faults_outage() {
    let scenario = OUTAGE.replace("ready: 3, within: 4m", "ready: 3, within: 20s");
    let restarted = drill(&scenario, &["{after: {step: outage}, delay: 2s, what: {nodeRestarts: {node: node-b-0}}}"]);
    assert_eq!(restarted.sentences(), ["an unknown author restarted node/node-b-0"]);
    restarted.is(
        "deployment/web",
        Outcome::Inconclusive,
        "restarted node/node-b-0, which may be the cause, so the failure is not blamed on the fault",
    );
    // The nodes of the drill itself restart when the drill powers them on. This must not count as a change from
    // outside.
    assert!(restarted.changes().iter().all(|c| c.object == "node/node-b-0"));
}

const SCALED: &str = "
apiVersion: drillmaster.dev/v1
kind: Scenario
metadata: {name: outside, title: GitOps puts it back}
hypothesis: The application scales itself up again.
scope: {namespaces: [shop], critical: [deployment/web]}
steps:
  - {name: fewer, scale: {workload: deployment/web, to: 1}}
  - {name: a while, wait: {for: 90s}}
expect:
  - replicas: {workload: deployment/web, ready: 3, within: 2m}
limits: {duration: 30m}
";

#[test]
fn what_gitops_puts_back_is_no_recovery_of_the_application() {
    let gitops = "{after: {step: fewer}, what: {gitOps: {objects: [deployment/web], namespace: shop, every: 5s}}}";
    let reverted = drill(SCALED, &[gitops]);
    let said = "a deployment tool (argocd-controller) scaled deployment/web to 3";
    assert_eq!(reverted.sentences(), [said]);
    reverted.is("deployment/web", Outcome::Inconclusive, said);
    assert!(reverted.ending().ends_with("the cluster is as before"), "{}", reverted.ending());
}

const PAGED: &str = "
apiVersion: drillmaster.dev/v1
kind: Scenario
metadata: {name: outside, title: A page is answered}
hypothesis: The page goes out.
scope: {namespaces: [shop], critical: [deployment/web]}
steps:
  - {name: outage, killNodes: {nodes: [node-a-0], how: kill}}
  - {name: a while, wait: {for: 4m}}
  - {name: back, heal: {fault: outage}}
expect:
  - alert: {name: NodeNotReady, forEach: target.node, firesWithin: 3m}
limits: {nodes: 34%, zones: 1, duration: 40m}
";

fn silence(delay: u32) -> String {
    format!(
        "{{after: {{seen: {{alertFires: NodeNotReady}}}}, delay: {delay}s, for: 10m, what: {{silence: {{matchers: {{alertname: NodeNotReady}}, by: alice, comment: on it}}}}}}"
    )
}

#[test]
fn a_page_that_is_answered_with_a_silence_was_delivered() {
    let answered = drill(PAGED, &[&silence(40)]);
    answered.is("NodeNotReady", Outcome::Pass, "alice silenced {alertname=\"NodeNotReady\"}: \"on it\"");
    assert!(answered.ending().contains("is silenced by alice"), "{}", answered.ending());
    // Nothing shows that people were notified before that was possible (30 s by default).
    let early = drill(PAGED, &[&silence(10)]);
    early.is("NodeNotReady", Outcome::Inconclusive, "alice silenced");
    let swallowed = drill(PAGED, &[&silence(0)]);
    swallowed.is("NodeNotReady", Outcome::Fail, "alice silenced");
}

#[test]
fn a_silence_that_ends_does_not_remain() {
    let entry = silence(40).replace("for: 10m", "for: 1m");
    let ended = drill(PAGED, &[&entry]);
    assert_eq!(ended.changes().len(), 2);
    assert!(ended.ending().ends_with("the cluster is as before"), "{}", ended.ending());
}

const DRAIN: &str = "
apiVersion: drillmaster.dev/v1
kind: Scenario
metadata: {name: outside, title: Maintenance}
hypothesis: Budgets hold.
scope: {namespaces: [shop], critical: [deployment/web]}
steps:
  - {name: maintenance, drain: {nodes: [node-a-0, node-b-0], atMost: 5m}}
  - {name: a while, wait: {for: 30s}}
expect:
  - budgets: {duringDrain: kept}
limits: {nodes: 34%, zones: 2, duration: 20m}
";

#[test]
fn a_budget_that_somebody_breaks_is_not_broken_by_the_drain() {
    let kept = drill(DRAIN, &[]);
    assert_eq!(kept.sentences(), Vec::<String>::new(), "the drill's own evictions are its own");
    kept.is("budgets", Outcome::Pass, "never fell below");
    let broken = deleting(DRAIN, acted, 2);
    assert!(!broken.changes().is_empty());
    assert!(broken.changes().iter().all(|c| c.what == OutsideWhat::Deleted), "{:?}", broken.sentences());
    broken.is("budgets", Outcome::Inconclusive, "the failure is not blamed on the fault");
}
