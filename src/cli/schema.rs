//! `drillmaster schema`.

use super::{
    Done,
    args::{SchemaArgs, SchemaOf},
    print,
};
use crate::{
    model::Exit,
    report,
    scenario::{bindings_schema, scenario_schema, schema_of},
    sim::Description,
};

/// Where the schema of a simulated cluster's description lives.
const CLUSTER: &str = "https://drillmaster.dev/schema/cluster-v1.json";

pub(super) fn schema(args: &SchemaArgs) -> Done {
    let schema = match args.what {
        SchemaOf::Scenario => scenario_schema(),
        SchemaOf::Bindings => bindings_schema(),
        SchemaOf::Cluster => schema_of::<Description>(CLUSTER),
        SchemaOf::Report => report::schema(),
    };
    print(&format!("{}\n", serde_json::to_string_pretty(&schema).unwrap_or_default()));
    Ok(Exit::Passed)
}
