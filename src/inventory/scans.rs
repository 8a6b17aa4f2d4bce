//! Results of image scanners, as files: Trivy, Grype, Clair, Snyk, SARIF, CycloneDX.
//! Each says of one image when it was scanned and what critical has a fix.

use std::path::Path;

use serde_json::Value;

/// The result of one scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The file.
    pub file: String,
    /// Who made it.
    pub scanner: String,
    /// The image as it was named; empty where only a digest was.
    pub image: String,
    /// Digests that it has: `sha256:…`.
    pub digests: Vec<String>,
    /// When; the file's own age where it does not say.
    pub at: Option<jiff::Timestamp>,
    /// Critical vulnerabilities that have a fix.
    pub fixable: Vec<String>,
}

/// Reads a scanner's file; one of several images has a scan for each.
///
/// # Errors
/// A file that cannot be read, or that no scanner known here wrote.
pub fn read_scans(path: &Path) -> Result<Vec<Scan>, String> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read the scan {file}: {e}"))?;
    let value: Value = serde_json::from_str(&text).map_err(|e| format!("the scan {file} is not JSON: {e}"))?;
    let written = std::fs::metadata(path).and_then(|m| m.modified()).ok().and_then(|t| t.try_into().ok());
    let mut scans = scans(&value).ok_or_else(|| {
        format!("{file} is of no scanner that is known here: Trivy (json), Grype (json), Clair 4 report, snyk container test --json, SARIF, or CycloneDX with vulnerabilities")
    })?;
    for scan in &mut scans {
        scan.file.clone_from(&file);
        scan.at = scan.at.or(written);
        if scan.image.is_empty() && scan.digests.is_empty() {
            return Err(format!("the scan {file} does not say of which image it is"));
        }
    }
    Ok(scans)
}

fn scans(value: &Value) -> Option<Vec<Scan>> {
    if let Value::Array(many) = value {
        return many.iter().map(scans).collect::<Option<Vec<_>>>().map(|all| all.concat());
    }
    if value["SchemaVersion"] == 2 && value.get("ArtifactName").is_some() {
        Some(vec![trivy(value)])
    } else if value["matches"].is_array() && value.get("source").is_some() {
        Some(vec![grype(value)])
    } else if value.get("manifest_hash").is_some() {
        Some(vec![clair(value)])
    } else if value["vulnerabilities"].is_array() && value.get("docker").is_some() {
        Some(vec![snyk(value)])
    } else if value["runs"].is_array() {
        Some(list(value, "/runs").iter().map(sarif).collect())
    } else if value["bomFormat"] == "CycloneDX" && value["vulnerabilities"].is_array() {
        Some(vec![cyclonedx(value)])
    } else {
        None
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Digests of `name@sha256:…`, each once.
fn digests<'a>(of: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let found = of.into_iter().map(|t| t.rsplit_once('@').map_or(t, |(_, digest)| digest));
    let mut all: Vec<String> = found.filter(|d| d.starts_with("sha256:")).map(str::to_owned).collect();
    all.sort();
    all.dedup();
    all
}

/// The ids of those that a rule picks, each once.
fn ids(all: &[Value], id: &str, picked: impl Fn(&Value) -> bool) -> Vec<String> {
    let mut found: Vec<String> = all.iter().filter(|v| picked(v)).map(|v| text(v, id).to_owned()).collect();
    found.sort();
    found.dedup();
    found
}

fn trivy(value: &Value) -> Scan {
    let all: Vec<Value> = list(value, "/Results").iter().flat_map(|r| list(r, "/Vulnerabilities")).cloned().collect();
    Scan {
        scanner: "Trivy".into(),
        image: text(value, "/ArtifactName").into(),
        digests: digests(list(value, "/Metadata/RepoDigests").iter().filter_map(Value::as_str)),
        at: text(value, "/CreatedAt").parse().ok(),
        fixable: ids(&all, "/VulnerabilityID", |v| {
            text(v, "/Severity") == "CRITICAL" && !text(v, "/FixedVersion").is_empty()
        }),
        ..Scan::default()
    }
}

fn grype(value: &Value) -> Scan {
    let target = &value["source"]["target"];
    let named = list(target, "/repoDigests").iter().filter_map(Value::as_str);
    Scan {
        scanner: "Grype".into(),
        image: text(target, "/userInput").into(),
        digests: digests(named.chain([text(target, "/manifestDigest")])),
        at: text(value, "/descriptor/timestamp").parse().ok(),
        fixable: ids(list(value, "/matches"), "/vulnerability/id", |m| {
            text(m, "/vulnerability/severity") == "Critical" && text(m, "/vulnerability/fix/state") == "fixed"
        }),
        ..Scan::default()
    }
}

fn clair(value: &Value) -> Scan {
    let all: Vec<Value> = value["vulnerabilities"].as_object().into_iter().flatten().map(|(_, v)| v.clone()).collect();
    Scan {
        scanner: "Clair".into(),
        digests: digests([text(value, "/manifest_hash")]),
        fixable: ids(&all, "/name", |v| {
            text(v, "/normalized_severity") == "Critical" && !text(v, "/fixed_in_version").is_empty()
        }),
        ..Scan::default()
    }
}

fn snyk(value: &Value) -> Scan {
    let path = text(value, "/path");
    let image = path.strip_prefix("docker-image|").unwrap_or(path);
    Scan {
        scanner: "Snyk".into(),
        image: image.into(),
        digests: digests([image]),
        fixable: ids(list(value, "/vulnerabilities"), "/id", |v| {
            let mended = !text(v, "/nearestFixedInVersion").is_empty() || !list(v, "/fixedIn").is_empty();
            text(v, "/severity") == "critical" && mended
        }),
        ..Scan::default()
    }
}

/// Of SARIF the rules tell the severity, and a result's text what mends it.
fn sarif(run: &Value) -> Scan {
    let severe = |id: &str| {
        let rule = list(run, "/tool/driver/rules").iter().find(|r| text(r, "/id") == id);
        let score = rule.map_or("", |r| text(r, "/properties/security-severity"));
        score.parse::<f64>().is_ok_and(|s| s >= 9.0)
    };
    let mended = |message: &str| {
        let fixed = message.lines().find_map(|l| l.trim().strip_prefix("Fixed Version:"));
        fixed.is_none_or(|version| !version.trim().is_empty())
    };
    let image = text(run, "/properties/imageName");
    let named = list(run, "/properties/repoDigests").iter().filter_map(Value::as_str);
    Scan {
        scanner: text(run, "/tool/driver/name").into(),
        image: image.into(),
        digests: digests(named.chain([image])),
        at: text(run, "/invocations/0/endTimeUtc").parse().ok(),
        fixable: ids(list(run, "/results"), "/ruleId", |r| {
            severe(text(r, "/ruleId")) && mended(text(r, "/message/text"))
        }),
        ..Scan::default()
    }
}

fn cyclonedx(value: &Value) -> Scan {
    let component = &value["metadata"]["component"];
    let (name, version) = (text(component, "/name"), text(component, "/version"));
    let purl = text(component, "/purl").replace("%3A", ":");
    let digest = purl.split(['?', '&']).next().unwrap_or("").to_owned();
    Scan {
        scanner: "CycloneDX".into(),
        image: if name.contains([':', '@']) || version.is_empty() || version.starts_with("sha256:") {
            name.into()
        } else {
            format!("{name}:{version}")
        },
        digests: digests([version, digest.as_str(), name]),
        at: text(value, "/metadata/timestamp").parse().ok(),
        fixable: ids(list(value, "/vulnerabilities"), "/id", |v| {
            let critical = list(v, "/ratings").iter().any(|r| text(r, "/severity") == "critical");
            critical && !text(v, "/recommendation").is_empty()
        }),
        ..Scan::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(value: &Value) -> (String, String, usize, Vec<String>) {
        let scan = scans(value).and_then(|mut all| all.pop()).expect("a scan");
        (scan.scanner, scan.image, scan.digests.len(), scan.fixable)
    }

    #[test]
    fn each_scanner_is_read() {
        let bad = vec!["CVE-1".to_owned()];
        let trivy = json!({"SchemaVersion": 2, "ArtifactName": "r.example/web:1", "CreatedAt": "2026-11-20T00:00:00Z",
            "Metadata": {"RepoDigests": ["r.example/web@sha256:aa"]}, "Results": [{"Target": "os"}, {"Vulnerabilities": [
            {"VulnerabilityID": "CVE-1", "Severity": "CRITICAL", "FixedVersion": "2"}, {"VulnerabilityID": "CVE-2", "Severity": "CRITICAL"}]}]});
        assert_eq!(one(&trivy), ("Trivy".into(), "r.example/web:1".into(), 1, bad.clone()));
        let grype = json!({"source": {"target": {"userInput": "r.example/web:1", "manifestDigest": "sha256:aa", "repoDigests": []}},
            "descriptor": {"timestamp": "2026-11-20T00:00:00Z"}, "matches": [
            {"vulnerability": {"id": "CVE-1", "severity": "Critical", "fix": {"state": "fixed"}}},
            {"vulnerability": {"id": "CVE-2", "severity": "Critical", "fix": {"state": "not-fixed"}}}]});
        assert_eq!(one(&grype), ("Grype".into(), "r.example/web:1".into(), 1, bad.clone()));
        let clair = json!({"manifest_hash": "sha256:aa", "vulnerabilities": {
            "1": {"name": "CVE-1", "normalized_severity": "Critical", "fixed_in_version": "2"},
            "2": {"name": "CVE-2", "normalized_severity": "High", "fixed_in_version": "2"}}});
        assert_eq!(one(&clair), ("Clair".into(), String::new(), 1, bad.clone()));
        let snyk = json!({"docker": {}, "path": "docker-image|r.example/web:1", "vulnerabilities": [
            {"id": "CVE-1", "severity": "critical", "nearestFixedInVersion": "2"}, {"id": "CVE-2", "severity": "critical"}]});
        assert_eq!(one(&json!([snyk])), ("Snyk".into(), "r.example/web:1".into(), 0, bad.clone()));
        let sarif = json!({"runs": [{"properties": {"imageName": "r.example/web:1"}, "tool": {"driver": {"name": "Trivy",
            "rules": [{"id": "CVE-1", "properties": {"security-severity": "9.8"}}, {"id": "CVE-2", "properties": {"security-severity": "9.1"}}]}},
            "results": [{"ruleId": "CVE-1", "message": {"text": "Package: a\nFixed Version: 2"}},
            {"ruleId": "CVE-2", "message": {"text": "Package: a\nFixed Version: "}}]}]});
        assert_eq!(one(&sarif), ("Trivy".into(), "r.example/web:1".into(), 0, bad.clone()));
        let bom = json!({"bomFormat": "CycloneDX", "metadata": {"component": {"name": "r.example/web:1", "version": "sha256:aa"}},
            "vulnerabilities": [{"id": "CVE-1", "ratings": [{"severity": "critical"}], "recommendation": "Upgrade a to 2"},
            {"id": "CVE-2", "ratings": [{"severity": "critical"}]}]});
        assert_eq!(one(&bom), ("CycloneDX".into(), "r.example/web:1".into(), 1, bad));
        assert!([json!({}), json!(null), json!({"kind": "Pod"}), json!([{}])].iter().all(|v| scans(v).is_none()));
    }
}
