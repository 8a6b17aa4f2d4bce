//! What a restore does not bring back, counted in lines of an append log.

use drillmaster::{
    event::{Event, Kind},
    model::{Exit, Outcome},
};

use super::rehearsal::{Rehearsal, cluster, on_paused_time, scenario};

fn judged(events: &[Event]) -> (Outcome, String) {
    let judgements = events.iter().find_map(|e| match &e.event {
        Kind::Judged { judgements, .. } => Some(judgements.clone()),
        _ => None,
    });
    let about = judgements.unwrap().into_iter().find(|j| j.expectation.starts_with("orders loses")).unwrap();
    (about.outcome, about.because.to_string())
}

fn number(said: &str, before: &str, after: &str) -> f64 {
    let rest = &said[said.find(before).unwrap() + before.len()..];
    rest[..rest.find(after).unwrap()].parse().unwrap_or_else(|_| panic!("{said}"))
}

/// The log is restored as it was when the backup began. The lines after that are lost: one for each half second until
/// the namespace was gone.
#[test]
fn lines_since_the_backup_are_lost_and_counted() {
    let shop = cluster("small-shop");
    let loaded = scenario("data-loss", &shop);
    let ended = on_paused_time(async { Rehearsal::set(&shop, 1).await.drill(&loaded, None).await });
    assert_eq!(ended.exit, Some(Exit::Passed));
    let (outcome, said) = judged(&ended.events);
    assert_eq!(outcome, Outcome::Pass);
    let (rpo, lost) = (number(&said, "RPO ", " s"), number(&said, "s, ", " acknowledged"));
    let at = |look: fn(&Kind) -> bool| ended.events.iter().find(|e| look(&e.event)).unwrap().t_us as f64 / 1e6;
    let backup = at(|k| matches!(k, Kind::StepStarted { step, .. } if step.0 == "snapshot"));
    let gone = at(|k| matches!(k, Kind::FaultApplied { fault, .. } if fault.0.starts_with("namespace lost")));
    // The step reads checksums before it creates the Backup. The lines that the log acknowledged until its pods were
    // gone are lost as well.
    assert!(
        rpo <= gone - backup + 12.0 && rpo > gone - backup - 4.0,
        "backup at {backup:.1} s, lost at {gone:.1} s: {said}"
    );
    assert!(lost >= (rpo - 1.0) * 2.0 && lost <= (rpo + 1.0) * 2.0, "{said}");
}

/// The same loss does not meet a stricter objective.
#[test]
fn a_loss_beyond_the_objective_fails() {
    let shop = cluster("small-shop");
    let mut loaded = scenario("data-loss", &shop);
    for expectation in &mut loaded.scenario.expect {
        if let drillmaster::model::Expectation::Loss(loss) = expectation {
            loss.rpo = drillmaster::model::Dur::secs(5);
        }
    }
    let ended = on_paused_time(async { Rehearsal::set(&shop, 1).await.drill(&loaded, None).await });
    assert_eq!(ended.exit, Some(Exit::Failed));
    assert!(judged(&ended.events).1.contains("objective 5s"), "{:?}", judged(&ended.events));
}

/// The pre-flight detects a log that cannot be written to.
#[test]
fn a_log_that_does_not_answer_is_no_baseline() {
    let mut shop = cluster("small-shop");
    shop.values.insert("ledger".into(), "http://nobody-0.orders.shop.svc".into());
    let loaded = scenario("data-loss", &shop);
    let ended = on_paused_time(async { Rehearsal::set(&shop, 1).await.drill(&loaded, None).await });
    assert_eq!(ended.exit, Some(Exit::Refused));
}
