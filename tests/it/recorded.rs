//! Reviews of what real programs wrote (tests/recorded).

use std::{collections::BTreeMap, path::Path};

use drillmaster::{
    inventory::{ObjectSet, ReviewSource, manifests, read_scans, read_text},
    model::{Severity, State},
    readiness::{ReviewSettings, review},
};

use super::checks::{asked, now};

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(name)
}

#[test]
fn files_of_a_real_sops() {
    let said = |file: &str| {
        let object_set = tokio::runtime::Runtime::new()
            .unwrap()
            .block_on(manifests(&[folder("sops").join(file)], &drillmaster::world::Here::now()))
            .unwrap();
        assert!(!object_set.broken && object_set.source == ReviewSource::Manifests, "{file}: {:?}", object_set.notes);
        let settings = ReviewSettings { only: vec!["SEC-004".into()], ..ReviewSettings::default() };
        let review = review(&object_set, &settings, file, "full", now());
        let worst = review.results.iter().filter(|r| r.state == State::Fail).min_by_key(|r| r.severity);
        (review.tally.pass, worst.map(|r| (r.severity, r.observed.clone())), object_set.notes)
    };
    for good in ["two-keys.yaml", "two-keys.json", "unencrypted-regex.yaml", "two-of-three-groups.yaml"] {
        let (pass, fail, _) = said(good);
        assert_eq!((pass, fail), (1, None), "{good}");
    }
    for (bad, severity, word) in [
        ("one-key.yaml", Severity::Medium, "1 recipient"),
        ("key-groups.yaml", Severity::Medium, "2 of 2 key groups"),
        ("leaf-in-plain.yaml", Severity::Critical, "stringData.user"),
        ("nothing-selected.yaml", Severity::Critical, "none of the values"),
    ] {
        let (_, fail, _) = said(bad);
        let (found, observed) = fail.unwrap_or_else(|| panic!("{bad} passes"));
        assert!(found == severity && observed.contains(word), "{bad}: {found:?} {observed}");
    }
    // The whole file is encrypted, including its kind. It contains no object and nothing that is wrong.
    let (pass, fail, notes) = said("whole.yaml");
    assert!(pass == 0 && fail.is_none() && notes[0].contains("cannot be checked"), "{notes:?}");
}

#[test]
fn reports_of_a_real_trivy_in_three_formats() {
    for (file, scanner) in [("web.json", "Trivy"), ("web.sarif", "Trivy"), ("web.cdx.json", "CycloneDX")] {
        let scans = read_scans(&folder("trivy").join(file), jiff::Timestamp::MAX).unwrap();
        let [scan] = &scans[..] else { panic!("{file}: {scans:?}") };
        assert_eq!((scan.scanner.as_str(), scan.image.as_str()), (scanner, "registry.example/web:1.0"), "{file}");
        assert_eq!(scan.fixable, ["CVE-2019-14697"], "{file}: one of the three findings is critical");
    }
}

/// The results of a review for the objects of a file. The first line of the file is its time.
fn secrets(file: &str) -> (BTreeMap<String, (State, String)>, usize) {
    let text = std::fs::read_to_string(folder("vault").join(file)).unwrap();
    let at: jiff::Timestamp = text.lines().next().unwrap().trim_start_matches("# ").parse().unwrap();
    let mut object_set = ObjectSet { source: ReviewSource::Live, at: Some(at), ..ObjectSet::default() };
    read_text(&mut object_set, file, &text);
    assert!(!object_set.broken, "{file}: {:?}", object_set.notes);
    object_set.settle();
    let settings = ReviewSettings { only: vec!["SEC-006".into()], ..ReviewSettings::default() };
    let review = review(&object_set, &settings, file, "full", at);
    let named = |s: &drillmaster::model::Subject| format!("{}/{}", s.kind, s.name);
    let said = review.results.iter().map(|r| (named(&r.subject), (r.state, r.observed.clone()))).collect();
    (said, review.tally.pass)
}

#[test]
fn a_real_vault_and_its_operators() {
    let always = [
        ("ExternalSecret/absent", State::Fail, "could not get secret data"),
        ("ExternalSecret/unreachable", State::Fail, "could not get secret data"),
        ("SecretStore/nowhere", State::Fail, "unable to validate store"),
        ("SecretStore/refused", State::Fail, "unable to validate store"),
        ("VaultAuth/lost", State::Fail, "\"no-such-thing\" not found"),
        ("VaultConnection/nowhere", State::Fail, "not valid"),
        ("VaultPKISecret/not-issued", State::Fail, "K8sClientError"),
        ("VaultStaticSecret/fixed", State::Unknown, "neither failures nor times"),
        ("VaultStaticSecret/fixed-absent", State::Unknown, "no status"),
    ];
    let sealed = [
        ("ClusterSecretStore/everywhere", State::Fail, "unable to validate store"),
        ("ExternalSecret/database", State::Fail, "could not get secret data"),
        ("SecretStore/vault", State::Fail, "unable to validate store"),
        ("VaultDynamicSecret/leased", State::Fail, "it has ended"),
        ("VaultPKISecret/issued", State::Fail, "K8sClientError"),
    ];
    let stale = [("ExternalSecret/database", State::Fail, "should be refreshed every 15 s")];
    for (file, more) in [("answers.yaml", &[][..]), ("sealed.yaml", &sealed), ("nobody-brings.yaml", &stale)] {
        let wanted = [&always[..], more].concat();
        let (said, passing) = secrets(file);
        assert_eq!((said.len(), passing), (wanted.len(), 17 - wanted.len()), "{file}: {said:#?}");
        for (subject, state, words) in wanted {
            let (is, observed) = &said[subject];
            assert!(*is == state && observed.contains(words), "{file}: {subject}: {is:?} {observed}");
        }
    }
}

/// The objects that the real Prometheus operator leaves out, as found by tests/lab/scraping.rs with the same objects.
#[test]
fn monitors_as_the_real_operator_picks_them() {
    let text = include_str!("../lab/scraping.yaml");
    let said = |check: &str| {
        let review = asked(text, "", check, ReviewSource::Live);
        let of = |r: &drillmaster::model::Ruling| (r.subject.name.clone(), r.observed.clone());
        review.results.iter().filter(|r| r.check == check && r.state != State::Skip).map(of).collect::<BTreeMap<_, _>>()
    };
    let monitors = [
        ("elsewhere", "no Prometheus selects it"),
        ("no-authority", "ConfigMap unknown that it names does not exist"),
        ("no-client", "Secret unknown"),
        ("no-credentials", "Secret unknown"),
        ("no-secret", "Secret unknown"),
        ("no-token", "Secret unknown"),
        ("pods-elsewhere", "no Prometheus selects it"),
        ("pods-no-secret", "Secret unknown"),
        ("pods-slow-timeout", "scrapeTimeout of 6s is longer"),
        ("reads-file-denied", "reads a file, which Prometheus strict denies"),
        ("slow-timeout", "scrapeTimeout of 20s is longer"),
        ("timeout-of-default", "scrapeTimeout of 40s is longer"),
        ("timeout-over-strict", "scrapeTimeout of 61s is longer"),
        ("unknown-class", "Prometheus main has no scrapeClass fast"),
        ("unlabelled", "no Prometheus selects it"),
    ];
    let rules = [
        ("rule-elsewhere", "no Prometheus selects it"),
        ("rule-not-parsed", "cannot parse the expression"),
        ("rule-unlabelled", "no Prometheus selects it"),
    ];
    for (check, wanted) in [("MET-003", &monitors[..]), ("ALR-002", &rules)] {
        let found = said(check);
        assert_eq!(found.keys().collect::<Vec<_>>(), wanted.iter().map(|w| w.0).collect::<Vec<_>>(), "{found:#?}");
        assert!(wanted.iter().all(|(name, words)| found[*name].contains(words)), "{found:#?}");
    }
}
