//! A node that is cut off from the network: rules of the drill's own, in the network
//! namespace of the node, drop whatever comes in or goes out by a container's interfaces.
//!
//! Not `docker network disconnect`: Docker takes `--ip` only in networks with a subnet that
//! somebody configured, and kind's network has none. The node would come back with whatever
//! address is free, by another interface and without its routes. So it keeps all of them;
//! an engine that restarts the node meanwhile joins it again.

const TABLE: &str = "drillmaster_cut";
/// As Docker, podman and nerdctl name the interfaces of their networks.
const INTERFACES: &str = "eth";

/// One transaction of nft: before any other rule on the way in, after any other on the way
/// out. What runs on the node goes on to reach what else runs there.
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

/// May be repeated.
pub(super) fn back() -> String {
    format!("add table inet {TABLE} ; delete table inet {TABLE}")
}

/// Whether it is among the tables that nft lists.
pub(super) fn is_there(tables: &str) -> bool {
    tables.lines().any(|line| line.trim() == format!("table inet {TABLE}"))
}

/// Whether the rules hold up what takes this way: `default via 172.18.0.1 dev eth0`.
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
