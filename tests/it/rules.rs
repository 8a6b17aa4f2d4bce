//! The outcomes that today's rules give for kept journals and for a few rehearsals. The table names the version of the
//! rules that made it. If the outcome of a kept journal changed under the same version, old verdicts would look forged,
//! or forged ones honest.

use std::{fmt::Write, path::Path, sync::Arc};

use drillmaster::{
    event::Event,
    journal::{RunDir, read},
    verdict::{self, Ending, Follower, History, RULES, ReadRun, Waited},
};

use super::{
    golden,
    rehearsal::{Rehearsal, cluster, on_paused_time, scenario},
};

const TABLE: &str = "rules.txt";
const REHEARSED: &str = "== rehearsals";

/// The outcome and exit of a run, and the outcome of each expectation.
fn row(table: &mut String, name: &str, events: &[Event]) {
    let verdict = verdict::conclude(events);
    let _ = writeln!(table, "\n{name}: {}, exit {}", verdict.outcome, verdict::exit_of(events).code());
    for judgement in verdict.judgements {
        let _ = writeln!(table, "  {:<12} {}", judgement.outcome.to_string(), judgement.expectation);
    }
}

fn kept() -> String {
    let mut table = format!("rules {RULES}\n");
    let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/runs-0.1.0");
    for name in ["pass", "fail", "taken-over"] {
        row(&mut table, name, &read(&RunDir(runs.join(name))).unwrap().events);
    }
    table
}

/// A drill that waits asks every second. The follower of a journal must give the same answers as a judge who reads the
/// journal from its beginning.
#[test]
fn who_follows_a_journal_says_what_who_reads_it_says() {
    let description = cluster("small-shop");
    let loaded = scenario("zone-outage", &description);
    let mut events = on_paused_time(async { Rehearsal::set(&description, 1).await.drill(&loaded, None).await }).events;
    let taken_over = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/runs-0.1.0/taken-over");
    let mut compared = 0;
    for events in [std::mem::take(&mut events), read(&RunDir(taken_over)).unwrap().events] {
        let (following, mut judging) = (Follower::default(), ReadRun::default());
        for (at, event) in events.iter().enumerate() {
            following.take(&Arc::new(event.clone()));
            judging.add(event);
            if at % 5 == 0 {
                let reading = History::of(&events[..=at]);
                assert_eq!(judging.history().conclude(), verdict::conclude(&events[..=at]), "after line {at}");
                let (now, later) = (Ending::after(judging.history()), Ending::of(&events[..=at]));
                assert_eq!(now, later, "after line {at}");
                assert_eq!(
                    following.with(|h| h.undecided(event.t_us)),
                    reading.undecided(event.t_us),
                    "after line {at}"
                );
                for what in
                    [Waited::Alerted, Waited::Recovered(&["storefront".to_owned(), "deployment/web".to_owned()])]
                {
                    let now = following.with(|h| h.waited_for(event.t_us, what));
                    assert_eq!(now, reading.waited_for(event.t_us, what), "{at}");
                    compared += usize::from(!reading.undecided(event.t_us).is_empty());
                }
            }
        }
    }
    assert!(compared > 50, "only {compared} comparisons: too little was undecided");
}

#[test]
fn an_outcome_changes_with_the_number_of_the_rules_only() {
    let kept = kept();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(TABLE);
    let before = std::fs::read_to_string(path).unwrap_or_default();
    let before = before.split(REHEARSED).next().unwrap_or_default().trim_end();
    let rules = format!("rules {RULES}\n");
    assert!(
        !before.starts_with(&rules) || before == kept.trim_end(),
        "the outcome of a kept journal changed: raise RULES in src/verdict/mod.rs, then `UPDATE_GOLDEN=1 cargo test`:\n{kept}"
    );
    let mut table = format!("{}\n\n{REHEARSED}\n", kept.trim_end());
    for (shop, name) in [
        ("small-shop", "zone-outage"),
        ("small-shop", "rolling-drain"),
        ("small-shop", "zone-loss-and-restore"),
        ("small-shop", "data-loss"),
        ("fragile", "silent-volume-loss"),
    ] {
        let description = cluster(shop);
        let loaded = scenario(name, &description);
        let ended = on_paused_time(async { Rehearsal::set(&description, 1).await.drill(&loaded, None).await });
        row(&mut table, &format!("{name} on {shop}"), &ended.events);
    }
    golden::check(TABLE, &table);
}
