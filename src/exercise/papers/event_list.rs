//! The master scenario events list: every inject, with the expected response.

use super::{Whole, chapter, said};
use crate::{
    exercise::stage::Does,
    report::{Block, Paper, Row, Table},
};

pub(super) fn event_list(whole: &Whole<'_>) -> Paper {
    let p = &whole.loaded.playbook;
    let mut rows = vec![];
    for (stage, slot) in p.stages.iter().zip(&whole.slots) {
        for (item, due) in stage.during.iter().zip(&slot.items) {
            let (kind, from, to, text, expect) = match item.does() {
                Some(Does::Inject(i)) => {
                    ("inject", i.played.clone(), i.to.to_string(), i.text.clone(), i.expect.clone())
                }
                Some(Does::Manual(m)) => {
                    ("task", "exercise".into(), m.role.to_string(), m.task.clone(), m.evidence.words().into())
                }
                Some(Does::Decide(d)) => (
                    "decision",
                    "exercise".into(),
                    d.role.to_string(),
                    d.question.clone(),
                    format!(
                        "one of {}; without a decision: {}",
                        d.options.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
                        d.default.as_deref().unwrap_or("nothing")
                    ),
                ),
                None => continue,
            };
            let time = due.map_or_else(|| "not predicted".to_owned(), |due| whole.at(due));
            let within = item.within().map_or_else(|| "no limit".to_owned(), |within| within.to_string());
            rows.push(Row::new([
                (rows.len() + 1).to_string(),
                time,
                item.after.words(),
                item.id.clone(),
                kind.into(),
                from,
                to,
                text,
                expect,
                within,
            ]));
        }
    }
    let head = ["No.", "Planned", "Due", "Id", "Kind", "From", "To", "Words", "Expected response", "Within"];
    let questions = p.stages.iter().filter_map(|stage| stage.discuss.as_ref().map(|d| (stage, d)));
    let questions = questions.flat_map(|(stage, d)| d.ask.iter().map(|q| Row::new([stage.id.clone(), q.clone()])));
    let questions: Vec<Row> = questions.collect();
    let mut chapters = vec![chapter(
        "Events in order",
        vec![
            said("Give an inject with the words that stand here. Do not explain it, and do not help."),
            Block::Table(Table::new("", head, rows).or("The playbook has no events.")),
        ],
    )];
    if !questions.is_empty() {
        chapters.push(chapter(
            "Questions for the discussion",
            vec![Block::Table(Table::new("", ["Stage", "Question"], questions))],
        ));
    }
    whole.paper("Scenario event list", chapters)
}
