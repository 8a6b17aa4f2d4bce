//! `drillmaster compare`: what differs between two runs, and whether it got worse than allowed.

use std::path::Path;

use super::{Done, Failure, args::Output, history_args::CompareArgs, print, shown, verify::holding};
use crate::{
    files,
    history::{Run, compare as compared, compared_text},
    journal::RunDir,
    model::Exit,
};

pub(super) fn compare(args: &CompareArgs) -> Done {
    let (a, b) = (run(&args.a)?, run(&args.b)?);
    let differences = compared(&a, &b, args.max_rto, args.max_rpo);
    match args.output.format {
        Output::Human => print(&compared_text(&differences)),
        Output::Json => {
            let text = serde_json::to_string_pretty(&differences).unwrap_or_default();
            files::print_json(&(text + "\n"));
        }
    }
    Ok(differences.exit)
}

/// A run whose directory verifies. Others are not compared.
fn run(path: &Path) -> Result<Run, Failure> {
    if !path.join("journal.jsonl").is_file() {
        return Err(Failure::new(
            Exit::Invalid,
            format!("{} is not a run directory: it has no journal.jsonl", shown(path)),
        ));
    }
    let dir = RunDir(path.to_owned());
    Ok(Run::of(&dir, &holding(&dir)?))
}
