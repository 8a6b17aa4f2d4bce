//! The handbook of controllers and evaluators: who does what, with which commands, and what to do when it goes wrong.

use super::{Whole, chapter, how_to_stop, list};
use crate::{
    exercise::stage::{Act, Effect},
    report::{Block, Paper, Row, Table},
};

const COMMANDS: [(&str, &str, &str); 12] = [
    ("status DIR", "everybody", "shows the open stage, its items and the next step"),
    ("next DIR", "director", "ends the open stage and opens the next one"),
    ("answer DIR GATE yes|no", "the role of the gate", "answers a gate"),
    ("inject DIR ID", "controller", "records that an inject was given"),
    (
        "done DIR ID --text TEXT",
        "the role of the task",
        "records that a task is done, or that players responded to an inject",
    ),
    ("decide DIR ID OPTION", "the role of the decision", "records a decision; it may let the drill continue"),
    (
        "note DIR TEXT",
        "everybody",
        "records an observation; --on declared and --on communicated measure the times of people",
    ),
    ("rate DIR ID P|S|M|U", "evaluator", "rates an objective"),
    ("pause DIR REASON, resume DIR", "director", "stops the clocks of people; refused while something is broken"),
    ("absent DIR ROLE REASON", "everybody", "records an absence, so that the deputy may act"),
    ("stop DIR --for safety|schedule", "everybody", "stops the exercise; the drill puts everything back"),
    ("stop DIR --phrase WORDS", "everybody", "stops it for a real incident, and pages"),
];

pub(super) fn handbook(whole: &Whole<'_>) -> Paper {
    let p = &whole.loaded.playbook;
    let commands = COMMANDS
        .iter()
        .map(|(command, who, what)| Row::new([format!("exercise {command}"), (*who).to_owned(), (*what).to_owned()]));
    let roles =
        p.roles.each().map(|(role, _)| Row::new([role.word().to_owned(), role.duty().to_owned(), whole.names(role)]));
    whole.paper(
        "Controller and evaluator handbook",
        vec![
            chapter("Roles", vec![Block::Table(Table::new("", ["Role", "Duty", "Who"], roles.collect()))]),
            chapter(
                "Rules",
                vec![list(
                    [
                        "Controllers give injects, and nothing else. They do not answer technical questions.",
                        "Evaluators observe. They do not take part, and do not speak to players until the hotwash.",
                        "The safety officer may stop at any time. Nobody discusses a stop before it is done.",
                        "Names are in one file only. The journal has hashes of them, so that people can be erased later.",
                        "Deadlines follow the clock: a late answer is recorded as late.",
                    ],
                    "",
                )],
            ),
            chapter("Commands of the day", vec![Block::Table(Table::new("", ["Command", "Who", "What it does"], commands.collect()))]),
            chapter("Gates, decisions and holds", vec![list(defaults(whole), "The playbook asks nobody.")]),
            chapter(
                "When something goes wrong",
                vec![list(
                    [
                        "The terminal or the machine is gone: open another terminal with the directory. Nothing is lost, and every gate has a default.",
                        "The drill's runner is gone: its reaper undoes the faults. `drillmaster status` and `drillmaster recover` show and finish it.",
                        "The director is gone: record it with `exercise absent`, then the deputy leads.",
                        "Players leave the scenario: the controller brings them back. Record it as a note.",
                    ],
                    "",
                )],
            ),
            how_to_stop(&p.stop.phrase, &p.stop.channel),
        ],
    )
}

/// What happens without an answer.
fn defaults(whole: &Whole<'_>) -> Vec<String> {
    let p = &whole.loaded.playbook;
    let mut all = vec![];
    for stage in &p.stages {
        if let Some(Act::Gate(gate)) = stage.act() {
            let default = gate.default.map_or("nothing", |d| match d {
                crate::exercise::stage::GateDefault::Go => "go",
                crate::exercise::stage::GateDefault::Refuse => "the exercise stops",
            });
            all.push(format!(
                "Gate {}: the {} answers within {}. Without an answer: {default}.",
                stage.id, gate.ask, gate.within
            ));
        }
        for item in &stage.during {
            let Some(decide) = &item.decide else { continue };
            let effects = decide.options.iter().map(|(option, effect)| {
                let effect = match effect {
                    Effect::Release => "the drill continues",
                    Effect::KeepHolding => "the drill goes on waiting",
                    Effect::Nothing => "nothing changes in the drill",
                };
                format!("{option}: {effect}")
            });
            let effects: Vec<String> = effects.collect();
            all.push(format!(
                "Decision {}: {}. Within {}; without a decision: {}.",
                item.id,
                effects.join("; "),
                decide.within,
                decide.default.as_deref().unwrap_or("nothing")
            ));
        }
        for hold in stage.scenario.iter().flat_map(|drill| &drill.hold) {
            all.push(format!(
                "The drill waits before step `{}` for decision {}. The time of people counts in the recovery time.",
                hold.before, hold.until
            ));
        }
    }
    all
}
