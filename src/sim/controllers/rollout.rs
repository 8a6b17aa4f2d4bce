//! How a Deployment changes from one template to the next: the arithmetic of `pkg/controller/deployment/rolling.go` and
//! `recreate.go` in Kubernetes. Pure functions, which do not know the state of the cluster. Start with [`Strategy`].

use crate::sim::value::Value;

use super::super::fields::text;

/// The strategy of a Deployment, in numbers of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strategy {
    surge: i64,
    unavailable: i64,
    recreate: bool,
}

/// One side of a rollout, the new set or all old sets: the replicas that it should have, and its Ready pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Side {
    pub wanted: i64,
    pub ready: i64,
    /// Existing pods, in any state.
    pub pods: i64,
}

impl Strategy {
    /// Reads the strategy. Both shares are 25% by default. The surge is rounded up, the other share down.
    pub(super) fn of(deployment: &Value, replicas: i64) -> Self {
        let share = |field: &str, up: bool| {
            let written = deployment.pointer(&format!("/spec/strategy/rollingUpdate/{field}"));
            match written.and_then(Value::as_i64) {
                Some(number) => number,
                None => {
                    let text = written.and_then(Value::as_str).unwrap_or("25%");
                    let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(25);
                    let hundredths = percent * replicas;
                    if up { (hundredths + 99) / 100 } else { hundredths / 100 }
                }
            }
        };
        let (surge, mut unavailable) = (share("maxSurge", true), share("maxUnavailable", false));
        if surge == 0 && unavailable == 0 {
            // Otherwise the rollout would never make progress.
            unavailable = 1;
        }
        Self { surge, unavailable, recreate: text(deployment, "/spec/strategy/type") == "Recreate" }
    }

    /// Returns the number of replicas that the new set, and all old sets together, should have next.
    pub(super) fn next(self, replicas: i64, new: Side, old: Side) -> (i64, i64) {
        if old.wanted == 0 && (!self.recreate || old.pods == 0) {
            return (replicas, 0);
        }
        if self.recreate {
            return (new.wanted, 0);
        }
        let room = replicas + self.surge - new.wanted - old.wanted;
        let grown = if new.wanted > replicas { replicas } else { new.wanted + room.min(replicas - new.wanted).max(0) };
        let least = replicas - self.unavailable;
        let spare = grown + old.wanted - least - (grown - new.ready);
        if spare <= 0 {
            return (grown, old.wanted);
        }
        // Pods that are not Ready go first, because removing them costs no availability.
        let idle = (old.wanted - old.ready).clamp(0, spare);
        let serving = (new.ready + old.ready - least).clamp(0, old.wanted - idle);
        (grown, old.wanted - idle - serving)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::value::json;

    fn side(wanted: i64, ready: i64) -> Side {
        Side { wanted, ready, pods: wanted }
    }

    #[test]
    fn shares_are_rounded_as_kubernetes_rounds_them() {
        let of = |strategy: Value, replicas| Strategy::of(&json!({"spec": {"strategy": strategy}}), replicas);
        assert_eq!(of(json!({}), 3), Strategy { surge: 1, unavailable: 0, recreate: false });
        assert_eq!(of(json!({}), 10), Strategy { surge: 3, unavailable: 2, recreate: false });
        let none = json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}});
        assert_eq!(of(none, 3).unavailable, 1);
    }

    #[test]
    fn three_replicas_one_by_one() {
        let strategy = Strategy::of(&json!({}), 3);
        assert_eq!(strategy.next(3, side(0, 0), side(3, 3)), (1, 3), "the rollout may add one pod");
        assert_eq!(strategy.next(3, side(1, 0), side(3, 3)), (1, 3), "the rollout waits for the new pod");
        assert_eq!(strategy.next(3, side(1, 1), side(3, 3)), (1, 2), "then an old pod goes");
        assert_eq!(strategy.next(3, side(1, 1), side(2, 2)), (2, 2));
        assert_eq!(strategy.next(3, side(3, 3), side(0, 0)), (3, 0));
        assert_eq!(strategy.next(3, side(1, 0), side(3, 1)), (1, 3), "no pod may go while old pods are down, too");
    }

    #[test]
    fn recreate_waits_until_the_old_ones_are_gone() {
        let strategy = Strategy::of(&json!({"spec": {"strategy": {"type": "Recreate"}}}), 3);
        assert_eq!(strategy.next(3, side(0, 0), side(3, 3)), (0, 0));
        assert_eq!(strategy.next(3, side(0, 0), Side { wanted: 0, ready: 0, pods: 2 }), (0, 0));
        assert_eq!(strategy.next(3, side(0, 0), side(0, 0)), (3, 0));
    }

    #[test]
    fn never_fewer_than_allowed_whatever_becomes_ready_when() {
        for replicas in 1..12_i64 {
            let strategy = Strategy::of(&json!({}), replicas);
            let (mut new, mut old) = (side(0, 0), side(replicas, replicas));
            for _ in 0..100 {
                let (grown, left) = strategy.next(replicas, new, old);
                assert!(grown + left <= replicas + strategy.surge, "{replicas}: {new:?} {old:?}");
                old = side(left, old.ready.min(left));
                assert!(new.ready + old.ready >= replicas - strategy.unavailable, "{replicas}: {new:?} {old:?}");
                // One pod becomes Ready at a time.
                new = side(grown, (new.ready + 1).min(grown));
            }
            assert_eq!((new.ready, old.wanted), (replicas, 0), "the rollout must end");
        }
    }
}
