//! Results of image scanners: reports of the Trivy operator, and scan files.

use std::collections::BTreeMap;

use super::images::parse;
use crate::{
    inventory::{Object, Scan},
    model::{Class, Severity, Subject, Unseen},
    readiness::{
        check::{Check, Needs, Say},
        picture::{Cont, Picture, Work},
        values::{ago, seconds, text},
    },
};

pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "IMG-004",
        name: "image-scanned",
        title: "Every running image was scanned in the last 7 days",
        severity: Severity::Medium,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "For each container of a workload a scan exists that is at most 7 days old: a VulnerabilityReport of the Trivy operator for the workload (an older one counts within its report-ttl), or a scan file (--scan: Trivy, Grype, Clair, Snyk, SARIF, CycloneDX) for the image. A scan of another digest than the running one does not count; if one of the two digests is not known, a file must name the same image reference. Init containers are not examined. Without any report or file the result is unknown on a cluster, and skipped for manifests.",
        fix: "Install the Trivy operator, or pass the scan results of CI (--scan FILE)",
        why: "Since an image was built, new vulnerabilities may have been found in it.",
        run: scanned,
    },
    Check {
        id: "IMG-005",
        name: "image-critical-cve",
        title: "No running image has a critical vulnerability with a fix",
        severity: Severity::High,
        class: Class::Advisory,
        gates: &[],
        needs: Needs::Manifests,
        rule: "No VulnerabilityReport in scope, and no scan file (--scan) of an image that a workload uses, has a critical vulnerability with a fixed version. Without any report or file the result is unknown on a cluster, and skipped for manifests.",
        fix: "Rebuild the image on a fixed base image; if the vulnerability cannot be exploited, waive it with an end date",
        why: "An outage is the worst time to learn of a critical vulnerability.",
        run: vulnerable,
    },
];

const REPORT: &str = "VulnerabilityReport.aquasecurity.github.io";
const WEEK: i64 = 7 * 86_400;

/// Reports by namespace and container.
fn reports<'a>(p: &Picture<'a>) -> BTreeMap<(String, String), Vec<&'a Object>> {
    let mut all: BTreeMap<(String, String), Vec<&Object>> = BTreeMap::new();
    for report in p.object_set.any(REPORT) {
        let label = |key: &str| report.metadata.labels.get(key).map_or("", String::as_str);
        let container = label("trivy-operator.container.name").to_owned();
        all.entry((report.metadata.namespace.clone(), container)).or_default().push(report);
    }
    all
}

/// Whether a report belongs to a workload. For a Deployment the report names the ReplicaSet.
fn is_of(report: &Object, kind: &str, name: &str) -> bool {
    let label = |key: &str| report.metadata.labels.get(key).map_or("", String::as_str);
    let (of, resource) = (label("trivy-operator.resource.kind"), label("trivy-operator.resource.name"));
    of == kind && resource == name
        || of == "ReplicaSet" && kind == "Deployment" && resource.rsplit_once('-').is_some_and(|(base, _)| base == name)
}

/// Whether a report belongs to a running digest; true if one of the two is not known.
fn is_of_digest(report: &Object, known: &[&str]) -> bool {
    let digest = report.text("/report/artifact/digest");
    digest.is_empty() || known.is_empty() || known.contains(&digest)
}

/// The age of a report in seconds. Within its own time to live it counts as at most a week old.
fn fresh(p: &Picture<'_>, report: &Object) -> Option<i64> {
    let age = p.age(report.text("/report/updateTimestamp"))?;
    let lasts = report.metadata.annotations.get("trivy-operator.aquasecurity.github.io/report-ttl");
    let within = lasts.and_then(|ttl| seconds(ttl)).is_some_and(|ttl| (age as f64) < ttl);
    Some(if within { age.min(WEEK) } else { age })
}

/// Digests that a container runs with or is pinned to.
fn digests<'a>(p: &Picture<'a>, work: &Work<'a>, container: &Cont<'a>) -> Vec<&'a str> {
    let pinned = text(container.value, "/image").rsplit_once('@').map(|(_, digest)| digest);
    let statuses = p.pods(work).into_iter().flat_map(|pod| &pod.status.container_statuses);
    let running = statuses.filter(|s| s.name == container.name).filter_map(|s| Some(s.image_id.rsplit_once('@')?.1));
    running.chain(pinned).collect()
}

/// Whether a scan belongs to a container: the same digest, or the same image reference if one of
/// the two has no digest.
fn fits(scan: &Scan, image: &str, digests: &[&str]) -> bool {
    if !scan.digests.is_empty() && !digests.is_empty() {
        return scan.digests.iter().any(|d| digests.contains(&d.as_str()));
    }
    let (a, b) = (parse(&scan.image), parse(image));
    let tag = |t: &'_ str| if t.is_empty() { "latest".to_owned() } else { t.to_owned() };
    !scan.image.is_empty() && (a.host, &a.path, tag(a.tag)) == (b.host, &b.path, tag(b.tag))
}

/// Whether there are any scans. If not, reports it.
fn is_told(p: &Picture<'_>, say: &mut Say) -> bool {
    if !p.object_set.scans.is_empty() {
        return true;
    }
    if let Err(gap) = p.object_set.all(REPORT) {
        say.gap(gap);
        return false;
    }
    let served = if p.is_cluster() { p.object_set.serves(REPORT) } else { !p.object_set.any(REPORT).is_empty() };
    if !served && p.is_cluster() {
        say.unknown(
            Subject::default(),
            Unseen::NotInstalled,
            "the cluster has no reports of the Trivy operator, and no scan file was given (--scan)",
        );
    } else if !served {
        say.skip(Subject::default(), "no scan file was given (--scan)");
    }
    served
}

fn scanned(p: &Picture<'_>, say: &mut Say) {
    if !is_told(p, say) {
        return;
    }
    let reports = reports(p);
    for work in &p.works {
        for container in work.containers() {
            let subject = Subject::from(work).part(container.name);
            let found = reports.get(&(work.namespace().to_owned(), container.name.to_owned()));
            let (image, known) = (text(container.value, "/image"), digests(p, work, container));
            let of_operator = found
                .into_iter()
                .flatten()
                .filter(|r| is_of(r, work.kind, work.name()) && is_of_digest(r, &known))
                .filter_map(|r| fresh(p, r));
            let of_files = p.object_set.scans.iter().filter(|s| fits(s, image, &known));
            let of_files = of_files.filter_map(|s| Some(p.now.as_second() - s.at?.as_second()));
            match of_operator.chain(of_files).min() {
                None => say.fail(subject, "", "no scan of this image was found"),
                Some(age) if age > WEEK => say.fail(subject, "", format!("its last scan is {} old", ago(age))),
                Some(_) => say.pass(subject),
            }
        }
    }
}

fn vulnerable(p: &Picture<'_>, say: &mut Say) {
    if !is_told(p, say) {
        return;
    }
    for report in p.object_set.any(REPORT).iter().filter(|r| p.in_scope(&r.metadata.namespace)) {
        let fixable: Vec<&str> = report
            .list("/report/vulnerabilities")
            .iter()
            .filter(|v| v["severity"] == "CRITICAL" && !text(v, "/fixedVersion").is_empty())
            .map(|v| text(v, "/vulnerabilityID"))
            .collect();
        let wrong = (!fixable.is_empty())
            .then(|| format!("{} critical vulnerabilities with a fix: {}", fixable.len(), fixable.join(", ")));
        say.judge(report, "/report/vulnerabilities", wrong.as_slice());
    }
    for scan in &p.object_set.scans {
        let used = p.works.iter().find_map(|work| {
            let all = work.containers();
            all.into_iter().find(|c| fits(scan, text(c.value, "/image"), &digests(p, work, c))).map(|c| (work, c.name))
        });
        let Some((work, container)) = used else {
            say.skip(Subject::named("Scan", "", &scan.file), "no workload in scope runs this image");
            continue;
        };
        let wrong = (!scan.fixable.is_empty()).then(|| {
            format!(
                "{} critical vulnerabilities with a fix: {} ({}, {})",
                scan.fixable.len(),
                scan.fixable.join(", "),
                scan.scanner,
                scan.file
            )
        });
        say.judge(Subject::from(work).part(container), "", wrong.as_slice());
    }
}
