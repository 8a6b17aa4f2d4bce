//! The simulated API server answers the questions of tests/shared/conformance.rs;
//! tests/lab asks the same of a real one.

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
