//! Scenario files: the shipped ones, the schemas, and how mistakes are reported.

use std::{fs, path::Path};

use drillmaster::{
    report,
    scenario::{Sources, bindings_schema, load, load_str, scenario_schema, schema_of},
};

use super::golden;

fn here(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn shipped_scenarios_have_no_problem_and_a_hypothesis() {
    let mut count = 0;
    for entry in fs::read_dir(here("scenarios")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "yaml") {
            let loaded =
                load(&path, &Sources { lenient: true, ..Sources::default() }).unwrap_or_else(|p| panic!("{p}"));
            assert!(loaded.scenario.hypothesis.split_whitespace().count() > 15, "{}", path.display());
            assert!(loaded.text.starts_with("# yaml-language-server: $schema=scenario.schema.json"));
            count += 1;
        }
    }
    assert_eq!(count, 15);
}

#[test]
fn schemas_are_current() {
    for (name, schema) in [
        ("scenarios/scenario.schema.json", scenario_schema()),
        ("scenarios/bindings.schema.json", bindings_schema()),
        (
            "scenarios/cluster.schema.json",
            schema_of::<drillmaster::sim::Description>("https://drillmaster.dev/schema/cluster-v1.json"),
        ),
        ("playbooks/playbook.schema.json", drillmaster::exercise::playbook_schema()),
        ("playbooks/people.schema.json", drillmaster::exercise::people_schema()),
        ("playbooks/policy.schema.json", drillmaster::exercise::policy_schema()),
        ("docs/report.schema.json", report::schema()),
    ] {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(here(name), &text).unwrap();
        }
        assert!(
            fs::read_to_string(here(name)).unwrap_or_default() == text,
            "{name} is not current: run `UPDATE_GOLDEN=1 cargo test`"
        );
    }
}

const WRONG: &str = r#"apiVersion: drillmaster.dev/v2
kind: Scenario
metadata: {name: Zone Outage, title: Everything that can be wrong}
hypothesis: Every mistake is told at once.
vars: {zone: a, rto: 8m}
scope: {namespaces: [shop], critical: [pod/web]}
probes:
  - {name: storefront, http: {url: "http://shop"}, every: 250}
  - {name: storefront, tcp: "shop:http"}
steps:
  - name: outage
    killZone: {zone: "${zon}", how: explode}
  - name: outage
    kilNodes: {nodes: [a]}
  - name: lost
    deleteNamespace: {name: other, coveredBy: snapshot}
  - name: heal it
    heal: {fault: outrage}
  - name: wait
    wait: {until: recovered, of: [shopfront]}
expect:
  - service: {probe: storefont, rto: 8 minutes}
  - replica: {workload: deployment/web, ready: 3, within: 5m}
"#;

#[test]
fn every_mistake_at_once_with_its_place() {
    let shape = load_str("wrong.yaml", WRONG, &Sources::default()).unwrap_err();
    golden::check("lint-shape.txt", &shape.render(false));
    // With a correct shape, the mistakes of meaning appear, all of them at once.
    let sense = WRONG
        .replace("${zon}", "${zone}")
        .replace("explode", "kill")
        .replace("pod/web", "deployment/web")
        .replace("every: 250", "every: 250ms")
        .replace("kilNodes", "killNodes")
        .replace("{nodes: [a]}", "{nodes: [a], count: 1, how: kill}")
        .replace("8 minutes", "8m")
        .replace("replica:", "replicas:");
    let sense = load_str("wrong.yaml", &sense, &Sources::default()).unwrap_err();
    golden::check("lint-sense.txt", &sense.render(false));
}

/// An objective, a wait or a body that cannot mean what it says is refused, or causes a warning.
#[test]
fn objectives_that_cannot_be_shown() {
    let text = |wait: &str, body: &str, expect: &str| {
        format!(
            "apiVersion: drillmaster.dev/v1\nkind: Scenario\nmetadata: {{name: n, title: t}}\nhypothesis: h\n\
             scope: {{namespaces: [shop]}}\n\
             probes:\n  - {{name: p, http: {{url: 'http://web.shop.svc', body: {body}}}}}\n\
             steps:\n  - {{name: lost, killZone: {{zone: a, how: kill}}}}\n{wait}  - {{name: back, heal: {{fault: lost}}}}\n\
             expect:\n{expect}"
        )
    };
    let waits = "  - {name: w, wait: {until: recovered, of: [p], atMost: 9m}}\n";
    let service = |rest: &str| format!("  - service: {{probe: p, {rest}}}\n");
    for (wait, body, expect, says) in [
        (waits, "ok", service("rto: 250ms"), "with a sample every 250ms, an objective of 250ms cannot be measured"),
        (waits, "ok", service("rto: 5m, unharmed: true"), "`rto` cannot be combined with `unharmed`"),
        (waits, "ok", service("of: lost"), "this expectation does not say what must hold: `rto` missing"),
        (waits, "ok", service("unharmed: true, after: heal"), "`unharmed` always refers to the time of the fault"),
        (waits, "ok", service("rto: 5m, longest: 1s"), "`longest` can only be used with `unharmed`"),
        (waits, "ok", "  - replicas: {workload: deployment/web, ready: 3}\n".into(), "must be given together"),
        (
            waits,
            "ok",
            "  - replicas: {workload: deployment/web, ready: 0, within: 5m}\n".into(),
            "would accept a workload that never recovers",
        ),
        (waits, "ok", service("rto: 5m, id: a b"), "`a b` is not a valid id"),
        (waits, "ok", service("rto: 5m, id: x") + &service("rto: 6m, id: x"), "two expectations have the id `x`"),
        (waits, "{regex: '('}", service("rto: 5m"), "`(` is not a valid regular expression"),
        (waits, "{json: {pointer: status, equals: up}}", service("rto: 5m"), "`status` is not a JSON Pointer"),
    ] {
        let said =
            load_str("s.yaml", &text(wait, body, &expect), &Sources::default()).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains(says), "{expect}{said}");
    }
    let short = "  - {name: w, wait: {until: recovered, of: [p], atMost: 1m}}\n";
    for (wait, expect, says) in [
        (short, service("rto: 5m"), "the wait ends after 1m, before the objective of 5m"),
        ("", service("rto: 5m"), "the fault is healed immediately"),
        (waits, service("rto: 2s"), "is close to the measurement error of its probe"),
    ] {
        let loaded = load_str("s.yaml", &text(wait, "ok", &expect), &Sources::default()).unwrap();
        let said = loaded.warnings.to_string();
        assert!(
            loaded.warnings.list.len() == 1 && said.starts_with("warning") && said.contains(says),
            "{expect}{said}"
        );
    }
    let fine = load_str("s.yaml", &text(waits, "ok", &service("rto: 5m")), &Sources::default()).unwrap();
    assert!(fine.warnings.list.is_empty());
}

#[test]
fn an_append_log_gets_no_more_lines_than_a_journal_may_count() {
    let problems = |every: &str, duration: &str| {
        let text = format!(
            "apiVersion: drillmaster.dev/v1\nkind: Scenario\nmetadata: {{name: n, title: t}}\nhypothesis: h\n\
             scope: {{namespaces: [shop], critical: [deployment/web]}}\n\
             data:\n  - {{name: orders, every: {every}, http: {{append: 'http://web.shop.svc/a', read: 'http://web.shop.svc/b'}}}}\n\
             steps:\n  - {{name: lost, killZone: {{zone: a, how: kill}}}}\n  - {{name: w, wait: {{for: 10m}}}}\n\
             expect:\n  - replicas: {{workload: deployment/web, ready: 3, within: 5m}}\n\
             limits: {{duration: {duration}}}\n"
        );
        load_str("s.yaml", &text, &Sources::default()).map(|_| ()).map_err(|p| p.to_string())
    };
    assert_eq!(problems("100ms", "13h"), Ok(()));
    let said = problems("100ms", "14h").unwrap_err();
    assert!(said.contains("s.yaml:7") && said.contains("one line every 100ms for 14h"), "{said}");
    assert!(said.contains("gives more than 500000 lines") && said.contains("increase `every`"), "{said}");
}

#[test]
fn yaml_that_is_none_and_yaml_that_is_too_much() {
    for (text, says) in [
        ("", "the file is empty"),
        ("a: [1, 2", "this is not YAML"),
        ("a: 1\na: 2\n", "`a` is given twice"),
        ("a: &x 1\nb: *x\n", "aliases are not supported"),
        ("a: !!int 1\n", "tags are not supported"),
        ("\u{0}", "YAML"),
        ("- just\n- a list\n", "cannot be a list"),
    ] {
        let problems = load_str("odd.yaml", text, &Sources::default()).unwrap_err().to_string();
        assert!(problems.contains(says), "{text:?} says {problems}");
    }
}

#[test]
fn a_secret_is_given_by_reference_only() {
    let text = fs::read_to_string(here("scenarios/zone-outage.yaml"))
        .unwrap()
        .replace("vars: {zone: a,", "vars: {token: {secret: {env: TOKEN}}, zone: a,");
    let sources = |set: &str| Sources {
        set: set.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect(),
        lenient: true,
        ..Sources::default()
    };
    let loaded = load_str("s.yaml", &text, &sources("")).unwrap();
    assert!(loaded.secrets.contains_key("token"));
    let refused = load_str("s.yaml", &text, &sources("token=hunter22")).unwrap_err().to_string();
    assert!(refused.contains("must not be given on the command line") && !refused.contains("hunter22"));
    let unknown = load_str("s.yaml", &text, &sources("zome=b")).unwrap_err().to_string();
    assert!(unknown.contains("did you mean `zone`?"), "{unknown}");
}

const ABOUT: &str = r#"apiVersion: drillmaster.dev/v1
kind: Scenario
metadata:
  name: zone-outage
  title: What a scenario says about itself
  tier: 0
  objectives:
    rto: {target: 5m, reference: "BIA 2026"}
    rpo: {target: 15m}
    mtpd: {target: 4m}
  planUnderTest: {name: " "}
  outOfScope: [payments, ""]
  every: 5m
hypothesis: What is said must agree with what is expected.
scope: {namespaces: [shop]}
probes:
  - {name: storefront, http: {url: "http://shop"}}
data:
  - {name: orders, http: {append: "http://shop/append", read: "http://shop/read"}}
steps:
  - {name: outage, killZone: {zone: a, how: kill}}
expect:
  - service: {probe: storefront, rto: 8m}
  - loss: {data: orders, rpo: 20m}
controls: {soc2: [A1.2, A1.33], dorra: ["11"], internal: [DR-7]}
"#;

#[test]
fn what_a_scenario_says_about_itself_must_agree() {
    let problems = load_str("s.yaml", ABOUT, &Sources::default()).unwrap_err();
    let said: Vec<String> = problems.list.iter().map(|p| format!("{}: {} ({})", p.line, p.what, p.help)).collect();
    assert!(said.iter().any(|s| s.starts_with("6: `tier` is 0 (the minimum is 1")), "{said:#?}");
    // The form first; then the meaning.
    let text = ABOUT.replace("tier: 0", "tier: 1");
    let problems = load_str("s.yaml", &text, &Sources::default()).unwrap_err();
    let said: Vec<String> = problems.list.iter().map(|p| format!("{}: {} ({})", p.line, p.what, p.help)).collect();
    for (line, what, help) in [
        (8, "the RTO of 5m is longer than the MTPD of 4m", ""),
        (11, "the plan under test has no name", "planUnderTest"),
        (12, "an item of `outOfScope` is empty", ""),
        (13, "a drill every 5m is too often", "1h or more"),
        (23, "the expectation allows 8m, but `metadata.objectives` sets an RTO of 5m", "write 5m or less"),
        (24, "the expectation allows 20m, but `metadata.objectives` sets an RPO of 15m", "write 15m or less"),
        (25, "`A1.33` is not in the catalogue of SOC 2", "did you mean `A1.3`?"),
        (25, "`dorra` is not a framework of the catalogue", "did you mean `dora`?"),
    ] {
        assert!(
            said.iter().any(|s| s.starts_with(&format!("{line}: ")) && s.contains(what) && s.contains(help)),
            "{line} {what}: {said:#?}"
        );
    }
    assert_eq!(said.len(), 8, "a framework of your own is allowed: {said:#?}");
}
