//! `drillmaster answer`: answers a gate or a hold of a run from another terminal.

use super::{Done, Failure, args::AnswerArgs, print, record_args::YesNo};
use crate::{
    event::Kind,
    journal::{Answer, RunDir, follow},
    model::{Exit, printable},
    scenario::meant,
};

pub(super) fn answer(args: &AnswerArgs) -> Done {
    let dir = RunDir(args.dir.clone());
    let invalid = |why: String| Failure::new(Exit::Invalid, why);
    let (mut open, mut asked) = (vec![], vec![]);
    follow(&dir, |event, _| match event.event {
        Kind::GateOpened { step, .. } => {
            asked.push(step.0.clone());
            open.push(step.0);
        }
        Kind::GateAnswered { step, .. } => open.retain(|name| *name != step.0),
        Kind::RunEnded { .. } => open.clear(),
        _ => {}
    })
    .map_err(|e| Failure::of(Exit::Invalid, &e))?;
    if !open.contains(&args.gate) {
        let near = meant(&args.gate, open.iter().map(String::as_str));
        let why = match (open.is_empty(), asked.contains(&args.gate)) {
            (_, true) => "it was answered already".to_owned(),
            (true, false) => "the run waits for no answer now".into(),
            (false, false) => format!("{near}the run waits for {}", open.join(", ")),
        };
        return Err(invalid(format!("gate `{}` is not open: {why}", printable(&args.gate))));
    }
    let by = match &args.by {
        Some(name) => format!("{} (asserted)", printable(name)),
        None => format!("{} (account of the machine)", super::place::operator()),
    };
    let answer = Answer { gate: args.gate.clone(), approve: args.answer == YesNo::Yes, by };
    answer.give(&dir).map_err(|e| invalid(format!("gate `{}` cannot be answered: {e}", printable(&args.gate))))?;
    print(&format!(
        "answered {}; a run that was started with --wait-for-answers or --hold notices within a second\n",
        printable(&args.gate)
    ));
    Ok(Exit::Passed)
}
