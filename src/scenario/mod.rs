//! What the user wrote: the scenario file, the bindings, the drill file and variables. All mistakes are reported with
//! file, line and column. This module does not know any cluster: `plan` turns a scenario into what is possible on one
//! cluster. The types of steps and expectations are in `model`, because other modules use them too.
//!
//! Start with [`Scenario`], then [`load`].

mod about;
mod backup_names;
mod bindings;
mod drill_sense;
mod drillfile;
mod lint;
mod lint_steps;
mod load;
mod objectives;
mod problem;
mod schema;
mod secret_places;
mod shape;
mod shipped;
mod spec;
mod tree;
mod vars;

pub use bindings::{announce_in, load_bindings, parse_bindings};
pub use drill_sense::Vocabulary;
pub use drillfile::{
    AllowedDifference, Attestation, CheckRules, DrillFile, Objective, Parameters, PlanFacts, RegistryAccess,
    ReviewScope, Waiver, drill_file_schema, load_drill_file, parse_drill_file,
};
pub use load::{Loaded, Sources, document, load, load_str};
pub use problem::{Problem, Problems, did_you_mean, meant};
pub use schema::{bindings_schema, scenario_schema, schema_of};
pub use shipped::{BINDINGS, CLUSTERS, SCENARIOS, Shipped, names, rehearsed_on};
pub use spec::{AbortSpec, HttpProbe, LimitsSpec, Metadata, ProbeEntry, Scenario, Scope};
