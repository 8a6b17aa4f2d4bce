//! Impossible entries are refused. The message gives the line and says what to write instead.

use super::shop;

/// Wrong entries, each with a part of its message.
const WRONG: &[(&str, &str)] = &[
    ("{what: {velero: {does: storeUnavailable}}}", "the entry never begins: add `at: 30s`"),
    ("{at: 1s, after: {step: a}, what: {nodeReturns: {node: any}}}", "exclude each other"),
    ("{at: 1s, delay: 1s, what: {nodeReturns: {node: any}}}", "`delay` needs `after`"),
    ("{at: 1s, for: 0s, what: {velero: {does: storeUnavailable}}}", "`for: 0s` has no effect"),
    ("{at: 1s, for: 5s, what: {nodeReturns: {node: any}}}", "happens in an instant"),
    (
        "{at: 1s, what: {nodeReturns: {node: node-x-0}}}",
        "`node-x-0` does not exist: did you mean `node-a-0`? write one of node-a-0, node-a-1",
    ),
    ("{after: {seen: {nodeSilent: nod}}, what: {nodeReturns: {node: any}}}", "Node `nod` does not exist"),
    ("{after: {seen: {alertFires: Nope}}, what: {nodeReturns: {node: any}}}", "write one of NodeNotReady"),
    (
        "{after: {seen: {objectMade: {object: widget}}}, what: {nodeReturns: {node: any}}}",
        "does not support kind `widget`",
    ),
    ("{after: {seen: {objectMade: {object: pod}}}, what: {nodeReturns: {node: any}}}", "add `namespace: NAME`"),
    (
        "{at: 1s, what: {patch: {object: service/wbe, namespace: shop, patch: {a: 1}}}}",
        "did you mean `web`? write one of orders, sessions, web",
    ),
    ("{at: 1s, what: {patch: {object: service/web, patch: {a: 1}}}}", "add `namespace: NAME`"),
    ("{at: 1s, what: {patch: {object: service/web, namespace: shop, patch: {}}}}", "`patch` changes nothing"),
    ("{at: 1s, what: {label: {object: node/node-a-0, labels: {}}}}", "`labels` is empty"),
    ("{at: 1s, what: {scale: {workload: service/web, namespace: shop, replicas: 1}}}", "is not a workload"),
    ("{at: 1s, what: {silence: {matchers: {}}}}", "the silence has no matchers"),
    ("{at: 1s, what: {silence: {matchers: {a: b}, alertmanager: third}}}", "write one of alertmanager, second"),
    ("{at: 1s, what: {inhibition: {source: {}, target: {a: b}}}}", "labels in `source` and in `target`"),
    ("{at: 1s, what: {rule: {alert: Nope, does: fails}}}", "alert `Nope` does not exist"),
    ("{at: 1s, what: {source: {source: grafana, does: gone}}}", "source `grafana` does not exist"),
    ("{at: 1s, what: {skew: {source: prometheus}}}", "write either `ahead` or `behind`"),
    ("{at: 1s, what: {skew: {source: vault, ahead: 1s}}}", "clock `vault` does not exist"),
    ("{at: 1s, what: {watches: {does: stall, of: widgets}}}", "does not support kind `widgets`"),
    ("{at: 1s, what: {readiness: {workload: deployment/web, namespace: shop, does: flaps, every: 10ms}}}", "too short"),
    ("{at: 1s, what: {answers: {service: web, namespace: shop}}}", "the entry changes no answer"),
    (
        "{at: 1s, what: {answers: {service: web, namespace: shop, hangs: true, status: 500}}}",
        "`hangs: true` never answers",
    ),
    ("{at: 1s, what: {answers: {service: web, namespace: shop, status: 99}}}", "between 100 and 599"),
    ("{at: 1s, what: {log: {pod: orders-9, namespace: shop, does: loses}}}", "write one of orders-0, orders-1"),
    ("{at: 1s, what: {log: {pod: orders-0, namespace: shop, does: loses, oneIn: 0}}}", "affects no line"),
    ("{at: 1s, what: {volumeData: {claim: data, namespace: shop, does: altered}}}", "write one of data-orders-0"),
    ("{at: 1s, what: {backup: {name: b, age: 1h, namespaces: []}}}", "the backup contains nothing"),
    ("{at: 1s, what: {backup: {name: b, age: 1h, namespaces: [shop], schedule: weekly}}}", "write one of nightly"),
    ("{at: 1s, what: {nodeHost: {node: any}}}", "does not change what the host does"),
    ("{at: 1s, what: {autoscaler: {workload: deployment/web, namespace: shop, min: 3, max: 3}}}", "less than `max`"),
    ("{at: 1s, what: {gitOps: {objects: [], namespace: shop}}}", "`objects` is empty"),
    ("{at: 1s, what: {explode: {}}}", "explode"),
    ("{at: 1s, what: {nodeReturns: {node: any, twice: true}}}", "twice"),
    ("{at: 5, what: {nodeReturns: {node: any}}}", "write a number with a unit"),
];

#[test]
fn a_wrong_entry_is_refused_with_its_line() {
    for (entry, said) in WRONG {
        let fine = "{at: 1s, what: {nodeReturns: {node: any}}}";
        let why = shop(&[fine, entry]).expect_err(entry);
        assert!(why.contains(said), "{entry}\n{why}");
        assert!(why.contains("line ") || why.contains("--> cluster:"), "{entry}\n{why}");
        assert!(
            !why.contains("happens[") || !why.contains("\nhappens"),
            "the message contains more than one mistake: {why}"
        );
    }
}

#[test]
fn a_step_that_the_scenario_does_not_have_is_refused() {
    let shop = shop(&["{after: {step: outge}, what: {nodeReturns: {node: any}}}"]).unwrap();
    let why = shop.fits(&["outage", "power back"]).expect_err("a typing error must be refused");
    assert!(why.starts_with("line ") && why.ends_with("no step `outge`: write one of outage, power back"), "{why}");
    assert_eq!(shop.fits(&["outge"]), Ok(()));
}

/// A description that did not come from a file is checked, too.
#[test]
fn an_alertmanager_does_not_take_another_address() {
    let text = "{apiVersion: drillmaster.dev/v1, kind: Cluster, metadata: {name: m}, zones: {a: 1}, alertmanagers: {prometheus: {}}}";
    let why = drillmaster::sim::Description::parse(text).expect_err("the name prometheus is taken");
    assert!(why.contains("`prometheus` is taken"), "{why}");
}
