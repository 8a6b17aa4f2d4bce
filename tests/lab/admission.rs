//! Which pods a namespace admits: the Pod Security Standards of the review, compared with the admission of a real API
//! server. Nothing is created: each pod is sent as a dry run to a namespace that enforces a level in a version. The pods
//! are those of the module's own tests, and mixtures of two of them.

use std::collections::{BTreeMap, BTreeSet};

use drillmaster::{
    inventory::{ObjectSet, ReviewSource, read_text},
    model::{Review, State},
    readiness::{ReviewSettings, review},
};
use serde_json::{Value, json};

use super::{
    asked::{Asked, Call},
    hollow::{Hollow, wait_for},
    shuffled::Shuffled,
};

/// The pods of the module's own tests: each setting of each control, one that passes and one that fails.
const PODS: &str = include_str!("../data/pod-security.jsonl");

/// A level of the standards, with the minor version of its rules.
type Rules = (&'static str, u32);

/// The newest version of the rules.
const NEWEST: u32 = 37;

/// A namespace that enforces rules.
fn namespace((level, minor): Rules) -> String {
    format!("{level}-1-{minor}")
}

/// The namespace that enforces nothing. What it does not admit, the API server refuses for another reason.
const OPEN: &str = "open";

/// The pods of the module, and as many mixtures: the lists of one, and the other settings of two.
fn pods() -> Vec<Value> {
    let pod = |(i, line): (usize, &str)| {
        let line: Value = serde_json::from_str(line).unwrap();
        let meta = json!({"name": format!("pod-{i}"), "annotations": line["annotations"]});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": line["spec"]})
    };
    let mut pods: Vec<Value> = PODS.lines().skip(1).enumerate().map(pod).collect();
    let (own, mut shuffled) = (pods.len(), Shuffled::of(37));
    for i in own..own * 2 {
        let (mut mixed, other) = (pods[shuffled.below(own)].clone(), shuffled.below(own));
        json_patch::merge(&mut mixed["spec"], &pods[other]["spec"]);
        mixed["metadata"]["name"] = format!("pod-{i}").into();
        pods.push(mixed);
    }
    pods
}

/// The rules by which each pod is judged: at both ends of each range of versions for which the module has a result. A
/// mixture is judged by the newest rules and by those of one other version.
fn cases() -> BTreeSet<(Rules, usize)> {
    let mut cases = BTreeSet::new();
    for (i, line) in PODS.lines().skip(1).enumerate() {
        let line: Value = serde_json::from_str(line).unwrap();
        for level in ["baseline", "restricted"] {
            for result in ["pass", "fail"] {
                let ranges: Vec<[u32; 2]> =
                    serde_json::from_value(line[format!("{level} {result}")].clone()).unwrap_or_default();
                cases.extend(ranges.into_iter().flatten().map(|minor| ((level, minor), i)));
            }
        }
    }
    let (own, mut shuffled) = (PODS.lines().count() - 1, Shuffled::of(29));
    let minors: Vec<u32> = cases.iter().map(|((_, minor), _)| *minor).collect::<BTreeSet<_>>().into_iter().collect();
    for i in own..own * 2 {
        for minor in [NEWEST, minors[shuffled.below(minors.len())]] {
            cases.extend([(("baseline", minor), i), (("restricted", minor), i)]);
        }
    }
    cases
}

/// What the review says of pods, by their names.
struct Judged(Review);

impl Judged {
    fn of(pods: &[&Value], minor: u32) -> Self {
        let mut object_set = ObjectSet { source: ReviewSource::Manifests, ..ObjectSet::default() };
        let text = |pod: &&Value| {
            let mut pod = (*pod).clone();
            pod["metadata"]["namespace"] = "shop".into();
            format!("{pod}\n---\n")
        };
        let text: String = pods.iter().map(text).collect();
        read_text(&mut object_set, "pods.yaml", &text);
        assert!(!object_set.broken, "{:?}", object_set.notes);
        object_set.settle();
        let only = vec!["PSS-001".to_owned(), "PSS-002".to_owned()];
        let settings = ReviewSettings { only, kubernetes: Some(minor), keep_passes: true, ..ReviewSettings::default() };
        Self(review(&object_set, &settings, "pods", "full", jiff::Timestamp::now()))
    }

    /// Whether a pod keeps to a level.
    fn admits(&self, level: &str, pod: &str) -> bool {
        let fails = |check: &str| {
            self.0.results.iter().any(|r| r.check == check && r.state == State::Fail && r.subject.name == pod)
        };
        let check = if level == "baseline" { "PSS-001" } else { "PSS-002" };
        let passes = self.0.passes.iter().any(|(id, subject)| id == check && subject.name == pod);
        let refused = fails("PSS-001") || level == "restricted" && fails("PSS-002");
        assert!(passes != refused, "{check} must judge {pod}");
        passes
    }
}

/// Makes the namespaces, and waits for their service accounts, without which no pod is admitted.
fn make(asked: &Asked, lab: &Hollow, rules: &BTreeSet<Rules>) {
    let enforced = |rules: &Rules| {
        let labels = json!({
            "pod-security.kubernetes.io/enforce": rules.0,
            "pod-security.kubernetes.io/enforce-version": format!("v1.{}", rules.1),
        });
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace(*rules), "labels": labels}})
    };
    let open = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OPEN}});
    let spaces: Vec<Value> = rules.iter().map(enforced).chain([open]).collect();
    for (code, body) in asked.all(spaces.iter().map(|n| Call::post("/api/v1/namespaces", n.clone())).collect()) {
        assert_eq!(code, 201, "{body}");
    }
    wait_for("a service account in each namespace", 60, || {
        let all = lab.kubectl(&["get", "serviceaccounts", "--all-namespaces", "--output", "name"]);
        all.lines().filter(|line| line.ends_with("/default")).count() >= spaces.len()
    });
}

/// Whether the API server would create these pods in these namespaces; none if it refuses one for another reason than
/// its policy.
fn admitted(asked: &Asked, all: &[(String, &Value)]) -> Vec<Option<bool>> {
    let call = |(namespace, pod): &(String, &Value)| {
        Call::post(format!("/api/v1/namespaces/{namespace}/pods?dryRun=All"), (*pod).clone())
    };
    let answer = |(code, body): (u16, Value)| match (code, body["reason"].as_str()) {
        (201, _) => Some(true),
        (403, Some("Forbidden")) => Some(false),
        (422, Some("Invalid")) => None,
        _ => panic!("{code}: {body}"),
    };
    asked.all(all.iter().map(call).collect()).into_iter().map(answer).collect()
}

#[test]
#[ignore = "needs the hollow lab"]
fn namespaces_admit_the_pods_that_keep_to_their_level() {
    let lab = Hollow::bare();
    let asked = Asked::of(&lab);
    let (pods, cases) = (pods(), cases());
    let rules: BTreeSet<Rules> = cases.iter().map(|(rules, _)| *rules).collect();
    make(&asked, &lab, &rules);

    // A pod that is refused everywhere says nothing about the standards.
    let everywhere: Vec<_> = pods.iter().map(|pod| (OPEN.to_owned(), pod)).collect();
    let valid = admitted(&asked, &everywhere);
    let invalid: Vec<usize> = (0..pods.len()).filter(|i| valid[*i] != Some(true)).collect();
    let (own, mixed): (Vec<usize>, Vec<usize>) = invalid.iter().copied().partition(|i| *i < pods.len() / 2);
    for i in &own {
        eprintln!("NOT A VALID POD: {}", pods[*i]["spec"]);
    }
    assert!(own.len() < 10, "{} pods of the module are not valid", own.len());
    assert!(mixed.len() < pods.len() / 4, "{} mixtures are not valid", mixed.len());

    let cases: Vec<_> = cases.into_iter().filter(|(_, i)| !invalid.contains(i)).collect();
    let sent: Vec<_> = cases.iter().map(|(rules, i)| (namespace(*rules), &pods[*i])).collect();
    let answers = admitted(&asked, &sent);
    let mut by_minor: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    for ((_, minor), i) in &cases {
        by_minor.entry(*minor).or_default().insert(*i);
    }
    let judge = |(minor, all): (u32, BTreeSet<usize>)| {
        let all: Vec<&Value> = all.into_iter().map(|i| &pods[i]).collect();
        (minor, Judged::of(&all, minor))
    };
    let judged: BTreeMap<u32, Judged> = by_minor.into_iter().map(judge).collect();
    let (mut wrong, mut counted) = (vec![], BTreeMap::new());
    for (((level, minor), i), answer) in cases.iter().zip(answers) {
        let ours = judged[minor].admits(level, &format!("pod-{i}"));
        *counted.entry((*level, ours)).or_insert(0) += 1;
        if answer != Some(ours) {
            wrong.push(format!("{level} 1.{minor}: we say {ours}, the API server {answer:?}: {}", pods[*i]["spec"]));
        }
    }
    eprintln!("{} pods in {} namespaces: {counted:?}", cases.len(), rules.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() > 1_500 && counted.len() == 4, "{counted:?}");
}
