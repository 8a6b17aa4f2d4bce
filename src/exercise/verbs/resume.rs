//! `resume`: what is checked before an exercise goes on after a pause, and what is not.

use super::{ClusterNow, Day, authorised_hash};
use crate::{
    exercise::{
        playbook::Role,
        state::ExercisePhase,
        what::{ClusterAccess, What},
        who::Claim,
    },
    model::{Redactor, Told},
    told,
};

/// What is never checked here: the exercise asks a cluster for its identity only.
const LEFT: [&str; 2] = [
    "not checked: whether the backup is Completed and not expired (the pre-flight of the next drill checks it)",
    "not checked: silences in Alertmanager (the pre-flight of the next drill checks them, if the bindings name it)",
];

impl Day<'_> {
    pub(super) fn resume(&self, claim: &Claim, cluster: &ClusterNow, unchecked: &str) -> Result<Vec<What>, String> {
        self.in_phase(&[ExercisePhase::Paused])?;
        let by = self.by(claim, &[Role::Director])?;
        let (mut checked, mut left) = (vec![self.authorised()?], vec![]);
        self.faults(&mut checked, &mut left)?;
        self.identity(cluster, unchecked, &mut checked, &mut left)?;
        if !matches!(self.state.place, ClusterAccess::Nowhere) {
            left.extend(LEFT.map(Told::fixed));
        }
        Ok(vec![What::Resumed { by, checked, unchecked: left }])
    }

    /// Playbook and scenarios were compared with their hashes when the command read them.
    fn authorised(&self) -> Result<Told, String> {
        let hash = authorised_hash(self.state);
        match &self.state.authorised {
            Some((_, _, signed)) if *signed == hash => {
                Ok("playbook, scenarios, people and place are those that were authorised".into())
            }
            _ => Err(format!(
                "what was authorised is not what is here ({hash}): stop the exercise, and prepare it again"
            )),
        }
    }

    fn faults(&self, checked: &mut Vec<Told>, left: &mut Vec<Told>) -> Result<(), String> {
        for (stage, drill) in self.drills {
            let name = drill.dir.as_ref().map(|dir| dir.display().to_string()).unwrap_or_default();
            if drill.open_faults > 0 {
                return Err(format!(
                    "the drill of stage `{stage}` has {} open fault(s): wait for the undo, or run `drillmaster recover {name}`",
                    drill.open_faults
                ));
            }
            if drill.dir.is_some() && drill.end.is_none() && drill.alive != Some(true) {
                left.push(told!(
                    Redactor::default(),
                    "not known: whether the drill of stage {stage} goes on. Its journal has no end, and no open fault"
                ));
            }
        }
        checked.push(told!(Redactor::default(), "no fault is open in the journals of {} drill(s)", self.drills.len()));
        Ok(())
    }

    fn identity(
        &self,
        now: &ClusterNow,
        unchecked: &str,
        checked: &mut Vec<Told>,
        left: &mut Vec<Told>,
    ) -> Result<(), String> {
        if !matches!(self.state.place, ClusterAccess::Real { .. }) {
            return Ok(());
        }
        let drilled = self.drills.iter().filter_map(|(_, drill)| drill.cluster.as_ref());
        let mut known: Vec<&String> = self.state.cluster.iter().map(|(_, uid)| uid).chain(drilled).collect();
        known.sort();
        known.dedup();
        let why: Told = match (now, known.as_slice()) {
            (ClusterNow::Is(uid), [before]) if uid == *before => {
                checked.push("the context leads to the same cluster as before".into());
                left.push("not checked: the identity of a second cluster".into());
                return Ok(());
            }
            // No reason excuses another cluster.
            (ClusterNow::Is(uid), [_, ..]) => {
                let known: Vec<&str> = known.iter().map(|uid| uid.as_str()).collect();
                return Err(format!(
                    "the context leads to the cluster {uid}, but the exercise began on {}: correct the kubeconfig, or stop the exercise",
                    known.join(" and ")
                ));
            }
            (ClusterNow::Is(_), []) => "its identity was not known when the exercise began".into(),
            (ClusterNow::Unknown(why), _) => why.clone(),
            (ClusterNow::None, _) => "nobody asked it".into(),
        };
        if unchecked.trim().is_empty() {
            return Err(format!(
                "whether the context leads to the same cluster as before could not be checked: {why}. Try again, or resume without it: --because REASON"
            ));
        }
        left.push(
            self.told(&format!("not checked: the identity of the cluster ({why}), because {}", unchecked.trim())),
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use jiff::Timestamp;

    use super::*;
    use crate::exercise::{
        Drill, load_str,
        people::{People, Person, PersonId},
        state::State,
        verbs::{Verb, decide},
        what::{By, Known},
    };

    /// A paused exercise on a real cluster, and what `resume` says.
    fn resumed(
        change: impl FnOnce(&mut State, &mut Vec<(String, Drill)>),
        now: ClusterNow,
        why: &str,
    ) -> Result<What, String> {
        let text = crate::scenario::shipped_text(std::path::Path::new("annual-dr-exercise")).expect("it is shipped");
        let loaded = load_str("annual-dr-exercise", text, &Default::default(), &|_, _| None);
        let playbook = loaded.unwrap_or_else(|problems| panic!("{problems}")).playbook;
        let id = PersonId("p".into());
        let by = By { person: id.clone(), role: Role::Sponsor, known: Known::Asserted, because: Told::default() };
        let person = Person { id, name: "Dora".into(), roles: vec![Role::Director], ..Person::default() };
        let mut state = State {
            phase: ExercisePhase::Paused,
            place: ClusterAccess::Real { arguments: vec!["--context".into(), "prod".into()] },
            cluster: Some(("prod".into(), "u1".into())),
            ..State::default()
        };
        state.authorised = Some((Timestamp::UNIX_EPOCH, by, authorised_hash(&state)));
        let drill = Drill {
            dir: Some(PathBuf::from("drills/drill/run")),
            alive: Some(true),
            cluster: Some("u1".into()),
            ..Drill::default()
        };
        let mut drills = vec![("drill".to_owned(), drill)];
        change(&mut state, &mut drills);
        let people = People { people: vec![person] };
        let day = Day {
            playbook: &playbook,
            state: &state,
            people: &people,
            watched: None,
            drills: &drills,
            now: Timestamp::UNIX_EPOCH,
        };
        let claim = Claim { name: Some("Dora".into()), ..Claim::default() };
        decide(&day, &claim, &Verb::Resume { cluster: now, unchecked: why.into() }).map(|mut lines| lines.remove(0))
    }

    #[test]
    fn another_cluster_or_an_open_fault_is_never_resumed() {
        let same = || ClusterNow::Is("u1".into());
        let Ok(What::Resumed { checked, unchecked, .. }) = resumed(|_, _| (), same(), "") else {
            panic!("it is resumed")
        };
        assert_eq!((checked.len(), unchecked.len()), (3, 3), "{checked:?} {unchecked:?}");
        for why in ["", "we must"] {
            let other = resumed(|_, _| (), ClusterNow::Is("u2".into()), why).expect_err("another cluster");
            assert!(other.contains("u2") && other.contains("u1"), "{other}");
            let open = resumed(|_, drills| drills[0].1.open_faults = 1, same(), why).expect_err("an open fault");
            assert!(open.contains("recover drills/drill/run"), "{open}");
            let drilled = resumed(|_, drills| drills[0].1.cluster = Some("u2".into()), same(), why);
            assert!(drilled.expect_err("the drill ran elsewhere").contains("u1 and u2"));
            let changed = resumed(|state, _| state.playbook_hash = "x".into(), same(), why);
            assert!(changed.expect_err("another playbook").contains("authorised"));
        }
    }

    #[test]
    fn what_could_not_be_compared_needs_a_reason_and_is_said() {
        let unknown = || ClusterNow::Unknown("it does not answer".into());
        let refused = resumed(|_, _| (), unknown(), " ").expect_err("no reason");
        assert!(refused.contains("it does not answer") && refused.contains("--because"), "{refused}");
        let Ok(What::Resumed { unchecked, .. }) = resumed(|_, _| (), unknown(), "Dora has no kubeconfig") else {
            panic!("it is resumed")
        };
        let said: Vec<&str> = unchecked.iter().map(|text| &**text).collect();
        assert!(said.iter().any(|text| text.contains("{p} has no kubeconfig")), "{said:?}");
    }
}
