//! The commands that break something inside a node, and those that repair it. Only argument lists, no shell. Each undo
//! may be repeated, and finds out itself whether there is anything to do.

use crate::{
    model::{Direction, ImpairNodesStep, Impairment, NodeService},
    world::NodeHost,
};

/// Files and tables of the drill begin with these names. Nothing else is ever removed.
const FILE: &str = ".drillmaster-fill-";
const TABLE: &str = "drillmaster_";

/// What to break.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Breakage {
    Stop(NodeService),
    Fill { path: String, leave: u64, file: String },
    Drop { direction: Direction, peers: Vec<String>, percent: u8, table: String },
    Delay { milliseconds: u128 },
}

/// What was read from the node before it is touched.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ready {
    /// The interface of the default route.
    pub interface: String,
    /// The number of free bytes.
    free: u64,
}

impl Breakage {
    pub(super) fn of(spec: &ImpairNodesStep, peers: &[String], run: &str) -> Result<Self, String> {
        let id: String = run.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        if let Some(service) = spec.stop {
            return Ok(Self::Stop(service));
        }
        if let Some(disk) = &spec.disk {
            let path = disk.path.trim_end_matches('/');
            if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
                return Err(format!("`{}` is not an absolute path inside the node", disk.path));
            }
            return Ok(Self::Fill { path: path.to_owned(), leave: disk.leave, file: format!("{path}/{FILE}{id}") });
        }
        let network = spec.network.as_ref().ok_or("the step does not say what to break")?;
        if let Some(delay) = network.delay {
            return Ok(Self::Delay { milliseconds: delay.0.as_millis() });
        }
        Ok(Self::Drop {
            direction: network.drop.unwrap_or(Direction::Both),
            peers: peers.to_vec(),
            percent: network.loss.map_or(100, |p| p.0),
            table: format!("{TABLE}{id}"),
        })
    }

    /// The command that breaks it. In a plan, the values of the node are not known yet.
    pub(super) fn argv(&self, ready: Option<&Ready>) -> Vec<String> {
        match self {
            Self::Stop(service) => words(&["systemctl", "stop", unit(*service)]),
            Self::Fill { leave, file, .. } => {
                let size = ready.map_or("ALL".to_owned(), |r| r.free.saturating_sub(*leave).to_string());
                words(&["fallocate", "--length", &size, file])
            }
            Self::Drop { direction, peers, percent, table } => {
                words(&["nft", &rules(*direction, peers, *percent, table)])
            }
            Self::Delay { milliseconds } => {
                let interface = ready.map_or("INTERFACE", |r| r.interface.as_str());
                let late = format!("{milliseconds}ms");
                words(&["tc", "qdisc", "add", "dev", interface, "root", "netem", "delay", &late])
            }
        }
    }

    /// What must be repaired afterwards.
    pub(super) fn leaves(&self, interface: &str) -> Impairment {
        match self {
            Self::Stop(NodeService::Kubelet) => Impairment::Kubelet,
            Self::Stop(NodeService::Runtime) => Impairment::Runtime,
            Self::Fill { file, .. } => Impairment::Disk { file: file.clone() },
            Self::Drop { table, .. } => Impairment::Packets { table: table.clone() },
            Self::Delay { .. } => {
                Impairment::Delay { interface: if interface.is_empty() { "INTERFACE" } else { interface }.to_owned() }
            }
        }
    }
}

/// One transaction: either all rules exist, or none.
fn rules(direction: Direction, peers: &[String], percent: u8, table: &str) -> String {
    let share = if percent < 100 { format!("numgen random mod 100 < {percent} ") } else { String::new() };
    let peers = peers.join(", ");
    let mut all = vec![format!("add table inet {table}")];
    // For incoming packets before any other rule, for outgoing packets after any other.
    for (name, hook, priority, side, wanted) in [
        ("arriving", "prerouting", -400, "saddr", Direction::In),
        ("leaving", "postrouting", 400, "daddr", Direction::Out),
    ] {
        if direction == Direction::Both || direction == wanted {
            all.push(format!("add chain inet {table} {name} {{ type filter hook {hook} priority {priority} ; }}"));
            all.push(format!("add rule inet {table} {name} ip {side} {{ {peers} }} {share}counter drop"));
        }
    }
    all.join(" ; ")
}

/// Checks that the node is in order before it is broken, and reads its values.
pub(super) async fn ready_for(host: &NodeHost, node: &str, trouble: &Breakage) -> Result<Ready, String> {
    let mut ready = Ready::default();
    match trouble {
        Breakage::Stop(_) | Breakage::Drop { .. } => {}
        Breakage::Fill { path, leave, .. } => {
            let said = run_inside(host, node, &["stat", "--format=%d", "/", "/var", path]).await?;
            let devices: Vec<&str> = said.lines().collect();
            if devices.len() != 3 || devices[..2].contains(&devices[2]) {
                return Err(format!(
                    "{path} is on the disk that node {node} shares with this machine and all other nodes: filling it would break all of them. Mount a separate file system there first"
                ));
            }
            let free = run_inside(host, node, &["df", "--block-size=1", "--output=avail", path]).await?;
            ready.free = free.lines().last().and_then(|l| l.trim().parse().ok()).unwrap_or(0);
            if ready.free <= *leave {
                return Err(format!(
                    "{path} of node {node} has only {} free bytes: there is nothing to fill",
                    ready.free
                ));
            }
        }
        Breakage::Delay { .. } => {
            let said = run_inside(host, node, &["ip", "-4", "route", "show", "default"]).await?;
            let mut all = said.split_whitespace().skip_while(|w| *w != "dev");
            ready.interface = all.nth(1).unwrap_or_default().to_owned();
            let queue = run_inside(host, node, &["tc", "qdisc", "show", "dev", &ready.interface]).await?;
            if ready.interface.is_empty() || !queue.contains("noqueue") {
                return Err(format!(
                    "node {node} has no default route with a plain interface, so packets cannot be delayed: `{queue}`"
                ));
            }
        }
    }
    if !is_right(host, node, &trouble.leaves(&ready.interface)).await? {
        return Err(format!("node {node} is not in order before the drill: {}", name(&trouble.leaves(""))));
    }
    Ok(ready)
}

/// Whether it is completely repaired.
pub(super) async fn is_right(host: &NodeHost, node: &str, what: &Impairment) -> Result<bool, String> {
    Ok(match what {
        Impairment::Kubelet | Impairment::Runtime => {
            let unit = if *what == Impairment::Kubelet { "kubelet" } else { "containerd" };
            run_inside(host, node, &["systemctl", "show", "--property=ActiveState", "--value", unit]).await? == "active"
        }
        Impairment::Disk { file } => {
            let (dir, name) = file.rsplit_once('/').unwrap_or(("/", file));
            run_inside(host, node, &["find", dir, "-maxdepth", "1", "-name", name]).await?.is_empty()
        }
        Impairment::Packets { table } => !run_inside(host, node, &["nft", "list", "tables"])
            .await?
            .lines()
            .any(|l| l.ends_with(&format!(" {table}"))),
        Impairment::Delay { interface } => {
            !run_inside(host, node, &["tc", "qdisc", "show", "dev", interface]).await?.contains("netem")
        }
    })
}

/// The effect that can be measured on the node itself. The existence of a rule shows nothing; the number of packets
/// that it dropped does.
pub(super) async fn effect(host: &NodeHost, node: &str, what: &Impairment) -> Option<String> {
    match what {
        Impairment::Packets { table } => {
            let list = ["nft", "list", "table", "inet", table];
            let mut listed = run_inside(host, node, &list).await.ok()?;
            if dropped(&listed) == 0 {
                // Perhaps nobody sent anything, so the drill connects to a kubelet on the other side.
                let knock = format!("exec 3<>/dev/tcp/{}/10250", peer(&listed)?);
                let _ = run_inside(host, node, &["timeout", "2", "bash", "-c", &knock]).await;
                listed = run_inside(host, node, &list).await.ok()?;
            }
            let lost = Some(dropped(&listed)).filter(|n| *n > 0)?;
            Some(format!("{lost} packets were dropped by the rules on node {node}"))
        }
        Impairment::Delay { interface } => {
            let listed = run_inside(host, node, &["tc", "-s", "qdisc", "show", "dev", interface]).await.ok()?;
            let sent = Some(delayed(&listed)).filter(|n| *n > 0)?;
            Some(format!("{sent} packets left node {node} with a delay"))
        }
        Impairment::Disk { file } => {
            let size = run_inside(host, node, &["stat", "--format=%s", file]).await.ok()?;
            Some(format!("{} bytes on node {node} were filled by {file}", size.trim().parse::<u64>().ok()?))
        }
        Impairment::Kubelet | Impairment::Runtime => None,
    }
}

/// Parses `qdisc netem … Sent 720 bytes 12 pkt`.
fn delayed(listed: &str) -> u64 {
    let netem = listed.split("qdisc ").find(|part| part.starts_with("netem"));
    let words = netem.and_then(|part| part.split(" bytes ").nth(1)).and_then(|rest| rest.split_whitespace().next());
    words.and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// A machine whose packets are dropped, from `ip daddr { 172.18.0.3, 10.244.1.0/24 }`.
fn peer(listed: &str) -> Option<std::net::Ipv4Addr> {
    let words = listed.split(|c: char| c.is_whitespace() || "{},".contains(c));
    words.filter_map(|word| word.parse().ok()).next()
}

/// The sum of all counters in lines such as `counter packets 12 bytes 720 drop`.
fn dropped(listed: &str) -> u64 {
    let counts = listed.split("counter packets ").skip(1);
    counts.filter_map(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).sum()
}

/// The command that repairs it.
pub(super) fn undo(what: &Impairment) -> Vec<String> {
    match what {
        Impairment::Kubelet => words(&["systemctl", "start", "kubelet"]),
        Impairment::Runtime => words(&["systemctl", "start", "containerd"]),
        Impairment::Disk { file } => words(&["rm", "--force", file]),
        Impairment::Packets { table } => {
            words(&["nft", &format!("add table inet {table} ; delete table inet {table}")])
        }
        Impairment::Delay { interface } => words(&["tc", "qdisc", "del", "dev", interface, "root"]),
    }
}

/// An undo may come from the record in the cluster, which others can write to. So only what a drill creates is ever
/// removed.
pub(super) fn is_ours(what: &Impairment) -> Result<(), String> {
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    let ours = match what {
        Impairment::Kubelet | Impairment::Runtime => true,
        Impairment::Disk { file } => {
            let (dir, name) = file.rsplit_once('/').unwrap_or_default();
            file.starts_with('/') && name.starts_with(FILE) && plain(name) && !dir.split('/').any(|p| p == "..")
        }
        Impairment::Packets { table } => table.starts_with(TABLE) && plain(table),
        Impairment::Delay { interface } => !interface.starts_with('-') && plain(interface),
    };
    if ours {
        Ok(())
    } else {
        Err(format!("a drill does not leave anything like this behind, so it is not touched: {what:?}"))
    }
}

pub(super) fn name(what: &Impairment) -> &'static str {
    match what {
        Impairment::Kubelet => "the kubelet",
        Impairment::Runtime => "the container runtime",
        Impairment::Disk { .. } => "the disk",
        Impairment::Packets { .. } | Impairment::Delay { .. } => "the network",
    }
}

pub(super) fn past(spec: &ImpairNodesStep) -> String {
    match (spec.stop, &spec.disk, &spec.network) {
        (Some(NodeService::Kubelet), ..) => "stopped the kubelet".into(),
        (Some(NodeService::Runtime), ..) => "stopped the container runtime".into(),
        (_, Some(disk), _) => format!("filled {}", disk.path),
        (.., Some(network)) if network.delay.is_some() => "delayed packets".into(),
        _ => "packets are lost".into(),
    }
}

async fn run_inside(host: &NodeHost, node: &str, argv: &[&str]) -> Result<String, String> {
    host.run_inside(node, argv).await.map_err(|e| e.to_string())
}

fn unit(service: NodeService) -> &'static str {
    match service {
        NodeService::Kubelet => "kubelet",
        NodeService::Runtime => "containerd",
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_lost_both_ways() {
        let peers = vec!["172.18.0.3".to_owned(), "10.244.1.0/24".to_owned()];
        let rules = rules(Direction::Both, &peers, 30, "drillmaster_x");
        assert!(rules.contains("ip saddr { 172.18.0.3, 10.244.1.0/24 }"), "{rules}");
        assert_eq!(rules.matches("numgen random mod 100 < 30 counter drop").count(), 2);
    }

    #[test]
    fn packets_are_counted_over_all_rules() {
        let listed = "chain arriving {\n ip saddr { 172.18.0.3 } counter packets 12 bytes 720 drop\n }\n\
                      chain leaving {\n ip daddr { 172.18.0.3 } counter packets 30 bytes 1 drop\n }";
        assert_eq!((dropped(listed), dropped("table inet x {}"), dropped("counter packets many")), (42, 0, 0));
        assert_eq!(peer(listed), Some(std::net::Ipv4Addr::new(172, 18, 0, 3)));
        let queue = "qdisc netem 8001: root refcnt 2 limit 1000 delay 50ms\n Sent 720 bytes 12 pkt (dropped 0)";
        assert_eq!((delayed(queue), delayed("qdisc noqueue 0: root\n Sent 0 bytes 7 pkt")), (12, 0));
    }

    #[test]
    fn only_what_a_drill_makes_is_removed() {
        let bad = [
            Impairment::Disk { file: "/etc/passwd".into() },
            Impairment::Disk { file: "/var/../.drillmaster-fill-1".into() },
            Impairment::Packets { table: "nat".into() },
            Impairment::Packets { table: "drillmaster_x ; delete table ip nat".into() },
            Impairment::Delay { interface: "-all".into() },
        ];
        assert!(bad.iter().all(|what| is_ours(what).is_err()));
        assert!(is_ours(&Impairment::Disk { file: "/data/.drillmaster-fill-1".into() }).is_ok());
        assert!(is_ours(&Impairment::Packets { table: "drillmaster_20261123".into() }).is_ok());
    }
}
