//! The network between machines: which packets the rules that a drill sets inside nodes drop or delay. Only the
//! addresses of the nodes count; the network of pods shares the fate of their machine. Start with [`Network`].

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use super::{
    fields::{self, list, text},
    state::State,
};

/// The broken parts of the network, by node.
#[derive(Clone, Debug, Default)]
pub(super) struct Network {
    tables: BTreeMap<String, BTreeMap<String, Table>>,
    late: BTreeMap<String, Duration>,
}

/// The rules of one `nft` table.
#[derive(Clone, Debug, Default)]
struct Table {
    /// Packets from these addresses are dropped.
    arriving: BTreeSet<IpAddr>,
    /// Packets to these addresses are dropped.
    leaving: BTreeSet<IpAddr>,
    /// The number of dropped packets.
    lost: u64,
}

/// How many packets a cut drops at once: a heartbeat, and the retries of its sender.
const TRIES: u64 = 3;

/// Runs a transaction of `nft`.
///
/// # Errors
/// Names the command that is not supported.
pub(super) fn transaction(state: &mut State, node: &str, script: &str) -> Result<(), String> {
    let tables = state.network.tables.entry(node.to_owned()).or_default();
    let mut next = tables.clone();
    for command in script.split(" ; ") {
        let words: Vec<&str> =
            command.split(|c: char| c.is_whitespace() || c == ',').filter(|w| !w.is_empty()).collect();
        match words[..] {
            ["add", "table", "inet", name] => drop(next.entry(name.to_owned()).or_default()),
            ["delete", "table", "inet", name] => drop(next.remove(name)),
            ["add", "chain", "inet", name, "arriving" | "leaving", ..] if next.contains_key(name) => {}
            // The end of the block in which a chain is declared.
            ["}"] => {}
            [
                "add",
                "rule",
                "inet",
                name,
                chain,
                "ip",
                "saddr" | "daddr",
                "{",
                ref peers @ ..,
                "}",
                "counter",
                "drop",
            ] => {
                let table = next.get_mut(name).ok_or_else(|| format!("no table {name}"))?;
                let addresses = peers.iter().filter_map(|peer| peer.parse::<IpAddr>().ok());
                if chain == "arriving" { &mut table.arriving } else { &mut table.leaving }.extend(addresses);
            }
            _ => return Err(format!("the simulated nft does not support `{command}`")),
        }
    }
    *tables = next;
    heard_or_not(state);
    Ok(())
}

/// The names of the tables of a node.
pub(super) fn names(state: &State, node: &str) -> String {
    let all = state.network.tables.get(node).into_iter().flat_map(BTreeMap::keys);
    all.map(|name| format!("table inet {name}\n")).collect()
}

/// Returns a table with its counters, in the format of `nft`.
pub(super) fn listed(state: &State, node: &str, name: &str) -> Option<String> {
    let table = state.network.tables.get(node)?.get(name)?;
    let rule = |chain: &str, side: &str, peers: &BTreeSet<IpAddr>, lost: u64| {
        let peers: Vec<String> = peers.iter().map(ToString::to_string).collect();
        let rule = format!("ip {side} {{ {} }} counter packets {lost} bytes {} drop", peers.join(", "), lost * 60);
        if peers.is_empty() { String::new() } else { format!("\tchain {chain} {{\n\t\t{rule}\n\t}}\n") }
    };
    let (arriving, leaving) = (
        rule("arriving", "saddr", &table.arriving, if table.leaving.is_empty() { table.lost } else { 0 }),
        rule("leaving", "daddr", &table.leaving, table.lost),
    );
    Some(format!("table inet {name} {{\n{arriving}{leaving}}}\n"))
}

/// Tries to reach another machine from a node. Returns whether the other machine answers.
pub(super) fn knock(state: &mut State, node: &str, at: IpAddr) -> bool {
    let mut answered = true;
    for table in state.network.tables.get_mut(node).into_iter().flat_map(BTreeMap::values_mut) {
        if table.arriving.contains(&at) || table.leaving.contains(&at) {
            table.lost += 1;
            answered = false;
        }
    }
    answered
}

/// Sets or removes the delay of everything that leaves a node.
pub(super) fn hold_up(state: &mut State, node: &str, late: Option<Duration>) {
    match late {
        Some(late) => drop(state.network.late.insert(node.to_owned(), late)),
        None => drop(state.network.late.remove(node)),
    }
}

impl State {
    /// The delay of everything that leaves a node.
    pub(super) fn late(&self, node: &str) -> Option<Duration> {
        self.network.late.get(node).copied()
    }

    /// Whether a node cannot exchange packets with any machine of the control plane. Traffic from outside enters the
    /// cluster through these machines.
    pub(super) fn is_cut_off(&self, node: &str) -> bool {
        if self.network.tables.values().all(BTreeMap::is_empty) {
            return false;
        }
        let others = self.control_plane.machines().filter(|other| *other != node);
        let mut cut = others.map(|other| self.is_cut(node, other)).peekable();
        cut.peek().is_some() && cut.all(|cut| cut)
    }

    fn is_cut(&self, one: &str, other: &str) -> bool {
        let drops = |at: &str, from: &str| {
            let Some(from) = self.address(from) else { return false };
            let mut tables = self.network.tables.get(at).into_iter().flat_map(BTreeMap::values);
            tables.any(|table| table.arriving.contains(&from) || table.leaving.contains(&from))
        };
        drops(one, other) || drops(other, one)
    }

    fn address(&self, node: &str) -> Option<IpAddr> {
        let node = self.store.get("nodes", "", node)?;
        let internal = list(node, "/status/addresses").iter().find(|a| text(a, "/type") == "InternalIP")?;
        text(internal, "/address").parse().ok()
    }
}

/// Updates which kubelets cannot reach the control plane. Such a kubelet runs, but its reports do not arrive.
fn heard_or_not(state: &mut State) {
    let nodes: Vec<String> = state.store.all("nodes").map(|n| fields::name(n).to_owned()).collect();
    for node in nodes {
        let cut = state.is_cut_off(&node);
        let Some(machine) = state.machines.by_node.get(&node) else { continue };
        if cut && !machine.is_silent() {
            state.machines.cut_off(&node, state.now_us);
            for table in state.network.tables.get_mut(&node).into_iter().flat_map(BTreeMap::values_mut) {
                table.lost += TRIES;
            }
        } else if !cut && machine.unheard {
            state.revive(&node, state.settings.rejoin);
        }
    }
}
