//! `drillmaster schema`: prints a JSON Schema.

use super::{
    Done,
    args::{SchemaArgs, SchemaOf},
};
use crate::{
    exercise,
    files::print_json,
    model::{Exit, Review},
    report,
    scenario::{bindings_schema, readiness_file_schema, scenario_schema, schema_of},
    sim::{Description, SCHEMA},
};

/// The address that the schema of a review has as its `$id`.
const REVIEW: &str = "https://drillmaster.dev/schema/review-v1.json";

pub(super) fn schema(args: &SchemaArgs) -> Done {
    let schema = match args.what {
        SchemaOf::Scenario => scenario_schema(),
        SchemaOf::Bindings => bindings_schema(),
        SchemaOf::Cluster => schema_of::<Description>(SCHEMA),
        SchemaOf::Report => report::schema(),
        SchemaOf::Readiness => readiness_file_schema(),
        SchemaOf::Playbook => exercise::playbook_schema(),
        SchemaOf::People => exercise::people_schema(),
        SchemaOf::Policy => exercise::policy_schema(),
        SchemaOf::Review => schema_of::<Review>(REVIEW),
    };
    print_json(&format!("{}\n", serde_json::to_string_pretty(&schema).unwrap_or_default()));
    Ok(Exit::Passed)
}
