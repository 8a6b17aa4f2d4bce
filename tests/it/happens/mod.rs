//! What a description lists under `happens:` takes effect in the simulated cluster. Each case is observed with its
//! entry and without it. Every word of the schema must occur in some case, so that no word can be without effect.

mod alerts;
mod cluster_itself;
mod data;
mod looks;
mod mistakes;
mod objects;
mod when;

use std::{collections::BTreeSet, pin::Pin};

use drillmaster::sim::{Description, Simulation};
use serde_json::Value;

use self::looks::Look;
use super::rehearsal::on_paused_time;

/// An entry as it is written, and a look that is true only if the entry is listed.
pub struct Case {
    entry: &'static str,
    seen: fn(Look) -> Pin<Box<dyn Future<Output = bool>>>,
}

/// Declares a case: an entry, and how to observe it.
macro_rules! case {
    ($entry:expr, |$look:ident| $seen:expr) => {
        $crate::happens::Case { entry: $entry, seen: |$look| Box::pin(async move { $seen }) }
    };
}
pub(crate) use case;

fn cases() -> impl Iterator<Item = &'static Case> {
    [objects::CASES, alerts::CASES, cluster_itself::CASES, data::CASES, when::CASES].into_iter().flatten()
}

/// The small shop with a silence, an inhibition and a second Alertmanager, and with these entries.
pub fn shop(entries: &[&str]) -> Result<Description, String> {
    const SHOP: &str = include_str!("../../../scenarios/clusters/small-shop.yaml");
    let alerting = "alertmanager:\n  silences: [{alertname: ReplicasMissing}]\n  \
        inhibit: [{source: {alertname: Watchdog}, target: {alertname: ReplicasMissing}}]\n\
        alertmanagers: {second: {receiver: backup}}\n";
    let mut text = SHOP.replace("alertmanager: {receiver: oncall}", alerting);
    assert!(text.contains("second"), "the text of the small shop has changed, so the replacement had no effect");
    if !entries.is_empty() {
        text += "happens:\n";
    }
    for entry in entries {
        text += &format!("  - {entry}\n");
    }
    Description::parse(&text)
}

fn is_seen(case: &Case, entries: &[&str]) -> bool {
    let shop = shop(entries).unwrap_or_else(|why| panic!("{why}"));
    on_paused_time(async {
        let simulation = Simulation::start(&shop, 1).await.unwrap_or_else(|wrong| panic!("{wrong:?}"));
        (case.seen)(Look::at(simulation)).await
    })
}

#[test]
fn what_is_listed_happens_and_what_is_not_does_not() {
    let mut wrong = vec![];
    for case in cases() {
        match (is_seen(case, &[]), is_seen(case, &[case.entry])) {
            (false, true) => {}
            (true, _) => wrong.push(format!("seen without it: {}", case.entry)),
            (_, false) => wrong.push(format!("not seen: {}", case.entry)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All words that the schema allows in an entry.
struct Words {
    definitions: Value,
    all: BTreeSet<String>,
}

impl Words {
    fn of_happening() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/cluster.schema.json");
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut words = Self { definitions: schema["$defs"].clone(), all: BTreeSet::new() };
        words.gather("Happening");
        words
    }

    /// The definitions to which a schema refers, also in a list of alternatives.
    fn refers(schema: &Value) -> Vec<String> {
        let own = schema["$ref"].as_str().map(|r| r.rsplit('/').next().unwrap().to_owned());
        let inner = [&schema["items"], &schema["additionalProperties"]].into_iter();
        let any = schema["anyOf"].as_array().into_iter().flatten();
        own.into_iter().chain(inner.chain(any).filter(|s| s.is_object()).flat_map(Self::refers)).collect()
    }

    fn fields(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
        schema["properties"].as_object().into_iter().flatten()
    }

    fn variants(definition: &Value) -> impl Iterator<Item = &Value> {
        definition["oneOf"].as_array().into_iter().flatten()
    }

    fn gather(&mut self, name: &str) {
        let definition = self.definitions[name].clone();
        let mut inner = vec![];
        for schema in Self::variants(&definition).chain([&definition]) {
            if let Some(word) = schema["const"].as_str() {
                self.all.insert(format!("{name}.{word}"));
            }
            for (field, schema) in Self::fields(schema) {
                self.all.insert(format!("{name}.{field}"));
                inner.extend(Self::refers(schema));
            }
        }
        let values = definition["enum"].as_array().into_iter().flatten();
        self.all.extend(values.filter_map(Value::as_str).map(|word| format!("{name}.{word}")));
        inner.iter().for_each(|name| self.gather(name));
    }

    /// The words of a definition that a value uses.
    fn used(&self, name: &str, value: &Value, into: &mut BTreeSet<String>) {
        if let Some(word) = value.as_str() {
            into.insert(format!("{name}.{word}"));
        }
        let definition = &self.definitions[name];
        for schema in Self::variants(definition).chain([definition]) {
            for (field, schema) in Self::fields(schema) {
                let Some(value) = value.get(field) else { continue };
                into.insert(format!("{name}.{field}"));
                for inner in Self::refers(schema) {
                    self.used(&inner, value, into);
                }
            }
        }
    }
}

#[test]
fn every_word_of_the_list_is_in_some_case() {
    let words = Words::of_happening();
    assert!(words.all.len() > 100 && words.all.contains("What.gitOps") && words.all.contains("SourceDoes.html"));
    let mut used = BTreeSet::new();
    for case in cases() {
        let entry: Value = serde_saphyr::from_str(case.entry).unwrap();
        words.used("Happening", &entry, &mut used);
    }
    // The small shop has no recovery cluster. forks.rs and regions.rs test these words.
    used.extend(["Happening.in", "Which.first", "Which.recovery"].map(str::to_owned));
    let missing: Vec<&String> = words.all.difference(&used).collect();
    assert!(missing.is_empty(), "no case uses {missing:?}");
}
