//! Before and after: the conditions before the drill, and the confirmations after it.

use super::{Context, list};
use crate::{
    exercise::{
        stage::{Act, Stage},
        time::clock,
    },
    report::{Block, Key, Row, Section, Table, Text},
};

pub(super) fn sections(c: &Context<'_>) -> Vec<Section> {
    let stages = &c.playbook().stages;
    let first = stages.iter().position(|stage| stage.scenario.is_some()).unwrap_or(stages.len());
    let last = stages.iter().rposition(|stage| stage.scenario.is_some()).map_or(stages.len(), |at| at + 1);
    let table = |stages: &[Stage], none: &str| {
        let rows = stages
            .iter()
            .filter(|stage| matches!(stage.act(), Some(Act::Manual(_) | Act::Check(_) | Act::Gate(_))))
            .map(|s| row(c, s));
        Block::Table(Table::new("", ["Stage", "What", "End", "Said"], rows.collect()).or(none))
    };
    let drills = stages.iter().filter_map(|stage| c.state().stage_of(&stage.id).drill.map(|drill| (stage, drill)));
    let drills = drills.map(|(stage, drill)| {
        Text::new(format!(
            "Drill {} of stage {}: {}. Its own report has the undo, item by item.",
            drill.run,
            stage.id,
            drill.exit.meaning()
        ))
    });
    vec![
        Section::new(
            Key::Preconditions,
            "Pre-conditions",
            vec![table(&stages[..first], "The playbook has no stages before a drill.")],
        ),
        Section::new(
            Key::ReturnToNormal,
            "Return to normal operations",
            vec![
                Block::List(list("", drills, "No drill ended.")),
                table(stages.get(last..).unwrap_or_default(), "No stage confirms the return to normal."),
            ],
        ),
    ]
}

fn row(c: &Context<'_>, stage: &Stage) -> Row {
    let own = c.state().stage_of(&stage.id);
    let what = match stage.act() {
        Some(Act::Manual(manual)) => manual.task.clone(),
        Some(Act::Check(check)) => check.words(),
        Some(Act::Gate(gate)) => gate.words(),
        _ => String::new(),
    };
    let end = match (own.end, own.ended) {
        (Some(end), Some(at)) => format!("{} at {}", end.words(), clock(at)),
        _ => "did not happen".to_owned(),
    };
    Row::new([stage.id.clone(), what, end, c.named(&own.detail)])
}
