//! The readiness checks: each check with an object that fails it and one that passes it, the cases that other tools get
//! wrong, and what all output formats have in common.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use drillmaster::{
    inventory::{ObjectSet, Readings, ReviewSource, read_text},
    model::{Readiness, Review, State},
    readiness::{ReviewSettings, against_baseline, explain, listing_json, page, review},
    report,
    scenario::load_readiness_file,
};

pub(crate) fn now() -> jiff::Timestamp {
    "2026-11-24T00:00:00Z".parse().unwrap()
}

pub(crate) fn object_set(text: &str, source: ReviewSource) -> ObjectSet {
    let mut object_set = ObjectSet { source, at: Some(now()), version: "v1.37.2".into(), ..ObjectSet::default() };
    let said = |document: &&str| document.trim_start().starts_with("readings:");
    let (readings, objects): (Vec<&str>, Vec<&str>) = text.split("\n---\n").partition(said);
    for document in readings {
        let mut said: BTreeMap<String, Readings> = serde_saphyr::from_str(document).unwrap();
        object_set.readings = said.remove("readings").unwrap();
    }
    read_text(&mut object_set, "example.yaml", &objects.join("\n---\n"));
    assert!(!object_set.broken, "{:?}\n{text}", object_set.notes);
    object_set.settle();
    object_set
}

pub(crate) fn settings(drill: &str, only: &str) -> ReviewSettings {
    let mut settings = ReviewSettings { only: vec![only.to_owned()], ..ReviewSettings::default() };
    if !drill.is_empty() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, format!("apiVersion: drillmaster.dev/v1\nkind: Readiness\n{drill}")).unwrap();
        settings.read(load_readiness_file(file.path(), &drillmaster::readiness::VOCABULARY).unwrap());
    }
    settings
}

pub(crate) fn asked(text: &str, drill: &str, only: &str, source: ReviewSource) -> Review {
    review(&object_set(text, source), &settings(drill, only), "example", "full", now())
}

/// A part of an example, by its heading.
pub(crate) fn part<'a>(text: &'a str, head: &str) -> &'a str {
    let Some((_, rest)) = text.split_once(&format!("# {head}\n")) else { return "" };
    ["# target\n", "# fails\n", "# passes\n"]
        .iter()
        .map(|next| rest.split_once(next).map_or(rest, |(own, _)| own))
        .min_by_key(|s| s.len())
        .unwrap()
}

#[test]
fn each_check_has_an_object_that_fails_it_and_one_that_passes() {
    let catalogue: serde_json::Value = serde_json::from_str(&listing_json()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks");
    let mut files: BTreeSet<String> =
        std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.retain(|file| file.ends_with(".yaml"));
    let mut wrong = vec![];
    // The checks of the drill itself have their examples in preflight.rs.
    for check in catalogue["checks"].as_array().unwrap().iter().filter(|c| c["area"] != "This drill") {
        let id = check["id"].as_str().unwrap();
        let there = files.remove(&format!("{id}.yaml"));
        assert_eq!(there, check["experimental"] == false, "{id} needs an example, or must be experimental");
        if !there {
            continue;
        }
        let text = std::fs::read_to_string(folder.join(format!("{id}.yaml"))).unwrap();
        let drill = part(&text, "drill");
        let beside = |objects: &str, source| {
            let mut object_set = object_set(objects, source);
            let target = part(&text, "target");
            object_set.target = (!target.is_empty()).then(|| Box::new(self::object_set(target, ReviewSource::Capture)));
            review(&object_set, &settings(drill, id), "example", "full", now())
        };
        // Only files can have fields that the API server does not know, and only files can be encrypted by SOPS. All
        // other examples are read as if they came from a cluster.
        let only_files = matches!(id, "API-002" | "SEC-004");
        let source = if only_files { ReviewSource::Manifests } else { ReviewSource::Live };
        let fails = beside(part(&text, "fails"), source);
        if fails.tally.fail == 0 {
            wrong.push(format!("{id} does not fail: {:#?}", fails.results));
        }
        let passes = beside(part(&text, "passes"), source);
        if passes.tally.fail + passes.tally.unknown + passes.tally.error > 0 || passes.tally.pass == 0 {
            wrong.push(format!("{id} does not pass: {:#?}", passes.results));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files.is_empty(), "these examples belong to no check: {files:?}");
    let sops = std::fs::read_to_string(folder.join("SEC-004.yaml")).unwrap();
    assert_eq!(asked(part(&sops, "fails"), "", "SEC-004", ReviewSource::Manifests).tally.fail, 1);
}

fn web(replicas: u64) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web, tier: front}}}}\n    \
         spec: {{containers: [{{name: web, image: 'i:1'}}]}}\n---\n"
    )
}

fn budget(spec: &str, namespace: &str) -> String {
    format!(
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: b, namespace: {namespace}}}\nspec: {spec}\n---\n"
    )
}

fn policy(spec: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: shop}}\nspec: {spec}\n---\n"
    )
}

/// The state of a check over some manifests. It is fail if any object fails.
fn state(text: &str, id: &str) -> State {
    let tally = asked(text, "", id, ReviewSource::Manifests).tally;
    match (tally.fail, tally.pass) {
        (0, 0) => State::Skip,
        (0, _) => State::Pass,
        _ => State::Fail,
    }
}

#[test]
fn the_wrong_answers_of_other_tools() {
    use State::{Fail, Pass};
    let scaled = |min| {
        format!(
            "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: h, namespace: shop}}\nspec: {{minReplicas: {min}, maxReplicas: 9, scaleTargetRef: {{kind: Deployment, name: web}}}}\n---\n"
        )
    };
    // All labels of a selector must match, and only within its namespace.
    assert_eq!(
        state(
            &(web(3) + &budget("{maxUnavailable: 1, selector: {matchLabels: {app: web, tier: back}}}", "shop")),
            "PDB-001"
        ),
        Fail
    );
    assert_eq!(
        state(&(web(3) + &budget("{maxUnavailable: 1, selector: {matchLabels: {app: web}}}", "other")), "PDB-001"),
        Fail
    );
    // The labels of the pod template count, not the labels in the selector of the workload.
    assert_eq!(
        state(&(web(3) + &budget("{maxUnavailable: 1, selector: {matchLabels: {tier: front}}}", "shop")), "PDB-001"),
        Pass
    );
    // A default deny for the whole namespace isolates all pods in it.
    assert_eq!(state(&(web(3) + &policy("{podSelector: {}, policyTypes: [Ingress]}")), "NET-001"), Pass);
    assert_eq!(
        state(
            &(web(3) + &policy("{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}")),
            "NET-001"
        ),
        Fail
    );
    // A policy for egress is not one for ingress.
    assert_eq!(state(&(web(3) + &policy("{podSelector: {}, policyTypes: [Egress]}")), "NET-001"), Fail);
    // An ipBlock matches no pod, which is not a mistake. The same is true for a peer in another namespace.
    assert_eq!(
        state(
            &(web(3) + &policy("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}")),
            "NET-005"
        ),
        Pass
    );
    // A budget that demands as many pods as the autoscaler keeps at least blocks evictions, too.
    let with = |min, demanded| {
        web(9)
            + &scaled(min)
            + &budget(&format!("{{minAvailable: {demanded}, selector: {{matchLabels: {{app: web}}}}}}"), "shop")
    };
    assert_eq!(state(&with(2, 2), "PDB-005"), Fail);
    assert_eq!(state(&with(3, 2), "PDB-005"), Pass);
    // A budget that selects nothing, and a budget that demands the only replica.
    assert_eq!(state(&budget("{maxUnavailable: 1, selector: {matchLabels: {app: gone}}}", "shop"), "PDB-004"), Fail);
    assert_eq!(
        state(&(web(1) + &budget("{minAvailable: 1, selector: {matchLabels: {app: web}}}", "shop")), "PDB-003"),
        Fail
    );
    // A spread constraint that does not match the pods of its own workload.
    let spread = web(3).replace("spec: {containers", "spec: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: other}}}], containers");
    assert_eq!(state(&spread, "AFF-001"), Fail);
}

fn sample() -> String {
    web(3)
        + &web(1).replace("name: web, n", "name: lone, n").replace("app: web", "app: lone")
        + &budget("{minAvailable: 3, selector: {matchLabels: {app: web}}}", "shop")
        + &policy("{podSelector: {}}")
}

#[test]
fn counts_are_equal_in_every_format() {
    let object_set = object_set(&sample(), ReviewSource::Manifests);
    let review = review(
        &object_set,
        &ReviewSettings { keep_passes: true, ..ReviewSettings::default() },
        "example",
        "full",
        now(),
    );
    let json: serde_json::Value = serde_json::from_str(&report::review_json(&review)).unwrap();
    let sarif: serde_json::Value = serde_json::from_str(&report::review_sarif(&review)).unwrap();
    let (junit, human, prometheus) = (
        report::review_junit(&review),
        report::review_human(&review, true, report::GroupBy::Check),
        report::review_prometheus(&review),
    );
    let t = &review.tally;
    assert!(t.fail > 0 && t.pass > 0 && t.skip > 0);
    assert_eq!(report::review_html(&review).matches("<tr>").count(), t.fail + t.unknown + t.error + t.waived);
    assert_eq!(json["tally"]["fail"], t.fail);
    assert_eq!(json["results"].as_array().unwrap().iter().filter(|r| r["state"] == "fail").count(), t.fail);
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), t.fail + t.unknown + t.error + t.waived);
    assert_eq!(sarif["runs"][0]["properties"]["pass"], t.pass);
    assert_eq!(junit.matches("<failure").count(), t.fail);
    assert_eq!(junit.matches("<testcase").count(), t.fail + t.unknown + t.error + t.waived + t.skip + t.pass);
    assert!(human.contains(&format!("{} fail", t.fail)) && human.contains(&format!("{} pass", t.pass)));
    let summed: usize = prometheus
        .lines()
        .filter(|l| l.contains("state=\"fail\""))
        .map(|l| l.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
        .sum();
    assert_eq!(summed, t.fail);
    // The same input must give the same bytes.
    assert_eq!(
        report::review_json(&review),
        report::review_json(&drillmaster::readiness::review(
            &object_set,
            &ReviewSettings { keep_passes: true, ..ReviewSettings::default() },
            "example",
            "full",
            now()
        ))
    );
}

#[test]
fn waivers_have_an_owner_an_end_and_a_use() {
    let waived = |waiver: &str| asked(&sample(), &format!("waive:\n- {waiver}\n"), "PDB-*", ReviewSource::Manifests);
    let good = waived(
        "{check: PDB-003, object: shop/poddisruptionbudget/b, reason: until the next release, owner: ann, until: 2026-12-20}",
    );
    assert_eq!((good.tally.waived, good.verdict), (1, Readiness::ReadyWithWarnings));
    let found = good.results.iter().find(|r| r.state == State::Waived).unwrap();
    assert!(found.waiver.as_ref().unwrap().contains("ann until 2026-12-20"));
    for (waiver, complaint) in [
        ("{check: PDB-003, reason: r, owner: ann, until: 2026-11-01}", "ended on"),
        ("{check: PDB-003, reason: r, owner: ann, until: 2027-11-01}", "more than 90 days"),
        ("{check: PDB-002, reason: r, owner: ann, until: 2026-12-01}", "applies to no finding"),
        ("{check: PDB-003, reason: ' ', owner: ann, until: 2026-12-01}", "a reason and an owner"),
    ] {
        let review = waived(waiver);
        assert_eq!((review.tally.waived, review.verdict), (0, Readiness::NotReady), "{waiver}");
        assert!(
            review.results.iter().any(|r| r.check == "WVR-001" && r.observed.contains(complaint)),
            "{waiver}: {:#?}",
            review.results
        );
    }
    // A waiver can be on the object itself. A finding that blocks needs the approval of a second person.
    let note =
        "annotations: {drillmaster.dev/waive.PDB-003: 'known; owner=ann; until=2026-12-20'}, name: b, namespace: shop";
    let review = asked(&sample().replace("name: b, namespace: shop", note), "", "PDB-003", ReviewSource::Manifests);
    assert_eq!(review.tally.waived, 1, "{:#?}", review.results);
    let broken = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: shop}\nspec: {replicas: 2}\nstatus: {}\n";
    let one = "waive: [{check: WRK-003, reason: r, owner: ann, until: 2026-12-01}]\n";
    assert_eq!(asked(broken, one, "WRK-003", ReviewSource::Live).verdict, Readiness::NotReady);
    let two = one.replace("until", "approvedBy: bob, until");
    assert_eq!(asked(broken, &two, "WRK-003", ReviewSource::Live).tally.waived, 1);
}

#[test]
fn what_could_not_be_read_is_unknown_and_never_ready() {
    use drillmaster::{inventory::Gap, model::Unseen};
    let mut object_set = object_set(&web(3), ReviewSource::Live);
    let gap = Gap { why: Unseen::Forbidden, text: "may not".into() };
    object_set.gaps.insert("PodDisruptionBudget.policy".into(), gap);
    let found = review(&object_set, &settings("", "PDB-*"), "example", "full", now());
    assert_eq!(found.verdict, Readiness::CannotDetermine, "{:#?}", found.results);
    assert!(found.results.iter().all(|r| r.state != State::Fail && r.state != State::Pass));
    assert!(found.results.iter().any(|r| r.unseen == Some(Unseen::Forbidden) && r.blocking));
    // An attested finding is set aside because a person vouches for it. It does not count as passed.
    let word = "attest: [{check: PDB-*, statement: looked at by hand, by: ann, until: 2026-12-01}]\n";
    let attested = review(&object_set, &settings(word, "PDB-*"), "example", "full", now());
    assert!(attested.tally.waived > 0 && attested.tally.pass == 0 && attested.verdict == Readiness::CannotDetermine);
}

#[test]
fn only_what_is_new_counts_against_a_baseline() {
    let before = asked(&sample(), "", "PDB-003", ReviewSource::Manifests);
    assert_eq!(before.verdict, Readiness::NotReady);
    let mut same = before.clone();
    against_baseline(&mut same, &before);
    assert_eq!(same.verdict, Readiness::ReadyWithWarnings);
    let mut more = asked(
        &(sample() + &budget("{maxUnavailable: 0, selector: {}}", "other")),
        "",
        "PDB-003",
        ReviewSource::Manifests,
    );
    against_baseline(&mut more, &before);
    assert_eq!((more.verdict, more.results.iter().filter(|r| r.known).count()), (Readiness::NotReady, 1));
}

fn program(args: &[&str], input: &str) -> (Option<i32>, String, String) {
    use std::{io::Write, process::Stdio};
    let mut command = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
    let mut child = command
        .arg("check")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (out.status.code(), text(out.stdout), text(out.stderr))
}

#[test]
fn the_program_and_its_exit_codes() {
    let whole = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n---\nkind: [\n---\n".to_owned() + &web(2);
    let (code, out, err) = program(&["-"], &whole);
    assert_eq!(code, Some(2), "{err}");
    assert!(out.contains("note: <stdin>:5: this is not YAML") && out.contains("Deployment shop/web"), "{out}");
    assert_eq!(program(&["-"], "").0, Some(2));
    assert_eq!(program(&["-", "--allow-empty"], "").0, Some(4));
    assert_eq!(program(&["-"], &web(2)).0, Some(3));
    assert_eq!(program(&["-", "--exit-zero"], &web(2)).0, Some(0));
    assert_eq!(program(&["-", "--only", "IMG-002"], &web(2)).0, Some(0));
    assert_eq!(program(&["-", "--only", "RES-002"], &web(2)).0, Some(0));
    assert_eq!(program(&["-", "--only", "RES-002", "--strict"], &web(2)).0, Some(3));
    let (code, _, err) = program(&["-", "--only", "XYZ-*"], &web(2));
    assert!(code == Some(2) && err.contains("no check has this name"), "{err}");
    let (code, _, err) = program(&["-", "--output", "xml"], &web(2));
    assert!(code == Some(2) && err.contains("possible values: human, json, sarif"), "{err}");
    let (code, _, err) = program(&["-", "--write", "xml=a.xml"], &web(2));
    assert!(code == Some(2) && err.contains("one of human, json") && err.contains("did you mean"), "{err}");
    let (code, _, err) = program(&["-", "--write", "html"], &web(2));
    assert!(code == Some(2) && err.contains("give a file"), "{err}");
    let (code, _, err) = program(&["/no/such/file"], "");
    assert!(code == Some(2) && err.contains("cannot read /no/such/file"), "{err}");
    let (code, _, err) = program(&[], "");
    assert!(code == Some(2) && err.contains("--context NAME"), "{err}");
    let (code, _, err) = program(&["-"], "image: {{ .Values.image }}\n");
    assert!(code == Some(2) && err.contains("Helm template"), "{err}");
    let old = "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: b, namespace: shop}\nspec: {maxUnavailable: 1}\n";
    let at =
        |version: &str| program(&["-", "--only", "API-001", "--output", "json", "--kubernetes-version", version], old);
    for (version, said) in [("v1.24.3", "is deprecated since"), ("1.25", "was removed in 1.25")] {
        let (_, out, err) = at(version);
        assert!(out.contains(said), "{version}: {out}{err}");
    }
    let (code, _, err) = at("2.0");
    assert!(code == Some(2) && err.contains("write it like 1.34"), "{err}");
}

#[test]
fn scans_and_another_environment_beside_manifests() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let scan = |fixed: &str| {
        format!(
            r#"{{"SchemaVersion": 2, "ArtifactName": "i:1", "Results": [{{"Vulnerabilities":
               [{{"VulnerabilityID": "CVE-1", "Severity": "CRITICAL", "FixedVersion": "{fixed}"}}]}}]}}"#
        )
    };
    let bad = write("bad.json", &scan("2"));
    let (code, out, err) = program(&["-", "--only", "IMG-004,IMG-005", "--scan", &bad, "--strict"], &web(2));
    assert!(code == Some(3) && out.contains("1 critical vulnerabilities with a fix: CVE-1 (Trivy"), "{out}{err}");
    let good = write("good.json", &scan(""));
    assert_eq!(program(&["-", "--only", "IMG-004,IMG-005", "--scan", &good, "--strict"], &web(2)).0, Some(0));
    let none = write("none.json", "{\"kind\": \"Pod\"}");
    let (code, _, err) = program(&["-", "--scan", &none], &web(2));
    assert!(code == Some(2) && err.contains("none.json: its format is not supported"), "{err}");
    let same = write("same.yaml", &web(5));
    let (code, out, _) = program(&["-", "--only", "DRF-002", "--target", &same, "--strict"], &web(2));
    assert_eq!(code, Some(0), "{out}");
    let other = write("other.yaml", &web(2).replace("i:1", "i:2"));
    let (code, out, _) = program(&["-", "--only", "DRF-002", "--target", &other, "--strict"], &web(2));
    assert!(code == Some(3) && out.contains("i:1 here, i:2 there"), "{out}");
    let (code, _, err) = program(&["-", "--prometheus", "http://localhost:1"], &web(2));
    assert!(code == Some(2) && err.contains("--context"), "{err}");
}

#[test]
fn what_code_scanning_takes() {
    let review = asked(&sample(), "", "*", ReviewSource::Manifests);
    let read: serde_sarif::sarif::Sarif = serde_json::from_str(&report::review_sarif(&review)).unwrap();
    let run = &read.runs[0];
    let rules: BTreeSet<&str> = run.tool.driver.rules.iter().flatten().map(|r| r.id.as_str()).collect();
    let results = run.results.as_deref().unwrap_or_default();
    assert!(!results.is_empty() && results.iter().all(|r| rules.contains(r.rule_id.as_deref().unwrap_or(""))));
}

#[test]
fn names_from_files_are_inert() {
    let text = web(2).replace("name: web, namespace", "name: \"<script>|\\e[31m\", namespace");
    let review = asked(&text, "", "*", ReviewSource::Manifests);
    let (human, markdown) =
        (report::review_human(&review, true, report::GroupBy::Check), report::review_markdown(&review));
    assert!(!human.contains('\u{1b}') && !markdown.contains('\u{1b}') && !markdown.contains("<script>"));
    assert!(report::review_junit(&review).contains("&lt;script&gt;"));
}

#[test]
fn the_page_of_checks_is_current() {
    crate::golden::check_at("docs/checks.md", &page());
    assert!(explain("PDB-003").unwrap().contains("Rule:") && explain("nothing").is_none());
}

#[test]
fn what_a_person_reads_of_a_review() {
    let review = asked(&sample(), "", "*", ReviewSource::Manifests);
    crate::golden::check("check.txt", &report::review_human(&review, false, report::GroupBy::Check));
}

proptest::proptest! {
    /// Objects of any shape must cause neither a panic nor an error of a check.
    #[test]
    fn no_object_breaks_a_check(kind in 0..KINDS.len(), spec in value(4), status in value(3)) {
        let (api, kind) = KINDS[kind];
        let object = serde_json::json!({"apiVersion": api, "kind": kind, "metadata": {"name": "x", "namespace": "shop"},
            "spec": spec, "status": status, "data": spec, "rules": spec, "subjects": spec, "roleRef": status, "webhooks": spec});
        let mut object_set = ObjectSet { source: ReviewSource::Live, at: Some(now()), ..ObjectSet::default() };
        read_text(&mut object_set, "x", &(object.to_string() + "\n---\n" + &web(2)));
        object_set.settle();
        let found = review(&object_set, &ReviewSettings::default(), "x", "full", now());
        proptest::prop_assert_eq!(found.tally.error, 0, "{:#?}", found.results);
    }
}

const KINDS: [(&str, &str); 16] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "CronJob"),
    ("v1", "Pod"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "PersistentVolume"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("networking.k8s.io/v1", "Ingress"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("velero.io/v1", "Backup"),
    ("external-secrets.io/v1", "ExternalSecret"),
];

/// Values that contain the words for which checks look.
fn value(depth: u32) -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
    use proptest::prelude::*;
    let words = [
        "template",
        "spec",
        "containers",
        "name",
        "image",
        "selector",
        "matchLabels",
        "matchExpressions",
        "ports",
        "port",
        "ingress",
        "from",
        "minAvailable",
        "replicas",
        "volumes",
        "env",
        "rules",
        "verbs",
        "metadata",
        "labels",
        "phase",
        "conditions",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[a-z%*]{0,5}".prop_map(Into::into),
        Just("99999999999999999999%".into()),
    ];
    leaf.prop_recursive(depth, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
            proptest::collection::btree_map(proptest::sample::select(words.to_vec()), inner, 0..5)
                .prop_map(|m| serde_json::Value::Object(m.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}
