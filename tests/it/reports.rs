//! Reports: what they say about a run, and that hostile names in them are harmless.

use std::sync::Arc;

use drillmaster::{
    event::{BudgetSays, Event, Kind, PodView, ProbeRun, StepEnd},
    model::{
        Concern, Environment, Exit, FaultId, Finding, NodeHow, Outcome, Readiness, Revert, Reviewed, Severity, State,
        Tally, Told,
    },
    report,
    verdict::{self, ReadRun},
};
use jiff::{SignedDuration, Timestamp};

use super::{golden, plans};

pub struct Tape(pub Vec<Event>);

impl Tape {
    fn at(&mut self, seconds: f64, kind: Kind) -> &mut Self {
        let t_us = (seconds * 1e6) as u64;
        self.0.push(Event {
            seq: self.0.len() as u64,
            at: Timestamp::UNIX_EPOCH + SignedDuration::from_micros(t_us as i64),
            t_us,
            epoch: 1,
            prev: String::new(),
            must: kind.must(),
            event: kind,
        });
        self
    }
}

/// A readiness review with one finding that blocks and one that is waived.
fn reviewed(evil: &str) -> Box<Reviewed> {
    let concern = |check: &str, state, blocking, waiver: &str| Concern {
        check: check.into(),
        title: "Every PodDisruptionBudget allows a disruption".into(),
        state,
        severity: Severity::Critical,
        blocking,
        objects: 2,
        observed: format!("PodDisruptionBudget shop/web{evil}: it demands 3 of 3 pods"),
        waiver: waiver.into(),
        remedies: vec![],
    };
    Box::new(Reviewed {
        verdict: Readiness::ReadyWithWarnings,
        environment: Environment::Staging,
        at: "2026-01-01T00:00:00Z".into(),
        tally: Tally { pass: 40, fail: 2, waived: 2, ..Tally::default() },
        concerns: vec![
            concern("PDB-003", State::Fail, true, ""),
            concern("PDB-004", State::Waived, false, &format!("sre@example.com: {evil}")),
        ],
    })
}

fn probe(from: f64, to: f64, n: u32, ok: bool) -> Kind {
    let (from_us, to_us) = ((from * 1e6) as u64, (to * 1e6) as u64);
    Kind::ProbeSegment {
        probe: "storefront".into(),
        file: String::new(),
        sha256: String::new(),
        from_us,
        to_us,
        n,
        failed: if ok { 0 } else { n },
        max_ms: 5,
        late: 0,
        runs: vec![ProbeRun {
            from_us,
            to_us,
            n,
            ok,
            lost: false,
            first_took_us: 0,
            last_took_us: 0,
            longest_unseen_us: 0,
            error: if ok { "".into() } else { "no connection".into() },
        }],
    }
}

fn pod(name: &str, node: &str, ready: bool) -> Kind {
    Kind::PodSeen {
        pod: Arc::new(PodView {
            namespace: "shop".into(),
            name: name.into(),
            uid: format!("uid-{name}"),
            owner: "deployment/web".into(),
            node: node.into(),
            phase: "Running".into(),
            ready,
            terminating: false,
            disruption: String::new(),
            aside: false,
        }),
        resource_version: String::new(),
    }
}

fn orders(number: usize, node: &str, ready: bool) -> Kind {
    let Kind::PodSeen { mut pod, resource_version } = pod(&format!("orders-{number}"), node, ready) else {
        unreachable!()
    };
    Arc::make_mut(&mut pod).owner = "statefulset/orders".into();
    Kind::PodSeen { pod, resource_version }
}

fn node(name: &str, zone: &str, ready: &str) -> Kind {
    Kind::NodeSeen {
        node: name.into(),
        uid: format!("uid-{name}"),
        zone: zone.into(),
        ready: ready.into(),
        unschedulable: false,
        taints: vec![],
        resource_version: String::new(),
    }
}

fn alert(source: &str, node: &str, state: &str) -> Kind {
    let labels = [("alertname", "NodeNotReady"), ("node", node)].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    if state.is_empty() {
        return Kind::AlertGone { source: source.into(), name: "NodeNotReady".into(), labels };
    }
    Kind::AlertSeen {
        source: source.into(),
        name: "NodeNotReady".into(),
        labels,
        state: state.into(),
        since: None,
        receivers: vec!["oncall".into()],
        suppressed_by: vec![],
    }
}

/// A zone outage that goes well. `evil` is added to names that appear in the reports.
pub fn outage(evil: &str) -> Tape {
    let mut plan = plans::plan("zone-outage");
    plan.title = format!("A zone loses power {evil}");
    plan.hash = "…".into();
    plan.scenario_hash = "…".into();
    let mut tape = Tape(vec![]);
    tape.at(
        0.0,
        Kind::RunStarted {
            format: "1.0".into(),
            run_id: "20260101t000000000-zone-outage".into(),
            tool: "drillmaster 0.1.0".into(),
            scenario: "zone-outage".into(),
            title: plan.title.clone(),
            scenario_hash: "…".into(),
            plan_hash: "…".into(),
            clusters: vec![plan.cluster.clone()],
            operator: "ops".into(),
            host: "laptop".into(),
            way_back: Box::default(),
            clock: None,
            previous: None,
            variables: Default::default(),
            from_cluster: false,
        },
    )
    .at(0.0, Kind::PlanFrozen { plan: Box::new(plan.clone()) });
    for n in ["a-0", "a-1", "b-0", "b-1", "c-0", "c-1"] {
        tape.at(0.1, node(&format!("node-{n}"), &n[..1], "True"));
    }
    for (i, n) in ["node-a-0", "node-b-0", "node-c-0"].iter().enumerate() {
        tape.at(0.2, pod(&format!("web-{i}"), n, true));
        tape.at(0.2, orders(i, n, true));
    }
    let web = Kind::WorkloadSeen { namespace: "shop".into(), workload: "deployment/web".into(), wanted: 3, ready: 3 };
    tape.at(0.2, web);
    tape.at(
        0.1,
        Kind::PreflightDone {
            findings: vec![Finding::pass("nodes-ready", evil)],
            review: Some(reviewed(evil)),
            rests_on: None,
        },
    );
    tape.at(0.2, probe(0.0, 5.0, 21, true)).at(5.0, Kind::Armed { unwind_deadline_us: 0 });
    tape.at(
        5.0,
        Kind::StepStarted {
            step: "outage".into(),
            verb: "killZone".into(),
            does: Told::of_journal(evil),
            expected_us: None,
        },
    );
    for target in &plan.steps[0].nodes {
        let fault = FaultId(format!("outage/{}", target.name));
        let revert = Revert::NodePower {
            node: target.clone(),
            host: "exec".into(),
            machine: target.name.clone(),
            how: NodeHow::Kill,
            addresses: Default::default(),
            routes: vec![],
            command: vec!["power".into(), "on".into(), target.name.clone()],
        };
        tape.at(
            5.1,
            Kind::FaultIntended {
                fault: fault.clone(),
                step: "outage".into(),
                target: format!("node {}", target.name),
                revert,
            },
        );
        tape.at(5.2, Kind::FaultApplied { fault, sent_us: 5_100_000, acknowledged_us: 5_200_000 });
    }
    tape.at(
        5.2,
        Kind::StepFinished {
            step: "outage".into(),
            end: StepEnd::Done,
            detail: Told::of_journal(format!("killed {evil}")),
        },
    );
    tape.at(6.0, probe(5.5, 50.0, 40, false));
    for n in ["node-a-0", "node-a-1"] {
        tape.at(50.0, node(n, "a", "Unknown"));
        tape.at(55.0, alert("prometheus", n, "firing")).at(56.0, alert("alertmanager-0", n, "active"));
    }
    for (pod, owner, budget) in [
        ("web-1", "deployment/web", "web"),
        ("web-2", "deployment/web", "web"),
        ("orders-1", "statefulset/orders", "orders"),
    ] {
        tape.at(
            52.0,
            Kind::EvictionAnswered {
                step: "outage".into(),
                namespace: "shop".into(),
                pod: pod.into(),
                owner: owner.into(),
                dry_run: true,
                code: 429,
                reason: "DisruptionBudget".into(),
                message: "".into(),
                expected: BudgetSays::Refused,
                budget: budget.into(),
            },
        );
    }
    tape.at(58.0, probe(50.5, 62.0, 40, true))
        .at(51.0, orders(0, "node-a-0", false))
        .at(60.0, pod("web-0", "node-a-0", false))
        .at(60.5, pod("web-3", "node-b-1", true));
    for target in &plan.steps[0].nodes {
        let fault = FaultId(format!("outage/{}", target.name));
        tape.at(66.0, Kind::RevertStarted { fault, attempt: 1 });
    }
    tape.at(72.0, orders(0, "node-a-0", true));
    for target in &plan.steps[0].nodes {
        tape.at(70.0, node(&target.name, "a", "True"));
        tape.at(
            70.5,
            Kind::FaultReverted { fault: FaultId(format!("outage/{}", target.name)), evidence: "node is Ready".into() },
        );
        tape.at(75.0, alert("prometheus", &target.name, "")).at(76.0, alert("alertmanager-0", &target.name, ""));
    }
    tape.at(77.0, probe(62.25, 77.0, 59, true));
    tape
}

pub fn ended(mut tape: Tape) -> Vec<Event> {
    let verdict = verdict::judge(&tape.0);
    let exit = verdict.exit();
    let judged = Kind::Judged {
        rules: verdict::RULES,
        tool: verdict::TOOL.into(),
        up_to: 0,
        outcome: verdict.outcome,
        judgements: verdict.judgements,
    };
    tape.at(78.0, judged);
    tape.at(78.0, Kind::RunEnded { exit, detail: exit.meaning().into() });
    tape.0
}

#[test]
fn the_report_of_a_good_drill() {
    let events = ended(outage(""));
    let story = report::story_of_events(&events);
    assert_eq!((story.outcome, story.exit), (Some(Outcome::Pass), Some(Exit::Passed)), "{:#?}", story.judgements);
    let document = report::document(&story, &ReadRun::of(&events), &report::Beside::default());
    golden::check("report.md", &report::markdown(&document));
    golden::check("summary.txt", &report::summary(&story, false));
    let junit = report::junit(&story);
    golden::check("junit.xml", &junit);
    let lines: Vec<String> = events.iter().filter_map(report::line).collect();
    golden::check("progress.txt", &(lines.join("\n") + "\n"));
    let schema = report::schema();
    let json: serde_json::Value = serde_json::from_str(&report::json(&story, &document)).unwrap();
    for required in schema["required"].as_array().unwrap() {
        assert!(json.get(required.as_str().unwrap()).is_some(), "{required}");
    }
}

/// Code scanning gets one result for each thing that is wrong and none for what is right. The counts are those of the
/// other formats.
#[test]
fn what_failed_is_a_result_for_code_scanning() {
    let sarif = |events: &[Event]| -> serde_json::Value {
        serde_json::from_str(&report::sarif(&report::story_of_events(events))).unwrap()
    };
    let good = sarif(&ended(outage("")));
    assert_eq!(good["runs"][0]["results"], serde_json::json!([]));
    let missing = without(outage(""), |k| matches!(k, Kind::PodSeen { pod, .. } if pod.name == "web-3"));
    let story = report::story_of_events(&missing);
    let wrong = story.judgements.iter().filter(|j| matches!(j.outcome, Outcome::Fail | Outcome::Inconclusive)).count();
    let bad = sarif(&missing);
    let results = bad["runs"][0]["results"].as_array().unwrap();
    assert!(wrong > 0 && results.len() == wrong, "{results:#?}");
    let rules = bad["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    for result in results {
        assert!(rules.iter().any(|r| r["id"] == result["ruleId"]), "{result}");
        assert!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].is_string());
    }
}

#[test]
fn hostile_names_are_inert_everywhere() {
    let evil = "<script>alert(1)</script>\u{1b}[2J|`rm`\n# heading \"'&";
    let events = ended(outage(evil));
    let story = report::story_of_events(&events);
    let document = report::document(&story, &ReadRun::of(&events), &report::Beside::default());
    let html = report::html(&document);
    assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"));
    let outward = html.replace("href=\"#", "");
    for loads in ["src=", "href=", "url(", "@import"] {
        assert!(!outward.contains(loads), "{loads}: the report must not load anything from elsewhere");
    }
    let markdown = report::markdown(&document);
    assert!(!markdown.contains("<script>") && !markdown.contains("\n# heading"));
    assert!(!report::junit(&story).contains('\u{1b}'));
    for line in events.iter().filter_map(report::line) {
        assert!(!line.contains('\u{1b}'), "{line:?} contains an escape sequence");
    }
    assert!(!report::summary(&story, false).contains('\u{1b}'));
}

fn outcome(events: &[Event], word: &str) -> (Outcome, String) {
    let verdict = verdict::judge(events);
    let found = verdict.judgements.iter().find(|j| j.expectation.contains(word)).unwrap();
    (found.outcome, found.because.to_string())
}

fn without(tape: Tape, drop: impl Fn(&Kind) -> bool) -> Vec<Event> {
    tape.0.into_iter().filter(|e| !drop(&e.event)).collect()
}

#[test]
fn what_was_not_seen_is_never_a_pass() {
    let no_alert =
        without(outage(""), |k| matches!(k, Kind::AlertSeen { source, .. } if source.starts_with("alertmanager")));
    assert_eq!(
        outcome(&no_alert, "alert").0,
        Outcome::Inconclusive,
        "the observation was too short to know that the alert never came"
    );
    let no_answers = without(outage(""), |k| matches!(k, Kind::EvictionAnswered { .. }));
    assert_eq!(outcome(&no_answers, "budget").0, Outcome::Inconclusive);
    let mut late_answers = outage("");
    for event in &mut late_answers.0 {
        if matches!(event.event, Kind::EvictionAnswered { .. }) {
            event.t_us = 66_500_000;
        }
    }
    late_answers.0.sort_by_key(|e| e.t_us);
    let (budget, why) = outcome(&late_answers.0, "budget");
    assert_eq!(budget, Outcome::Inconclusive, "the undo had begun: {why}");
    let elsewhere =
        without(outage(""), |k| matches!(k, Kind::PodSeen { pod, .. } if pod.name == "web-0" && !pod.ready));
    let mut elsewhere = Tape(elsewhere);
    elsewhere.at(58.0, pod("web-1", "node-b-0", false)).at(59.0, pod("web-1", "node-b-0", true));
    elsewhere.0.sort_by_key(|e| e.t_us);
    let (replicas, why) = outcome(&elsewhere.0, "deployment/web has");
    assert_eq!(replicas, Outcome::Inconclusive, "a pod that the fault did not hit became unready: {why}");
    assert!(why.contains("stayed Ready"), "{why}");
    let no_samples = without(outage(""), |k| matches!(k, Kind::ProbeSegment { from_us, .. } if *from_us > 5_000_000));
    assert_eq!(outcome(&no_samples, "storefront").0, Outcome::Inconclusive, "a probe without samples proves nothing");
    let no_fault = without(outage(""), |k| {
        matches!(k, Kind::FaultIntended { .. } | Kind::FaultApplied { .. } | Kind::FaultReverted { .. })
    });
    for j in verdict::judge(&no_fault).judgements {
        assert_ne!(j.outcome, Outcome::Pass, "{}", j.expectation);
    }
    let mut blind = outage("");
    blind.at(77.5, Kind::ContactRegained { cluster: "cluster".into(), blind_from_us: 20_000_000 });
    assert_eq!(outcome(&blind.0, "never below").0, Outcome::Inconclusive, "a blind interval must not have a minimum");
}

#[test]
fn a_run_that_was_picked_up_claims_nothing_that_nobody_saw() {
    let mut tape = without(outage(""), |k| {
        matches!(k, Kind::PodSeen { pod, .. } if pod.name == "web-0" && !pod.ready)
            || matches!(k, Kind::PodSeen { pod, .. } if pod.name == "web-3")
    });
    tape.retain(|e| e.t_us < 5_300_000 || matches!(e.event, Kind::FaultReverted { .. }));
    for event in tape.iter_mut().filter(|e| matches!(e.event, Kind::FaultReverted { .. })) {
        event.epoch = 2;
    }
    for j in verdict::judge(&tape).judgements {
        assert!(j.outcome != Outcome::Pass || j.expectation.contains("budget"), "{}: {}", j.expectation, j.because);
    }
}

#[test]
fn what_was_seen_otherwise_is_a_fail() {
    let mut swallowed = outage("");
    swallowed.at(55.5, alert("alertmanager-0", "node-a-0", "suppressed"));
    swallowed.0.sort_by_key(|e| e.t_us);
    // Active afterwards: the silence may have ended, and then people were told.
    assert!(
        matches!(outcome(&swallowed.0, "alert"), (Outcome::Inconclusive, why) if why.contains("was suppressed by"))
    );
    swallowed.0.retain(|e| {
        !matches!(&e.event, Kind::AlertSeen { state, labels, .. }
        if state == "active" && labels.get("node").is_some_and(|node| node == "node-a-0"))
    });
    assert!(matches!(outcome(&swallowed.0, "alert"), (Outcome::Fail, why) if why.contains("was suppressed by")));
    // Active first: somebody may have been told before it was silenced.
    let mut late = outage("");
    late.at(57.0, alert("alertmanager-0", "node-a-0", "suppressed"));
    late.0.sort_by_key(|e| e.t_us);
    assert_eq!(outcome(&late.0, "alert").0, Outcome::Inconclusive);
    let mut no_replacement = without(outage(""), |k| matches!(k, Kind::PodSeen { pod, .. } if pod.name == "web-3"));
    // If the observation is cut short, nothing is known. If it is long enough, the expectation failed.
    assert_eq!(outcome(&no_replacement, "deployment/web has").0, Outcome::Inconclusive);
    let mut late = no_replacement.last().unwrap().clone();
    late.t_us = 600_000_000;
    no_replacement.push(late);
    let (outcome_of, why) = outcome(&no_replacement, "deployment/web has");
    assert_eq!(outcome_of, Outcome::Fail, "{why}");
    let mut allowed = outage("");
    allowed.at(
        53.0,
        Kind::EvictionAnswered {
            step: "outage".into(),
            namespace: "shop".into(),
            pod: "web-1".into(),
            owner: "deployment/web".into(),
            dry_run: true,
            code: 201,
            reason: String::new(),
            message: "".into(),
            expected: BudgetSays::Refused,
            budget: "web".into(),
        },
    );
    assert_eq!(outcome(&allowed.0, "budget").0, Outcome::Fail);
}
