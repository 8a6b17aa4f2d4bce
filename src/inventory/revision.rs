//! The files of a git revision, to compare with those of today. git writes them into a new folder; nothing in the
//! repository changes, and no hook of it runs. Start with [`revision`].

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    files,
    world::{ExecError, Here, Program},
};

/// The time limit of a command of git.
const LIMIT: Duration = Duration::from_secs(120);

/// Files of a revision. They are deleted with this value.
#[derive(Debug)]
pub struct Revision {
    /// The commit.
    pub commit: String,
    /// The paths that the revision has: as the user named them, and where they are now.
    pub paths: Vec<(PathBuf, PathBuf)>,
    /// The paths that the revision does not have, or that hold no manifest in it.
    pub absent: Vec<PathBuf>,
    _folder: tempfile::TempDir,
}

/// Reads the files of a revision below the given paths. The whole tree is written, because a Kustomization may use any
/// file of it.
///
/// # Errors
/// Why it is not possible: no git, no repository, or no such revision.
pub async fn revision(name: &str, paths: &[PathBuf], here: &Here) -> Result<Revision, String> {
    let top = repository(name, paths, here).await?;
    let commit = commit(name, &top, here).await?;
    let failed = |e: io::Error| format!("cannot write the files of {name} into a temporary folder: {e}");
    let folder = tempfile::Builder::new().prefix("drillmaster-base-").tempdir().map_err(failed)?;
    let root = folder.path().canonicalize().map_err(failed)?;
    let tree = root.join("tree");
    std::fs::create_dir(&tree).map_err(failed)?;
    let index = [("GIT_INDEX_FILE", root.join("index").display().to_string())];
    let unreadable = |e: ExecError| format!("git cannot read the files of {name}: {}", plain(&e));
    git(&top, &["read-tree", &commit], &index, here).await.map_err(unreadable)?;
    let prefix = format!("--prefix={}/", tree.display());
    git(&top, &["checkout-index", "--all", "--quiet", &prefix], &index, here).await.map_err(unreadable)?;
    let (mut found, mut absent) = (vec![], vec![]);
    for path in paths {
        let real = real(path)?;
        let inside =
            real.strip_prefix(&top).map_err(|_| format!("{} is outside of {}", path.display(), top.display()))?;
        let there = tree.join(inside);
        let has = if real.is_dir() { there.is_dir() && !files::below(&there)?.is_empty() } else { there.is_file() };
        if has {
            found.push((path.clone(), there));
        } else {
            absent.push(path.clone());
        }
    }
    Ok(Revision { commit, paths: found, absent, _folder: folder })
}

/// The repository that holds all the paths.
async fn repository(name: &str, paths: &[PathBuf], here: &Here) -> Result<PathBuf, String> {
    let mut top: Option<PathBuf> = None;
    for path in paths {
        if path.as_os_str() == "-" {
            let text =
                "is neither a file nor a directory, and standard input has no revisions: give the base as a file";
            return Err(format!("{name} {text}"));
        }
        let real = real(path)?;
        let folder = if real.is_dir() { real.clone() } else { real.parent().unwrap_or(Path::new("/")).to_owned() };
        let said = git(&folder, &["rev-parse", "--show-toplevel"], &[], here).await.map_err(|error| match error {
            ExecError::Start { .. } => format!(
                "{name} is neither a file nor a directory, and git, which could read it as a revision, is not installed: install it, or give a directory as the base"
            ),
            error => format!(
                "{name} is neither a file nor a directory, and git finds no repository around {}: {}",
                path.display(),
                plain(&error)
            ),
        })?;
        let own = self::real(Path::new(&said))?;
        if let Some(other) = top.replace(own.clone()).filter(|other| *other != own) {
            let (a, b) = (other.display(), own.display());
            return Err(format!("the files are in two repositories, {a} and {b}: a revision belongs to one"));
        }
    }
    top.ok_or_else(|| format!("{name} is a revision, but no file was given to compare with it"))
}

/// The commit that a revision names.
async fn commit(name: &str, top: &Path, here: &Here) -> Result<String, String> {
    let missing = || {
        format!(
            "{name} is neither a file nor a directory, and the repository {} has no such revision. A shallow clone has only the newest commits: fetch more (git fetch --unshallow, or fetch-depth: 0)",
            top.display()
        )
    };
    // A name that begins with a dash would be an option of git.
    if name.is_empty() || name.starts_with('-') {
        return Err(missing());
    }
    let wanted = format!("{name}^{{commit}}");
    match git(top, &["rev-parse", "--verify", "--quiet", &wanted], &[], here).await {
        Ok(commit) if !commit.is_empty() && commit.bytes().all(|b| b.is_ascii_hexdigit()) => Ok(commit),
        Ok(_) | Err(ExecError::Failed { .. }) => Err(missing()),
        Err(error) => Err(format!("git cannot look up {name}: {}", plain(&error))),
    }
}

async fn git(folder: &Path, words: &[&str], env: &[(&str, String)], here: &Here) -> Result<String, ExecError> {
    let folder = folder.display().to_string();
    let fixed = ["git", "-C", &folder, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"];
    let mut program = Program::new(fixed.iter().chain(words).copied());
    program.env.extend(env.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    program.run(here, LIMIT).await.map(|output| output.stdout.parse().to_owned())
}

/// What git said, without its long command line.
fn plain(error: &ExecError) -> String {
    match error {
        ExecError::Failed { stderr, .. } => stderr.to_string(),
        error => error.to_string(),
    }
}

fn real(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|e| format!("cannot read {}: {e}", path.display()))
}
