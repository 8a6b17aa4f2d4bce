//! `drillmaster lint`: reports all mistakes of all given files at once.

use super::{
    Done,
    args::{LintArgs, Output},
    place, print_styled, say, shown, styled_out,
};
use crate::{
    files,
    model::Exit,
    scenario::{Problems, Sources, load},
};

pub(super) fn lint(args: &LintArgs) -> Done {
    let bindings = place::bindings(args.bind.as_ref())?;
    let mut count = 0;
    let mut found = vec![];
    for file in &args.files {
        let sources = Sources { set: place::set(&args.set)?, bindings: bindings.clone(), lenient: args.bind.is_none() };
        match load(file, &sources) {
            Ok(loaded) if loaded.warnings.list.is_empty() => {
                if args.output == Output::Human {
                    say(&format!("{}: no problems", shown(file)));
                }
            }
            Ok(loaded) => tell(&loaded.warnings, args.output, &mut found),
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

fn tell(problems: &Problems, output: Output, found: &mut Vec<serde_json::Value>) {
    if output == Output::Human {
        print_styled(&problems.render(styled_out()));
    }
    found.extend(problems.list.iter().map(|p| {
        serde_json::json!({"file": p.file, "line": p.line, "column": p.column, "problem": p.what, "help": p.help,
            "warning": p.warning})
    }));
}
