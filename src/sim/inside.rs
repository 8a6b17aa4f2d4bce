//! Programs inside a simulated node, as far as a drill runs them: the service of its kubelet, and the programs with
//! which a drill breaks and tests the network of the node. Read [`run`] first.

use std::{net::IpAddr, time::Duration};

use super::{network, state::State};

/// The result of a program.
pub(super) enum Ran {
    /// It printed this text.
    Said(String),
    /// It needs this act of the node host.
    Act(&'static str),
    /// The simulation does not support it.
    Unknown,
    /// It failed with this message.
    Failed(String),
}

/// The network interface to the outside.
const OUT: &str = "eth0";

pub(super) fn run(state: &mut State, node: &str, argv: &[String]) -> Ran {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let active = state.machines.by_node.get(node).is_some_and(|m| m.reports_from_us.is_some() || m.unheard);
    let said = |text: &str| Ran::Said(text.to_owned());
    match words[..] {
        ["systemctl", "show", "--property=ActiveState", "--value", "kubelet"] => {
            said(if active { "active" } else { "inactive" })
        }
        ["systemctl", "start", "kubelet"] if active => said(""),
        ["systemctl", "stop", "kubelet"] => Ran::Act("stop-kubelet"),
        ["systemctl", "start", "kubelet"] => Ran::Act("start-kubelet"),
        ["nft", "list", "tables"] => Ran::Said(network::names(state, node)),
        ["nft", "list", "table", "inet", table] => match network::listed(state, node, table) {
            Some(listed) => Ran::Said(listed),
            None => Ran::Failed(format!("No such file or directory: table inet {table}")),
        },
        ["nft", script] => match network::transaction(state, node, script) {
            Ok(()) => said(""),
            Err(why) => Ran::Failed(why),
        },
        ["timeout", _, "bash", "-c", knock] => match knocked_at(knock) {
            Some(at) if network::knock(state, node, at) => said(""),
            Some(_) => Ran::Failed("timed out".into()),
            None => Ran::Unknown,
        },
        ["ip", "-4", "route", "show", "default"] => Ran::Said(format!("default via 198.18.255.254 dev {OUT}")),
        ["tc", "qdisc", "show", "dev", OUT] | ["tc", "-s", "qdisc", "show", "dev", OUT] => {
            Ran::Said(queue(state.late(node)))
        }
        ["tc", "qdisc", "add", "dev", OUT, "root", "netem", "delay", late] => {
            match late.strip_suffix("ms").map(str::parse) {
                Some(Ok(late)) => {
                    network::hold_up(state, node, Some(Duration::from_millis(late)));
                    said("")
                }
                _ => Ran::Unknown,
            }
        }
        ["tc", "qdisc", "del", "dev", OUT, "root"] => {
            network::hold_up(state, node, None);
            said("")
        }
        _ => Ran::Unknown,
    }
}

/// What `tc` prints. Kubelets send all the time, so a delayed queue has always delayed some packets.
fn queue(late: Option<Duration>) -> String {
    match late {
        Some(late) => {
            format!("qdisc netem 8001: root refcnt 2 limit 1000 delay {}ms\n Sent 6000 bytes 100 pkt", late.as_millis())
        }
        None => "qdisc noqueue 0: root refcnt 2".to_owned(),
    }
}

/// `exec 3<>/dev/tcp/ADDRESS/PORT`
fn knocked_at(command: &str) -> Option<IpAddr> {
    command.strip_prefix("exec 3<>/dev/tcp/")?.split('/').next()?.parse().ok()
}
