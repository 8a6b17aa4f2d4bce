//! The evaluation guide: for each objective what to look at, what decides, and room for notes.

use super::{Whole, chapter, plan::judged, said};
use crate::{
    exercise::{
        playbook::{JudgedBy, Objective},
        stage::Does,
        what::Rating,
    },
    report::{Block, Chapter, Paper, Row, Table},
};

pub(super) fn guide(whole: &Whole<'_>) -> Paper {
    let ratings = [Rating::P, Rating::S, Rating::M, Rating::U]
        .map(|rating| Row::new([format!("{rating:?}"), rating.words().to_owned()]));
    let mut chapters = vec![chapter(
        "How to rate",
        vec![
            said(
                "Rate objectives, never people. A rating that is better than the measurement needs a reason, and the report marks it. If you did not see something, write that.",
            ),
            Block::Table(Table::new("", ["Rating", "Meaning"], ratings.to_vec())),
        ],
    )];
    chapters.extend(whole.loaded.playbook.objectives.iter().map(|o| objective(whole, o)));
    whole.paper("Evaluation guide", chapters)
}

fn objective(whole: &Whole<'_>, o: &Objective) -> Chapter {
    let mut facts = vec![("Decided by", judged(o)), ("What to observe", observe(whole, o))];
    if let Some(rto) = o.rto {
        facts.push(("Recovery time objective", rto.to_string()));
    }
    if let Some(rpo) = o.rpo {
        facts.push(("Recovery point objective", rpo.to_string()));
    }
    facts.extend([
        ("Rating (P, S, M, U)", "………".to_owned()),
        ("Strengths", "………".into()),
        ("Gaps", "………".into()),
        ("Where the plan was wrong", "………".into()),
    ]);
    chapter(&format!("{}: {}", o.id, o.text), vec![Block::Table(Table::facts(facts))])
}

/// The injects and their expected responses, for objectives that people decide.
fn observe(whole: &Whole<'_>, o: &Objective) -> String {
    match o.judge.one() {
        Some(JudgedBy::Time { from, to, .. }) => {
            format!("note when `{from}` happens, and when `{to}` is answered and by whom")
        }
        Some(JudgedBy::Rating(_)) => {
            let items = whole.loaded.playbook.stages.iter().flat_map(|stage| &stage.during);
            let expected: Vec<String> = items
                .filter_map(|item| match item.does()? {
                    Does::Inject(i) if !i.expect.is_empty() => Some(format!("after `{}`: {}", item.id, i.expect)),
                    _ => None,
                })
                .collect();
            if expected.is_empty() { "what people say and do".into() } else { expected.join("; ") }
        }
        _ => "the drill measures it; note what people did meanwhile".into(),
    }
}
