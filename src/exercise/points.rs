//! The moments that an objective may name: a stage, an item, or a step of a scenario. Start with [`Points`].

use std::collections::BTreeMap;

use super::{playbook::Playbook, use_of::Use};

/// A moment, by what it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A stage.
    Stage,
    /// An item.
    Item,
    /// A step of a scenario.
    Step,
    /// The name means several things.
    Several,
}

/// All moments of a playbook by their names.
#[derive(Clone, Debug, Default)]
pub struct Points<'a>(BTreeMap<&'a str, Point>);

impl<'a> Points<'a> {
    /// Those of a playbook and of its scenarios.
    pub fn of(playbook: &'a Playbook, uses: &'a BTreeMap<usize, Use>) -> Self {
        let mut points = Self::default();
        for stage in &playbook.stages {
            points.add(&stage.id, Point::Stage);
            stage.during.iter().for_each(|item| points.add(&item.id, Point::Item));
        }
        for scenario in uses.values().filter_map(Use::scenario) {
            scenario.steps.iter().for_each(|step| points.add(&step.name.0, Point::Step));
        }
        points
    }

    fn add(&mut self, name: &'a str, point: Point) {
        let several = |before: &mut Point| {
            if *before != point {
                *before = Point::Several;
            }
        };
        self.0.entry(name).and_modify(several).or_insert(point);
    }

    /// What a name means.
    pub fn find(&self, name: &str) -> Option<Point> {
        self.0.get(name).copied()
    }

    /// All names.
    pub fn names(&self) -> Vec<&'a str> {
        self.0.keys().copied().collect()
    }
}
