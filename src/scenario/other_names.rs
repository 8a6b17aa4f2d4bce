//! Other usual names for what a file may contain: words of other tools, of Kubernetes, and of everyday English. A
//! comparison of letters alone would answer `killPods` with `killNodes`. A catalogue of entries with the same shape.
//! Start with [`usual`].

/// The allowed word that another usual word stands for. A word may stand for several things; the first one that is
/// allowed is meant.
pub(super) fn usual<'a>(given: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let given = bare(given);
    if let Some(same) = allowed.iter().copied().find(|word| bare(word) == given) {
        return Some(same);
    }
    let meant = NAMES.iter().filter(|(_, others)| others.split(' ').any(|other| other == given));
    meant.flat_map(|(word, _)| allowed.iter().copied().find(|a| a == word)).next()
}

/// A word without capitals, dashes and underscores. `topology.kubernetes.io/zone` becomes `zone`.
fn bare(word: &str) -> String {
    let last = word.rsplit('/').next().unwrap_or(word);
    last.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Words of the files, each with its other names.
const NAMES: &[(&str, &str)] = &[
    // Steps.
    (
        "deletePods",
        "killpods killpod deletepod podkill poddelete removepods restartpods terminatepods killcontainers killcontainer",
    ),
    ("forceDeletePods", "forcedelete forcekillpods forcedeletepod"),
    (
        "killNodes",
        "killnode nodekill nodeloss nodefailure losenodes stopnodes stopnode shutdownnodes shutdownnode poweroff powerloss crashnode crashnodes rebootnode rebootnodes deletenode deletenodes terminatenodes",
    ),
    ("killZone", "zoneoutage zoneloss zonefailure losezone stopzone shutdownzone azoutage outage"),
    ("loseCluster", "killcluster clusterloss clusteroutage regionloss killregion loseregion"),
    (
        "impairNodes",
        "impairnode breaknodes stopkubelet killkubelet stopruntime filldisk diskfill diskpressure netem latency packetloss networkfault networkloss networkdelay partition partitionnodes networkpartition isolate cutnetwork stress",
    ),
    ("fenceNode", "fence fencing fencenodes outofservice taintnode"),
    (
        "drain",
        "evict evictpods evictpod evictnode evictnodes eviction cordon cordonnode drainnode drainnodes drainzone",
    ),
    ("deleteNamespace", "killnamespace dropnamespace removenamespace losenamespace deletens namespaceloss"),
    ("backup", "takebackup createbackup velerobackup snapshot takesnapshot"),
    ("restore", "restorebackup restorenamespace velerorestore createrestore recover recovery"),
    ("reprotected", "reprotect protect protectagain newbackup backupafter reprotection"),
    ("scale", "scaledown scaleup scaledeployment scaleto setreplicas resize"),
    ("exec", "run command cmd script shell bash sh execute program"),
    ("gate", "approve approval confirm confirmation manual ask prompt humangate"),
    ("wait", "sleep pause delay waitfor waituntil observe until"),
    ("notify", "message webhook slack announce notification"),
    ("heal", "undo revert repair rollback fix unfault bringback restorepower poweron startnodes uncordon"),
    // Expectations.
    ("service", "availability available uptime http endpoint slo sli rto reachable probe"),
    ("replicas", "pods ready readiness deployment statefulset workload workloads"),
    ("budgets", "budget pdb pdbs poddisruptionbudget poddisruptionbudgets disruption disruptions disruptionbudget"),
    ("alert", "alerts alarm alarms page pages prometheus fires"),
    ("restore", "restored backup"),
    ("loss", "rpo dataloss lostdata data"),
    ("placement", "spread topology zones spreading distribution"),
    // Parts of a scenario.
    ("expect", "expected expects expectations assert asserts assertions verify checks objectives slos"),
    ("steps", "actions experiments experiment faults stages tasks workflow"),
    ("probes", "monitors healthchecks healthcheck httpprobes endpoints"),
    ("vars", "variables parameters params inputs"),
    ("hypothesis", "description summary goal purpose"),
    ("abort", "stopconditions stop halt abortif"),
    ("limits", "blastradius guardrails safeguards"),
    ("collateral", "platform platformnamespaces"),
    ("scope", "application target targets namespaces namespace"),
    ("namespaces", "ns namespace includednamespaces"),
    ("namespace", "ns"),
    ("critical", "criticalworkloads workloads important"),
    ("metadata", "name title meta"),
    // Keys of steps and expectations.
    ("nodes", "node nodenames names hosts targets target"),
    ("zone", "az availabilityzone zones zonename zoneid"),
    ("hosting", "host running withpods runs"),
    ("workload", "deployment statefulset daemonset app application target pods object resource"),
    ("how", "mode method action kind type"),
    ("count", "number howmany replicas n amount"),
    ("percent", "percentage share ratio"),
    ("to", "replicas count size"),
    ("until", "condition state status waituntil"),
    ("of", "fault step targets target workloads probes for on"),
    ("for", "duration time seconds period sleep"),
    ("atMost", "timeout maxwait deadline limit max within maximum"),
    ("timeout", "atmost deadline maxwait"),
    ("within", "timeout atmost deadline rto"),
    ("fault", "step of what"),
    ("coveredBy", "backup coveredby savedby"),
    ("schedule", "veleroschedule cron"),
    ("backup", "from backupname source"),
    ("into", "target destination to"),
    ("ttl", "retention expires expiry keep"),
    ("argv", "command cmd args program run"),
    ("undo", "revert rollback cleanup"),
    ("prompt", "question message text"),
    ("message", "text body msg"),
    ("rto", "within objective target recoverytime maxdowntime recoverywithin downtime"),
    ("rpo", "within objective target maxloss"),
    ("unharmed", "available stayup nooutage"),
    ("ready", "replicas count pods available number"),
    ("neverBelow", "min minimum minready minavailable atleast never"),
    ("probe", "service endpoint url name"),
    ("firesWithin", "within rto fires timeout atmost"),
    ("resolvesWithin", "resolved resolves resolvedwithin"),
    ("name", "alertname alert id title"),
    ("everyCriticalPodCovered", "covered coverage allcovered"),
    ("whileDegraded", "degraded asbudgeted"),
    ("every", "interval period frequency periodseconds"),
    ("url", "address endpoint uri host"),
    ("tcp", "address port host"),
    ("http", "https url httpget get"),
    ("status", "code statuscode expectedstatus"),
    ("body", "content contains response"),
    ("backedBy", "workload workloads deployment backend pods"),
    ("downFor", "for longerthan duration after"),
    ("data", "log logs appendlog ledger"),
    ("volumes", "volume snapshotvolumes volumemethod"),
    // Words of closed lists.
    ("kill", "crash powerloss hard sigkill off destroy terminate powerfailure"),
    ("stop", "shutdown poweroff graceful halt soft"),
    ("pause", "freeze suspend hang frozen"),
    ("partition", "isolate cut network disconnect"),
    ("recovered", "ready healthy up available back running ok"),
    ("alerted", "alert alerts fired firing paged"),
    ("approve", "yes continue ok proceed allow"),
    ("refuse", "no abort stop deny reject"),
    ("fileSystem", "file files fs fsb restic kopia filesystembackup podvolumebackup"),
    ("snapshot", "csi csisnapshot snapshots volumesnapshot"),
    ("none", "no off never nothing"),
    ("identical", "same equal unchanged"),
    ("complete", "all everything"),
    ("kept", "respected honoured honored held"),
    // Simulated clusters.
    ("zones", "zone nodes nodepools nodegroups azs availabilityzones topology"),
    ("node", "nodesize machine instance"),
    ("controlPlane", "controlplanes masters master controllers"),
    ("storage", "storageclass storageclasses disks"),
    ("workloads", "deployments deployment statefulsets apps applications services pods"),
    ("objects", "manifests resources yaml kubernetes"),
    ("rules", "alerts alertingrules prometheusrules prometheus"),
    ("values", "bindings vars variables parameters urls endpoints"),
    ("happens", "events failures chaos incidents"),
    ("recovery", "secondcluster second standby dr"),
    ("capture", "volumes backup backups"),
    ("alert", "name title"),
    ("expr", "expression query promql condition"),
    ("cpu", "cores cpus vcpu vcpus cpurequest"),
    ("memory", "mem ram memoryrequest"),
    ("pods", "maxpods podlimit"),
    ("replicas", "count number pods instances size"),
    ("start", "startup startuptime starttime startupseconds boot readyafter initialdelay"),
    ("toleration", "tolerations tolerationseconds"),
    ("priority", "priorityclass priorityclassname"),
    ("spread", "topologyspreadconstraints topologyspread antiaffinity podantiaffinity affinity topology"),
    ("onlyIn", "zone zones nodeselector only inzones"),
    ("budget", "pdb poddisruptionbudget disruptionbudget minavailable maxunavailable"),
    ("service", "svc services expose port ports"),
    ("volume", "storage storageclass storageclassname pvc volumes disk volumeclaimtemplates persistence"),
    ("labels", "label podlabels"),
    ("source", "provisioner type driver kind"),
    ("reclaim", "reclaimpolicy"),
    ("groupWait", "wait delay"),
    ("node", "host hostname hosts perhost"),
    ("zone", "az region topology"),
    ("csi", "ebs gp2 gp3 pd disk network remote"),
    ("local", "localpath localvolume"),
    ("hostPath", "hostdir rancher"),
    ("Retain", "keep"),
    ("Delete", "remove"),
    // Bindings.
    ("nodeHost", "nodes machines machine provider infrastructure"),
    ("alertmanager", "alertmanagerurl alertmanagers"),
    ("prometheus", "prometheusurl metrics"),
    ("announce", "webhook slack notify"),
    ("readiness", "readinessfile drillfile checks"),
    // Readiness files.
    ("waive", "waivers exceptions exemptions ignore suppress accepted accept"),
    ("attest", "attestations statements evidence"),
    ("disable", "exclude skip ignore off disabled"),
    ("severity", "severities levels level"),
    ("parameters", "settings options params"),
    ("until", "expires expiry validuntil expiration end"),
    ("approvedBy", "approver secondperson approval"),
    ("reason", "comment why justification because"),
    ("by", "author who signedby owner"),
    ("owner", "team contact responsible who"),
    ("of", "workload namespace application app"),
    ("check", "id rule checkid name"),
    ("object", "workload resource target"),
    ("drain", "maintenance upgrade"),
    ("netpart", "network partition networkpartition split"),
    ("depout", "dependency dependencies"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meaning_decides_and_only_among_what_is_allowed() {
        let steps = crate::model::Step::VERBS;
        for (given, meant) in [
            ("killPods", Some("deletePods")),
            ("kill-pod", Some("deletePods")),
            ("killNode", Some("killNodes")),
            ("evict", Some("drain")),
            ("sleep", Some("wait")),
            ("undo", Some("heal")),
            ("snapshot", Some("backup")),
            ("az_outage", Some("killZone")),
            ("banana", None),
        ] {
            assert_eq!(usual(given, &steps), meant, "{given}");
        }
        assert_eq!(usual("freeze", &["kill", "stop", "pause"]), Some("pause"));
        assert_eq!(usual("topology.kubernetes.io/zone", &["zone", "node"]), Some("zone"));
        assert_eq!(usual("kill_nodes", &steps), Some("killNodes"));
        assert_eq!(usual("kubernetes.io/hostname", &["zone", "node"]), Some("node"));
    }

    /// Each other name is written as it is compared, and is not given twice for one word.
    #[test]
    fn the_table_is_in_order() {
        for (word, others) in NAMES {
            let mut seen = std::collections::BTreeSet::new();
            for other in others.split(' ') {
                assert_eq!(bare(other), other, "{word}");
                assert!(seen.insert(other), "{word}: {other} twice");
            }
        }
    }
}
