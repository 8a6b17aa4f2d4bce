//! The content of the pictures, as numbers. `report::svg` draws them. Start with [`Picture`].

mod axis;
mod rows;
mod trend;
mod zones;

pub(super) use axis::time_axis;
pub(super) use trend::trend;
pub(super) use zones::zones;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use axis::{AxisRow, Bar, Group, State, TimeAxis};
pub use trend::{Trend, TrendPoint, TrendRow};
pub use zones::{Moment, Zone, Zones};

/// A picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "picture", rename_all = "kebab-case")]
pub enum Picture {
    /// Everything on one time axis.
    TimeAxis(TimeAxis),
    /// The phases of a recovery, against its objective.
    Waterfall(Waterfall),
    /// Nodes and pods by zone, at three moments.
    Zones(Zones),
    /// What was predicted, and what was measured.
    Predictions(Predictions),
    /// What was measured in this drill and in the ones before.
    Trend(Trend),
}

/// The phases of a recovery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waterfall {
    /// Name, begin and end in microseconds after the fault.
    pub phases: Vec<(String, u64, u64)>,
    /// The objective.
    pub objective_us: Option<u64>,
}

/// Predictions and measurements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Predictions {
    /// One row a prediction.
    pub rows: Vec<Predicted>,
}

/// One prediction, in microseconds after the fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Predicted {
    /// What was predicted.
    pub name: String,
    /// Earliest.
    pub from_us: u64,
    /// Latest.
    pub to_us: u64,
    /// The first and the last measurement; none if there is none.
    pub measured_us: Option<(u64, u64)>,
}
