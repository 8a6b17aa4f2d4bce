//! What the files and folders that a user names consist of: loose files, Kustomizations and charts. The files of a
//! Kustomization or a chart are ingredients only: the cluster gets the rendered objects. Start with
//! [`parts`].

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

use serde_json::Value;

use crate::files::{self, Entry};

/// One part of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Standard input.
    Stdin,
    /// A file with manifests.
    File(PathBuf),
    /// A folder with a Kustomization.
    Kustomization(PathBuf),
    /// A folder with a chart.
    Chart(PathBuf),
}

/// The names that kustomize looks for.
const KUSTOMIZATION: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
/// The size limit of a Kustomization.
const LARGEST: u64 = 4 << 20;

/// The parts of the paths, in order, and what readers should know about them.
///
/// # Errors
/// A folder cannot be read, or has nothing in it.
pub(super) fn parts(paths: &[PathBuf]) -> Result<(Vec<Part>, Vec<String>), String> {
    let (mut all, mut notes) = (vec![], vec![]);
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let folder = || path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        if path.as_os_str() == "-" {
            all.push(Part::Stdin);
        } else if path.is_dir() {
            of_folder(path, &mut all, &mut notes)?;
        } else if KUSTOMIZATION.contains(&name.as_str()) && path.is_file() {
            all.push(Part::Kustomization(folder()));
        } else if name == "Chart.yaml" && path.is_file() {
            all.push(Part::Chart(folder()));
        } else {
            all.push(Part::File(path.clone()));
        }
    }
    Ok((all, notes))
}

/// The files of a folder, by the folder that they are in.
#[derive(Default)]
struct Tree {
    files: Vec<PathBuf>,
    kustomizations: BTreeMap<PathBuf, Kustomization>,
    charts: BTreeSet<PathBuf>,
}

/// What a Kustomization uses.
#[derive(Debug, Default)]
struct Kustomization {
    /// Files and folders.
    uses: BTreeSet<PathBuf>,
    /// Whether it is a part of others and is never rendered alone.
    component: bool,
}

fn of_folder(folder: &Path, all: &mut Vec<Part>, notes: &mut Vec<String>) -> Result<(), String> {
    let entries = files::below(folder)?;
    if entries.is_empty() {
        return Err(format!("{} contains no .yaml, .yml or .json file", folder.display()));
    }
    let mut tree = Tree::default();
    for entry in entries {
        let path = match entry {
            Entry::File(path) => path,
            Entry::Dangling(path) => {
                notes.push(format!("{} is a link to a file that does not exist: it was left out", path.display()));
                continue;
            }
        };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let around = path.parent().unwrap_or(folder).to_owned();
        if KUSTOMIZATION.contains(&name.as_str()) {
            let read = kustomization(&path, &around)?;
            tree.kustomizations.insert(around, read);
        } else if name == "Chart.yaml" {
            tree.charts.insert(around);
        } else {
            tree.files.push(path);
        }
    }
    tree.sort(all, notes);
    Ok(())
}

impl Tree {
    fn sort(self, all: &mut Vec<Part>, notes: &mut Vec<String>) {
        let used: BTreeSet<&Path> = self.kustomizations.values().flat_map(|k| &k.uses).map(PathBuf::as_path).collect();
        let in_chart = |path: &Path| path.ancestors().skip(1).any(|folder| self.charts.contains(folder));
        // A chart inside a chart is rendered with it.
        all.extend(self.charts.iter().filter(|chart| !in_chart(chart)).cloned().map(Part::Chart));
        let roots = self.kustomizations.iter().filter(|(folder, k)| {
            !k.component && !used.contains(folder.as_path()) && !in_chart(folder) && !self.charts.contains(*folder)
        });
        all.extend(roots.map(|(folder, _)| Part::Kustomization(folder.clone())));
        let mut unused = 0;
        for file in self.files {
            let of_kustomization = file.parent().is_some_and(|folder| self.kustomizations.contains_key(folder));
            if in_chart(&file) || used.contains(clean(&file).as_path()) {
                continue;
            }
            if of_kustomization {
                unused += 1;
            } else {
                all.push(Part::File(file));
            }
        }
        if unused > 0 {
            notes.push(format!("{unused} files are beside a Kustomization that does not use them: they were left out"));
        }
    }
}

/// A path without `.` and `..`, as far as its own text shows.
fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

/// Reads what a Kustomization uses. Every text in it that leads to a file or folder counts: kustomize has dozens of
/// fields that name files.
fn kustomization(path: &Path, folder: &Path) -> Result<Kustomization, String> {
    let text = files::text(path, LARGEST).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    // What is wrong with it, kustomize itself says better.
    let value: Value = serde_saphyr::from_str(&text).unwrap_or_default();
    let mut read = Kustomization { component: value["kind"] == "Component", ..Kustomization::default() };
    uses(&value, folder, &mut read.uses);
    Ok(read)
}

fn uses(value: &Value, folder: &Path, out: &mut BTreeSet<PathBuf>) {
    match value {
        Value::String(text) if !text.contains('\n') && text.len() < 1024 => {
            // A generator names files as `key=path`.
            let named = text.rsplit_once('=').map_or(text.as_str(), |(_, path)| path);
            let path = folder.join(named);
            if path.exists() {
                out.insert(clean(&path));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| uses(item, folder, out)),
        Value::Object(map) => map.values().for_each(|item| uses(item, folder, out)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn ingredients_are_not_judged_beside_what_they_render_to() {
        let root = tempfile::tempdir().unwrap();
        write(
            root.path(),
            &[
                ("k/base/kustomization.yaml", "resources: [d.yaml]\n"),
                ("k/base/d.yaml", "a: 1\n"),
                ("k/base/notes.yaml", "a: 1\n"),
                (
                    "k/prod/kustomization.yaml",
                    "resources: [../base]\ncomponents: [../part]\npatches: [{path: p.yaml}]\n",
                ),
                ("k/prod/p.yaml", "a: 1\n"),
                ("k/part/kustomization.yaml", "kind: Component\n"),
                ("chart/Chart.yaml", "name: a\n"),
                ("chart/values.yaml", "a: 1\n"),
                ("chart/charts/sub/Chart.yaml", "name: b\n"),
                ("loose/a.yaml", "a: 1\n"),
            ],
        );
        let (parts, notes) = parts(&[root.path().to_owned()]).unwrap();
        let at = |name: &str| root.path().join(name);
        assert_eq!(
            parts,
            [Part::Chart(at("chart")), Part::Kustomization(at("k/prod")), Part::File(at("loose/a.yaml"))]
        );
        assert!(notes.len() == 1 && notes[0].starts_with("1 files are beside"), "{notes:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_ends_nothing() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), &[("a.yaml", "a: 1\n")]);
        std::os::unix::fs::symlink("gone.yaml", root.path().join("b.yaml")).unwrap();
        let (parts, notes) = parts(&[root.path().to_owned()]).unwrap();
        assert!(parts.len() == 1 && notes[0].contains("does not exist"), "{parts:?} {notes:?}");
    }
}
