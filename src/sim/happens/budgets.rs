//! Budgets whose status is out of date. The Eviction API decides by this status. The disruption controller asks for it
//! by `State::budget_lags`.

use super::{BudgetLags, What};
use crate::sim::{controllers, state::State};

/// Makes the disruption controller count a budget again.
pub(super) fn look_again(state: &mut State, it: &BudgetLags) {
    controllers::budgets::count_again(state, &it.namespace, &it.budget);
}

impl State {
    /// Whether the disruption controller ignores a budget.
    pub(in crate::sim) fn budget_lags(&self, namespace: &str, budget: &str) -> bool {
        self.script.in_force().any(|(_, what)| match what {
            What::BudgetLags(it) => it.budget == budget && it.namespace == namespace,
            _ => false,
        })
    }
}
