//! From flags to a scenario and a place.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    Failure,
    args::{AuditLogArgs, PlaceArgs, RunDirArgs},
    colours, shown,
};
use crate::{
    engine::Place,
    files,
    journal::{RunDir, latest},
    model::{Bindings, Exit, is_address},
    scenario::{Loaded, Problems, Sources, load, load_bindings},
    world::{Here, Reach},
};

/// Mistakes, as the compiler of Rust shows them.
pub(super) fn invalid(problems: &Problems) -> Failure {
    let count = problems.list.len();
    let noun = if count == 1 { "problem" } else { "problems" };
    let text = format!("{count} {noun}\n{}", problems.render(colours()));
    Failure { styled: true, ..Failure::new(Exit::Invalid, text) }
}

pub(super) fn set(pairs: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    pairs
        .iter()
        .map(|pair| {
            pair.split_once('=')
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .ok_or_else(|| Failure::new(Exit::Invalid, format!("--set {pair}: write name=value")))
        })
        .collect()
}

pub(super) fn bindings(file: Option<&PathBuf>) -> Result<Bindings, Failure> {
    file.map_or_else(|| Ok(Bindings::default()), |path| load_bindings(path).map_err(|p| invalid(&p)))
}

pub(super) fn place(args: &PlaceArgs) -> Result<Place, Failure> {
    let (source, recovery) = contexts(&args.context)?;
    let context = match (source, args.in_cluster) {
        (Some(context), _) => context,
        (None, true) => "in-cluster".into(),
        (None, false) => {
            return Err(Failure::new(
                Exit::Invalid,
                "which cluster? Name its context: --context NAME (`kubectl config get-contexts` lists them). The current context is never used",
            ));
        }
    };
    let kubeconfigs: Vec<PathBuf> = args.kubeconfig.clone().into_iter().collect();
    Ok(Place {
        recovery: recovery.map(|context| Reach { context, kubeconfigs: kubeconfigs.clone(), in_cluster: false }),
        reach: Reach { context, kubeconfigs, in_cluster: args.in_cluster },
        bindings: bindings(args.bind.as_ref())?,
        bindings_file: args.bind.clone(),
        here: Here::now(),
    })
}

/// The place of a drill. The audit log that a flag names takes the place of the bindings': it is
/// part of the plan. One that cannot be read is found before anything is touched.
pub(super) fn of_drill(args: &PlaceArgs, log: &AuditLogArgs) -> Result<Place, Failure> {
    let mut place = place(args)?;
    if log.audit_log.is_some() {
        place.bindings.audit_log.clone_from(&log.audit_log);
    }
    if let Some(path) = place.bindings.audit_log.as_deref().filter(|log| !is_address(log)) {
        files::regular(Path::new(path)).map_err(|error| {
            let why = format!(
                "the audit log {path} cannot be read: {error}. Give a file that this user may read, or leave it out"
            );
            Failure::new(Exit::Invalid, why)
        })?;
    }
    Ok(place)
}

/// The cluster of the drill, and the second one.
pub(super) fn contexts(given: &[String]) -> Result<(Option<String>, Option<String>), Failure> {
    let (mut source, mut recovery) = (None, None);
    for word in given {
        let (place, name) = match word.split_once('=') {
            Some(("source", name)) => (&mut source, name),
            Some(("recovery", name)) => (&mut recovery, name),
            _ => (&mut source, word.as_str()),
        };
        if place.replace(name.to_owned()).is_some() {
            return Err(Failure::new(
                Exit::Invalid,
                format!("--context {word}: that cluster is named already; a second one is --context recovery=NAME"),
            ));
        }
    }
    Ok((source, recovery))
}

/// `NAMESPACE/NAME` of Secrets.
pub(super) fn secrets(words: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let split = |word: &String| match word.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err(Failure::new(Exit::Invalid, format!("--read-secrets {word}: write NAMESPACE/NAME"))),
    };
    words.iter().map(split).collect()
}

pub(super) fn scenario(file: &Path, pairs: &[String], place: &Place) -> Result<Loaded, Failure> {
    let sources = Sources { set: set(pairs)?, bindings: place.bindings.clone(), lenient: false };
    let loaded = load(file, &sources).map_err(|p| invalid(&p))?;
    warn(&loaded);
    Ok(loaded)
}

/// What may not be meant as it is written.
pub(super) fn warn(loaded: &Loaded) {
    if !loaded.warnings.list.is_empty() {
        super::say_styled(loaded.warnings.render(super::colours()).trim_end());
    }
}

/// The run directory that is meant.
pub(super) fn dir(args: &RunDirArgs) -> Result<RunDir, Failure> {
    let runs = &args.runs_dir;
    let path = match &args.dir {
        Some(path) => path.clone(),
        None => latest(runs).ok_or_else(|| {
            Failure::new(Exit::Invalid, format!("{} holds no run: name a run directory, or --runs-dir", shown(runs)))
        })?,
    };
    if path.join("journal.jsonl").is_file() {
        Ok(RunDir(path))
    } else {
        Err(Failure::new(Exit::Invalid, format!("{} is no run directory: it has no journal.jsonl", shown(&path))))
    }
}

pub(super) fn operator() -> String {
    nix::unistd::User::from_uid(nix::unistd::getuid())
        .ok()
        .flatten()
        .map_or_else(|| nix::unistd::getuid().to_string(), |u| u.name)
}
