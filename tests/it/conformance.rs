//! The simulated API server must answer the questions of tests/shared/conformance.rs correctly. tests/lab asks a real
//! one the same questions.

use drillmaster::sim::Simulation;

use super::rehearsal::{cluster, on_paused_time};

#[path = "../shared/conformance.rs"]
mod questions;

#[test]
fn the_simulated_api_server_conforms() {
    let wrong = on_paused_time(async {
        let simulation = Simulation::start(&cluster("small-shop"), 1).await.unwrap();
        questions::all(simulation.client()).await
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
