//! Pure knowledge of Kubernetes, in one copy: selectors, quantities, budget
//! arithmetic, tolerations, zone states, what a survivor can take, who owns a
//! pod, what becomes of a volume. No I/O, no clock, nothing of a drill. Start
//! with [`objects`], the slim shapes that everything else works on.

pub mod objects;

mod budget;
mod node;
mod normalise;
mod quantity;
mod scheduling;
mod selector;
mod taints;
mod volumes;
mod zones;

pub use budget::{desired_healthy, desired_healthy_of};
pub use normalise::{Difference, compare, is_derived, normalise};
pub use quantity::{cpu_millis, memory_bytes};
pub use scheduling::{Demand, NodeRoom, may_run, place, room_of};
pub use selector::Selector;
pub use taints::{UNREACHABLE, toleration_seconds};
pub use volumes::{VolumeFate, fate};
pub use zones::{Clocks, ZoneState, detection, zone_state};
