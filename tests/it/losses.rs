//! Before a namespace is deleted, everything that would not come back unchanged is named. Nothing is deleted unless the
//! scenario allows these losses.

use drillmaster::{
    event::{Event, Kind, StepEnd},
    journal::read,
    model::{Exit, FindingState, StepResult},
    report::story_of_events,
    scenario::{Sources, load_str},
    sim::Description,
    verdict::Ending,
    world::{ApiCall, Kube},
};
use serde_json::{Value, json};

use super::rehearsal::{Ended, Rehearsal, acted, on_paused_time, scenario_text};

const SHOP: &str = "/api/v1/namespaces/shop";
const SETTINGS: &str = "/api/v1/namespaces/shop/configmaps/settings";

/// The shop with more objects.
fn shop(more: &str) -> Description {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/clusters/small-shop.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    Description::parse(&text.replace("rules:\n", &format!("{more}rules:\n"))).unwrap()
}

fn config_map(name: &str, labels: &str) -> String {
    format!(
        "  - {{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, namespace: shop, labels: {labels}}}, data: {{key: gone}}}}\n"
    )
}

fn scenario(may_be_lost: &str, volumes: &str) -> String {
    format!(
        "
apiVersion: drillmaster.dev/v1
kind: Scenario
metadata: {{name: losses, title: What a deletion costs}}
hypothesis: Nothing is lost that was not announced.
scope: {{namespaces: [shop], critical: [deployment/web, statefulset/orders]}}
limits: {{duration: 30m, namespaces: 1}}
steps:
  - {{name: kept, backup: {{namespaces: [shop], volumes: fileSystem}}}}
  - {{name: a while, wait: {{for: 5s}}}}
  - {{name: gone, deleteNamespace: {{name: shop, coveredBy: kept, mayBeLost: [{may_be_lost}]}}}}
  - {{name: back, restore: {{backup: kept}}}}
expect:
  - restore: {{of: back, objects: complete, volumes: {volumes}}}
"
    )
}

/// Runs a drill, and does something once the backup exists.
fn drill(description: &Description, text: &str, then: impl AsyncFnOnce(&Kube)) -> (Ended, Vec<Value>) {
    let loaded = scenario_text(text, description);
    let backed_up =
        |e: &Event| matches!(&e.event, Kind::StepResult { result, .. } if matches!(**result, StepResult::Backup(_)));
    on_paused_time(async {
        let stage = Rehearsal::set(description, 1).await;
        let kube = stage.simulation.world().kube;
        let ended = stage.drill_when(&loaded, backed_up, async |_| then(&kube).await).await;
        (ended, stage.simulation.picture())
    })
}

async fn nothing(_: &Kube) {}

async fn edit(kube: &Kube) {
    kube.send(&ApiCall::merge(SETTINGS, json!({"data": {"currency": "USD"}}))).await.unwrap();
}

/// The message of the deleteNamespace step when it refuses.
fn refusal(ended: &Ended) -> String {
    let said = ended.events.iter().find_map(|e| match &e.event {
        Kind::StepFinished { step, end: StepEnd::Failed, detail, .. } if step.0 == "gone" => Some(detail.to_string()),
        _ => None,
    });
    // Pods that only read have intents, too.
    let deletes = |kind: &Kind| matches!(kind, Kind::FaultIntended { fault, .. } if !fault.0.contains("/readers in "));
    let deleted = ended.events.iter().any(|e| deletes(&e.event));
    assert!(!deleted, "the journal must contain no intent of a deletion");
    assert_eq!(ended.exit, Some(Exit::Failed));
    said.unwrap_or_else(|| panic!("the step did not refuse: {:?}", ended.exit))
}

/// The result of the pre-flight check.
fn preflight(ended: &Ended) -> (FindingState, String) {
    let found = ended.events.iter().find_map(|e| match &e.event {
        Kind::PlanFrozen { plan } => plan.findings.iter().find(|f| f.check == "comes-back").cloned(),
        _ => None,
    });
    found.map(|f| (f.state, f.observed)).unwrap()
}

fn find<'a>(picture: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
    picture.iter().find(|o| o["kind"] == kind && o["metadata"]["name"] == name)
}

#[test]
fn what_backups_leave_out_is_refused_before_anything_happens() {
    for value in ["'true'", "'false'", "''"] {
        let description = shop(&config_map("licence", &format!("{{velero.io/exclude-from-backup: {value}}}")));
        let (ended, picture) = drill(&description, &scenario("", "identical"), nothing);
        assert_eq!(ended.exit, Some(Exit::Refused), "{value}");
        let (state, said) = preflight(&ended);
        assert!(state == FindingState::Fail && said.starts_with("ConfigMap/licence "), "{said}");
        assert!(find(&picture, "ConfigMap", "licence").is_some());
        assert!(!Ending::of(&ended.events).words().contains("as before"));
    }
}

#[test]
fn what_may_be_lost_is_lost_and_the_report_says_so() {
    let description = shop(&config_map("licence", "{velero.io/exclude-from-backup: 'true'}"));
    let text = scenario("{object: ConfigMap/licence, reason: it is issued anew each night}", "identical");
    let (ended, picture) = drill(&description, &text, nothing);
    assert_eq!(ended.exit, Some(Exit::Passed), "{:#?}", ended.events.last());
    assert_eq!(preflight(&ended).0, FindingState::Pass);
    assert!(find(&picture, "ConfigMap", "licence").is_none());
    let words = Ending::of(&ended.events).words();
    assert!(!words.contains("as before") && words.contains("mayBeLost"), "{words}");
    let story = story_of_events(&ended.events);
    let told = story.caveats.iter().filter(|c| c.contains("ConfigMap/licence") && c.contains("issued anew each night"));
    assert_eq!(told.count(), 1, "{:?}", story.caveats);
    let because = story.judgements.iter().map(|j| j.because.to_string()).collect::<String>();
    assert!(because.contains("except what may be lost: ConfigMap/licence"), "{because}");
}

#[test]
fn an_edit_after_the_backup_is_refused_by_name() {
    let (ended, picture) = drill(&shop(""), &scenario("", "identical"), edit);
    let said = refusal(&ended);
    assert!(said.contains("ConfigMap/settings was changed after the backup, at /data/currency"), "{said}");
    assert_eq!(find(&picture, "ConfigMap", "settings").unwrap()["data"]["currency"], "USD", "the edit is still there");
}

#[test]
fn an_edit_that_may_be_lost_is_lost_and_named() {
    let text = scenario("{object: ConfigMap/settings, reason: the drill's own test value}", "identical");
    let (ended, picture) = drill(&shop(""), &text, edit);
    assert_eq!(ended.exit, Some(Exit::Passed));
    assert_eq!(find(&picture, "ConfigMap", "settings").unwrap()["data"]["currency"], "EUR");
    let story = story_of_events(&ended.events);
    assert!(
        story.caveats.iter().any(|c| c.contains("at /data/currency") && c.contains("own test value")),
        "{:?}",
        story.caveats
    );
}

#[test]
fn additions_and_deletions_and_scaling_after_the_backup_are_named() {
    let (ended, _) = drill(&shop(""), &scenario("", "identical"), async |kube: &Kube| {
        let new = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "new", "namespace": "shop"}});
        kube.send(&ApiCall::create(format!("{SHOP}/secrets"), new)).await.unwrap();
        kube.send(&ApiCall::delete(SETTINGS, "", None)).await.unwrap();
        let web = "/apis/apps/v1/namespaces/shop/deployments/web";
        kube.send(&ApiCall::merge(web, json!({"spec": {"replicas": 4}}))).await.unwrap();
        kube.send(&ApiCall::merge(SHOP, json!({"metadata": {"labels": {"team": "new"}}}))).await.unwrap();
    });
    let said = refusal(&ended);
    for loss in [
        "Secret/new is not in the backup",
        "ConfigMap/settings was deleted after the backup",
        "Deployment/web was changed after the backup, at /spec/replicas",
        "Namespace/shop was changed after the backup, at /metadata/labels",
    ] {
        assert!(said.contains(loss), "{loss}: {said}");
    }
}

/// Status, the bookkeeping of rollouts, events and endpoints change all the time.
#[test]
fn what_controllers_do_after_the_backup_is_no_loss() {
    let (ended, _) = drill(&shop(""), &scenario("", "identical"), async |kube: &Kube| {
        let pods = kube.list(&format!("{SHOP}/pods")).await.unwrap().0;
        let path = format!("{SHOP}/pods/{}", pods[0]["metadata"]["name"].as_str().unwrap());
        kube.send(&ApiCall::delete(path, "", None)).await.unwrap();
    });
    // A pod was deleted, and after that the drill deleted the whole namespace.
    assert_eq!(ended.exit, Some(Exit::Passed));
    let story = story_of_events(&ended.events);
    let deletion = story.steps.iter().find(|s| s.name == "gone").unwrap();
    assert!(deletion.detail.contains("objects compared with backup"), "{}", deletion.detail);
    assert!(deletion.detail.contains(" s before the delete"), "{}", deletion.detail);
}

const POD: &str = "  - {apiVersion: v1, kind: Pod, metadata: {name: debug, namespace: shop}, spec: {containers: [{name: c, image: i}]}, status: {phase: Running}}\n";

#[test]
fn a_bare_pod_is_named_and_comes_back_where_it_may_be_lost() {
    let (ended, _) = drill(&shop(POD), &scenario("", "identical"), nothing);
    assert_eq!(ended.exit, Some(Exit::Refused));
    assert!(preflight(&ended).1.contains("Pod/debug is a pod without a controller"), "{:?}", preflight(&ended));
    let text = scenario("{object: Pod/debug, reason: somebody looks into something}", "identical");
    let (ended, picture) = drill(&shop(POD), &text, nothing);
    assert_eq!(ended.exit, Some(Exit::Passed));
    assert!(find(&picture, "Pod", "debug").is_some(), "Velero must restore the running pod");
}

const JOB: &str = "  - {apiVersion: batch/v1, kind: Job, metadata: {name: migrated, namespace: shop}, spec: {suspend: true}, status: {completionTime: '2026-01-01T00:00:00Z'}}\n";

#[test]
fn a_job_that_has_ended_may_stay_away() {
    let text = scenario("{object: Job/migrated, reason: it has done its work}", "identical");
    let (ended, picture) = drill(&shop(JOB), &text, nothing);
    assert_eq!(ended.exit, Some(Exit::Passed), "{:#?}", story_of_events(&ended.events).judgements);
    assert!(find(&picture, "Job", "migrated").is_none(), "Velero must not restore a Job that has ended");
}

/// The drill scaled the workload itself, and the undo of that step reverts it.
#[test]
fn what_the_drill_itself_scaled_is_no_loss() {
    let text = scenario("", "identical")
        .replace("{name: a while, wait: {for: 5s}}", "{name: fewer, scale: {workload: deployment/web, to: 2}}");
    let (ended, picture) = drill(&shop(""), &text, nothing);
    assert_eq!(ended.exit, Some(Exit::Passed), "{:#?}", story_of_events(&ended.events).steps);
    assert_eq!(find(&picture, "Deployment", "web").unwrap()["spec"]["replicas"], 3);
}

#[test]
fn a_session_that_takes_over_does_not_wait_for_what_may_be_lost() {
    let description = shop(&format!("{}{JOB}", config_map("licence", "{velero.io/exclude-from-backup: 'true'}")));
    let list =
        "{object: ConfigMap/licence, reason: it is issued anew}, {object: Job/migrated, reason: it has done its work}";
    let loaded = scenario_text(&scenario(list, "identical"), &description);
    let (whole, _) = drill(&description, &scenario(list, "identical"), nothing);
    let deleted = whole.events.iter().find(|e| acted(e)).unwrap().seq;
    let events = on_paused_time(async {
        let stage = Rehearsal::set(&description, 1).await;
        assert_eq!(stage.drill(&loaded, Some(deleted)).await.exit, None);
        stage.recover().await;
        read(&stage.run_dir()).unwrap().events
    });
    let left = events.iter().find_map(|e| match &e.event {
        Kind::FaultLeft { why, .. } => Some(why.to_string()),
        _ => None,
    });
    let left = left.unwrap();
    assert!(left.contains("ConfigMap/licence (it is issued anew)") && left.contains("Job/migrated"), "{left}");
    assert!(Ending::of(&events).words().contains("mayBeLost"));
}

fn mistakes(list: &str) -> String {
    let sources = Sources { bindings: shop("").bindings(), ..Sources::default() };
    load_str("test.yaml", &scenario(list, "identical"), &sources).unwrap_err().to_string()
}

#[test]
fn a_list_of_what_may_be_lost_is_read_strictly() {
    for (list, said) in [
        ("{object: ConfigMap/a}", "reason"),
        ("{object: ConfigMap/a, reason: ' '}", "the reason why `ConfigMap/a` may be lost is missing"),
        ("{object: ConfigMap/a, reason: r}, {object: ConfigMap/a, reason: r}", "`ConfigMap/a` is listed twice"),
        ("{object: ConfigMap/*, reason: r}", "a name must begin with at least one character"),
        ("{object: licence, reason: r}", "write KIND/NAME"),
        ("{objects: ConfigMap/a, reason: r}", "objects"),
    ] {
        let mistakes = mistakes(list);
        assert!(mistakes.contains(said) && mistakes.contains("test.yaml:"), "{list}: {mistakes}");
    }
}

const CLAIM: &str = "  - {apiVersion: v1, kind: PersistentVolume, metadata: {name: spare}, spec: {persistentVolumeReclaimPolicy: Delete, claimRef: {namespace: shop, name: spare}, csi: {}}}
  - {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: spare, namespace: shop}, spec: {volumeName: spare, storageClassName: standard}, status: {phase: Bound}}\n";

#[test]
fn a_volume_that_no_pod_mounts_is_named_and_may_be_lost() {
    let (ended, _) = drill(&shop(CLAIM), &scenario("", "identical"), nothing);
    assert_eq!(ended.exit, Some(Exit::Refused));
    let found = ended.events.iter().find_map(|e| match &e.event {
        Kind::PlanFrozen { plan } => plan.findings.iter().find(|f| f.check == "volume-coverage").cloned(),
        _ => None,
    });
    let found = found.unwrap();
    assert!(
        found.refuses() && found.observed.contains("claim shop/spare would come back EMPTY: no pod mounts it"),
        "{found:?}"
    );
    let text = scenario("{object: PersistentVolumeClaim/spare, reason: it holds a cache}", "identical");
    let (ended, _) = drill(&shop(CLAIM), &text, nothing);
    assert_eq!(ended.exit, Some(Exit::Passed), "{:#?}", story_of_events(&ended.events).judgements);
    let story = story_of_events(&ended.events);
    assert!(story.caveats.iter().any(|c| c.contains("PersistentVolumeClaim/spare") && c.contains("it holds a cache")));
}
