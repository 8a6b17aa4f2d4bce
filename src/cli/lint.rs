//! `drillmaster lint`: reports all mistakes of all given files at once. A file is read by its kind: scenarios,
//! simulated clusters, bindings and readiness files.

use std::path::Path;

use super::{
    Done,
    args::{LintArgs, Output},
    place, print_styled, say, shown, styled_out,
};
use crate::{
    files,
    model::Exit,
    readiness::VOCABULARY,
    scenario::{FileKind, Home, Problems, Sources, kind_of, load, load_str, parse_bindings, parse_drill_file},
    sim::Description,
};

/// The size limit of a file. A copy of a large cluster has several megabytes.
const LARGEST: u64 = 64 << 20;
/// The size limit of a scenario.
const LARGEST_SCENARIO: usize = 4 << 20;

pub(super) fn lint(args: &LintArgs) -> Done {
    let bindings = place::bindings(args.bind.as_ref())?;
    let mut count = 0;
    let mut found = vec![];
    for file in &args.files {
        let home = args.bind.as_ref().map_or(Home::Nowhere, |path| Home::Bindings(path.display().to_string()));
        let sources =
            Sources { set: place::set(&args.set)?, bindings: bindings.clone(), lenient: args.bind.is_none(), home };
        match read(file, &sources) {
            Ok(warnings) if warnings.list.is_empty() => {
                if args.output == Output::Human {
                    say(&format!("{}: no problems", shown(file)));
                }
            }
            Ok(warnings) => tell(&warnings, args.output, &mut found),
            Err(problems) => {
                count += problems.list.iter().filter(|p| !p.warning).count();
                tell(&problems, args.output, &mut found);
            }
        }
    }
    if args.output == Output::Json {
        files::print_json(&format!("{}\n", serde_json::Value::Array(found)));
    }
    if count == 0 {
        return Ok(Exit::Passed);
    }
    say(&format!("{count} problem(s)"));
    Ok(Exit::Invalid)
}

/// Reads a file by its kind. A file that cannot be read, and one without a known kind, is reported as a scenario.
fn read(path: &Path, sources: &Sources) -> Result<Problems, Problems> {
    let file = path.display().to_string();
    // A pipe can be read only once.
    let Ok(text) = files::text(path, LARGEST) else {
        return load(path, sources).map(|loaded| loaded.warnings);
    };
    match kind_of(&text) {
        Some(FileKind::Cluster) => Description::load(&file, &text).map(|(_, warnings)| warnings),
        Some(FileKind::Bindings) => parse_bindings(&file, &text).map(|_| Problems::default()),
        Some(FileKind::Readiness) => parse_drill_file(&file, &text, &VOCABULARY).map(|_| Problems::default()),
        Some(FileKind::Scenario | FileKind::Manifest) | None if text.len() <= LARGEST_SCENARIO => {
            load_str(&file, &text, sources).map(|loaded| loaded.warnings)
        }
        // It is refused because of its size.
        Some(FileKind::Scenario | FileKind::Manifest) | None => load(path, sources).map(|loaded| loaded.warnings),
    }
}

fn tell(problems: &Problems, output: Output, found: &mut Vec<serde_json::Value>) {
    if output == Output::Human {
        print_styled(&problems.render(styled_out()));
    }
    found.extend(problems.list.iter().map(|p| {
        serde_json::json!({"file": p.file, "line": p.line, "column": p.column, "problem": p.what, "help": p.help,
            "warning": p.warning})
    }));
}
