//! Cuts a node off from the network: rules of the drill in the node's network namespace drop everything that enters or
//! leaves through a container interface.
//!
//! It does not use `docker network disconnect`. Docker accepts `--ip` only in networks with a configured subnet, and
//! kind's network has none. So the node would come back with another address, on another interface and without its
//! routes. With the rules, the node keeps all of them; but if the container engine restarts the node, the rules are
//! gone and the node is connected again.

const TABLE: &str = "drillmaster_cut";
/// The names that Docker, podman and nerdctl give to the interfaces of their networks.
const INTERFACES: &str = "eth";

/// One nft transaction: the rules come before all others for incoming packets, and after all others for outgoing
/// packets. Traffic inside the node is not affected.
pub(super) fn away() -> String {
    let chain = |name: &str, hook: &str, priority: &str, side: &str| {
        format!(
            "add chain inet {TABLE} {name} {{ type filter hook {hook} priority {priority} ; }} ; \
             add rule inet {TABLE} {name} {side} \"{INTERFACES}*\" drop"
        )
    };
    format!(
        "add table inet {TABLE} ; {} ; {}",
        chain("arriving", "prerouting", "-400", "iifname"),
        chain("leaving", "postrouting", "400", "oifname")
    )
}

/// Removes the rules. It may be repeated.
pub(super) fn back() -> String {
    format!("add table inet {TABLE} ; delete table inet {TABLE}")
}

/// Whether the rules are among the tables that nft lists.
pub(super) fn is_there(tables: &str) -> bool {
    tables.lines().any(|line| line.trim() == format!("table inet {TABLE}"))
}

/// Whether the rules affect packets on this route, such as `default via 172.18.0.1 dev eth0`.
pub(super) fn covers(way: &str) -> bool {
    let mut devices = way.lines().map(|line| line.split_whitespace().skip_while(|w| *w != "dev").nth(1).unwrap_or(""));
    !way.is_empty() && devices.all(|device| device.starts_with(INTERFACES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_out_that_the_rules_hold_up() {
        assert!(covers("default via 172.18.0.1 dev eth1"));
        assert!(!covers("default via 10.0.0.1 dev wg0 proto static\ndefault via 172.18.0.1 dev eth0 metric 9"));
        assert!(!covers("") && !covers("default via 10.0.0.1"));
    }

    #[test]
    fn the_table_and_no_other() {
        assert!(is_there("table ip nat\ntable inet drillmaster_cut"));
        assert!(!is_there("table inet drillmaster_2026\ntable ip drillmaster_cut"));
    }
}
