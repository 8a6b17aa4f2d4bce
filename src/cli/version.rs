//! `drillmaster version`: the version, the commit and the time of the build. The build script finds the commit.

use serde_json::json;

use super::{
    Done,
    args::{Output, OutputArgs},
    talk::print,
};
use crate::{files::print_json, model::Exit};

/// The commit that the program was built from, `-modified` after it if files differed from it, or `unknown`.
const COMMIT: &str = env!("DRILLMASTER_COMMIT");
/// When the program was built.
const BUILT: &str = env!("DRILLMASTER_BUILT");

/// What `--version` prints after the name.
pub(super) const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit  ",
    env!("DRILLMASTER_COMMIT"),
    "\nbuilt   ",
    env!("DRILLMASTER_BUILT")
);

pub(super) fn version(args: OutputArgs) -> Done {
    match args.format {
        Output::Human => print(&format!("drillmaster {VERSION}\n")),
        Output::Json => {
            let value = json!({"version": env!("CARGO_PKG_VERSION"), "commit": COMMIT, "built": BUILT});
            print_json(&format!("{value}\n"));
        }
    }
    Ok(Exit::Passed)
}
