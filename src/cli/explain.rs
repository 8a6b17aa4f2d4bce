//! `drillmaster explain` and `drillmaster list checks`: the catalogue of checks as text.

use super::{
    Done, Failure,
    args::{ExplainArgs, ListFormat, Output},
    print, print_whole,
};
use crate::{files::print_json, model::Exit, readiness, scenario::meant};

pub(super) fn explain(args: &ExplainArgs) -> Done {
    let found = match args.output.format {
        Output::Human => readiness::explain(&args.check),
        Output::Json => readiness::explain_json(&args.check),
    };
    let Some(text) = found else {
        let meant = meant(&args.check, (readiness::VOCABULARY.checks)());
        let name = &args.check;
        let text = format!("no check is called {name}; {meant}`drillmaster list checks` lists all checks");
        return Err(Failure::new(Exit::Invalid, text));
    };
    match args.output.format {
        Output::Human => print(&text),
        Output::Json => print_json(&text),
    }
    Ok(Exit::Passed)
}

pub(super) fn list(output: ListFormat) -> Done {
    match output {
        ListFormat::Human => print(&readiness::listing()),
        ListFormat::Json => print_json(&readiness::listing_json()),
        ListFormat::Markdown => print_whole(&readiness::page()),
    }
    Ok(Exit::Passed)
}
