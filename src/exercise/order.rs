//! Which stage of an exercise is open, and which one comes next. Start with [`open_stage`].

use super::{
    playbook::Playbook,
    stage::Stage,
    state::{ExercisePhase, StageState, State},
};

/// The stage that is open.
pub fn open_stage<'a>(playbook: &'a Playbook, state: &State) -> Option<(usize, &'a Stage)> {
    playbook.stages.iter().enumerate().find(|(_, stage)| state.stages.get(&stage.id).is_some_and(StageState::is_open))
}

/// The stage that `exercise next` opens. None after the last one. After a stop or the hotwash, only the hotwash and the
/// signatures are left.
pub fn next_stage<'a>(playbook: &'a Playbook, state: &State) -> Option<&'a Stage> {
    let all = !matches!(state.phase, ExercisePhase::Stopped | ExercisePhase::Reviewed);
    playbook.stages.iter().find(|stage| {
        let unopened = !state.stages.contains_key(&stage.id);
        unopened && (all || stage.review.is_some() || stage.sign_off.is_some())
    })
}

/// The commands that a person types next while the exercise goes on and no stage is open. None at any other time.
pub fn next_commands(playbook: &Playbook, state: &State) -> Option<String> {
    let goes_on = matches!(state.phase, ExercisePhase::Running | ExercisePhase::Stopped | ExercisePhase::Reviewed);
    (goes_on && open_stage(playbook, state).is_none()).then(|| match next_stage(playbook, state) {
        Some(stage) => format!("exercise next opens stage {}", stage.id),
        None => "exercise sign, then exercise close".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{exercise::load_str, scenario::shipped_text};

    #[test]
    fn after_the_hotwash_of_a_stopped_exercise_only_the_signatures_are_left() {
        let text = shipped_text(Path::new("annual-dr-exercise")).expect("it is shipped");
        let loaded = load_str("annual-dr-exercise", text, &Default::default(), &|_, _| None);
        let mut playbook = loaded.unwrap_or_else(|problems| panic!("{problems}")).playbook;
        let mut state = State { phase: ExercisePhase::Running, ..State::default() };
        assert_eq!(next_stage(&playbook, &state).map(|stage| &stage.id), Some(&playbook.stages[0].id));
        state.phase = ExercisePhase::Stopped;
        assert!(next_stage(&playbook, &state).is_some_and(|stage| stage.review.is_some()));
        let hotwash = playbook.stages.iter().find(|stage| stage.review.is_some()).expect("it has a hotwash");
        state.stages.insert(hotwash.id.clone(), StageState::default());
        state.phase = ExercisePhase::Reviewed;
        assert!(next_stage(&playbook, &state).is_some_and(|stage| stage.sign_off.is_some()));
        playbook.stages.retain(|stage| stage.sign_off.is_none());
        assert!(next_stage(&playbook, &state).is_none(), "a stage that the stop left out is not opened");
        assert_eq!(next_commands(&playbook, &state).as_deref(), Some("exercise sign, then exercise close"));
        state.phase = ExercisePhase::Closed;
        assert_eq!(next_commands(&playbook, &state), None);
    }
}
