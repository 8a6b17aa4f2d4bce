//! `drillmaster verify`: whether a run directory is what its run left.

use serde_json::json;

use super::{
    Done, Failure,
    args::{Output, VerifyArgs},
    place, print, shown,
};
use crate::{
    files::print_json,
    journal::{JournalError, RunDir},
    model::{Exit, printable},
    verdict::RULES,
    verify::{Before, Differs, Neighbours, Verified, neighbours, verify as look},
};

pub(super) fn verify(args: &VerifyArgs) -> Done {
    let dir = place::dir(&args.run)?;
    let verified = match look(&dir) {
        Ok(verified) => verified,
        // Nobody can tell an empty journal from a run that died before its first line.
        Err(error @ JournalError::Empty(_)) => return Err(Failure::of(Exit::Inconclusive, &error)),
        Err(error) => return Err(Failure::of(Exit::Failed, &error)),
    };
    let beside = neighbours(&dir, &verified.journal);
    let exit = if beside.differs.is_empty() { verified.exit() } else { Exit::Failed };
    match args.output {
        Output::Human => print(&human(&dir, &verified, &beside, exit)),
        Output::Json => print_json(&as_json(&dir, &verified, &beside, exit)),
    }
    Ok(exit)
}

/// A run directory of which nothing differs; whatever else is read is not shown.
pub(super) fn holding(dir: &RunDir) -> Result<Verified, Failure> {
    let verified = look(dir).map_err(|e| Failure::of(Exit::Invalid, &e))?;
    if verified.differs.is_empty() { Ok(verified) } else { Err(refused(&verified.differs)) }
}

/// Why a run directory is not shown as it stands.
pub(super) fn refused(differs: &[Differs]) -> Failure {
    let lines: Vec<String> = differs.iter().map(ToString::to_string).collect();
    let text = format!(
        "this is not what the run left:\n  {}\n`drillmaster verify` tells what was checked. What is open can still be undone with `drillmaster recover`",
        lines.join("\n  ")
    );
    Failure::new(Exit::Invalid, text)
}

fn human(dir: &RunDir, verified: &Verified, beside: &Neighbours, exit: Exit) -> String {
    let mut lines = vec![format!("run directory  {}", shown(&dir.0))];
    lines.extend(verified.checked.iter().map(|checked| format!("holds          {checked}")));
    let differs = verified.differs.iter().chain(&beside.differs);
    lines.extend(differs.map(|differs| format!("DIFFERS        {differs}")));
    lines.extend(verified.journal.head().map(|head| format!("head           {head}")));
    lines.push(format!("run before     {}", before(&beside.before)));
    if !beside.after.is_empty() {
        lines.push(format!("run after      {}", beside.after.join(", ")));
    }
    lines.push(format!("result         {}", result(verified, exit)));
    // No name makes a line of its own.
    lines.iter().map(|line| printable(line)).collect::<Vec<_>>().join("\n") + "\n"
}

fn result(verified: &Verified, exit: Exit) -> String {
    match (exit, verified.progress.open(), verified.standing.words()) {
        (Exit::Failed, ..) => "something differs: this is not what the run left".to_owned(),
        (_, Some(open), _) => format!("what is there holds; {open}"),
        (_, None, Some(words)) => format!("what is there holds; {words}"),
        (Exit::Inconclusive, None, None) => {
            "what is there holds; it was made by the rules of another version".to_owned()
        }
        _ => format!(
            "everything holds, by the rules of this version ({RULES}). Compare the head with `kubectl --namespace drillmaster get configmap heads --output yaml`: see docs/verdicts.md"
        ),
    }
}

fn before(before: &Before) -> String {
    match before {
        Before::None => "none is named".to_owned(),
        Before::Elsewhere(head) => {
            format!(
                "{} (exit {}, head {}): its directory is not beside this one",
                head.run,
                head.exit.code(),
                head.head
            )
        }
        Before::Beside(head) => {
            format!("{} (exit {}, head {}): looked at beside this one", head.run, head.exit.code(), head.head)
        }
        Before::RecoveredElsewhere(head) => format!(
            "{} (exit {}, head {}): its directory beside this one is open, as it was recovered in another one",
            head.run,
            head.exit.code(),
            head.head
        ),
    }
}

fn as_json(dir: &RunDir, verified: &Verified, beside: &Neighbours, exit: Exit) -> String {
    let differs: Vec<&Differs> = verified.differs.iter().chain(&beside.differs).collect();
    let previous = match &beside.before {
        Before::None => None,
        Before::Elsewhere(head) | Before::Beside(head) | Before::RecoveredElsewhere(head) => Some(head),
    };
    let value = json!({"dir": dir.0.to_string_lossy(), "exit": exit.code(), "result": result(verified, exit), "rules": RULES,
        "otherRules": verified.standing.words(), "open": verified.progress.open(), "checked": verified.checked,
        "differs": differs, "head": verified.journal.head(), "previous": previous, "after": beside.after});
    format!("{value}\n")
}
