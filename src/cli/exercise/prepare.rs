//! `drillmaster exercise prepare`.

use std::path::Path;

use super::{
    super::{Done, Failure, place, playbook, prepare_exercise_args::PrepareArgs, print, shown},
    failed, now,
};
use crate::{
    exercise::{
        ActionStatus, Carried, ClusterAccess, KnownExercise, Prepare, authorised_hash, load_people,
        prepare as prepare_in,
    },
    model::Exit,
};

pub(super) fn prepare(args: &PrepareArgs) -> Done {
    let invalid = |why: String| Failure::new(Exit::Invalid, why);
    let loaded = playbook::read(&args.playbook, &args.set)?;
    let people = load_people(&args.people, Some(&loaded.playbook)).map_err(|p| place::invalid(&p))?;
    let drills = loaded.playbook.stages.iter().any(|stage| stage.scenario.is_some());
    let checks = loaded.playbook.stages.iter().any(|stage| stage.check.is_some());
    let place = match (drills, args.rehearse, args.context.is_empty()) {
        // A review needs a cluster too, but people may also bring its result.
        (false, _, false) if checks => ClusterAccess::Real { arguments: arguments(args)? },
        (false, _, _) => ClusterAccess::Nowhere,
        (true, true, _) => ClusterAccess::Simulated {
            cluster: args.cluster.clone().unwrap_or_default(),
            seed: args.seed,
            pace: Some(pace(args.pace)?),
        },
        (true, false, false) => ClusterAccess::Real { arguments: arguments(args)? },
        (true, false, true) => {
            return Err(invalid("the playbook has drills: say where they run, with --rehearse (a simulated cluster) or --context NAME --bindings FILE".into()));
        }
    };
    let carried = args.last.as_deref().map(carried).transpose()?.unwrap_or_default();
    let prepared = Prepare { loaded: &loaded, people: &people, place, planned: args.at, carried, now: now() };
    let (dir, state) = prepare_in(&args.exercises, &prepared)
        .map_err(|e| invalid(format!("cannot prepare the exercise in {}: {e}", shown(&args.exercises))))?;
    // The path as the user would write it.
    let dir = args.exercises.join(dir.file_name().unwrap_or_default());
    let hash = authorised_hash(&state);
    print(&format!(
        "{}\npapers         {}\nhash           {hash}\nnext           drillmaster exercise authorise {} --as SPONSOR --hash {hash}\n",
        shown(&dir),
        shown(dir.join("papers")),
        shown(&dir)
    ));
    Ok(Exit::Passed)
}

fn pace(pace: f64) -> Result<f64, Failure> {
    if (0.001..=1_000_000.0).contains(&pace) {
        return Ok(pace);
    }
    Err(Failure::new(Exit::Invalid, format!("--pace {pace}: write a number from 0.001 to 1000000")))
}

/// The arguments of `run`. Files are given by their whole path: commands may come from any folder.
fn arguments(args: &PrepareArgs) -> Result<Vec<String>, Failure> {
    place::contexts(&args.context)?;
    let mut words = vec![];
    let mut add = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
    args.context.iter().for_each(|context| add("--context", context.clone()));
    for (flag, file) in [("--kubeconfig", &args.kubeconfig), ("--bindings", &args.bindings)] {
        if let Some(file) = file {
            let whole = std::fs::canonicalize(file)
                .map_err(|e| Failure::new(Exit::Invalid, format!("{flag} {}: {e}", shown(file))))?;
            add(flag, whole.display().to_string());
        }
    }
    place::bindings(args.bindings.as_ref())?;
    if let Some(context) = &args.confirm {
        add("--confirm", context.clone());
    }
    Ok(words)
}

/// The open actions of the last exercise.
fn carried(dir: &Path) -> Result<Vec<Carried>, Failure> {
    let (known, _) = KnownExercise::read(dir, now()).map_err(|e| failed(&e))?;
    let state = &known.state;
    let open = state.actions.values().filter(|action| action.status == ActionStatus::Open);
    let named = |text: &str| crate::told!(crate::model::Redactor::default(), "{}", known.people.named(text));
    let carry = |action: &crate::exercise::Action| Carried {
        id: action.id.clone(),
        text: named(&action.text),
        owner: named(&action.owner),
        due: action.due.clone(),
        proven_when: named(&action.proven_when),
        from: if action.from.is_empty() { state.exercise.clone() } else { action.from.clone() },
    };
    Ok(open.map(carry).collect())
}
