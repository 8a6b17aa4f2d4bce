//! `drillmaster check --diff BASE`: reads and reviews the base, a directory, a file or a git revision, and compares.

use std::path::{Path, PathBuf};

use super::{
    Failure,
    args::CheckArgs,
    check::{name_lines, notes},
    place,
};
use crate::{
    inventory::{ObjectSet, Revision, manifests, revision},
    model::{Exit, Review},
    readiness::{self, ReviewSettings, against_base},
};

/// The files to compare with.
struct Base {
    /// What the base is called.
    name: String,
    /// The paths to read.
    paths: Vec<PathBuf>,
    /// Present if git wrote them.
    revision: Option<Revision>,
}

/// Marks what is new in a review, and what is gone. Nothing is compared if part of either side cannot be read: what was
/// not read would look as if it were gone, or new.
pub(super) async fn compare(
    base: &str,
    args: &CheckArgs,
    settings: &ReviewSettings,
    (object_set, now): (&ObjectSet, jiff::Timestamp),
    review: &mut Review,
) -> Result<(), Failure> {
    let wrong = |why: String| Failure::new(Exit::Invalid, format!("--diff: {why}"));
    if object_set.broken {
        let text = format!("some of the input could not be read, so nothing was compared{}", notes(object_set));
        return Err(wrong(text));
    }
    let base = find(base, &args.paths).await.map_err(wrong)?;
    let read = read(&base, object_set).await.map_err(|why| wrong(base.in_words(&why)))?;
    if read.is_empty() && base.revision.is_none() && !args.allow_empty {
        return Err(wrong(format!("{} contains no object (--allow-empty accepts that)", base.name)));
    }
    let mut earlier = readiness::review(&read, settings, &base.name, &args.profile, now);
    name_lines(&read, &mut earlier);
    for result in &mut earlier.results {
        result.subject.file = base.in_words(&result.subject.file);
    }
    for path in base.revision.iter().flat_map(|r| &r.absent) {
        let text = format!("{} has no manifests in {}: everything in it counts as new", base.name, path.display());
        review.notes.push(text);
    }
    against_base(review, &earlier, &base.name, object_set, settings);
    Ok(())
}

/// A path wins over a revision of the same name.
async fn find(base: &str, paths: &[PathBuf]) -> Result<Base, String> {
    if Path::new(base).exists() {
        return Ok(Base { name: base.to_owned(), paths: vec![base.into()], revision: None });
    }
    let revision = revision(base, paths, &place::here()).await?;
    let short = revision.commit.get(..12).unwrap_or(&revision.commit);
    let name = if base == revision.commit { short.to_owned() } else { format!("{base} ({short})") };
    Ok(Base { name, paths: revision.paths.iter().map(|(_, there)| there.clone()).collect(), revision: Some(revision) })
}

/// Reads the base beside the same scans and the same second environment.
async fn read(base: &Base, object_set: &ObjectSet) -> Result<ObjectSet, String> {
    let mut read = if base.paths.is_empty() {
        ObjectSet::default()
    } else {
        manifests(&base.paths, &place::here()).await.map_err(|why| format!("the base cannot be read: {why}"))?
    };
    if read.broken {
        let notes = notes(&read);
        return Err(format!("some of {} could not be read, so nothing was compared{notes}", base.name));
    }
    read.target.clone_from(&object_set.target);
    read.scans.clone_from(&object_set.scans);
    Ok(read)
}

impl Base {
    /// A text with the paths as the user named them, and not those of the temporary folder.
    fn in_words(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (named, there) in self.revision.iter().flat_map(|r| &r.paths) {
            text = text.replace(&there.display().to_string(), &named.display().to_string());
        }
        text
    }
}
