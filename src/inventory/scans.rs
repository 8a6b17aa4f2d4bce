//! Result files of image scanners: Trivy, Grype, Clair, Snyk, SARIF, CycloneDX. Each shows when an image was scanned,
//! and which critical vulnerabilities have a fix.

use std::{collections::BTreeMap, path::Path};

use jiff::Timestamp;
use serde_json::Value;

use crate::files;

/// The result of one scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The file.
    pub file: String,
    /// The scanner that wrote it.
    pub scanner: String,
    /// The name of the image; empty if the file contains only a digest.
    pub image: String,
    /// Digests of the image: `sha256:…`.
    pub digests: Vec<String>,
    /// When it was scanned. If the file does not contain the time, the file's own age.
    pub at: Option<Timestamp>,
    /// Critical vulnerabilities that have a fix.
    pub fixable: Vec<String>,
}

/// The size limit of a file. No scanner writes larger results.
const LARGEST: u64 = 256 << 20;
/// How far the scanner's clock may be ahead of this machine's.
const AHEAD_SECONDS: i64 = 24 * 60 * 60;

/// Reads a scanner's file; a file about several images gives one scan for each. A damaged file is refused, so that an
/// image whose findings cannot be read does not look clean.
///
/// # Errors
/// The file cannot be read, is not in a format of a supported scanner, or is damaged.
pub fn read_scans(path: &Path, now: Timestamp) -> Result<Vec<Scan>, String> {
    let file = path.display().to_string();
    let text = files::text(path, LARGEST).map_err(|e| format!("cannot read the scan result {file}: {e}"))?;
    let written = std::fs::metadata(path).and_then(|m| m.modified()).ok().and_then(|t| t.try_into().ok());
    let mut scans = parse_scans(&text).map_err(|why| format!("the scan result {file}: {why}"))?;
    for scan in &mut scans {
        scan.file.clone_from(&file);
        scan.at = scan.at.or(written);
        if scan.at.is_some_and(|at| at.as_second() - now.as_second() > AHEAD_SECONDS) {
            return Err(format!("the scan result {file} has a date in the future: scan the image again"));
        }
    }
    Ok(scans)
}

/// Reads scans from the text of a scanner's file.
///
/// # Errors
/// As [`read_scans`].
pub fn parse_scans(text: &str) -> Result<Vec<Scan>, String> {
    let value: Value = serde_json::from_str(text)
        .map_err(|e| format!("line {}: it is not valid JSON, or is truncated; scan the image again", e.line()))?;
    let scans = scans(&value)?;
    match scans.iter().find(|scan| scan.image.is_empty() && scan.digests.is_empty()) {
        Some(_) => Err("it does not name the image that was scanned".into()),
        None => Ok(scans),
    }
}

const SCANNERS: &str = "its format is not supported. Supported formats: Trivy (json), Grype (json), Clair 4 report, snyk container test --json, SARIF, or CycloneDX with vulnerabilities";

fn scans(value: &Value) -> Result<Vec<Scan>, String> {
    if let Value::Array(many) = value {
        let all: Vec<Scan> = many.iter().map(scans_of).collect::<Result<Vec<_>, _>>()?.concat();
        return if all.is_empty() { Err("it contains no scan".into()) } else { Ok(all) };
    }
    scans_of(value)
}

fn scans_of(value: &Value) -> Result<Vec<Scan>, String> {
    if value["SchemaVersion"] == 2 && value.get("ArtifactName").is_some() {
        Ok(vec![trivy(value)?])
    } else if value.get("matches").is_some() && value.get("source").is_some() {
        Ok(vec![grype(value)?])
    } else if value.get("manifest_hash").is_some() {
        Ok(vec![clair(value)?])
    } else if value.get("vulnerabilities").is_some() && value.get("docker").is_some() {
        Ok(vec![snyk(value)?])
    } else if value.get("runs").is_some() {
        let runs = list(value, "/runs")?;
        if runs.is_empty() {
            Err("`runs` is empty: nothing was scanned".into())
        } else {
            runs.iter().map(sarif).collect()
        }
    } else if value["bomFormat"] == "CycloneDX" && value.get("vulnerabilities").is_some() {
        Ok(vec![cyclonedx(value)?])
    } else {
        Err(SCANNERS.into())
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// A required list.
fn list<'a>(value: &'a Value, pointer: &str) -> Result<&'a [Value], String> {
    let found = value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice);
    found.ok_or_else(|| format!("`{}` is not a list: the file is damaged", pointer.trim_start_matches('/')))
}

/// An optional list.
fn some<'a>(value: &'a Value, pointer: &str) -> Result<&'a [Value], String> {
    match value.pointer(pointer) {
        None | Some(Value::Null) => Ok(&[]),
        Some(_) => list(value, pointer),
    }
}

/// An optional text.
fn word<'a>(value: &'a Value, pointer: &str) -> Result<&'a str, String> {
    match value.pointer(pointer) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("`{}` is not a text: the file is damaged", pointer.trim_start_matches('/'))),
    }
}

/// When the image was scanned, if the file contains that.
fn time(value: &Value, pointer: &str) -> Result<Option<Timestamp>, String> {
    match word(value, pointer)? {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| format!("`{text}` is not a time: the file is damaged")),
    }
}

/// The digests in `name@sha256:…`, without duplicates.
fn digests<'a>(of: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let found = of.into_iter().map(|t| t.rsplit_once('@').map_or(t, |(_, digest)| digest));
    let mut all: Vec<String> = found.filter(|d| d.starts_with("sha256:")).map(str::to_owned).collect();
    all.sort();
    all.dedup();
    all
}

const SEVERITIES: [&str; 9] =
    ["critical", "high", "medium", "low", "negligible", "unknown", "info", "none", "unspecified"];

/// Whether a severity is critical. An unknown word is an error.
fn is_critical(of: &Value, pointer: &str) -> Result<bool, String> {
    let severity = word(of, pointer)?.to_lowercase();
    if SEVERITIES.contains(&severity.as_str()) {
        Ok(severity == "critical")
    } else {
        Err(format!("`{severity}` is not a severity: the file is damaged"))
    }
}

/// The ids of the vulnerabilities that a rule selects, without duplicates.
fn ids<'a>(
    all: impl IntoIterator<Item = &'a Value>,
    id: &str,
    picked: impl Fn(&Value) -> Result<bool, String>,
) -> Result<Vec<String>, String> {
    let mut found = vec![];
    for entry in all {
        let name = word(entry, id)?;
        if name.is_empty() {
            return Err("a vulnerability has no id: the file is damaged".into());
        }
        if picked(entry)? {
            found.push(name.to_owned());
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn trivy(value: &Value) -> Result<Scan, String> {
    let results = list(value, "/Results").map_err(|why| format!("{why}, or nothing was scanned"))?;
    if results.is_empty() {
        return Err("`Results` is empty: nothing was scanned".into());
    }
    let mut all: Vec<&Value> = vec![];
    for result in results {
        if !result.is_object() {
            return Err("a result is not an object: the file is damaged".into());
        }
        all.extend(some(result, "/Vulnerabilities")?);
    }
    Ok(Scan {
        scanner: "Trivy".into(),
        image: word(value, "/ArtifactName")?.into(),
        digests: digests(some(value, "/Metadata/RepoDigests")?.iter().filter_map(Value::as_str)),
        at: time(value, "/CreatedAt")?,
        fixable: ids(all, "/VulnerabilityID", |v| {
            Ok(is_critical(v, "/Severity")? && !word(v, "/FixedVersion")?.is_empty())
        })?,
        ..Scan::default()
    })
}

fn grype(value: &Value) -> Result<Scan, String> {
    let target = &value["source"]["target"];
    let named = some(target, "/repoDigests")?.iter().filter_map(Value::as_str);
    Ok(Scan {
        scanner: "Grype".into(),
        image: word(target, "/userInput")?.into(),
        digests: digests(named.chain([text(target, "/manifestDigest")])),
        at: time(value, "/descriptor/timestamp")?,
        fixable: ids(list(value, "/matches")?, "/vulnerability/id", |m| {
            Ok(is_critical(m, "/vulnerability/severity")? && word(m, "/vulnerability/fix/state")? == "fixed")
        })?,
        ..Scan::default()
    })
}

fn clair(value: &Value) -> Result<Scan, String> {
    let all = value["vulnerabilities"].as_object();
    let all = all.ok_or("`vulnerabilities` is not a map: the file is damaged, or nothing was scanned")?;
    Ok(Scan {
        scanner: "Clair".into(),
        digests: digests([word(value, "/manifest_hash")?]),
        fixable: ids(all.values(), "/name", |v| {
            Ok(is_critical(v, "/normalized_severity")? && !word(v, "/fixed_in_version")?.is_empty())
        })?,
        ..Scan::default()
    })
}

fn snyk(value: &Value) -> Result<Scan, String> {
    let path = word(value, "/path")?;
    let image = path.strip_prefix("docker-image|").unwrap_or(path);
    Ok(Scan {
        scanner: "Snyk".into(),
        image: image.into(),
        digests: digests([image]),
        fixable: ids(list(value, "/vulnerabilities")?, "/id", |v| {
            let mended = !word(v, "/nearestFixedInVersion")?.is_empty() || !some(v, "/fixedIn")?.is_empty();
            Ok(is_critical(v, "/severity")? && mended)
        })?,
        ..Scan::default()
    })
}

/// In SARIF, the rules contain the severity, and the text of a result contains the fix.
fn sarif(run: &Value) -> Result<Scan, String> {
    let mut scores = BTreeMap::new();
    for rule in some(run, "/tool/driver/rules")? {
        scores.insert(text(rule, "/id"), text(rule, "/properties/security-severity"));
    }
    let severe = |id: &str| match scores.get(id).map(|score| score.parse::<f64>()) {
        Some(Ok(score)) if (0.0..=10.0).contains(&score) => Ok(score >= 9.0),
        _ => Err(format!("the severity of {id} is missing (`security-severity` of its rule)")),
    };
    let mended = |message: &str| {
        let fixed = message.lines().find_map(|l| l.trim().strip_prefix("Fixed Version:"));
        fixed.is_none_or(|version| !version.trim().is_empty())
    };
    let image = word(run, "/properties/imageName")?;
    let named = some(run, "/properties/repoDigests")?.iter().filter_map(Value::as_str);
    Ok(Scan {
        scanner: text(run, "/tool/driver/name").into(),
        image: image.into(),
        digests: digests(named.chain([image])),
        at: time(run, "/invocations/0/endTimeUtc")?,
        fixable: ids(list(run, "/results")?, "/ruleId", |r| {
            Ok(severe(text(r, "/ruleId"))? && mended(word(r, "/message/text")?))
        })?,
        ..Scan::default()
    })
}

fn cyclonedx(value: &Value) -> Result<Scan, String> {
    let component = &value["metadata"]["component"];
    let (name, version) = (word(component, "/name")?, word(component, "/version")?);
    let purl = word(component, "/purl")?.replace("%3A", ":");
    let digest = purl.split(['?', '&']).next().unwrap_or("").to_owned();
    Ok(Scan {
        scanner: "CycloneDX".into(),
        image: if name.contains([':', '@']) || version.is_empty() || version.starts_with("sha256:") {
            name.into()
        } else {
            format!("{name}:{version}")
        },
        digests: digests([version, digest.as_str(), name]),
        at: time(value, "/metadata/timestamp")?,
        fixable: ids(list(value, "/vulnerabilities")?, "/id", |v| {
            let mut critical = false;
            for rating in some(v, "/ratings")?.iter().filter(|r| r.get("severity").is_some()) {
                critical |= is_critical(rating, "/severity")?;
            }
            Ok(critical && !word(v, "/recommendation")?.is_empty())
        })?,
        ..Scan::default()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scans_of(value: &Value) -> (String, String, usize, Vec<String>) {
        let scan = scans(value).expect("a scan").pop().expect("a scan");
        (scan.scanner, scan.image, scan.digests.len(), scan.fixable)
    }

    #[test]
    fn each_scanner_is_read() {
        let bad = vec!["CVE-1".to_owned()];
        let trivy = json!({"SchemaVersion": 2, "ArtifactName": "r.example/web:1", "CreatedAt": "2026-11-20T00:00:00Z",
            "Metadata": {"RepoDigests": ["r.example/web@sha256:aa"]}, "Results": [{"Target": "os"}, {"Vulnerabilities": [
            {"VulnerabilityID": "CVE-1", "Severity": "CRITICAL", "FixedVersion": "2"}, {"VulnerabilityID": "CVE-2", "Severity": "CRITICAL"}]}]});
        assert_eq!(scans_of(&trivy), ("Trivy".into(), "r.example/web:1".into(), 1, bad.clone()));
        let grype = json!({"source": {"target": {"userInput": "r.example/web:1", "manifestDigest": "sha256:aa", "repoDigests": []}},
            "descriptor": {"timestamp": "2026-11-20T00:00:00Z"}, "matches": [
            {"vulnerability": {"id": "CVE-1", "severity": "Critical", "fix": {"state": "fixed"}}},
            {"vulnerability": {"id": "CVE-2", "severity": "Critical", "fix": {"state": "not-fixed"}}}]});
        assert_eq!(scans_of(&grype), ("Grype".into(), "r.example/web:1".into(), 1, bad.clone()));
        let clair = json!({"manifest_hash": "sha256:aa", "vulnerabilities": {
            "1": {"name": "CVE-1", "normalized_severity": "Critical", "fixed_in_version": "2"},
            "2": {"name": "CVE-2", "normalized_severity": "High", "fixed_in_version": "2"}}});
        assert_eq!(scans_of(&clair), ("Clair".into(), String::new(), 1, bad.clone()));
        let snyk = json!({"docker": {}, "path": "docker-image|r.example/web:1", "vulnerabilities": [
            {"id": "CVE-1", "severity": "critical", "nearestFixedInVersion": "2"}, {"id": "CVE-2", "severity": "critical"}]});
        assert_eq!(scans_of(&json!([snyk])), ("Snyk".into(), "r.example/web:1".into(), 0, bad.clone()));
        let sarif = json!({"runs": [{"properties": {"imageName": "r.example/web:1"}, "tool": {"driver": {"name": "Trivy",
            "rules": [{"id": "CVE-1", "properties": {"security-severity": "9.8"}}, {"id": "CVE-2", "properties": {"security-severity": "9.1"}}]}},
            "results": [{"ruleId": "CVE-1", "message": {"text": "Package: a\nFixed Version: 2"}},
            {"ruleId": "CVE-2", "message": {"text": "Package: a\nFixed Version: "}}]}]});
        assert_eq!(scans_of(&sarif), ("Trivy".into(), "r.example/web:1".into(), 0, bad.clone()));
        let bom = json!({"bomFormat": "CycloneDX", "metadata": {"component": {"name": "r.example/web:1", "version": "sha256:aa"}},
            "vulnerabilities": [{"id": "CVE-1", "ratings": [{"severity": "critical"}], "recommendation": "Upgrade a to 2"},
            {"id": "CVE-2", "ratings": [{"severity": "critical"}]}]});
        assert_eq!(scans_of(&bom), ("CycloneDX".into(), "r.example/web:1".into(), 1, bad));
        assert!(
            [json!({}), json!(null), json!({"kind": "Pod"}), json!([{}]), json!([])].iter().all(|v| scans(v).is_err())
        );
    }

    /// A scan with any damaged part is refused, so that its image does not look clean.
    #[test]
    fn a_damaged_scan_is_not_a_clean_one() {
        let trivy = |results: Value| json!({"SchemaVersion": 2, "ArtifactName": "r.example/web:1", "Results": results});
        let vulnerability = |v: Value| trivy(json!([{"Target": "os", "Vulnerabilities": v}]));
        let rules = json!([{"id": "CVE-1", "properties": {"security-severity": "x"}}]);
        for damaged in [
            trivy(json!("oops")),
            trivy(json!(null)),
            trivy(json!([])),
            trivy(json!(["x"])),
            vulnerability(json!("x")),
            vulnerability(json!([{}])),
            vulnerability(json!([{"VulnerabilityID": "CVE-1", "Severity": "CRITICLA", "FixedVersion": "2"}])),
            vulnerability(json!([{"VulnerabilityID": "CVE-1", "Severity": "CRITICAL", "FixedVersion": 2}])),
            json!({"source": {"target": {"userInput": "a:1"}}, "matches": {}}),
            json!({"source": {"target": {"userInput": "a:1"}}, "descriptor": {"timestamp": "banana"}, "matches": []}),
            json!({"manifest_hash": "sha256:aa", "vulnerabilities": []}),
            json!({"docker": {}, "path": "docker-image|a:1", "vulnerabilities": {}}),
            json!({"runs": []}),
            json!({"runs": [{"properties": {"imageName": "a:1"}, "results": "x"}]}),
            json!({"runs": [{"properties": {"imageName": "a:1"}, "results": null}]}),
            json!({"runs": [{"properties": {"imageName": "a:1"}, "tool": {"driver": {"rules": rules}}, "results": [{"ruleId": "CVE-1"}]}]}),
            json!({"runs": [{"properties": {"imageName": "a:1"}, "results": [{"ruleId": "CVE-1"}]}]}),
            json!({"bomFormat": "CycloneDX", "metadata": {"component": {"name": "a"}}, "vulnerabilities": "x"}),
            json!({"runs": [{"results": []}]}),
        ] {
            let why = parse_scans(&damaged.to_string()).expect_err(&damaged.to_string());
            assert!(!why.is_empty());
        }
        assert!(parse_scans("{\"SchemaVersion\": 2,").expect_err("cut off").contains("line 1"));
        assert!(parse_scans(&vulnerability(json!(null)).to_string()).is_ok(), "an image without any");
    }

    #[test]
    fn a_scan_from_the_future_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s.json");
        let now = "2026-11-28T00:00:00Z".parse().expect("a time");
        let write = |at: &str| {
            let text = format!(
                "{{\"SchemaVersion\": 2, \"ArtifactName\": \"a:1\", \"CreatedAt\": \"{at}\", \"Results\": [{{}}]}}"
            );
            std::fs::write(&path, text).expect("written");
            read_scans(&path, now)
        };
        assert!(write("9999-01-01T00:00:00Z").expect_err("refused").contains("in the future"));
        assert!(write("9999999-01-01T00:00:00Z").expect_err("refused").contains("is not a time"));
        assert_eq!(write("2026-11-28T03:00:00Z").expect("clocks differ").len(), 1);
    }
}
