//! The fix plan of `check`: a diff of the files that were reviewed, or a script for a cluster. This finds the files; the
//! plan itself is made in `readiness` and written in `report`.

use std::path::{Path, PathBuf};

use super::{
    Failure,
    args::{CheckArgs, PlanAs},
};
use crate::{
    files,
    inventory::{ObjectSet, Rendered},
    model::{Exit, FilePlan, Review, Ruling, is_printable},
    readiness::{self, Folder},
    report,
};

/// No manifest is larger.
const LARGEST: u64 = 512 << 20;

/// The plan, in the form that was asked for: without a wish, a diff if the review read files.
pub(super) fn fix_plan(
    args: &CheckArgs,
    object_set: &ObjectSet,
    review: &Review,
    more: &[Ruling],
) -> Result<String, Failure> {
    let read_files = args.paths.iter().any(|path| path.as_os_str() != "-");
    match args.plan_as.unwrap_or(if read_files { PlanAs::Diff } else { PlanAs::Script }) {
        PlanAs::Script => Ok(report::fix_plan(review, more)),
        PlanAs::Diff if !read_files => {
            let text = "--plan-as diff: this review reads no files that a diff could change: give files or directories, or use --plan-as script";
            Err(Failure::new(Exit::Invalid, text))
        }
        PlanAs::Diff => Ok(report::fix_diff(review, more, &file_plan(args, object_set, review, more))),
    }
}

fn file_plan(args: &CheckArgs, object_set: &ObjectSet, review: &Review, more: &[Ruling]) -> FilePlan {
    let root = Root::of(&args.paths, object_set);
    readiness::plan_for_files(
        object_set,
        review,
        more,
        &Folder {
            name: root.name.clone(),
            path: &|file| root.inside(file),
            text: &text,
            exists: &|path| root.folder.join(path).symlink_metadata().is_ok(),
        },
    )
}

/// The folder in which the diff applies.
struct Root {
    /// Its path without links.
    folder: PathBuf,
    /// Its name for people.
    name: String,
}

impl Root {
    /// The folder that holds everything that was named. An overlay stands beside its Kustomization, so a Kustomization
    /// must not be the folder itself.
    fn of(paths: &[PathBuf], object_set: &ObjectSet) -> Self {
        let named: Vec<PathBuf> =
            paths.iter().filter(|path| path.as_os_str() != "-").map(|path| folder_of(path)).collect();
        let mut folder = named.first().map_or_else(PathBuf::new, |first| real(first));
        let bases = object_set.rendered.values().filter_map(|rendered| match rendered {
            Rendered::Kustomization(base) => Some(real(base)),
            Rendered::Chart(_) => None,
        });
        let beside = bases.map(|base| base.parent().map_or_else(PathBuf::new, Path::to_owned));
        for other in named.iter().map(|path| real(path)).chain(beside) {
            while !other.starts_with(&folder) && folder.pop() {}
        }
        // People know the folder by the path that they gave.
        let above = named.iter().flat_map(|path| path.ancestors());
        let mut given = above.map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
        let name = given.find(|path| real(path) == folder).unwrap_or(&folder).display().to_string();
        Self { folder, name }
    }

    /// The path of a file in the folder.
    fn inside(&self, file: &str) -> Result<String, String> {
        match file {
            "<stdin>" => return Err("it was read from standard input".to_owned()),
            "" => return Err("it is not known in which file it belongs".to_owned()),
            _ => {}
        }
        let path = Path::new(file);
        if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err(format!("{file} is a link: change the file that it leads to"));
        }
        let whole = real(&folder_of(path)).join(path.file_name().unwrap_or_default());
        let inside = whole.strip_prefix(&self.folder).ok().and_then(Path::to_str);
        let Some(inside) = inside else { return Err(format!("{file} is not in {}", self.name)) };
        // `patch` and `git apply` read such names in different ways.
        if !inside.chars().all(|c| is_printable(c) && c != '"' && c != '\\') {
            return Err(format!("the name of {file} has characters that a diff cannot hold"));
        }
        Ok(inside.to_owned())
    }
}

/// The folder of a file, or the folder itself.
fn folder_of(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_owned();
    }
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// A path without links; as it is if it does not exist any more.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The text of a file for a diff.
fn text(file: &str) -> Result<String, String> {
    let text = files::text(Path::new(file), LARGEST).map_err(|e| format!("cannot read {file}: {e}"))?;
    if text.starts_with('\u{feff}') {
        return Err(format!("{file} begins with a byte order mark"));
    }
    Ok(text)
}
