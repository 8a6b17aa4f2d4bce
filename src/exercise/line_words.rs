//! A line of the journal in words: when it happened, who did it, and what it was. The timeline of the report and the log
//! of the board both use these words, so that they cannot differ. Start with [`Line::words`].

use jiff::Timestamp;

use super::{
    check_stage::result,
    people::People,
    state::ReviewEnd,
    time::{between, long},
    what::{By, DrillMoment, Line, What},
};

impl Line {
    /// When it happened. The line may have been written later, when somebody noticed.
    pub fn happened(&self) -> Timestamp {
        match &self.event {
            What::StageClosed { ended: at, .. }
            | What::CheckEnded { happened: at, .. }
            | What::DrillSeen { happened: at, .. }
            | What::DrillEnded { happened: at, .. }
            | What::ItemDue { due: at, .. }
            | What::Missed { due: at, .. }
            | What::Defaulted { due: at, .. } => *at,
            _ => self.at,
        }
    }

    /// Who did it: a person, as `person` names people, or a program.
    pub fn actor(&self, person: impl FnOnce(&By) -> String) -> String {
        match &self.event {
            What::DrillSeen { .. } | What::DrillEnded { .. } => "drill".to_owned(),
            What::DrillLaunched { .. } | What::CheckLaunched { .. } | What::CheckEnded { .. } => "exercise".to_owned(),
            event => event.by().map_or_else(|| "the clock".to_owned(), person),
        }
    }

    /// What happened; none for lines that have no place in a list of what happened.
    pub fn words(&self, people: &People) -> Option<String> {
        let named = |text: &str| people.named(text);
        Some(match &self.event {
            What::Authorised { .. } => "authorised the exercise".to_owned(),
            What::Started { .. } => "started the exercise".into(),
            What::StageOpened { stage, .. } => format!("stage {stage} begins"),
            What::StageClosed { stage, end, detail, .. } => {
                let detail = if detail.is_empty() { String::new() } else { format!(" ({})", named(detail)) };
                format!("stage {stage}: {}{detail}{}", end.words(), self.noticed())
            }
            What::DrillLaunched { stage, .. } => format!("the drill of stage {stage} was started"),
            What::DrillSeen { step, moment, .. } => match moment {
                DrillMoment::Began => format!("step `{step}` begins"),
                DrillMoment::Done => format!("step `{step}` is done"),
                DrillMoment::Alert => format!("Alertmanager has the first alert since step `{step}` began"),
            },
            What::DrillEnded { run, exit, .. } => format!("run {run} ends: {}", exit.meaning()),
            What::CheckLaunched { stage } => format!("the review of stage {stage} was started"),
            What::CheckEnded { stage, happened, exit, readiness, why, .. } => {
                let (at, why) = (*happened, why.clone());
                let end = ReviewEnd { at, exit: *exit, readiness: *readiness, why, evidence: None };
                format!("review of stage {stage}: {}", named(&result(&end)))
            }
            What::ItemDue { item, .. } => format!("{item} is due{}", self.noticed()),
            What::InjectGiven { item, .. } => format!("gives inject {item}"),
            What::InjectAdded { item, text, why, .. } => {
                format!("adds inject {item}: {} (because {})", named(text), named(why))
            }
            What::Answered { item, option, answer, late, .. } => {
                let late = if *late { ", late" } else { "" };
                format!("{item}{late}: {}", joined([option.as_str(), &named(answer)]))
            }
            What::Missed { item, .. } => format!("{item}: nobody answered in time{}", self.noticed()),
            What::Defaulted { item, option, .. } => {
                format!("{item}: nobody decided in time, {option} counts{}", self.noticed())
            }
            What::Skipped { item, why, .. } => format!("{item} is left out: {}", named(why)),
            What::Noted { on, text, .. } => format!("{}: {}", on.words(), named(text)),
            What::Rated { objective, rating, why, .. } => {
                joined([&format!("rates {objective}: {}", rating.words()), &named(why)])
            }
            What::ObjectiveDropped { objective, why, .. } => format!("drops objective {objective}: {}", named(why)),
            What::RoleAbsent { role, why, .. } => format!("records that the {role} is absent: {}", named(why)),
            What::Paused { why, .. } => format!("pauses the exercise: {}", named(why)),
            What::Resumed { .. } => "resumes the exercise".into(),
            What::Stopped { how, why, .. } => format!("the exercise is stopped {}: {}", how.words(), named(why)),
            What::Reviewed { .. } => "ends the hotwash".into(),
            What::Signed { .. } => "signs the report".into(),
            What::Closed { .. } => "closes the exercise".into(),
            What::ExercisePrepared { .. }
            | What::SessionOpened { .. }
            | What::ClusterIdentified { .. }
            | What::Said { .. }
            | What::ActionAdded { .. }
            | What::ActionChanged { .. }
            | What::Erased { .. } => return None,
        })
    }

    /// How long after it happened somebody noticed it; empty if that was at once.
    fn noticed(&self) -> String {
        let late = between(self.happened(), self.at);
        if late.0.as_secs() < 5 { String::new() } else { format!(" (noticed {} later)", long(late)) }
    }
}

/// The texts that are not empty, with a colon between them.
fn joined(texts: [&str; 2]) -> String {
    texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ")
}
