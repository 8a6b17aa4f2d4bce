//! Hostile input: names that are words of JSON or of Kubernetes, names of the maximum length, labels on which tools
//! act, names of steps with quotes and slashes, and secrets that are words of the journal. The shipped drills run on
//! such a shop. They are killed, frozen and taken over, as on the ordinary shop.

use std::path::Path;

use drillmaster::{
    event::{Event, Kind},
    model::{Exit, Secret},
    scenario::Loaded,
    sim::Description,
};

use super::{
    rehearsal::{Rehearsal, on_paused_time, scenario_text},
    sweep::{is_load_bearing, seeds, shipped},
};

/// A name with the maximum length of a namespace name.
const NAMESPACE: &str = "kube-null-true-0-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// Text of the ordinary shop and its scenarios, and its replacement.
const NAMES: [(&str, &str); 10] = [
    ("web.shop.svc", "fault.NAMESPACE.svc"),
    ("orders-0.orders.shop.svc", "null-0.null.NAMESPACE.svc"),
    ("namespace: shop", "namespace: NAMESPACE"),
    ("includedNamespaces: [shop]", "includedNamespaces: [NAMESPACE]"),
    ("deployment/web", "deployment/fault"),
    ("statefulset/orders", "statefulset/null"),
    ("service: true}", "service: true, labels: {LABELS}}"),
    ("{a: 2, b: 2, c: 2}", "{kind: 2, b: 2, event: 2}"),
    ("zone: a,", "zone: kind,"),
    ("currency: EUR", "currency: '${secret:x} \"kind\": \"'"),
];
/// Labels that Helm, Argo CD, Velero and drillmaster itself set on objects.
const LABELS: &str = "app.kubernetes.io/managed-by: Helm, argocd.argoproj.io/instance: shop, drillmaster.dev/run: x, \
                      drillmaster.dev/open: '1', velero.io/exclude-from-backup: 'false'";
/// Secrets that are also words of the journal, names in the shop, or parts of a UID.
pub const SECRETS: [&str; 9] = [
    "FaultIntended",
    "resource_version",
    "RunStarted",
    "node-kind-0",
    "deployment/fault",
    "-0000-4000-8000-",
    "00000000",
    "journal.2.jsonl",
    "SessionOpened",
];

fn odd(text: &str) -> String {
    let text = NAMES.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("NAMESPACE", NAMESPACE).replace("LABELS", LABELS)
}

/// The small shop with odd names.
pub fn odd_shop() -> Description {
    let text = odd(include_str!("../../scenarios/clusters/small-shop.yaml"));
    Description::parse(&text).unwrap_or_else(|why| panic!("{why}\n{text}"))
}

/// A shipped scenario for this shop. The names of its steps are odd, too.
pub fn odd_scenario(name: &str, shop: &Description) -> Loaded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.yaml"));
    let mut text =
        odd(&std::fs::read_to_string(path).unwrap()).replace("namespace: shop", &format!("namespace: {NAMESPACE}"));
    for step in ["outage", "snapshot", "namespace lost"] {
        let odd = format!("'{step} / \"kind\": \"fault\" $(x) ä'");
        text = text.replace(&format!("name: {step}\n"), &format!("name: {odd}\n"));
        for reference in ["fault", "of", "backup", "coveredBy"] {
            text = text.replace(&format!("{reference}: {step}}}"), &format!("{reference}: {odd}}}"));
            text = text.replace(&format!("{reference}: {step},"), &format!("{reference}: {odd},"));
        }
    }
    scenario_text(&text, shop)
}

/// A stage whose secrets are words that occur in every journal.
pub async fn stage(shop: &Description, seed: u64) -> Rehearsal {
    let mut stage = Rehearsal::set(shop, seed).await;
    stage.secrets = SECRETS.map(Secret::new).to_vec();
    stage
}

/// Each scenario, and the journal of an undisturbed drill of it.
pub fn undisturbed() -> Vec<(&'static str, Loaded, Vec<Event>)> {
    let shop = odd_shop();
    let whole = |name: &'static str| {
        let loaded = odd_scenario(name, &shop);
        let ended = on_paused_time(async { stage(&shop, 1).await.drill(&loaded, None).await });
        assert_eq!(ended.exit, Some(Exit::Passed), "{name}: {:?}", ended.events.last());
        (name, loaded, ended.events)
    };
    shipped().into_iter().map(whole).collect()
}

/// Names are recorded unchanged, whatever the secrets are. Text is cleaned of secrets.
#[test]
fn names_stay_and_text_is_cleaned() {
    for (name, _, events) in undisturbed() {
        let json = serde_json::to_string(&events).unwrap();
        assert!(json.contains("FaultIntended") && json.contains("RunStarted"), "{name}");
        for event in &events {
            if let Kind::Noted { text } = &event.event {
                assert!(SECRETS.iter().all(|s| !text.contains(s)), "{name}: {text}");
            }
        }
    }
}

/// The drill is killed at a line that the seed chooses, and recovered from the run directory.
#[test]
fn killed_and_recovered_under_odd_names() {
    let shop = odd_shop();
    let whole = undisturbed();
    let (seeds, _) = seeds(32);
    for seed in seeds {
        let (name, loaded, events) = &whole[seed as usize % whole.len()];
        let bearing: Vec<&Event> = events.iter().filter(|e| is_load_bearing(e)).collect();
        let cut = bearing[(seed as usize).wrapping_mul(7919) % bearing.len()];
        on_paused_time(async {
            let stage = stage(&shop, 1).await;
            let at = format!("DRILL_SEED={seed}: {name}, after line {} ({})", cut.seq, cut.event.name());
            if stage.drill(loaded, Some(cut.seq)).await.exit.is_none()
                && !matches!(cut.event, Kind::RunStarted { .. } | Kind::SessionOpened { .. })
            {
                let exit = stage.recover().await;
                assert!(matches!(exit, Exit::Aborted | Exit::Passed | Exit::Failed), "{at}: {exit:?}");
            }
            stage.as_before().await.unwrap_or_else(|why| panic!("{at}: {why}"));
        });
    }
}
