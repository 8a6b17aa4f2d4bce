//! Rehearses every drill that was recorded on a real control plane, on the copy of the cluster that was taken before
//! the drill. Writes the table in docs/fidelity.md.

use std::path::Path;

use drillmaster::{model::Exit, sim::Description};
pub use shared::{Cause, Recording, Seen};
use shared::{Slack, partings, rows, transitions};

use super::rehearsal::{Rehearsal, on_paused_time, scenario_with};

#[path = "../shared/fidelity.rs"]
mod shared;

const BEGIN: &str = "<!-- Made by `UPDATE_GOLDEN=1 cargo test fidelity`: do not edit. -->\n";
const END: &str = "<!-- End of the generated part. -->";

pub fn recordings() -> Vec<Recording> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fidelity");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let read = |f: &std::path::PathBuf| serde_json::from_str(&std::fs::read_to_string(f).unwrap()).unwrap();
    files.iter().map(read).collect()
}

#[test]
fn a_rehearsal_sees_what_was_seen_for_real() {
    let (mut table, mut parted) = (String::new(), vec![]);
    for recording in recordings() {
        let description = Description::parse(&recording.description.to_string()).unwrap();
        let loaded = scenario_with(&recording.scenario, &description, &recording.set);
        let ended = on_paused_time(async { Rehearsal::set(&description, 1).await.drill(&loaded, None).await });
        // A copied application without volumes, or of which no pod was hit, proves nothing, so the drill may end
        // inconclusive. This test only compares the course of the drill.
        let exit = ended.exit;
        let whole = matches!(exit, Some(Exit::Passed | Exit::Inconclusive));
        assert!(whole, "{} on {}: {exit:?}", recording.scenario, recording.bed);
        let (simulated, slack) = (transitions(&ended.events), Slack::of(&recording));
        let head = format!("{} on {}, Kubernetes {}", recording.scenario, recording.bed, recording.kubernetes);
        let found = partings(&recording.real, &simulated, &slack);
        parted.extend(found.into_iter().map(|why| format!("{head}: {why}")));
        table += &format!("\n### {head}, {}\n\n", recording.recorded);
        table += "| transition | after | real, s | simulated, s | explained, s |\n|---|---|---|---|---|\n";
        table += &rows(&recording.real, &simulated, &slack);
    }
    assert!(parted.is_empty(), "{table}{parted:#?}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/fidelity.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let (from, to) = (text.find(BEGIN).unwrap() + BEGIN.len(), text.find(END).unwrap());
    let wanted = format!("{}{table}\n{}", &text[..from], &text[to..]);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &wanted).unwrap();
    }
    assert!(
        text == wanted || std::env::var_os("UPDATE_GOLDEN").is_some(),
        "docs/fidelity.md is not current; `UPDATE_GOLDEN=1 cargo test fidelity` writes it:\n{table}"
    );
}
