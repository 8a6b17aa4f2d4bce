//! Chooses the defects for an expectation, by its kind.

use super::{Defect, Setting, alert, budgets, loss, placement, replicas, reprotected, restore, service};
use crate::model::Expectation;

/// The defects that must keep an expectation from passing.
pub fn defects(expectation: &Expectation, setting: &Setting<'_>) -> Vec<Defect> {
    match expectation {
        Expectation::Replicas(e) => replicas::defects(e, setting),
        Expectation::Budgets(e) => budgets::defects(e, setting),
        Expectation::Service(e) => service::defects(e, setting),
        Expectation::Alert(e) => alert::defects(e, setting),
        Expectation::Restore(e) => restore::defects(e, setting),
        Expectation::Reprotected(e) => reprotected::defects(e, setting),
        Expectation::Loss(e) => loss::defects(e, setting),
        Expectation::Placement(e) => placement::defects(e, setting),
    }
}
