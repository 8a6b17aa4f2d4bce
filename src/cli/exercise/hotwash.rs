//! `drillmaster exercise hotwash`: asks the questions of the hotwash at the terminal, one after another.

use std::io::{BufRead, IsTerminal};

use super::{
    super::{Done, Failure, exercise_args::HotwashArgs, say},
    act, claim, failed, now,
};
use crate::{
    exercise::{KnownExercise, Session, Verb},
    model::{Exit, printable},
};

pub(super) fn hotwash(args: &HotwashArgs) -> Done {
    if let (Some(question), Some(text)) = (args.question, &args.text) {
        return act(&args.who, &Verb::Say { question, text: text.clone() });
    }
    let (known, _) = KnownExercise::read(&args.who.dir, now()).map_err(|e| failed(&e))?;
    let asked =
        known.loaded.playbook.stages.iter().filter_map(|stage| stage.review.as_ref()).flat_map(|review| &review.ask);
    let asked: Vec<String> = asked.cloned().collect();
    if !std::io::stdin().is_terminal() {
        let list: Vec<String> =
            asked.iter().enumerate().map(|(i, q)| format!("  {}  {}", i + 1, printable(q))).collect();
        let text = format!(
            "there is no terminal to ask at: give --question N --text TEXT. The questions are:\n{}",
            list.join("\n")
        );
        return Err(Failure::new(Exit::Invalid, text));
    }
    let mut input = std::io::stdin().lock();
    for (i, question) in asked.iter().enumerate() {
        say(&format!("{}  (an empty line leaves it out)", printable(question)));
        let mut line = String::new();
        if input.read_line(&mut line).unwrap_or(0) == 0 {
            break;
        }
        if line.trim().is_empty() {
            continue;
        }
        // The lock is not held while somebody thinks.
        let mut session = Session::open(&args.who.dir).map_err(|e| failed(&e))?;
        session
            .act(&claim(&args.who.who), &Verb::Say { question: i + 1, text: line }, now())
            .map_err(|e| failed(&e))?;
    }
    Ok(Exit::Passed)
}
