//! From command-line flags to a scenario and the cluster that it runs on.

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
    engine::{ClusterAccess, OpenError},
    files,
    journal::{NewestRuns, RunDir},
    model::{Bindings, Exit, is_address},
    scenario::{Home, Loaded, Problems, Sources, load, load_bindings, own_cluster_bindings},
    world::{ConnectError, Here, Reach, connect, own_cluster},
};

/// This machine, for the programs that render Kustomizations and charts.
pub(super) fn here() -> Here {
    Here::now()
}

/// Mistakes in a file, shown as the Rust compiler shows them: with the line and a caret.
pub(super) fn invalid(problems: &Problems) -> Failure {
    rendered("", problems)
}

/// The same for a scenario that is valid, but not on this cluster.
pub(super) fn impossible(problems: &Problems) -> Failure {
    rendered("this scenario is not possible on this cluster: ", problems)
}

fn rendered(heading: &str, problems: &Problems) -> Failure {
    let count = problems.list.len();
    let noun = if count == 1 { "problem" } else { "problems" };
    let text = format!("{heading}{count} {noun}\n{}", problems.render_in(colours(), files::columns()));
    Failure { styled: true, ..Failure::new(Exit::Invalid, text) }
}

pub(super) fn set(pairs: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    pairs
        .iter()
        .map(|pair| {
            pair.split_once('=')
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .ok_or_else(|| Failure::new(Exit::Invalid, format!("--set {pair}: write it as NAME=VALUE")))
        })
        .collect()
}

pub(super) fn bindings(file: Option<&PathBuf>) -> Result<Bindings, Failure> {
    file.map_or_else(|| Ok(Bindings::default()), |path| load_bindings(path).map_err(|p| invalid(&p)))
}

pub(super) fn place(args: &PlaceArgs) -> Result<ClusterAccess, Failure> {
    let (source, recovery) = contexts(&args.context)?;
    let context = match (source, args.in_cluster) {
        (Some(context), _) => context,
        (None, true) => "in-cluster".into(),
        (None, false) => {
            return Err(Failure::new(
                Exit::Invalid,
                "no cluster is given: name its context with --context NAME (`kubectl config get-contexts` lists them). drillmaster never uses the current context",
            ));
        }
    };
    let kubeconfigs: Vec<PathBuf> = args.kubeconfig.clone().into_iter().collect();
    Ok(ClusterAccess {
        recovery: recovery.map(|context| Reach { context, kubeconfigs: kubeconfigs.clone(), in_cluster: false }),
        reach: Reach { context, kubeconfigs, in_cluster: args.in_cluster },
        bindings: bindings(args.bindings.as_ref())?,
        bindings_file: args.bindings.clone(),
        built_in: false,
        here: Here::now(),
    })
}

/// The same. If no bindings file was given and the context is that of a cluster which `cluster up` made, the bindings
/// are built in. The cluster says so itself, and the name must be that of the context. Whether the cluster is the one
/// of kind with this name is checked when the drill opens it.
pub(super) async fn place_or_own(args: &PlaceArgs) -> Result<ClusterAccess, Failure> {
    let mut place = place(args)?;
    let Some(name) = place.reach.context.strip_prefix("kind-").filter(|_| place.bindings_file.is_none()) else {
        return Ok(place);
    };
    // If the cluster cannot be reached, the command itself reports that.
    if let Ok((kube, _)) = connect(&place.reach, &place.here).await
        && own_cluster(&kube).await.as_deref() == Some(name)
    {
        place.bindings = own_cluster_bindings(name).map_err(|problems| invalid(&problems))?;
        place.built_in = true;
    }
    Ok(place)
}

/// The cluster of a drill. The audit log of `--audit-log` replaces that of the bindings, because the plan records it.
/// If the audit log cannot be read, the command ends before anything in the cluster is touched.
pub(super) async fn of_drill(args: &PlaceArgs, log: &AuditLogArgs) -> Result<ClusterAccess, Failure> {
    let mut place = place_or_own(args).await?;
    if log.audit_log.is_some() {
        place.bindings.audit_log.clone_from(&log.audit_log);
    }
    if let Some(path) = place.bindings.audit_log.as_deref().filter(|log| !is_address(log)) {
        files::regular(Path::new(path)).map_err(|error| {
            let why = format!(
                "cannot read the audit log {path}: {error}. Give a file that this user may read, or run without --audit-log"
            );
            Failure::new(Exit::Invalid, why)
        })?;
    }
    Ok(place)
}

/// A kubeconfig, a context or bindings that are wrong are invalid input; a cluster that does not answer is not.
pub(super) fn not_opened(error: &OpenError, unreachable: Exit) -> Failure {
    let exit = match error {
        OpenError::Connect(ConnectError::Api { .. }) => unreachable,
        OpenError::Connect(ConnectError::Config { .. })
        | OpenError::Different { .. }
        | OpenError::Same(..)
        | OpenError::Host(_) => Exit::Invalid,
    };
    Failure::of(exit, error)
}

/// The same for a cluster alone.
pub(super) fn not_connected(error: &ConnectError) -> Failure {
    let exit = if matches!(error, ConnectError::Api { .. }) { Exit::Refused } else { Exit::Invalid };
    Failure::of(exit, error)
}

/// The contexts of the drill's cluster and of the recovery cluster.
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
                format!(
                    "--context {word}: this cluster was already given; name the second cluster with --context recovery=NAME"
                ),
            ));
        }
    }
    Ok((source, recovery))
}

/// Reads the values of `--read-secrets`: `NAMESPACE/NAME`.
pub(super) fn secrets(words: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let split = |word: &String| match word.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err(Failure::new(Exit::Invalid, format!("--read-secrets {word}: write NAMESPACE/NAME"))),
    };
    words.iter().map(split).collect()
}

pub(super) fn scenario(file: &Path, pairs: &[String], place: &ClusterAccess) -> Result<Loaded, Failure> {
    let home = match &place.bindings_file {
        Some(path) => Home::Bindings(path.display().to_string()),
        None if place.built_in => Home::OwnCluster,
        None => Home::Nowhere,
    };
    let sources = Sources { set: set(pairs)?, bindings: place.bindings.clone(), lenient: false, home };
    let loaded = load(file, &sources).map_err(|p| invalid(&p))?;
    warn(&loaded.warnings);
    Ok(loaded)
}

/// Prints warnings: what is valid, but probably not meant.
pub(super) fn warn(warnings: &Problems) {
    if !warnings.list.is_empty() {
        super::say_styled(warnings.render_in(super::colours(), files::columns()).trim_end());
    }
}

/// The run directory to take when none is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhichRun {
    /// The newest run or rehearsal.
    Newest,
    /// The newest run, or the newest rehearsal if there is no run.
    RunFirst,
    /// The newest run: a rehearsal leaves nothing to stop or to recover.
    Run,
}

/// The run directory: the given one, or one in `--runs`.
pub(super) fn dir(args: &RunDirArgs, which: WhichRun) -> Result<RunDir, Failure> {
    let path = match &args.dir {
        Some(path) => path.clone(),
        None => {
            let found = NewestRuns::below(&args.runs);
            let rehearsed = found.rehearsal.is_some();
            let path = match which {
                WhichRun::Newest => found.newest(),
                WhichRun::RunFirst => found.run.or(found.rehearsal),
                WhichRun::Run => found.run,
            };
            path.ok_or_else(|| none(&args.runs, rehearsed))?
        }
    };
    if path.join("journal.jsonl").is_file() {
        Ok(RunDir(path))
    } else {
        Err(Failure::new(Exit::Invalid, format!("{} is not a run directory: it has no journal.jsonl", shown(&path))))
    }
}

fn none(runs: &Path, rehearsed: bool) -> Failure {
    let what = if rehearsed { "contains only rehearsals, which leave nothing open" } else { "contains no run" };
    Failure::new(Exit::Invalid, format!("{} {what}: give a run directory, or another --runs", shown(runs)))
}

pub(super) fn operator() -> String {
    nix::unistd::User::from_uid(nix::unistd::getuid())
        .ok()
        .flatten()
        .map_or_else(|| nix::unistd::getuid().to_string(), |u| u.name)
}
