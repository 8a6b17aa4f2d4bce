//! One run in the formats of other programs. Everything is computed from the journal, like the reports.

mod otlp;
mod run_metrics;
mod told;

pub use otlp::traces;
pub use run_metrics::openmetrics;
pub use told::message;
