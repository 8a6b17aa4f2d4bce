//! `drillmaster answer`: answers a gate or a hold of a run from another terminal.

use super::{Done, Failure, args::AnswerArgs, print, record_args::YesNo, shown};
use crate::{
    event::Kind,
    journal::{Answer, RunDir, follow},
    model::{Exit, printable},
    scenario::meant,
};

pub(super) fn answer(args: &AnswerArgs) -> Done {
    let dir = RunDir(args.dir.clone());
    let invalid = |why: String| Failure::new(Exit::Invalid, why);
    let (mut open, mut asked, mut gates) = (vec![], vec![], vec![]);
    follow(&dir, |event, _| match event.event {
        Kind::PlanFrozen { plan } => gates.extend(plan.steps.into_iter().map(|step| step.name.0)),
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
    let approve = args.answer == YesNo::Yes;
    // A gate is a step; the name of a hold is not that of a step.
    if !approve && !gates.contains(&args.gate) {
        return Err(invalid(format!(
            "`{}` is a hold, which nobody can refuse: without a yes the drill waits until the time limit, and then continues. Nothing was written. To end the drill, run: drillmaster stop {}",
            printable(&args.gate),
            shown(&args.dir)
        )));
    }
    let by = match &args.by {
        Some(name) => format!("{} (asserted)", printable(name)),
        None => format!("{} (account of the machine)", super::place::operator()),
    };
    let answer = Answer { gate: args.gate.clone(), approve, by };
    answer.give(&dir).map_err(|e| invalid(format!("gate `{}` cannot be answered: {e}", printable(&args.gate))))?;
    print(&format!(
        "answered {} with {}; a later answer does not count. A run that was started with --wait-for-answers or --hold notices this within a second\n",
        printable(&args.gate),
        if approve { "yes" } else { "no" }
    ));
    Ok(Exit::Passed)
}
