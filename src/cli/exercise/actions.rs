//! `drillmaster exercise actions`: the improvement plan.

use super::{
    super::{
        Done,
        actions_args::{ActionsCommand, ExportFormat, StatusArg},
        print,
    },
    act, failed, now,
};
use crate::{
    exercise::{ActionStatus, KnownExercise, Verb, actions_csv, actions_json, actions_markdown},
    files,
    model::{Exit, printable},
};

pub(super) fn actions(command: &ActionsCommand) -> Done {
    match command {
        ActionsCommand::Add(a) => {
            let verb = Verb::ActionAdd {
                text: a.text.clone(),
                owner: a.owner.clone(),
                due: a.due.clone(),
                proven_when: a.proven_when.clone(),
            };
            act(&a.who, &verb)
        }
        ActionsCommand::Update(a) => {
            let status = a.status.map(|status| match status {
                StatusArg::Open => ActionStatus::Open,
                StatusArg::Done => ActionStatus::Done,
                StatusArg::Dropped => ActionStatus::Dropped,
            });
            let verb = Verb::ActionUpdate {
                id: a.id.clone(),
                status,
                owner: a.owner.clone(),
                due: a.due.clone(),
                ticket: a.ticket.clone(),
            };
            act(&a.who, &verb)
        }
        ActionsCommand::List(a) => {
            let (known, _) = KnownExercise::read(&a.dir, now()).map_err(|e| failed(&e))?;
            let mut text = String::new();
            for action in known.state.actions.values() {
                let named = |text: &str| printable(&known.people.named(text));
                let or = |text: String, none: &str| if text.is_empty() { none.to_owned() } else { text };
                let status = action.status.words();
                text += &format!(
                    "{}  {status:<8} {:<12} {:<20} {}\n",
                    action.id,
                    or(action.due.clone(), "no due date"),
                    or(named(&action.owner), "no owner yet"),
                    named(&action.text)
                );
            }
            print(if text.is_empty() { "no action was recorded\n" } else { &text });
            Ok(Exit::Passed)
        }
        ActionsCommand::Export(a) => {
            let (known, _) = KnownExercise::read(&a.dir.dir, now()).map_err(|e| failed(&e))?;
            let (state, people) = (&known.state, &known.people);
            match a.format {
                ExportFormat::Csv => files::print_data(&actions_csv(state, people)),
                ExportFormat::Json => files::print_json(&actions_json(state, people)),
                ExportFormat::Md => print(&actions_markdown(state, people)),
            }
            Ok(Exit::Passed)
        }
    }
}
