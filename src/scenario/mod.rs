//! What the user wrote: the scenario file, the bindings, the readiness file and variables. All mistakes are reported
//! with file, line and column. This module does not know any cluster: `plan` turns a scenario into what is possible on
//! one cluster. The types of steps and expectations are in `model`, because other modules use them too.
//!
//! Start with [`Scenario`], then [`load`].

mod about;
mod backup_names;
mod bindings;
mod kind;
mod lint;
mod lint_steps;
mod load;
mod objectives;
mod other_kinds;
mod other_names;
mod problem;
mod readiness_file;
mod readiness_sense;
mod repair;
mod schema;
mod secret_places;
mod shape;
mod shipped;
mod spec;
mod tree;
mod unjudged;
mod vars;
mod wanted;

pub use bindings::{announce_in, lint_bindings, load_bindings, own_cluster_bindings, parse_bindings};
pub use kind::FileKind;
pub use load::{LARGEST, Loaded, Sources, document, document_with_vars, load, load_str};
pub(crate) use problem::listed;
pub use problem::{Mistake, Problem, Problems, did_you_mean, meant};
pub use readiness_file::{
    AllowedDifference, Attestation, CheckRules, Objective, Parameters, PlanFacts, ReadinessFile, RegistryAccess,
    ReviewScope, Waiver, load_readiness_file, parse_readiness_file, readiness_file_schema,
};
pub use readiness_sense::Vocabulary;
pub use schema::{bindings_schema, scenario_schema, schema_of};
pub use shipped::{BINDINGS, CLUSTERS, PLAYBOOKS, SCENARIOS, Shipped, names, rehearsed_on, shipped_text};
pub use spec::{AbortSpec, HttpProbe, LimitsSpec, Metadata, ProbeEntry, Scenario, Scope};
pub use vars::Home;
