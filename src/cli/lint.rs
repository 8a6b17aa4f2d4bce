//! `drillmaster lint`: reports all mistakes of all given files at once, whatever kind of file they are.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    Done, Failure,
    args::{LintArgs, Output, TalkArgs},
    forecast::Rehearsals,
    note, place, print_styled, say, say_styled, shown, styled_out,
};
use crate::{
    exercise, files,
    model::Exit,
    readiness::VOCABULARY,
    scenario::{
        FileKind, Home, LARGEST, Problems, Sources, lint_bindings, load, load_str, parse_readiness_file, shipped_text,
    },
    sim::Description,
};

/// The size limit of a copy of a cluster. That of other files is lower.
const LARGEST_COPY: u64 = 64 << 20;

pub(super) fn lint(args: &LintArgs, talk: TalkArgs) -> Done {
    let bindings = place::bindings(args.bindings.as_ref())?;
    let lenient = args.bindings.is_none();
    let home = args.bindings.as_ref().map_or(Home::Nowhere, |path| Home::Bindings(path.display().to_string()));
    let sources = Sources { set: place::set(&args.set)?, bindings, lenient, home };
    let mut linter = Linter { sources, output: args.output.format, found: vec![], mistakes: 0, checked: 0 };
    for path in &args.paths {
        if path.is_dir() {
            linter.folder(path, talk)?;
        } else {
            let text = linter.text(path)?;
            linter.file(path, &text, &FileKind::guessed(&text));
        }
    }
    if linter.output == Output::Json {
        files::print_json(&format!("{}\n", Value::Array(linter.found)));
    }
    if linter.mistakes == 0 {
        return Ok(Exit::Passed);
    }
    say(&format!("{} problem(s)", linter.mistakes));
    Ok(Exit::Invalid)
}

struct Linter {
    sources: Sources,
    output: Output,
    found: Vec<Value>,
    mistakes: usize,
    checked: usize,
}

impl Linter {
    /// Checks the files of drillmaster below a folder. Other files may be there too, such as manifests.
    fn folder(&mut self, folder: &Path, talk: TalkArgs) -> Result<(), Failure> {
        let invalid = |why: String| Failure::new(Exit::Invalid, why);
        let (before, mut others) = (self.checked, 0);
        for path in files::below(folder).map_err(invalid)?.into_iter().map(files::Entry::path) {
            let text = match self.text(&path) {
                Ok(text) => text,
                // It may be a file of drillmaster, and the others are checked all the same.
                Err(failure) => {
                    self.mistakes += 1;
                    if failure.styled {
                        say_styled(&failure.text)
                    } else {
                        say(&failure.text)
                    }
                    continue;
                }
            };
            let kind = FileKind::of(&text);
            if let FileKind::Foreign(kind) = &kind {
                others += 1;
                if talk.verbose {
                    say(&format!("{}: not a file of drillmaster{}", shown(&path), of_kind(kind)));
                }
                continue;
            }
            self.file(&path, &text, &kind);
        }
        if self.checked == before {
            let text = format!(
                "{} contains no file of drillmaster, so nothing was checked. `drillmaster check DIR` reviews manifests",
                shown(folder)
            );
            return Err(invalid(text));
        }
        if others > 0 {
            note(&format!("{}: {others} other files are not files of drillmaster (-v names them)", shown(folder)));
        }
        Ok(())
    }

    /// The text of a file, or of a shipped one that is given by its name. The scenarios among them are read by their
    /// own loader, which explains a file that does not exist.
    fn text(&self, path: &Path) -> Result<String, Failure> {
        if let Some(text) = shipped_text(path) {
            return Ok(text.to_owned());
        }
        files::text(path, LARGEST_COPY).map_err(|error| match load(path, &self.sources) {
            Err(problems) => place::invalid(&problems),
            Ok(_) => Failure::new(Exit::Invalid, format!("cannot read {}: {error}", shown(path))),
        })
    }

    fn file(&mut self, path: &Path, text: &str, kind: &FileKind) {
        let file = path.display().to_string();
        let mut unset = vec![];
        let warnings = match kind {
            FileKind::Cluster => Description::load(&file, text).map(|(_, warnings)| warnings),
            _ if text.len() as u64 > LARGEST => {
                let what = format!("{file} is larger than {} MiB, which is the limit", LARGEST >> 20);
                Err(Problems::bare(what, ""))
            }
            FileKind::Bindings => lint_bindings(&file, text).map(|names| {
                unset = names;
                Problems::default()
            }),
            FileKind::Readiness => parse_readiness_file(&file, text, &VOCABULARY).map(|_| Problems::default()),
            FileKind::Playbook => {
                let rehearse = Rehearsals::default();
                exercise::load_str(&file, text, &self.sources.set, &|drill, loaded| rehearse.of(drill, loaded))
                    .map(|loaded| loaded.warnings)
            }
            FileKind::People => exercise::load_people_str(&file, text, None).map(|_| Problems::default()),
            FileKind::Policy => exercise::load_policy_str(&file, text, None).map(|_| Problems::default()),
            FileKind::Foreign(kind) if !kind.is_empty() => {
                let what = format!("{file} is not a file of drillmaster{}", of_kind(kind));
                Err(Problems::bare(what, "`drillmaster check` reviews manifests"))
            }
            FileKind::Scenario | FileKind::Unclear | FileKind::Foreign(_) => {
                load_str(&file, text, &self.sources).map(|loaded| loaded.warnings)
            }
        };
        self.checked += 1;
        match warnings {
            Ok(warnings) if warnings.list.is_empty() => {
                if self.output == Output::Human {
                    note(&format!("{}: no problems", shown(path)));
                }
            }
            Ok(problems) | Err(problems) => self.print(&problems, path),
        }
        if !unset.is_empty() {
            let names = unset.join(", ");
            note(&format!("{}: not checked, because these variables are not set: {names}", shown(path)));
        }
    }

    fn print(&mut self, problems: &Problems, path: &Path) {
        if self.output == Output::Human {
            print_styled(&problems.render_in(styled_out(), files::columns_out()));
        }
        self.mistakes += problems.list.iter().filter(|problem| !problem.warning).count();
        // A mistake without a place does not name its file.
        let file = |given: &str| if given.is_empty() { path.display().to_string() } else { given.to_owned() };
        self.found.extend(problems.list.iter().map(|p| {
            json!({"file": file(&p.file), "line": p.line, "column": p.column, "problem": p.what, "help": p.help,
                "warning": p.warning})
        }));
    }
}

fn of_kind(kind: &str) -> String {
    if kind.is_empty() { String::new() } else { format!(", but of kind {kind}") }
}
