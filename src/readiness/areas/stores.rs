//! Secret managers and secret stores: whether they create the Secrets, where they are, and whether
//! Secrets are encrypted at rest.

use std::collections::BTreeSet;

use crate::{
    inventory::{LEFT_OUT, Object},
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{Check, DEPOUT, Needs, REGION, RESTORE, Say, ZONE},
        picture::Picture,
        values::{flag, host, list, selector, text, words},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "SEC-005",
        name: "secret-externally-managed",
        title: "Secrets come from an external secret manager",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[REGION, RESTORE],
        needs: Needs::Manifests,
        rule: "Of the Secrets that workloads use in env, envFrom or volumes (without those marked optional), at least 80 % (parameter managedSecrets) are created by an ExternalSecret, a ClusterExternalSecret, a resource of the Vault operator, a SealedSecret, a SecretProviderClass (secretObjects) or a cert-manager Certificate.",
        fix: "Manage the Secrets with External Secrets, the Vault operator or the CSI driver, from Vault, AWS, Azure or Google",
        why: "After a restore into another cluster, a secret manager creates the Secrets again by itself.",
        run: managed,
    },
    Check {
        id: "SEC-007",
        name: "secret-store-failure-domain",
        title: "The secret store is not lost with the cluster",
        severity: Severity::Critical,
        class: Class::Gate,
        gates: &[ZONE, REGION, RESTORE, DEPOUT],
        needs: Needs::Manifests,
        rule: "No server of a SecretStore, ClusterSecretStore or VaultConnection is a Service of this cluster (a host that ends in .svc or .svc.cluster.local). If a store is in a region of the cluster's nodes (AWS, Google), another store is in another region; without one, the severity is critical for a region drill and medium otherwise.",
        fix: "Keep the store outside the cluster, or replicate it to another region; keep its unseal keys outside",
        why: "If the secret store is lost with the cluster, the recovered pods have no passwords.",
        run: stores,
    },
    Check {
        id: "SEC-009",
        name: "etcd-encryption",
        title: "The API server encrypts Secrets in etcd",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Cluster,
        rule: "Each pod kube-apiserver-* in kube-system has --encryption-provider-config in command or args; the file itself is not read. Without such a pod (managed control plane) the result is unknown until it is attested.",
        fix: "Set up an EncryptionConfiguration with KMS v2 or secretbox, and write all Secrets again",
        why: "Without encryption, a snapshot of etcd contains every password in plain text.",
        run: at_rest,
    },
];

/// The Secrets that workloads use.
fn used(p: &Picture<'_>) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for work in &p.works {
        let mut add = |name: &str| {
            if !name.is_empty() {
                all.insert((work.namespace().to_owned(), name.to_owned()));
            }
        };
        let needed = |owner: &'_ serde_json::Value, pointer: &str| {
            let found = owner.pointer(pointer).filter(|reference| reference["optional"] != true);
            found.map_or(String::new(), |reference| [text(reference, "/secretName"), text(reference, "/name")].concat())
        };
        for volume in list(work.spec(), "/volumes") {
            add(&needed(volume, "/secret"));
            list(volume, "/projected/sources").iter().for_each(|s| add(&needed(s, "/secret")));
        }
        for container in work.all_containers() {
            list(container.value, "/env").iter().for_each(|e| add(&needed(e, "/valueFrom/secretKeyRef")));
            list(container.value, "/envFrom").iter().for_each(|e| add(&needed(e, "/secretRef")));
        }
    }
    all
}

/// The Secrets that a manager creates.
fn made(p: &Picture<'_>) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    let mut add = |namespace: &str, name: &str| {
        let _ = all.insert((namespace.to_owned(), name.to_owned()));
    };
    let or_own = |o: &Object, pointer: &str| match o.text(pointer) {
        "" => o.metadata.name.clone(),
        name => name.to_owned(),
    };
    for o in p.object_set.any("ExternalSecret.external-secrets.io") {
        add(&o.metadata.namespace, &or_own(o, "/spec/target/name"));
    }
    for o in p.object_set.any("ClusterExternalSecret.external-secrets.io") {
        let own = or_own(o, "/spec/externalSecretName");
        let named = o.text("/spec/externalSecretSpec/target/name");
        let chosen: Vec<_> = o
            .list("/spec/namespaceSelectors")
            .iter()
            .chain(o.map("/spec").and_then(|spec| spec.get("namespaceSelector")))
            .filter_map(|s| selector(s, ""))
            .collect();
        for namespace in p.namespaces() {
            let listed = words(&o.body, "/spec/namespaces").contains(&namespace);
            if listed || chosen.iter().any(|s| s.matches(&p.labels_of_namespace(namespace))) {
                add(namespace, if named.is_empty() { &own } else { named });
            }
        }
    }
    for kind in ["VaultStaticSecret", "VaultDynamicSecret", "VaultPKISecret"] {
        for o in p.object_set.any(&format!("{kind}.secrets.hashicorp.com")) {
            add(&o.metadata.namespace, &or_own(o, "/spec/destination/name"));
        }
    }
    for o in p.object_set.any("SealedSecret.bitnami.com") {
        add(&o.metadata.namespace, &or_own(o, "/spec/template/metadata/name"));
    }
    for o in p.object_set.any("Certificate.cert-manager.io") {
        add(&o.metadata.namespace, o.text("/spec/secretName"));
    }
    for o in p.object_set.any("SecretProviderClass.secrets-store.csi.x-k8s.io") {
        for made in o.list("/spec/secretObjects") {
            add(&o.metadata.namespace, text(made, "/secretName"));
        }
    }
    for secret in p.object_set.any("Secret") {
        let managers = [
            "ExternalSecret",
            "ClusterExternalSecret",
            "SealedSecret",
            "Certificate",
            "VaultStaticSecret",
            "VaultDynamicSecret",
            "VaultPKISecret",
        ];
        if secret.metadata.owner_references.iter().any(|o| managers.contains(&o.kind.as_str())) {
            add(&secret.metadata.namespace, &secret.metadata.name);
        }
    }
    all
}

fn managed(p: &Picture<'_>, say: &mut Say) {
    let (used, made) = (used(p), made(p));
    if used.is_empty() {
        return say.skip(Subject::default(), "no workload uses a Secret");
    }
    if let Err(gap) = p.object_set.all("ExternalSecret.external-secrets.io") {
        return say.gap(gap);
    }
    let by_hand: Vec<String> = used.difference(&made).map(|(ns, name)| format!("{ns}/{name}")).collect();
    let share = (used.len() - by_hand.len()) * 100 / used.len();
    if u64::try_from(share).unwrap_or(0) >= p.settings.parameters.managed_secrets {
        say.pass(Subject::default());
    } else {
        let shown = by_hand.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let more = if by_hand.len() > 5 { " …" } else { "" };
        say.fail(
            Subject::default(),
            "",
            format!("a manager creates {share} % of the {} Secrets in use; not managed: {shown}{more}", used.len()),
        );
    }
}

/// Every store, and the addresses of its servers.
fn servers<'a>(p: &Picture<'a>, say: &mut Say) -> Vec<(&'a Object, Vec<&'a str>)> {
    let mut all = vec![];
    for key in ["SecretStore.external-secrets.io", "ClusterSecretStore.external-secrets.io"] {
        for store in p.each(key, say) {
            let fields = ["vault/server", "webhook/url", "conjur/url", "onepassword/connectHost", "azurekv/vaultUrl"];
            let urls = fields.iter().map(|f| store.text(&format!("/spec/provider/{f}"))).filter(|u| !u.is_empty());
            all.push((store, urls.collect()));
        }
    }
    for connection in p.all("VaultConnection.secrets.hashicorp.com", say) {
        all.push((connection, vec![connection.text("/spec/address")]));
    }
    all
}

fn stores(p: &Picture<'_>, say: &mut Say) {
    let regions: BTreeSet<&str> = p
        .object_set
        .nodes
        .iter()
        .filter_map(|n| n.metadata.labels.get("topology.kubernetes.io/region"))
        .map(String::as_str)
        .collect();
    let all = servers(p, say);
    let region = |store: &Object| {
        ["aws/region", "gcpsm/location"]
            .iter()
            .map(|f| store.text(&format!("/spec/provider/{f}")).to_owned())
            .find(|r| !r.is_empty())
    };
    // A store in another region is still there when this region is lost.
    let elsewhere = all.iter().filter_map(|(store, _)| region(store)).any(|r| !regions.contains(r.as_str()));
    for (store, urls) in all {
        if urls.contains(&LEFT_OUT) {
            say.unknown(store, Unseen::NoData, "the capture leaves its address out");
            continue;
        }
        let inside = urls.iter().find(|u| host(u).ends_with(".svc") || host(u).ends_with(".svc.cluster.local"));
        if let Some(url) = inside {
            say.fail(store, "/spec", format!("its server {} runs in this cluster", host(url)));
            continue;
        }
        match region(store).filter(|r| regions.contains(r.as_str()) && !elsewhere) {
            Some(region) => {
                let severity = if p.settings.drills.contains(REGION) { Severity::Critical } else { Severity::Medium };
                let text = format!("it is in {region}, a region of this cluster, and no store is in another region");
                say.fail_as(severity, store, "/spec/provider", text);
            }
            None => say.pass(store),
        }
    }
}

fn at_rest(p: &Picture<'_>, say: &mut Say) {
    if let Err(gap) = p.object_set.all("Pod") {
        return say.gap(gap);
    }
    let servers: Vec<&Object> = p
        .object_set
        .any("Pod")
        .iter()
        .filter(|o| o.metadata.namespace == "kube-system" && o.metadata.name.starts_with("kube-apiserver-"))
        .collect();
    if servers.is_empty() {
        return say.unknown(
            Subject::default(),
            Unseen::NoData,
            "no kube-apiserver pod can be seen: attest that the control plane encrypts Secrets",
        );
    }
    for server in servers {
        if flag(server, "--encryption-provider-config").is_some() {
            say.pass(server)
        } else {
            say.fail(server, "/spec/containers/0/command", "no --encryption-provider-config")
        }
    }
}
