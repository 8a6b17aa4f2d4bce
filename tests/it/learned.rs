//! Times learned from drills on a real control plane predict another one of them better than the model alone.

use std::{collections::BTreeMap, path::Path};

use drillmaster::{
    event::Kind,
    history::{Learned, PhaseKind, Prediction, learn},
    sim::Description,
};

use super::{
    fidelity::{Cause, Recording, Seen, recordings},
    rehearsal::{Rehearsal, on_paused_time, scenario_with},
};

/// The drills that took nodes away in the same lab. Each was recorded on a control plane that was built anew.
const BED: &str = "hollow, --fast clocks";

/// What was really measured of a phase, in seconds after the nodes lost their power.
fn measured(recording: &Recording, what: &str) -> Option<(f64, f64)> {
    let of_power = |seen: &&Seen| seen.cause == Cause::PowerAway && seen.what.starts_with(what);
    let times: Vec<f64> = recording.real.iter().filter(of_power).map(|seen| seen.since).collect();
    Some((times.iter().copied().reduce(f64::min)?, times.iter().copied().reduce(f64::max)?))
}

/// The predictions of the model for the copy of the cluster, with the times of the real drill.
fn drill(recording: &Recording) -> Vec<Prediction> {
    let description = Description::parse(&recording.description.to_string()).unwrap();
    let loaded = scenario_with(&recording.scenario, &description, &recording.set);
    let ended = on_paused_time(async { Rehearsal::set(&description, 1).await.drill(&loaded, None).await });
    let plan = ended.events.iter().find_map(|event| match &event.event {
        Kind::PlanFrozen { plan } => Some(plan.clone()),
        _ => None,
    });
    let all = plan.unwrap().predictions.iter().filter_map(|p| Prediction::of(p, None)).collect::<Vec<_>>();
    let with_times = all.into_iter().map(|mut p| {
        p.measured = match (p.phase, p.subject.as_str()) {
            (PhaseKind::Detected, _) => measured(recording, "node not Ready"),
            (PhaseKind::Evicted, "shop/deployment/web") => measured(recording, "web pod told to go"),
            (PhaseKind::Ready, "shop/deployment/web") => measured(recording, "web pod Ready"),
            _ => None,
        };
        p
    });
    with_times.filter(|p| p.measured.is_some()).collect()
}

#[test]
fn times_learned_from_real_drills_predict_another_one_better() {
    let all = recordings();
    let own: Vec<&Recording> = all.iter().filter(|r| r.bed == BED && measured(r, "node not Ready").is_some()).collect();
    assert!(own.len() >= 4, "three to learn from, and one to test on");
    let drills: Vec<Vec<Prediction>> = own.iter().map(|r| drill(r)).collect();
    let rows = learn(BED, "", &drills.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let errors: BTreeMap<PhaseKind, (f64, f64)> =
        rows.iter().map(|row| (row.phase, (row.model_error, row.learned_error.unwrap()))).collect();
    documented(&rows);
    assert_eq!(errors.len(), 3, "{rows:#?}");
    for (phase, (model, learned)) in &errors {
        assert!(learned <= model, "{phase:?}: {learned} instead of {model}");
    }
    let (model, learned) = errors[&PhaseKind::Ready];
    assert!(learned < 0.7 * model, "the time until the replacements are Ready: {learned} instead of {model}");
}

const BEGIN: &str = "<!-- Made by `UPDATE_GOLDEN=1 cargo test learned`: do not edit. -->\n";
const END: &str = "<!-- End of the generated part. -->";

/// Writes or checks the table in docs/history.md.
fn documented(rows: &[Learned]) {
    let mut table = "\n| phase | drills | model | learned | later than the model |\n|---|---|---|---|---|\n".to_owned();
    for row in rows {
        let (learned, later) = (row.learned_error.unwrap(), row.later.unwrap());
        let (phase, drills, model) = (row.phase.word(), row.drills, row.model_error);
        table += &format!("| {phase} | {drills} | {model:.2} s | {learned:.2} s | {later:+.2} s |\n");
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/history.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let (from, to) = (text.find(BEGIN).unwrap() + BEGIN.len(), text.find(END).unwrap());
    let wanted = format!("{}{table}\n{}", &text[..from], &text[to..]);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &wanted).unwrap();
    } else {
        assert!(
            text == wanted,
            "docs/history.md is not current; `UPDATE_GOLDEN=1 cargo test learned` writes it:\n{table}"
        );
    }
}
