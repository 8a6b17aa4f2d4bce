//! A cluster that has settled before anything looked at it. Many rehearsals can start from it: each gets its own
//! cluster, and all share what does not change. Start with [`SettledCluster`].

use super::{
    Description, Happening, SETTLE, SETTLED_US, Simulation, Which, backup_store::BackupStore, happens, state::State,
};

/// The starting point of rehearsals that differ in `happens:` or in the drill.
pub struct SettledCluster {
    description: Description,
    seed: u64,
    state: State,
    second: Option<State>,
}

impl std::fmt::Debug for SettledCluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Settled")
    }
}

impl SettledCluster {
    /// Creates a cluster without `happens:` and lets it settle. Must be called on a runtime whose clock is paused. The
    /// result outlives this runtime.
    ///
    /// # Errors
    /// Fails if the description cannot be simulated. Each message names the rule or the object, and the reason.
    pub async fn of(description: &Description, seed: u64) -> Result<Self, Vec<String>> {
        let description = Description { happens: vec![], ..description.clone() };
        let simulation = Simulation::start(&description, seed).await?;
        let backup_store = simulation.shared.state().backup_store.fork();
        let state = simulation.shared.state().fork(&backup_store);
        let second = simulation.second.as_ref().map(|second| second.shared.state().fork(&backup_store));
        Ok(Self { description, seed, state, second })
    }

    /// The description from which the cluster was created.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Creates a cluster that continues from here, with these entries of `happens:`. Must be called on a runtime whose
    /// clock is paused.
    ///
    /// # Errors
    /// Names each entry that can never happen in this cluster.
    pub async fn fork(&self, happens: &[Happening]) -> Result<Simulation, Vec<String>> {
        let description = Description { happens: happens.to_vec(), ..self.description.clone() };
        let wrong = if happens.is_empty() { vec![] } else { description.refused() };
        if !wrong.is_empty() {
            return Err(wrong);
        }
        // Within one millisecond, tokio runs timers in an order that depends on the age of its runtime. A fork
        // therefore waits until its runtime is as old as the cluster that it continues.
        tokio::time::sleep(SETTLE).await;
        let backup_store = self.state.backup_store.fork();
        let mut state = self.state.fork(&backup_store);
        state.begin(happens::Script::of(happens, Which::First));
        let mut simulation = Simulation::of(&description, self.seed, state);
        if let (Some(of), Some(second)) = (&self.description.recovery, &self.second) {
            let mut second = second.fork(&backup_store);
            second.begin(happens::Script::of(happens, Which::Recovery));
            simulation.second = Some(Box::new(Simulation::of(of, self.seed, second)));
        }
        simulation.opens();
        Ok(simulation)
    }
}

impl State {
    /// Copies the state of the cluster, without its watches.
    fn fork(&self, backup_store: &BackupStore) -> Self {
        let mut other = self.clone();
        other.backup_store = backup_store.clone();
        other
    }

    /// Adds the entries of `happens:`. Their times count from the end of the settling.
    fn begin(&mut self, mut script: happens::Script) {
        if !script.is_empty() {
            script.knows(self.store.uids());
        }
        self.script = script;
        self.arm(SETTLED_US);
    }
}
