//! The run sheet: what happens when, by plan, for those who run the exercise.

use super::{Whole, chapter, how_to_stop, said};
use crate::{
    exercise::{
        schedule::Slot,
        stage::{Act, Does, Item, Stage},
        time::long,
    },
    report::{Block, Paper, Row, Table},
};

pub(super) fn run_sheet(whole: &Whole<'_>) -> Paper {
    let p = &whole.loaded.playbook;
    let mut rows = vec![];
    for (stage, slot) in p.stages.iter().zip(&whole.slots) {
        rows.push(stage_row(whole, stage, slot));
        let mut items: Vec<(Option<crate::model::Dur>, Row)> =
            stage.during.iter().zip(&slot.items).map(|(item, due)| (*due, item_row(whole, item, *due))).collect();
        items.sort_by_key(|(due, _)| due.unwrap_or(slot.to));
        rows.extend(items.into_iter().map(|(_, row)| row));
    }
    let head = ["Planned", "Actual", "Stage or item", "Who", "What", "Command"];
    whole.paper(
        "Run sheet",
        vec![
            chapter(
                "Times by plan",
                vec![
                    said("Times of items come from a rehearsal on the simulated cluster, and count each hold with its whole time limit. The others are marked “not predicted”."),
                    Block::Table(Table::new("", head, rows)),
                ],
            ),
            how_to_stop(&p.stop.phrase, &p.stop.channel),
        ],
    )
}

fn stage_row(whole: &Whole<'_>, stage: &Stage, slot: &Slot) -> Row {
    let (who, what, command) = match stage.act() {
        Some(Act::Brief(b)) => (words(&b.whom), "briefing".to_owned(), "next".to_owned()),
        Some(Act::Discuss(d)) => (words(&d.whom), d.scene.clone(), "next".into()),
        Some(Act::Manual(m)) => (m.role.to_string(), m.task.clone(), format!("done {} --text …", stage.id)),
        Some(Act::Check(c)) => (stage.owner.to_string(), c.words(), format!("done {} --text …", stage.id)),
        Some(Act::Gate(g)) => (g.ask.to_string(), g.words(), format!("answer {} yes|no", stage.id)),
        Some(Act::Scenario(d)) => {
            (stage.owner.to_string(), format!("drill {}", d.scenario), "next (starts the drill)".into())
        }
        Some(Act::Review(_)) => ("everybody".into(), "hotwash".into(), "hotwash, rate, next".into()),
        Some(Act::SignOff(s)) => (words(&s.roles), "signatures".into(), "sign, close".into()),
        None => (String::new(), String::new(), String::new()),
    };
    let time = format!("{} – {} ({})", whole.at(slot.from), whole.at(slot.to), long(stage.planned()));
    Row::new([time, "………".into(), stage.id.clone(), who, what, command])
}

fn item_row(whole: &Whole<'_>, item: &Item, due: Option<crate::model::Dur>) -> Row {
    let time = due.map_or_else(|| "not predicted".to_owned(), |due| whole.at(due));
    let (who, what, command) = match item.does() {
        Some(Does::Inject(i)) => (format!("controller as {}", i.played), i.text.clone(), format!("inject {}", item.id)),
        Some(Does::Manual(m)) => (m.role.to_string(), m.task.clone(), format!("done {}", item.id)),
        Some(Does::Decide(d)) => (
            d.role.to_string(),
            d.question.clone(),
            format!("decide {} {}", item.id, d.options.keys().map(String::as_str).collect::<Vec<_>>().join("|")),
        ),
        None => (String::new(), String::new(), String::new()),
    };
    Row::new([time, "………".into(), format!("– {}", item.id), who, format!("{what} ({})", item.after.words()), command])
}

fn words(roles: &[crate::exercise::playbook::Role]) -> String {
    roles.iter().map(|role| role.word()).collect::<Vec<_>>().join(", ")
}
