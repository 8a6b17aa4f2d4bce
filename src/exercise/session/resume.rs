//! What `exercise resume` rests on: the journals of all drills of the exercise.

use super::{ExerciseError, Session};
use crate::exercise::drill::Drill;

impl Session {
    /// The drills of all stages, by the name of the stage.
    ///
    /// # Errors
    /// The journal of a drill is damaged: then nobody knows what it left open.
    pub(super) fn drills(&self) -> Result<Vec<(String, Drill)>, ExerciseError> {
        let folders = self.known.state.stages.iter().filter_map(|(stage, own)| Some((stage, own.folder.as_ref()?)));
        let read = |(stage, folder): (&String, &String)| {
            let drill = Drill::read(&self.dir.join(folder)).map_err(|e| ExerciseError::File(e.to_string()))?;
            Ok((stage.clone(), drill))
        };
        folders.map(read).collect()
    }
}
