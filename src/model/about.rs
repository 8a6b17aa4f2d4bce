//! What a scenario says about itself for its readers: owner, business function, objectives, the plan under test,
//! controls. Nothing here changes what a drill does. Start with [`About`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Dur;

/// What a scenario says about itself. Everything is optional; what is missing is reported as missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct About {
    /// Version of the scenario.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Who maintains the scenario. Reports propose this owner, and never assign an action to them.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// Labels of the organisation.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The business function that the application serves.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub business_function: String,
    /// Its tier; 1 is the most critical.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<u8>,
    /// The objectives of the organisation.
    #[serde(skip_serializing_if = "ObjectiveRefs::is_empty")]
    pub objectives: ObjectiveRefs,
    /// The recovery plan that the drill tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_under_test: Option<PlanUnderTest>,
    /// What the drill does not cover.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub out_of_scope: Vec<String>,
    /// What the drill takes for granted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<String>,
    /// How often the drill is to be run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Dur>,
    /// Whether a new image of the application asks for a new drill.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rests_on_images: bool,
    /// The controls for which the drill is evidence, by framework.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub controls: BTreeMap<String, Vec<String>>,
}

impl About {
    /// Whether the scenario says nothing about itself. Plans of such scenarios are written as before.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The objectives that the organisation has set, and where they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ObjectiveRefs {
    /// Recovery time objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rto: Option<ObjectiveRef>,
    /// Recovery point objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpo: Option<ObjectiveRef>,
    /// Maximum tolerable period of disruption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtpd: Option<ObjectiveRef>,
}

impl ObjectiveRefs {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The objectives that are set, with their names.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &ObjectiveRef)> {
        let all = [("RTO", &self.rto), ("RPO", &self.rpo), ("MTPD", &self.mtpd)];
        all.into_iter().filter_map(|(name, objective)| Some((name, objective.as_ref()?)))
    }
}

/// One objective of the organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectiveRef {
    /// The time.
    pub target: Dur,
    /// Where it is written, such as `BIA 2026, section 4`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reference: String,
}

/// The recovery plan that a drill tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanUnderTest {
    /// Its name or address.
    pub name: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
}
