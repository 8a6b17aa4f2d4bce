//! Knowledge about Kubernetes, in pure functions: selectors, quantities, budget arithmetic, tolerations, zone states,
//! capacity after a loss, owners of pods, volumes after a restore. It does no I/O, has no clock and does not know what
//! a drill is. Start with [`objects`], the reduced types that everything else works on.

pub mod objects;

mod budget;
mod calico;
mod candidate;
mod compare;
mod cron;
mod demand;
mod enforcer;
mod losses;
mod managers;
mod node;
mod normalise;
mod own_pod;
mod packing;
mod pod;
mod pod_affinity;
mod quantity;
mod reader;
mod scheduling;
mod selector;
mod taints;
mod uneven;
mod volumes;
mod zones;

pub use budget::{budgets_of, desired_healthy, desired_healthy_of};
pub use calico::CalicoSelector;
pub use candidate::{Candidate, Volumes};
pub use compare::{Objects, Reduced, compare};
pub use cron::cron_interval;
pub use demand::{Demand, FreeCapacity};
pub use enforcer::policy_enforcers;
pub use losses::{Held, Live, Seen, filters, without_content};
pub use managers::{Writing, is_kubelet, last_writing, user_role, writer, writing_where};
pub use normalise::{is_derived, name_of};
pub use own_pod::{Identity, OwnPod, PodPlace, identities};
pub use packing::{NO_ROOM, NodeExit, PackingResult, PackingState, victims};
pub use pod_affinity::{Domains, ExistingPods, Incoming, KINDS, PodAffinity, SpreadRule, demands, label, spreads};
pub use quantity::{cpu_millis, memory_bytes, quantity};
pub use reader::{Around, Reader};
pub use scheduling::{in_terms, may_run, says_of_nodes};
pub use selector::Selector;
pub use taints::{UNREACHABLE, toleration_seconds};
pub use uneven::{Around as UnevenAround, Uneven, is_bound, uneven};
pub use volumes::{Uncopied, Uncovered, VolumeFate, fate, uncopied};
pub use zones::{Clocks, ZoneState, detection, zone_state};
