//! A cluster that has settled, before anybody looked at it. Many rehearsals may begin from
//! it: each gets a cluster of its own, in which what never changes is shared.

use super::{Description, Happening, SETTLE, SETTLED_US, Simulation, Which, happens, state::State, vault::Vault};

/// The beginning of rehearsals that differ in what happens, or in the drill.
pub struct Settled {
    description: Description,
    seed: u64,
    state: State,
    second: Option<State>,
}

impl std::fmt::Debug for Settled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Settled")
    }
}

impl Settled {
    /// Makes a cluster and lets it settle; what happens in it is for its forks to say. Must
    /// be called on a runtime whose clock is paused, and outlives it.
    ///
    /// # Errors
    /// A description that cannot be simulated: which rule or object, and why.
    pub async fn of(description: &Description, seed: u64) -> Result<Self, Vec<String>> {
        let description = Description { happens: vec![], ..description.clone() };
        let simulation = Simulation::start(&description, seed).await?;
        let vault = simulation.shared.state().vault.fork();
        let state = simulation.shared.state().fork(&vault);
        let second = simulation.second.as_ref().map(|second| second.shared.state().fork(&vault));
        Ok(Self { description, seed, state, second })
    }

    /// What it was made of.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// A cluster that goes on from there, in which something happens. Must be called on a
    /// runtime whose clock is paused.
    ///
    /// # Errors
    /// Each entry that could never happen in this cluster.
    pub async fn fork(&self, happens: &[Happening]) -> Result<Simulation, Vec<String>> {
        let description = Description { happens: happens.to_vec(), ..self.description.clone() };
        let wrong = if happens.is_empty() { vec![] } else { description.mistakes() };
        if !wrong.is_empty() {
            return Err(wrong);
        }
        // tokio wakes what is due in one millisecond in an order that depends on the time since
        // its runtime began: a fork is as old as the cluster that it continues.
        tokio::time::sleep(SETTLE).await;
        let vault = self.state.vault.fork();
        let mut state = self.state.fork(&vault);
        state.begin(happens::Script::of(happens, Which::First));
        let mut simulation = Simulation::of(&description, self.seed, state);
        if let (Some(of), Some(second)) = (&self.description.recovery, &self.second) {
            let mut second = second.fork(&vault);
            second.begin(happens::Script::of(happens, Which::Recovery));
            simulation.second = Some(Box::new(Simulation::of(of, self.seed, second)));
        }
        simulation.opens();
        Ok(simulation)
    }
}

impl State {
    /// Another cluster in the same state, which nobody watches.
    fn fork(&self, vault: &Vault) -> Self {
        let mut other = self.clone();
        other.vault = vault.clone();
        other
    }

    /// What happens from the end of the beginning on.
    fn begin(&mut self, mut script: happens::Script) {
        if !script.is_empty() {
            script.knows(self.store.uids());
        }
        self.script = script;
        self.arm(SETTLED_US);
    }
}
