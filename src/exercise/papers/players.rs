//! What players may see, and the papers made from that. Start with [`PlayersView`].

use jiff::Timestamp;

use super::{at, chapter, how_to_stop, list, said};
use crate::{
    exercise::{
        load::LoadedPlaybook,
        people::People,
        playbook::{Kind, Role},
        schedule::schedule,
        time::date_time,
    },
    model::Dur,
    report::{Block, Paper, Row, Table},
};

/// What players may see before and during an exercise. It is built from these fields of a playbook and from no others:
/// not from titles, purposes, objectives, injects, scenarios, absences or the times of stages, which tell what will
/// happen.
#[derive(Clone, Debug, PartialEq)]
pub struct PlayersView {
    /// The name of the playbook.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// What stands on every page.
    pub marking: String,
    /// The title, version and file of the plan that is tested, because players work with it.
    pub plan: Option<(String, String, String)>,
    /// What is tested.
    pub inside: Vec<String>,
    /// What is not tested.
    pub outside: Vec<String>,
    /// The words that stop the exercise.
    pub phrase: String,
    /// Where they are said.
    pub channel: String,
    /// The roles, each with the names and contacts of its people.
    pub roles: Vec<(Role, Vec<String>)>,
    /// What is said to players at the briefing.
    pub briefing: Vec<String>,
    /// When the exercise begins, and how long it takes as a whole.
    pub planned: Option<Timestamp>,
    /// How long it takes as a whole.
    pub takes: Dur,
}

impl PlayersView {
    /// Takes what players may see.
    pub fn of(loaded: &LoadedPlaybook, people: Option<&People>, planned: Option<Timestamp>) -> Self {
        let p = &loaded.playbook;
        let names = |role: Role| {
            let with = people.into_iter().flat_map(|people| people.with(role));
            let name = |p: &crate::exercise::people::Person| {
                if p.contact.is_empty() || role == Role::Player {
                    p.name.clone()
                } else {
                    format!("{} ({})", p.name, p.contact)
                }
            };
            with.map(name).collect()
        };
        let briefs = p.stages.iter().filter_map(|stage| stage.brief.as_ref());
        Self {
            name: p.metadata.name.clone(),
            kind: p.metadata.kind,
            marking: p.metadata.marking.clone(),
            plan: p.plan_under_test.as_ref().map(|plan| (plan.title.clone(), plan.version.clone(), plan.file.clone())),
            inside: p.scope.inside.clone(),
            outside: p.scope.out.clone(),
            phrase: p.stop.phrase.clone(),
            channel: p.stop.channel.clone(),
            roles: p.roles.each().map(|(role, _)| (role, names(role))).collect(),
            briefing: briefs
                .filter(|brief| brief.whom.contains(&Role::Player) && !brief.text.is_empty())
                .map(|brief| brief.text.clone())
                .collect(),
            planned,
            takes: schedule(p, &loaded.uses).last().map(|slot| slot.to).unwrap_or_default(),
        }
    }

    fn paper(&self, kind: &str, chapters: Vec<crate::report::Chapter>) -> Paper {
        Paper {
            kind: kind.to_owned(),
            title: self.name.clone(),
            number: self.planned.map_or_else(|| "no date yet".to_owned(), date_time),
            mark: self.marking.clone(),
            chapters,
        }
    }

    fn when(&self) -> String {
        match self.planned {
            Some(start) => {
                format!("It begins on {} and ends at about {} UTC.", date_time(start), at(self.planned, self.takes))
            }
            None => format!("Its date is not fixed yet. It takes about {}.", self.takes),
        }
    }
}

/// The hand-out of players.
pub(super) fn hand_out(view: &PlayersView) -> Paper {
    let rows = view.roles.iter().map(|(role, names)| {
        let names = if names.is_empty() { "not assigned yet".to_owned() } else { names.join(", ") };
        Row::new([role.word().to_owned(), role.duty().to_owned(), names])
    });
    let plan = view.plan.as_ref().map_or_else(
        || "No written plan is tested. Do what you would do in a real incident.".to_owned(),
        |(title, version, file)| {
            let version = if version.is_empty() { String::new() } else { format!(", version {version}") };
            let file = if file.is_empty() { String::new() } else { format!(" ({file})") };
            format!("Work with the {title}{version}{file}. Say when it is wrong or silent: that is a result of the exercise.")
        },
    );
    let mut chapters = vec![
        chapter(
            "What this is",
            vec![said(format!("A {} exercise of disaster recovery. {}", view.kind.words(), view.when())), said(plan)],
        ),
        chapter(
            "Scope",
            vec![
                list(view.inside.iter().map(|text| format!("Tested: {text}")), "The briefing says what is tested."),
                list(view.outside.iter().map(|text| format!("Not tested: {text}")), ""),
            ],
        ),
        chapter(
            "Rules",
            vec![list(
                [
                    "Act as in a real incident. Use your usual tools, channels and rights.",
                    "Begin every message about the exercise with the word EXERCISE.",
                    "Acknowledge pages. Answer questions of the exercise team in your own words.",
                    "Record decisions and what you tell others, with the time: `drillmaster exercise note`.",
                    "Objectives are rated. People are not.",
                ],
                "",
            )],
        ),
        chapter("Who is who", vec![Block::Table(Table::new("", ["Role", "What it does", "Who"], rows.collect()))]),
    ];
    if !view.briefing.is_empty() {
        chapters.insert(1, chapter("From the briefing", vec![list(view.briefing.iter().map(String::as_str), "")]));
    }
    chapters.push(how_to_stop(&view.phrase, &view.channel));
    view.paper("Hand-out for players", chapters)
}

/// The announcement to everybody who may notice the exercise.
pub(super) fn announcement(view: &PlayersView) -> Paper {
    view.paper(
        "Announcement",
        vec![
            chapter(
                "There will be an exercise",
                vec![
                    said(format!("A {} exercise of disaster recovery takes place. {}", view.kind.words(), view.when())),
                    list(view.inside.iter().map(|text| format!("It may affect: {text}")), "Nothing is affected outside the exercise."),
                    said("Alerts and messages that belong to it say EXERCISE. Whatever does not say so is real: treat it as an incident."),
                ],
            ),
            how_to_stop(&view.phrase, &view.channel),
        ],
    )
}
