//! `drillmaster exercise tokens`: makes the tokens of the board.

use super::{
    super::{Done, Failure, exercise_args::DirArgs, note, print, shown},
    failed, now,
};
use crate::{
    exercise::{KnownExercise, Role, TOKENS, make_tokens},
    model::Exit,
};

pub(super) fn tokens(args: &DirArgs) -> Done {
    let now = now();
    let (known, _) = KnownExercise::read(&args.dir, now).map_err(|e| failed(&e))?;
    let roles: Vec<Role> = known.loaded.playbook.roles.each().map(|(role, _)| role).collect();
    let made = make_tokens(&args.dir, roles, now)
        .map_err(|e| Failure::new(Exit::Invalid, format!("cannot write {}: {e}", shown(args.dir.join(TOKENS)))))?;
    let lines: Vec<String> = made.iter().map(|(role, token)| format!("{:<11} {token}\n", role.word())).collect();
    print(&lines.concat());
    note("this is the only time that the tokens are shown; earlier tokens are no longer valid");
    note("give each role its own token, not in a link and not in a channel that players read");
    Ok(Exit::Passed)
}
