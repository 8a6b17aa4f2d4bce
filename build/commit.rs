//! Finds the commit that a folder was checked out from. A test includes this file too.

use std::{path::Path, process::Command};

/// What the program is made from. A difference in other files, such as the documentation, does not make another program.
pub const PARTS: [&str; 6] = ["Cargo.toml", "Cargo.lock", "build", "src", "scenarios", "kind-configs"];

/// The commit of a folder, with `-modified` if one of its parts differs from it. Or `unknown`: if the folder is not the
/// top of a git checkout, for example because its files were unpacked below another one.
pub fn commit(folder: &Path) -> String {
    known(folder).unwrap_or_else(|| "unknown".to_owned())
}

fn known(folder: &Path) -> Option<String> {
    let top = git(folder, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != folder.canonicalize().ok()? {
        return None;
    }
    let commit = git(folder, &["rev-parse", "--verify", "HEAD"])?;
    // A checkout that does not know the files of this program is that of something else.
    git(folder, &["ls-files", "--error-unmatch", "Cargo.toml"])?;
    let changed = git(folder, &[&["status", "--porcelain", "--"][..], &PARTS[..]].concat())?;
    Some(if changed.is_empty() { commit } else { format!("{commit}-modified") })
}

/// The files of git whose change may mean another commit.
pub fn moves_with(folder: &Path) -> Vec<String> {
    let branch = git(folder, &["symbolic-ref", "--quiet", "HEAD"]);
    let names = ["HEAD", "packed-refs"].into_iter().map(str::to_owned).chain(branch);
    let paths = names.filter_map(|name| git(folder, &["rev-parse", "--git-path", &name]));
    // Cargo would build again each time for a file that does not exist.
    paths.filter(|path| folder.join(path).exists()).collect()
}

/// What git prints; none if it fails. The variables would make it look at another repository.
fn git(folder: &Path, args: &[&str]) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a build script does not use `world`")]
    let mut command = Command::new("git");
    for name in
        ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE"]
    {
        command.env_remove(name);
    }
    let out = command.arg("-C").arg(folder).args(args).env("GIT_OPTIONAL_LOCKS", "0").output().ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    out.status.success().then(|| text.trim_end().to_owned())
}
