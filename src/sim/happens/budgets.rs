//! Budgets whose status lags behind: the eviction API decides by what they say.

use super::{BudgetLags, What};
use crate::sim::{controllers, state::State};

/// The disruption controller looks at a budget again.
pub(super) fn look_again(state: &mut State, it: &BudgetLags) {
    controllers::budgets::look(state, &it.namespace, &it.budget);
}

impl State {
    /// Whether nobody looks at a budget.
    pub(in crate::sim) fn budget_lags(&self, namespace: &str, budget: &str) -> bool {
        self.script.in_force().any(|(_, what)| match what {
            What::BudgetLags(it) => it.budget == budget && it.namespace == namespace,
            _ => false,
        })
    }
}
