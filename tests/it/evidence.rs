//! Signed evidence: what holds, what is noticed when somebody changes it, and whose key it is.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use drillmaster::{
    evidence::{Private, Public, SealError, Sealed, check, keygen, seal},
    journal::RunDir,
    model::SecretRef,
    verdict::ReadRun,
};

use super::begin;

struct Case {
    folder: tempfile::TempDir,
    key: Private,
    public: Public,
}

impl Case {
    /// A copy of a recorded drill, and a key.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/runs-0.1.0/pass");
        copy(&from, &folder.path().join("run"));
        let (key, public) = pair(&folder.path().join("own"));
        Self { folder, key, public }
    }

    fn sealed() -> Self {
        let case = Self::new();
        seal(&case.dir(), &case.journal(), &case.key).unwrap();
        case
    }

    fn dir(&self) -> RunDir {
        RunDir(self.folder.path().join("run"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir().file(name)
    }

    fn journal(&self) -> ReadRun {
        ReadRun::from(&self.dir()).unwrap()
    }

    fn check(&self, trusted: &[Public]) -> Sealed {
        check(&self.dir(), &self.journal(), trusted)
    }

    /// What differs, in one line.
    fn broken(&self) -> String {
        match self.check(&[]) {
            Sealed::Broken(wrong) => wrong.iter().map(|(place, what)| format!("{place}: {what}\n")).collect(),
            other => panic!("{other:?}"),
        }
    }
}

fn pair(name: &Path) -> (Private, Public) {
    let public = keygen(name).unwrap();
    let from = SecretRef::File(format!("{}.key", name.display()));
    (Private::read(&from, |_| Err("no program".into())).unwrap(), public)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_signature_is_worth_what_is_known_about_its_key() {
    let case = Case::new();
    assert_eq!(case.check(&[]), Sealed::Unsigned);
    seal(&case.dir(), &case.journal(), &case.key).unwrap();
    let key = case.public.fingerprint();
    let (_, stranger) = pair(&case.folder.path().join("stranger"));
    assert!(matches!(case.check(&[]), Sealed::Valid { key: k, trusted: false, .. } if k == key));
    let both = [stranger.clone(), case.public.clone()];
    assert!(matches!(case.check(&both), Sealed::Valid { key: k, trusted: true, files } if k == key && files > 2));
    assert!(matches!(case.check(&[stranger]), Sealed::Broken(_)));
}

#[test]
fn sealed_twice_it_is_the_same_byte_for_byte() {
    let case = Case::sealed();
    let all = || -> Vec<(String, Vec<u8>)> {
        let mut all: Vec<_> = fs::read_dir(case.file("evidence"))
            .unwrap()
            .map(|e| e.unwrap())
            .map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap()))
            .collect();
        all.sort();
        all
    };
    let first = all();
    assert_eq!(first.len(), 5);
    seal(&case.dir(), &case.journal(), &case.key).unwrap();
    assert!(first == all(), "the evidence differs when it is made again");
}

#[test]
fn every_change_is_noticed_and_named() {
    let changed = |name: &str, edit: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let case = Case::sealed();
        let path = case.file(name);
        fs::write(&path, edit(fs::read(&path).unwrap())).unwrap();
        case.broken()
    };
    let longer = |mut bytes: Vec<u8>| {
        bytes.push(b'\n');
        bytes
    };
    for name in ["plan.json", "scenario.yaml"] {
        let said = changed(name, &longer);
        assert!(said.contains(name) && said.contains("differs from the manifest"), "{name}: {said}");
    }
    // A manifest that was changed to fit does not fit what was signed.
    let said = changed("evidence/manifest.json", &longer);
    assert!(said.contains("signed for another manifest"), "{said}");
    let said = changed("evidence/drill.dsse.json", &|bytes| {
        String::from_utf8(bytes).unwrap().replacen("\"payload\": \"ey", "\"payload\": \"fy", 1).into_bytes()
    });
    assert!(said.contains("not signed with"), "{said}");
    let case = Case::sealed();
    fs::write(case.file("samples/added.jsonl"), "x").unwrap();
    assert!(case.broken().contains("does not list this file"));
    let case = Case::sealed();
    fs::remove_file(case.file("scenario.yaml")).unwrap();
    assert!(case.broken().contains("scenario.yaml"));
    let case = Case::sealed();
    fs::remove_file(case.file("evidence/test-result.dsse.json")).unwrap();
    assert!(case.broken().contains("test-result.dsse.json"));
}

#[test]
fn another_key_beside_the_evidence_is_not_the_key_that_signed() {
    let case = Case::sealed();
    let (_, stranger) = pair(&case.folder.path().join("stranger"));
    fs::write(case.file("evidence/key.pub"), stranger.pem()).unwrap();
    assert!(case.broken().contains("not signed with the key beside it"));
}

#[test]
fn links_and_paths_that_lead_elsewhere_are_refused() {
    let case = Case::sealed();
    fs::remove_file(case.file("scenario.yaml")).unwrap();
    symlink("/etc/hostname", case.file("scenario.yaml")).unwrap();
    assert!(case.broken().contains("symbolic link"), "{}", case.broken());
    assert!(seal(&case.dir(), &case.journal(), &case.key).is_err());
    let case = Case::sealed();
    let text = fs::read_to_string(case.file("evidence/manifest.json")).unwrap();
    fs::write(case.file("evidence/manifest.json"), text.replacen("\"plan.json\"", "\"../own.key\"", 1)).unwrap();
    assert!(case.broken().contains("not the name of a file of a run"), "{}", case.broken());
    let case = Case::new();
    symlink("/tmp", case.file("evidence")).unwrap();
    assert!(seal(&case.dir(), &case.journal(), &case.key).is_err());
    assert!(case.broken().contains("not a directory"));
}

/// The statement in an envelope.
fn payload(envelope: &Path) -> serde_json::Value {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let envelope: serde_json::Value = serde_json::from_slice(&fs::read(envelope).unwrap()).unwrap();
    assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

#[test]
fn the_statement_is_the_one_that_in_toto_describes_and_what_is_not_confirmed_is_failed() {
    let case = Case::sealed();
    let statement = payload(&case.file("evidence/test-result.dsse.json"));
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://in-toto.io/attestation/test-result/v0.1");
    assert_eq!(statement["subject"][0]["name"], "manifest.json");
    // Version 0.1.0 passed it; the rules of today do not confirm that.
    assert_eq!(statement["predicate"]["result"], "FAILED");
    assert!(!statement["predicate"]["passedTests"].as_array().unwrap().is_empty());
}

#[test]
fn openssl_reads_the_keys_and_agrees_with_the_signature() {
    let Ok(openssl) = which::which("openssl") else { return };
    let case = Case::new();
    let (key, text) = (case.folder.path().join("own.key"), case.folder.path().join("text"));
    let (signature, public) = (case.folder.path().join("sig"), case.folder.path().join("own.pub"));
    fs::write(&text, "evidence").unwrap();
    let run = |args: &[&std::ffi::OsStr]| Command::new(&openssl).args(args).output().unwrap();
    let sign = ["pkeyutl", "-sign", "-rawin", "-inkey"].map(std::ffi::OsStr::new);
    let rest = [key.as_os_str(), "-in".as_ref(), text.as_os_str(), "-out".as_ref(), signature.as_os_str()];
    let done = run(&[&sign[..], &rest[..]].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(fs::read(&signature).unwrap(), case.key.sign(b"evidence"));
    let read = run(&["pkey", "-pubin", "-noout", "-in"]
        .map(std::ffi::OsStr::new)
        .into_iter()
        .chain([public.as_os_str()])
        .collect::<Vec<_>>());
    assert!(read.status.success());
}

#[test]
fn a_rehearsal_and_a_run_without_an_end_are_not_evidence() {
    let case = Case::new();
    let mut journal = case.journal();
    journal.kept.retain(|e| !matches!(e.event, drillmaster::event::Kind::RunEnded { .. }));
    assert!(matches!(seal(&case.dir(), &journal, &case.key), Err(SealError::Open)));
    let mut journal = case.journal();
    for event in &mut journal.kept {
        if let drillmaster::event::Kind::RunStarted { clusters, .. } = &mut event.event {
            clusters.iter_mut().for_each(|c| c.flavour = "simulated".into());
        }
    }
    assert!(matches!(seal(&case.dir(), &journal, &case.key), Err(SealError::Rehearsal)));
}

/// A real drill with the program: sealed, verified with and without the key, annotated, changed; then a second one,
/// which is compared with the first.
#[test]
fn a_drill_is_sealed_verified_annotated_and_compared_with_the_one_before() {
    let front = begin::front();
    let told = |args: &[&str]| -> (i32, String) {
        let out = front.program(args, &[]);
        let said = [out.stdout, out.stderr].map(|b| String::from_utf8(b).unwrap()).concat();
        (out.status.code().unwrap(), said)
    };
    let drill = || {
        let out = front.run("s.yaml", "b.yaml", &[], &[]);
        assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
        let newest = drillmaster::journal::NewestRuns::below(&front.dir.path().join("runs")).newest().unwrap();
        newest.to_str().unwrap().to_owned()
    };
    let first = drill();
    let run = first.as_str();
    let report = |run: &str| fs::read_to_string(Path::new(run).join("report.md")).unwrap();
    assert!(report(run).contains("Evidence: UNSIGNED.") && report(run).contains("no earlier run is known"));
    assert_eq!(told(&["verify", run]).0, 0, "an unsigned run is verified as before");
    assert_eq!(told(&["keygen", "k"]).0, 0);
    let (code, said) = told(&["verify", run, "--key", "k.pub"]);
    assert!(code == 1 && said.contains("UNSIGNED"), "{said}");
    assert_eq!(told(&["seal", run, "--key", "k.key"]).0, 0);
    let (code, said) = told(&["verify", run]);
    assert!(code == 4 && said.contains("not compared with a key that you trust"), "{code}: {said}");
    let (code, said) = told(&["verify", run, "--trust", "k.pub"]);
    assert!(code == 0 && said.contains("which you trust"), "{code}: {said}");
    assert!(report(run).contains("Evidence: signed with key "));
    // A note does not touch the evidence.
    let (code, said) = told(&["report", "annotate", "Accepted", run, "--field", "sign-off", "--by", "Jane Doe"]);
    assert_eq!(code, 0, "{said}");
    assert!(report(run).contains("Accepted (noted by Jane Doe, asserted, "));
    assert_eq!(told(&["verify", run, "--key", "k.pub"]).0, 0);
    for (args, word) in [
        (&["report", "annotate", "x", run, "--field", "owner"][..], "needs the action"),
        (&["report", "annotate", "x", run, "--field", "owner", "--of", "A77"][..], "there is no such action"),
        (&["report", "annotate", "x", run, "--of", "A1"][..], "about the whole run"),
        (&["report", "annotate", " ", run][..], "is empty"),
        (&["report", "annotate", "a\nb", run][..], "write one line"),
    ] {
        let (code, said) = told(args);
        assert!(code == 2 && said.contains(word), "{args:?}: {said}");
    }
    let statement = payload(&Path::new(run).join("evidence/test-result.dsse.json"));
    assert_eq!(statement["predicate"]["result"], "PASSED", "{statement}");
    let second = drill();
    let said = report(&second);
    assert!(said.contains("; same scenario and cluster: ") && said.contains("Actions of the last drill"), "{said}");
    assert!(said.contains("tested again") || said.contains("It asked for no action"), "{said}");
    // A line of the notes that is not a note is named, and nothing is written over it.
    fs::write(Path::new(run).join("notes.jsonl"), "{}\n").unwrap();
    let (code, said) = told(&["report", run]);
    assert!(code == 2 && said.contains("notes.jsonl:1"), "{said}");
    fs::remove_file(Path::new(run).join("notes.jsonl")).unwrap();
    fs::write(Path::new(run).join("evidence/manifest.json"), "{}").unwrap();
    let (code, said) = told(&["verify", run, "--key", "k.pub"]);
    assert!(code == 1 && said.contains("this is not a manifest"), "{said}");
}
