//! Collects what the undo of a run needs before anything is broken, and provides it to the session that takes the run
//! over.

use std::{
    collections::BTreeMap,
    path::{PathBuf, absolute},
    sync::Arc,
};

use super::{ClusterAccess, Overrides, RecoverError, RunError};
use crate::{
    model::{Bindings, ExecStep, Needs, NodeHostSpec, Plan, SecretRef, Verb, WayBack, secret_mark},
    scenario::{Loaded, announce_in, load_bindings},
    world::{Here, Reach, kubeconfig_files},
};

/// Resolves everything that the undo of a plan needs. A rehearsal needs nothing.
///
/// # Errors
/// A program that an undo runs cannot be found.
pub(super) fn resolved(place: &ClusterAccess, plan: &Plan, loaded: &Loaded) -> Result<WayBack, RunError> {
    let mut way_back = WayBack {
        context: place.reach.context.clone(),
        recovery: place.recovery.as_ref().map(|r| r.context.clone()),
        in_cluster: place.reach.in_cluster,
        scenario: loaded.file.clone(),
        ..WayBack::default()
    };
    if plan.cluster.is_simulated() {
        return Ok(way_back);
    }
    way_back.kubeconfigs = kubeconfigs(place);
    way_back.bindings = place.bindings_file.clone().map(whole);
    let undos: Vec<&ExecStep> = undos(plan).collect();
    let secrets = secrets(&undos, loaded, place);
    let mut words = Words { place, found: BTreeMap::new() };
    words.node_host(plan.steps.iter().any(crate::model::PlannedStep::takes_nodes))?;
    for undo in &undos {
        words.must(&undo.undo)?;
    }
    for reference in secrets.values() {
        if let SecretRef::Exec(argv) = reference {
            words.must(argv)?;
        }
    }
    way_back.needs = Some(Needs {
        directory: std::env::current_dir().unwrap_or_default(),
        environment: Here::environment_to_keep(),
        programs: words.found,
        node_host: place.bindings.node_host.clone(),
        velero: place.bindings.velero.clone(),
        volumes: place.bindings.volumes.clone(),
        secrets,
    });
    Ok(way_back)
}

fn undos(plan: &Plan) -> impl Iterator<Item = &ExecStep> {
    plan.steps.iter().filter_map(|step| match step.verb() {
        Some(Verb::Exec(spec)) if !spec.undo.is_empty() => Some(spec),
        _ => None,
    })
}

/// The references to the secrets that undo commands need.
fn secrets(undos: &[&ExecStep], loaded: &Loaded, place: &ClusterAccess) -> BTreeMap<String, SecretRef> {
    let needed = |name: &str| {
        let mark = secret_mark(name);
        undos.iter().any(|u| u.undo.iter().chain(u.env.values()).any(|word| word.contains(&mark)))
    };
    let absolute = |reference: &SecretRef| match reference {
        SecretRef::File(path) => SecretRef::File(whole(place.here.file(path)).display().to_string()),
        other => other.clone(),
    };
    loaded.secrets.iter().filter(|(name, _)| needed(name)).map(|(n, r)| (n.clone(), absolute(r))).collect()
}

/// Programs, by the word that refers to them.
struct Words<'a> {
    place: &'a ClusterAccess,
    found: BTreeMap<String, PathBuf>,
}

impl Words<'_> {
    fn node_host(&mut self, is_used: bool) -> Result<(), RunError> {
        match self.place.bindings.node_host.clone() {
            None => {}
            Some(NodeHostSpec::Kind(kind)) if is_used => self.must(&[kind.engine])?,
            Some(NodeHostSpec::Kind(kind)) => self.may(&[kind.engine]),
            Some(NodeHostSpec::Exec(mut exec)) => {
                for argv in [&exec.state, &exec.start, &exec.unpause, &exec.rejoin] {
                    if is_used { self.must(argv)? } else { self.may(argv) }
                }
                if !exec.env.is_empty() {
                    self.must(&["env".to_owned()])?;
                }
                exec.programs_mut().into_iter().for_each(|argv| self.may(argv));
            }
        }
        Ok(())
    }

    fn must(&mut self, argv: &[String]) -> Result<(), RunError> {
        let Some(word) = argv.first().filter(|w| !w.contains("{node}")) else { return Ok(()) };
        let path = self.place.here.find(word).map_err(|e| RunError::Program(word.clone(), e.to_string()))?;
        self.found.insert(word.clone(), whole(path));
        Ok(())
    }

    fn may(&mut self, argv: &[String]) {
        let _ = self.must(argv);
    }
}

fn whole(path: PathBuf) -> PathBuf {
    absolute(&path).unwrap_or(path)
}

/// How to reach the cluster of a run, and the machine as the run saw it.
pub fn way_to(way_back: &WayBack) -> (Reach, Here) {
    let reach = Reach {
        context: way_back.context.clone(),
        kubeconfigs: way_back.kubeconfigs.clone(),
        in_cluster: way_back.in_cluster,
    };
    (reach, way_back.needs.as_ref().map(|needs| Here::as_then(needs, &Arc::default())).unwrap_or_default())
}

/// Where a run is taken over, with a note for the person who does it.
///
/// # Errors
/// The bindings that a person gave cannot be read, or those of a run of version 0.1.0.
pub(super) fn place_of(
    way_back: &WayBack,
    overrides: &Overrides,
) -> Result<(ClusterAccess, Option<String>), RecoverError> {
    let (mut reach, here) = way_to(way_back);
    if !overrides.kubeconfigs.is_empty() {
        reach.kubeconfigs.clone_from(&overrides.kubeconfigs);
    }
    if let Some(context) = &overrides.context {
        reach.context.clone_from(context);
    }
    let bindings_file = overrides.bindings.clone().or_else(|| way_back.bindings.clone());
    let mut note = None;
    let bindings = match (&overrides.bindings, &way_back.needs, &bindings_file) {
        (None, Some(needs), file) => {
            let announce = file.as_deref().map_or(Ok(None), announce_in);
            Bindings {
                node_host: needs.node_host.clone(),
                velero: needs.velero.clone(),
                volumes: needs.volumes.clone(),
                announce: announce.unwrap_or_else(|why| {
                    note = Some(format!("nobody can be paged if this fails: {why}"));
                    None
                }),
                ..Bindings::default()
            }
        }
        (_, _, Some(path)) => found_here(load_bindings(path).map_err(RecoverError::Bindings)?),
        (_, _, None) => Bindings::default(),
    };
    let recovery = way_back.recovery.as_ref().map(|context| Reach {
        context: context.clone(),
        kubeconfigs: reach.kubeconfigs.clone(),
        in_cluster: false,
    });
    Ok((ClusterAccess { reach, recovery, bindings, bindings_file, built_in: false, here }, note))
}

/// Programs in bindings that are given now are searched from the current directory.
fn found_here(mut bindings: Bindings) -> Bindings {
    let here = Here::now();
    let whole = |word: &mut String| {
        if let Ok(path) = here.find(word) {
            *word = whole(path).display().to_string();
        }
    };
    match &mut bindings.node_host {
        None => {}
        Some(NodeHostSpec::Kind(kind)) => whole(&mut kind.engine),
        Some(NodeHostSpec::Exec(exec)) => {
            exec.programs_mut().into_iter().filter_map(|argv| argv.first_mut()).for_each(whole);
        }
    }
    bindings
}

/// What is needed to reach a cluster whose run directory is gone. The record contains what is open; the bindings that
/// a person gives contain how it is undone. No path and no program is taken from the record.
pub(super) fn from_record(place: &ClusterAccess, recovery: Option<&str>) -> WayBack {
    let bindings = found_here(place.bindings.clone());
    WayBack {
        context: place.reach.context.clone(),
        recovery: recovery.map(str::to_owned),
        in_cluster: place.reach.in_cluster,
        kubeconfigs: kubeconfigs(place),
        scenario: String::new(),
        bindings: place.bindings_file.clone().map(whole),
        needs: Some(Needs {
            directory: std::env::current_dir().unwrap_or_default(),
            environment: Here::environment_to_keep(),
            node_host: bindings.node_host,
            velero: bindings.velero,
            volumes: bindings.volumes,
            ..Needs::default()
        }),
    }
}

fn kubeconfigs(place: &ClusterAccess) -> Vec<PathBuf> {
    let named = !place.reach.in_cluster || place.recovery.is_some();
    if named { kubeconfig_files(&place.reach).into_iter().map(whole).collect() } else { vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ExecHost, SecretRef};

    fn exec_host(program: &str) -> NodeHostSpec {
        let argv = vec![program.to_owned(), "{node}".to_owned()];
        NodeHostSpec::Exec(Box::new(ExecHost {
            state: argv.clone(),
            running: "on".into(),
            off: "off".into(),
            paused: None,
            kill: argv.clone(),
            stop: vec![],
            pause: vec![],
            start: argv,
            unpause: vec![],
            partition: vec![],
            rejoin: vec![],
            isolated: None,
            env: BTreeMap::new(),
        }))
    }

    fn words(program: &str) -> Result<BTreeMap<String, PathBuf>, RunError> {
        let bindings = Bindings { node_host: Some(exec_host(program)), ..Bindings::default() };
        let place = ClusterAccess { bindings, ..ClusterAccess::default() };
        let mut words = Words { place: &place, found: BTreeMap::new() };
        words.node_host(true).map(|()| words.found)
    }

    #[test]
    fn programs_are_found_by_their_whole_path_or_nothing_begins() {
        let found = words("true").expect("it is on the path");
        assert!(found["true"].is_absolute(), "{found:?}");
        // A path is relative to the working directory, which is that of this crate.
        let found = words("tests/lab/node-up").expect("it is in the repository");
        assert!(found["tests/lab/node-up"].is_absolute() && found["tests/lab/node-up"].is_file());
        let error = words("no-such-program").expect_err("it is nowhere").to_string();
        assert!(error.contains("`no-such-program`, which cannot be found") && error.contains("nothing was touched"));
    }

    #[test]
    fn the_way_is_found_with_an_empty_environment_from_anywhere() {
        let found = words("tests/lab/node-up").expect("it is in the repository");
        let needs = Needs {
            directory: std::env::current_dir().unwrap_or_default(),
            environment: BTreeMap::from([("PATH".into(), "/nowhere".into())]),
            programs: found.clone(),
            node_host: Some(exec_host("tests/lab/node-up")),
            secrets: BTreeMap::from([("s".into(), SecretRef::File("/etc/hostname".into()))]),
            ..Needs::default()
        };
        let way_back =
            WayBack { bindings: Some("/gone/bindings.yaml".into()), needs: Some(needs), ..WayBack::default() };
        let (place, note) = place_of(&way_back, &Overrides::default()).expect("the bindings' file is not needed");
        assert!(note.is_some_and(|n| n.starts_with("nobody can be paged")));
        let mut needs_more = place.bindings.node_host.clone();
        if let Some(NodeHostSpec::Exec(exec)) = &mut needs_more {
            exec.env.insert("LAB".into(), "a b".into());
        }
        let host = crate::world::NodeHost::new(needs_more.as_ref().expect("it has one"), &place.here);
        let argv = host.return_command("node-a-0", crate::model::NodeHow::Kill).expect("it can");
        assert_eq!(argv[..2], ["env", "LAB=a b"]);
        let host = crate::world::NodeHost::new(place.bindings.node_host.as_ref().expect("it has one"), &place.here);
        let argv = host.return_command("node-a-0", crate::model::NodeHow::Kill).expect("it can");
        assert_eq!(argv, [found["tests/lab/node-up"].display().to_string(), "node-a-0".into()]);
        assert_eq!(place.here.find("tests/lab/node-up").ok(), found.get("tests/lab/node-up").cloned());
    }
}
