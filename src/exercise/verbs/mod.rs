//! The commands of the day, as pure decisions: from the state of an exercise and a wish to the lines that
//! follow, or to a refusal with its fix. Start with [`decide`].

mod after;
mod items;
mod resume;
mod stages;

use jiff::Timestamp;

use super::{
    drill::Drill,
    order::open_stage,
    people::People,
    playbook::{Playbook, Role},
    stage::Stage,
    state::{ExercisePhase, State},
    tick::Watched,
    what::{ActionStatus, Attached, By, NoteOn, Rating, StageEnd, StopFor, What},
    who::{Claim, who},
};
use crate::{
    model::{Redactor, Told, sha256},
    told,
};

/// A command of the day.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the command line explains each")]
pub enum Verb {
    Authorise {
        hash: String,
    },
    Start,
    Next {
        skip: Option<String>,
    },
    Answer {
        gate: String,
        yes: bool,
        text: String,
    },
    Decide {
        item: String,
        option: String,
        text: String,
    },
    Done {
        id: String,
        text: String,
        evidence: Option<Attached>,
    },
    Inject {
        item: String,
    },
    InjectNew {
        id: String,
        text: String,
        why: String,
    },
    SkipItem {
        item: String,
        why: String,
    },
    Note {
        on: NoteOn,
        text: String,
    },
    Rate {
        objective: String,
        rating: Rating,
        why: String,
    },
    Say {
        question: usize,
        text: String,
    },
    Absent {
        role: Role,
        why: String,
    },
    Pause {
        why: String,
    },
    Resume {
        cluster: ClusterNow,
        /// Why it is resumed although the cluster could not be compared; empty if it must be.
        unchecked: String,
    },
    Drop {
        objective: String,
        why: String,
    },
    Stop {
        how: StopFor,
        phrase: Option<String>,
        why: String,
    },
    Sign {
        head: String,
        report: String,
    },
    Close,
    ActionAdd {
        text: String,
        owner: String,
        due: String,
        proven_when: String,
    },
    ActionUpdate {
        id: String,
        status: Option<ActionStatus>,
        owner: Option<String>,
        due: Option<String>,
        ticket: Option<String>,
    },
}

/// Which cluster is behind the context of the exercise now.
#[derive(Clone, Debug, PartialEq)]
pub enum ClusterNow {
    /// The exercise has no real cluster.
    None,
    /// The cluster with this UID.
    Is(String),
    /// It could not be read, for this reason.
    Unknown(Told),
}

/// Everything that a decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Day<'a> {
    /// The playbook.
    pub playbook: &'a Playbook,
    /// What the exercise has come to, with everything that is due.
    pub state: &'a State,
    /// The people.
    pub people: &'a People,
    /// The drill of the open stage.
    pub watched: Option<&'a Watched>,
    /// The drills of all stages; read for `resume` only.
    pub drills: &'a [(String, Drill)],
    /// The time.
    pub now: Timestamp,
}

/// The lines that follow.
///
/// # Errors
/// Why this is not possible now, or not for this person, and what to do instead.
pub fn decide(day: &Day<'_>, claim: &Claim, verb: &Verb) -> Result<Vec<What>, String> {
    if day.state.phase == ExercisePhase::Closed && !matches!(verb, Verb::ActionUpdate { .. }) {
        return Err("the exercise is closed: only `exercise actions update` is still possible".into());
    }
    match verb {
        Verb::Authorise { .. }
        | Verb::Start
        | Verb::Pause { .. }
        | Verb::Resume { .. }
        | Verb::Stop { .. }
        | Verb::Sign { .. }
        | Verb::Close
        | Verb::Absent { .. } => day.whole(claim, verb),
        Verb::Next { skip } => day.next(claim, skip.as_deref()),
        Verb::Answer { gate, yes, text } => day.answer(claim, gate, *yes, text),
        Verb::Decide { .. }
        | Verb::Done { .. }
        | Verb::Inject { .. }
        | Verb::InjectNew { .. }
        | Verb::SkipItem { .. } => day.item(claim, verb),
        Verb::Note { on, text } => {
            Ok(vec![What::Noted { by: day.by(claim, &[])?, on: *on, text: day.text(text, "the note")?, kept: None }])
        }
        Verb::Rate { objective, rating, why } => day.rate(claim, objective, *rating, why),
        Verb::Drop { objective, why } => day.drop_objective(claim, objective, why),
        Verb::Say { question, text } => day.say(claim, *question, text),
        Verb::ActionAdd { .. } | Verb::ActionUpdate { .. } => day.action(claim, verb),
    }
}

impl<'a> Day<'a> {
    fn by(&self, claim: &Claim, roles: &[Role]) -> Result<By, String> {
        who(self.playbook, self.state, self.people, claim, roles)
    }

    /// The text of a person, without names and passwords.
    fn told(&self, text: &str) -> Told {
        told!(Redactor::default(), "{}", self.people.mask(text.trim()))
    }

    fn text(&self, text: &str, what: &str) -> Result<Told, String> {
        const LONGEST: usize = 16 << 10;
        match text.trim().len() {
            0 => Err(format!("{what} is empty")),
            1..=LONGEST => Ok(self.told(text)),
            _ => Err(format!("{what} is longer than {} KiB: attach a file instead", LONGEST >> 10)),
        }
    }

    fn in_phase(&self, phases: &[ExercisePhase]) -> Result<(), String> {
        if phases.contains(&self.state.phase) {
            return Ok(());
        }
        Err(format!("the exercise is {}", self.state.phase.words()))
    }

    /// Verbs about the exercise as a whole.
    fn whole(&self, claim: &Claim, verb: &Verb) -> Result<Vec<What>, String> {
        match verb {
            Verb::Authorise { hash } => {
                self.in_phase(&[ExercisePhase::Prepared])?;
                let by = self.by(claim, &[Role::Sponsor])?;
                let whole = authorised_hash(self.state);
                if hash.len() < 12 || !whole.starts_with(hash.as_str()) {
                    return Err(format!(
                        "the hash of playbook, scenarios and people is {whole}: read the papers, and give it with --hash"
                    ));
                }
                Ok(vec![What::Authorised { by, hash: whole }])
            }
            Verb::Start => {
                self.in_phase(&[ExercisePhase::Authorised])?;
                let by = self.by(claim, &[Role::Director])?;
                let first = &self.playbook.stages[0];
                Ok(vec![
                    What::Started { by: by.clone(), unattended: false },
                    What::StageOpened { stage: first.id.clone(), by },
                ])
            }
            Verb::Absent { role, why } => {
                let by = self.by(claim, &[])?;
                if self.playbook.roles.get(*role).is_none() {
                    return Err(format!("the playbook has no role `{role}`"));
                }
                Ok(vec![What::RoleAbsent { role: *role, by, why: self.text(why, "the reason")? }])
            }
            Verb::Pause { why } => {
                self.in_phase(&[ExercisePhase::Running])?;
                let by = self.by(claim, &[Role::Director])?;
                if let Some(open) = self.watched.map(|w| w.drill.open_faults).filter(|open| *open > 0) {
                    return Err(format!(
                        "the drill has {open} open fault(s): a pause would leave the cluster broken. Wait for the undo, or stop the exercise"
                    ));
                }
                Ok(vec![What::Paused { by, why: self.text(why, "the reason")? }])
            }
            Verb::Resume { cluster, unchecked } => self.resume(claim, cluster, unchecked),
            Verb::Stop { how, phrase, why } => self.stop(claim, *how, phrase.as_deref(), why),
            Verb::Sign { head, report } => {
                let roles = self.signs();
                if self.state.phase != ExercisePhase::Reviewed {
                    return Err(format!(
                        "the report can be signed only after the hotwash; the exercise is {}",
                        self.state.phase.words()
                    ));
                }
                let by = self.by(claim, &roles)?;
                if self.state.signed.iter().any(|(_, other, _, signed)| other.role == by.role && signed == report) {
                    return Err(format!("`{}` has signed this report already", by.role));
                }
                Ok(vec![What::Signed { by, head: head.clone(), report: report.clone() }])
            }
            _ => self.close(claim),
        }
    }

    fn stop(&self, claim: &Claim, how: StopFor, phrase: Option<&str>, why: &str) -> Result<Vec<What>, String> {
        self.in_phase(&[
            ExercisePhase::Prepared,
            ExercisePhase::Authorised,
            ExercisePhase::Running,
            ExercisePhase::Paused,
        ])?;
        let said = phrase.map(|words| words.trim().eq_ignore_ascii_case(self.playbook.stop.phrase.trim()));
        if said == Some(false) {
            return Err(format!(
                "these are not the stop words of the playbook, which are: {}",
                self.playbook.stop.phrase
            ));
        }
        // Everybody may stop the exercise. A real incident pages people, so it takes the words, or the roles.
        let roles: &[Role] = match (how, said) {
            (StopFor::Incident, None) => &[Role::Safety, Role::Director],
            _ => &[],
        };
        let by = self.by(claim, roles).map_err(|why| {
            format!(
                "{why}. Anybody may stop for a real incident with the words: --phrase {:?}",
                self.playbook.stop.phrase
            )
        })?;
        Ok(vec![What::Stopped { by: Some(by), how, why: self.told(why), phrase: said == Some(true) }])
    }

    /// The roles that sign.
    fn signs(&self) -> Vec<Role> {
        let all = self.playbook.stages.iter().filter_map(|stage| stage.sign_off.as_ref());
        let roles: Vec<Role> = all.flat_map(|sign| sign.roles.iter().copied()).collect();
        if roles.is_empty() { vec![Role::Director] } else { roles }
    }

    fn close(&self, claim: &Claim) -> Result<Vec<What>, String> {
        let by = self.by(claim, &[Role::Director])?;
        if self.state.phase != ExercisePhase::Reviewed {
            return Err(format!("the exercise is {}; `exercise status` says what is left", self.state.phase.words()));
        }
        let missing: Vec<&str> = self
            .signs()
            .iter()
            .filter(|role| self.playbook.roles.get(**role).is_some())
            .filter(|role| !self.state.signed.iter().any(|(_, by, _, _)| by.role == **role))
            .map(|role| role.word())
            .collect();
        if !missing.is_empty() {
            return Err(format!("{} still has to sign: `exercise sign`", missing.join(", ")));
        }
        let mut lines: Vec<What> =
            self.open().map(|(_, stage)| self.ends(stage, StageEnd::Done, by.clone(), "")).into_iter().collect();
        lines.push(What::Closed { by });
        Ok(lines)
    }

    fn open(&self) -> Option<(usize, &'a Stage)> {
        open_stage(self.playbook, self.state)
    }

    fn ends(&self, stage: &Stage, end: StageEnd, by: By, detail: &str) -> What {
        What::StageClosed {
            stage: stage.id.clone(),
            end,
            ended: self.now,
            by: Some(by),
            detail: self.told(detail),
            evidence: None,
        }
    }
}

/// The hash that the sponsor authorises: of the playbook with its variables, its scenarios, the seats and the cluster.
pub fn authorised_hash(state: &State) -> String {
    let seats: Vec<String> =
        state.seats.iter().map(|seat| format!("{} {:?} {}", seat.person.0, seat.roles, seat.absent)).collect();
    let scenarios: Vec<String> = state.scenarios.iter().map(|(file, hash)| format!("{file} {hash}")).collect();
    let (scenarios, seats) = (scenarios.join("\n"), seats.join("\n"));
    sha256(format!("{}\n{:?}\n{scenarios}\n{seats}\n{:?}", state.playbook_hash, state.set, state.place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sponsor_authorises_the_variables_too() {
        let state = |zone: &str| State { set: [("zone".to_owned(), zone.to_owned())].into(), ..State::default() };
        assert_eq!(authorised_hash(&state("a")), authorised_hash(&state("a")));
        assert_ne!(authorised_hash(&state("a")), authorised_hash(&state("b")));
    }
}
