//! The papers of an exercise. Each is made for an audience. Those for players are made from [`PlayersView`], which has
//! only the fields that players may see; the others are made from the whole playbook. Start with [`papers`].

mod calendar;
mod evaluation;
mod event_list;
mod handbook;
mod plan;
mod players;
mod run_sheet;

pub(super) use plan::{objective as objective_row, tested_plan};
pub use players::PlayersView;

use jiff::Timestamp;

use super::{
    load::LoadedPlaybook,
    people::People,
    schedule::{Slot, schedule},
    time::{clock, date_time, long, plus},
};
use crate::{
    model::Dur,
    report::{Block, Chapter, List, Paper, Text, Words},
};

/// For whom a paper is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// Who authorises the exercise and pays for it.
    Sponsor,
    /// Who is exercised.
    Players,
    /// Who runs it.
    Controllers,
    /// Who judges it.
    Evaluators,
}

impl Audience {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sponsor, Self::Players, Self::Controllers, Self::Evaluators];

    /// The name of its folder.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sponsor => "sponsor",
            Self::Players => "players",
            Self::Controllers => "controllers",
            Self::Evaluators => "evaluators",
        }
    }
}

/// A file for an audience.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// Its name without an extension.
    pub name: &'static str,
    /// Its content.
    pub content: Content,
}

/// The content of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A paper, which has several formats.
    Paper(Box<Paper>),
    /// A calendar file.
    Calendar(String),
}

/// Everything that papers are made from, for those who may see all of it.
pub(super) struct Whole<'a> {
    pub loaded: &'a LoadedPlaybook,
    pub people: Option<&'a People>,
    pub planned: Option<Timestamp>,
    pub slots: Vec<Slot>,
}

impl Whole<'_> {
    /// A time of the plan: by the clock if the exercise has a date, otherwise counted from its start.
    pub fn at(&self, offset: Dur) -> String {
        at(self.planned, offset)
    }

    fn paper(&self, kind: &str, chapters: Vec<Chapter>) -> Paper {
        let p = &self.loaded.playbook;
        let date = self.planned.map_or_else(|| "no date yet".to_owned(), date_time);
        Paper {
            kind: kind.to_owned(),
            title: p.metadata.title.clone(),
            number: format!("{} {} · {date}", p.metadata.name, p.metadata.version),
            mark: p.metadata.marking.clone(),
            chapters,
        }
    }

    /// The people with a role, or that nobody has it yet.
    pub fn names(&self, role: super::playbook::Role) -> String {
        let Some(people) = self.people else { return "not assigned yet".into() };
        let names: Vec<String> = people
            .with(role)
            .map(|p| if p.contact.is_empty() { p.name.clone() } else { format!("{} ({})", p.name, p.contact) })
            .collect();
        if names.is_empty() { "nobody".into() } else { names.join(", ") }
    }
}

pub(super) fn at(planned: Option<Timestamp>, offset: Dur) -> String {
    match planned {
        Some(start) => clock(plus(start, offset)),
        None => format!("T+{}", if offset.0.is_zero() { "0".to_owned() } else { long(offset) }),
    }
}

/// The files for an audience.
pub fn papers(
    loaded: &LoadedPlaybook,
    people: Option<&People>,
    planned: Option<Timestamp>,
    audience: Audience,
) -> Vec<File> {
    let view = PlayersView::of(loaded, people, planned);
    let whole = Whole { loaded, people, planned, slots: schedule(&loaded.playbook, &loaded.uses) };
    let paper = |name: &'static str, paper: Paper| File { name, content: Content::Paper(Box::new(paper)) };
    let announcement = paper("announcement", players::announcement(&view));
    let mut files = match audience {
        Audience::Players => vec![paper("hand-out", players::hand_out(&view)), announcement],
        Audience::Sponsor => vec![paper("exercise-plan", plan::plan(&whole)), announcement],
        Audience::Controllers => vec![
            paper("exercise-plan", plan::plan(&whole)),
            paper("run-sheet", run_sheet::run_sheet(&whole)),
            paper("event-list", event_list::event_list(&whole)),
            paper("handbook", handbook::handbook(&whole)),
            announcement,
        ],
        Audience::Evaluators => vec![
            paper("exercise-plan", plan::plan(&whole)),
            paper("evaluation-guide", evaluation::guide(&whole)),
            paper("event-list", event_list::event_list(&whole)),
            paper("handbook", handbook::handbook(&whole)),
            announcement,
        ],
    };
    let calendar = match audience {
        Audience::Players | Audience::Sponsor => calendar::of_players(&view),
        Audience::Controllers | Audience::Evaluators => calendar::of_stages(&whole),
    };
    files.extend(calendar.map(|text| File { name: "calendar", content: Content::Calendar(text) }));
    files
}

fn chapter(title: &str, blocks: Vec<Block>) -> Chapter {
    Chapter { title: title.to_owned(), blocks }
}

fn list<T: Into<Text>>(items: impl IntoIterator<Item = T>, none: &str) -> Block {
    Block::List(List::new(&Words::default(), "", items, none))
}

fn said(text: impl Into<Text>) -> Block {
    Block::Paragraph(text.into())
}

/// How anybody stops the exercise: on every paper.
fn how_to_stop(phrase: &str, channel: &str) -> Chapter {
    chapter(
        "How anybody stops the exercise",
        vec![
            said(format!("Say “{phrase}” in {channel}, or on the telephone to anybody of the exercise team.")),
            list(
                [
                    "Everybody may stop the exercise, at any time, without giving a reason.",
                    "Stop it when something real happens, when somebody is in danger, or when you are not sure whether it is real.",
                    "The exercise team then undoes every fault. Nobody is blamed for a stop.",
                ],
                "",
            ),
        ],
    )
}
