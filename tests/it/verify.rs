//! Run directories that somebody changed afterwards, with a repaired hash chain where that hides the change. Also
//! unchanged ones of every kind.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use drillmaster::{
    engine::{self, ClusterAccess, Options, begin, prepare_in},
    journal::{RunDir, read},
    model::{Exit, sha256},
    plan::hash_of_written,
    report,
    verify::{Progress, neighbours, verify},
};
use serde_json::{Value, json};

use super::rehearsal::{Rehearsal, acted, cluster, on_paused_time, scenario, scenario_text};

/// A scenario with an expectation that is met and, in `late`, one that is not.
fn text(within: &str) -> String {
    format!(
        "apiVersion: drillmaster.dev/v1\nkind: Scenario\nmetadata: {{name: kept, title: Kept as it was}}\nhypothesis: h\n\
         scope: {{namespaces: [shop], critical: [deployment/web]}}\n\
         probes:\n  - name: storefront\n    http: {{url: '${{bind.storefront}}', body: ok}}\n    up: {{successes: 8, over: 2s}}\n\
         steps:\n  - {{name: outage, killZone: {{zone: a, how: kill}}}}\n  - {{name: noticed, wait: {{for: 80s}}}}\n\
         \x20 - {{name: back, heal: {{fault: outage}}}}\n\
         expect:\n  - replicas: {{of: outage, workload: deployment/web, ready: 3, within: {within}}}\n\
         \x20 - service: {{probe: storefront, rto: 8m}}\n\
         limits: {{nodes: 34%, zones: 1, duration: 30m}}\ncollateral: [monitoring, velero, kube-system]\n"
    )
}

fn rehearsed(within: &str) -> tempfile::TempDir {
    let shop = cluster("small-shop");
    let loaded = scenario_text(&text(within), &shop);
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        stage.drill(&loaded, None).await;
        stage.dir
    })
}

/// A copy of the directory of a rehearsal, which a test may change.
struct Kept {
    _temp: tempfile::TempDir,
    dir: RunDir,
}

impl Kept {
    fn passed() -> Self {
        static RUN: OnceLock<tempfile::TempDir> = OnceLock::new();
        Self::copy(&RUN.get_or_init(|| rehearsed("9m")).path().join("run"))
    }

    fn failed() -> Self {
        static RUN: OnceLock<tempfile::TempDir> = OnceLock::new();
        Self::copy(&RUN.get_or_init(|| rehearsed("1s")).path().join("run"))
    }

    fn copy(from: &Path) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let dir = RunDir(temp.path().join("run"));
        copy(from, &dir.0);
        Self { _temp: temp, dir }
    }

    fn file(&self, name: &str, change: impl FnOnce(String) -> String) {
        let path = self.dir.file(name);
        std::fs::write(&path, change(std::fs::read_to_string(&path).unwrap())).unwrap();
    }

    /// Changes lines of the journal without their hashes.
    fn torn(&self, change: impl FnOnce(&mut Vec<String>)) {
        self.file("journal.jsonl", |text| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            change(&mut lines);
            lines.join("\n") + "\n"
        });
    }

    /// Changes lines of the journal and repairs the hash chain.
    fn mended(&self, change: impl FnOnce(&mut Vec<Value>)) {
        self.file("journal.jsonl", |text| {
            let mut lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
            change(&mut lines);
            chained(lines)
        });
    }

    /// Changes the plan, in the journal and in plan.json, with its hash.
    fn planned(&self, change: impl Fn(&mut Value)) {
        self.mended(|lines| {
            let plan = &mut at(lines, "PlanFrozen")["plan"];
            change(plan);
            plan["hash"] = hash_of_written(plan).into();
            let plan = plan.clone();
            at(lines, "RunStarted")["plan_hash"] = plan["hash"].clone();
            std::fs::write(self.dir.file("plan.json"), plan.to_string()).unwrap();
        });
    }

    fn program(&self, command: &str) -> (i32, String) {
        program(command, &self.dir)
    }

    /// Checks that `verify` names file and line, and that no other command shows the changed run as genuine.
    fn is_refused(&self, what: &str, place: &str) {
        let (code, said) = self.program("verify");
        assert_eq!(code, 1, "{what}: {said}");
        let named = said.lines().any(|l| l.contains(place) && (l.contains("DIFFERS") || l.contains("error")));
        assert!(named, "{what}: {place} is not named: {said}");
        for command in ["report", "log", "status"] {
            let (code, said) = self.program(command);
            assert_eq!(code, 2, "{what}: {command}: {said}");
            assert!(said.contains(place), "{what}: {command}: {said}");
        }
    }
}

fn program(command: &str, dir: &RunDir) -> (i32, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_drillmaster"))
        .args([command, dir.0.to_str().unwrap()])
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    (out.status.code().unwrap(), said)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Computes numbers and hashes of lines again, as a forger would.
fn chained(lines: Vec<Value>) -> String {
    let (mut text, mut prev) = (String::new(), String::new());
    for (seq, mut line) in lines.into_iter().enumerate() {
        line["seq"] = seq.into();
        line["prev"] = prev.into();
        if line["event"]["kind"] == "Judged" && line["event"]["up_to"] != 0 {
            line["event"]["up_to"] = (seq - 1).into();
        }
        let whole = line.to_string();
        prev = sha256(&whole);
        text += &(whole + "\n");
    }
    text
}

fn place_of(lines: &[Value], kind: &str) -> usize {
    lines.iter().rposition(|l| l["event"]["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
}

fn at<'a>(lines: &'a mut [Value], kind: &str) -> &'a mut Value {
    let place = place_of(lines, kind);
    &mut lines[place]["event"]
}

/// Makes every judgement say PASS.
fn pass(lines: &mut [Value]) {
    let judged = at(lines, "Judged");
    judged["outcome"] = "pass".into();
    judged["judgements"].as_array_mut().unwrap().iter_mut().for_each(|j| j["outcome"] = "pass".into());
    let end = at(lines, "RunEnded");
    end["exit"] = "passed".into();
    end["detail"] = "passed; the cluster is as before".into();
}

#[test]
fn lines_that_were_changed_without_their_hashes_are_named() {
    type Change = fn(&mut Vec<String>);
    let changes: [(&str, &str, Change); 3] = [
        ("a line edited", "journal.jsonl:5", |l| l[3] = l[3].replacen("\"must\":", "\"must\": ", 1)),
        ("a line deleted", "journal.jsonl:8", |l| drop(l.remove(7))),
        ("a line moved", "journal.jsonl:8", |l| l.swap(7, 8)),
    ];
    for (what, place, change) in changes {
        let kept = Kept::passed();
        kept.torn(change);
        kept.is_refused(what, place);
    }
}

#[test]
fn a_verdict_that_does_not_follow_from_its_events_is_refused() {
    let lines = |kept: &Kept| std::fs::read_to_string(kept.dir.journal()).unwrap().lines().count();
    type Change = fn(&mut Vec<Value>);
    let changes: [(&str, usize, Change); 13] = [
        ("verdict and end edited", 1, |l| pass(l)),
        ("the verdict's outcome only", 1, |l| at(l, "Judged")["outcome"] = "pass".into()),
        ("the end only", 0, |l| at(l, "RunEnded")["exit"] = "passed".into()),
        ("the words of the end", 0, |l| at(l, "RunEnded")["detail"] = "passed; the cluster is as before".into()),
        ("the reason of a judgement", 1, |l| at(l, "Judged")["judgements"][0]["because"] = "3 ready at once".into()),
        ("a judgement removed", 1, |l| drop(at(l, "Judged")["judgements"].as_array_mut().unwrap().remove(0))),
        ("a second verdict and end", 0, |l| {
            let (judged, ended) = (l[l.len() - 2].clone(), l[l.len() - 1].clone());
            l.extend([judged, ended]);
            pass(l);
        }),
        ("a second end", 0, |l| l.push(l[l.len() - 1].clone())),
        ("the verdict removed", 0, |l| {
            let judged = l.len() - 2;
            l.remove(judged);
            at(l, "RunEnded")["exit"] = "passed".into();
        }),
        ("something between verdict and end", 1, |l| {
            let noted = json!({"kind": "Noted", "text": "x"});
            let mut line = l[l.len() - 2].clone();
            (line["event"], line["must"]) = (noted, false.into());
            l.insert(l.len() - 1, line);
        }),
        ("called newer", 1, |l| {
            pass(l);
            at(l, "Judged")["rules"] = 99.into();
        }),
        ("called old", 1, |l| {
            pass(l);
            at(l, "Judged")["rules"] = 0.into();
        }),
        ("the verdict reads less", 1, |l| at(l, "Judged")["up_to"] = 0.into()),
    ];
    for (what, before_end, change) in changes {
        let kept = Kept::failed();
        kept.mended(change);
        let place = format!("journal.jsonl:{}", lines(&kept) - before_end);
        kept.is_refused(what, &place);
    }
}

#[test]
fn a_forged_session_is_refused() {
    let kept = Kept::failed();
    let text = std::fs::read_to_string(kept.dir.journal()).unwrap();
    let last = text.lines().last().unwrap();
    let hash = sha256(last);
    let mut lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let seq = lines.len();
    pass(&mut lines);
    let ends = lines.split_off(seq - 2);
    let opened = json!({"kind": "SessionOpened", "epoch": 2, "actor": "recover", "pid": 0, "why": "asked by a person",
        "continues": {"segment": 1, "bytes": text.len(), "seq": seq, "hash": hash}});
    let mut first = ends[0].clone();
    first["event"] = opened;
    let (mut prev, mut forged) = (hash, String::new());
    for (i, mut line) in [first, ends[0].clone(), ends[1].clone()].into_iter().enumerate() {
        line["epoch"] = 2.into();
        line["seq"] = (seq + i).into();
        line["prev"] = prev.into();
        prev = sha256(line.to_string());
        forged += &(line.to_string() + "\n");
    }
    std::fs::write(kept.dir.file("journal.2.jsonl"), forged).unwrap();
    kept.is_refused("a verdict of a later session", "journal.2.jsonl:1");
}

#[test]
fn events_that_were_changed_under_their_verdict_are_noticed() {
    type Change = fn(&mut Vec<Value>);
    let changes: [(&str, &str, Change); 5] = [
        ("samples of the outage said to be answered", "journal.jsonl:", |l| {
            for line in l.iter_mut().filter(|l| l["event"]["kind"] == "ProbeSegment") {
                line["event"]["failed"] = 0.into();
                line["event"]["runs"].as_array_mut().unwrap().iter_mut().for_each(|r| r["ok"] = true.into());
            }
        }),
        ("readiness of pods", "journal.jsonl:", |l| {
            for line in l.iter_mut().filter(|l| l["event"]["kind"] == "PodSeen") {
                line["event"]["pod"]["ready"] = false.into();
            }
        }),
        ("an undo removed", "journal.jsonl:", |l| {
            let place = place_of(l, "FaultReverted");
            l.remove(place);
        }),
        ("an undo twice", "journal.jsonl:", |l| {
            let place = place_of(l, "FaultReverted");
            l.insert(place, l[place].clone());
        }),
        ("a second plan", "journal.jsonl:4", |l| l.insert(3, l[2].clone())),
    ];
    for (what, place, change) in changes {
        let kept = Kept::passed();
        kept.mended(change);
        let (code, said) = kept.program("verify");
        assert_eq!(code, 1, "{what}: {said}");
        assert!(said.contains(place), "{what}: {said}");
        for command in ["report", "log", "status"] {
            let (code, said) = kept.program(command);
            assert_eq!(code, 2, "{what}: {command}: {said}");
        }
    }
}

#[test]
fn a_tail_that_was_cut_and_an_end_that_was_put_on_it() {
    let kept = Kept::failed();
    kept.mended(|lines| {
        let woken = place_of(lines, "RunWoken");
        let end = lines.pop().unwrap();
        lines.truncate(woken + 1);
        lines.push(end);
        at(lines, "RunEnded")["exit"] = "passed".into();
        at(lines, "RunEnded")["detail"] = "passed; the cluster is as before".into();
    });
    kept.is_refused("the tail cut", "journal.jsonl:");
    // A run without an end has died, and is reported as such.
    let kept = Kept::passed();
    kept.torn(|lines| lines.truncate(lines.len() - 1));
    let (code, said) = kept.program("verify");
    assert!(code == 4 && said.contains("the run has no end"), "{code}: {said}");
}

#[test]
fn a_plan_is_the_one_of_its_hash_its_file_and_its_scenario() {
    let rto = |plan: &mut Value| plan["expect"][0]["replicas"]["within"] = "30m".into();
    let kept = Kept::passed();
    kept.mended(|lines| rto(&mut at(lines, "PlanFrozen")["plan"]));
    kept.is_refused("the objective, and no hash", "journal.jsonl:3");
    let kept = Kept::passed();
    kept.planned(rto);
    kept.is_refused("the objective, with every hash", "journal.jsonl:3");
    let kept = Kept::passed();
    kept.planned(|plan| plan["rules"] = 99.into());
    kept.is_refused("a plan for other rules than its verdict", "journal.jsonl:");
    for (what, change) in [
        ("plan.json", (|text| text.replacen("\"9m\"", "\"30m\"", 1)) as fn(String) -> String),
        ("plan.json", |_| "{}".into()),
        ("scenario.yaml", |text| text.replacen("9m", "30m", 1)),
        ("scenario.yaml", |_| String::new()),
    ] {
        let kept = Kept::passed();
        kept.file(what, change);
        kept.is_refused(what, &format!("{what}:"));
        std::fs::remove_file(kept.dir.file(what)).unwrap();
        kept.is_refused("gone", what);
    }
    let (other, kept) = (Kept::failed(), Kept::passed());
    std::fs::copy(other.dir.file("plan.json"), kept.dir.file("plan.json")).unwrap();
    kept.is_refused("the plan of another run", "plan.json:");
}

#[test]
fn samples_are_those_of_the_journal() {
    let name = "samples/1-storefront.jsonl";
    type Change = fn(String) -> String;
    let changes: [(&str, Change); 5] = [
        ("emptied", |_| String::new()),
        ("changed", |text| text.replacen("\"ok\":true", "\"ok\":false", 1)),
        ("the first lines dropped", |text| text.split_inclusive('\n').skip(2).collect()),
        ("the last line dropped", |text| {
            let count = text.lines().count();
            text.split_inclusive('\n').take(count - 1).collect()
        }),
        ("a line added", |text| text + "{\"sent_us\":1,\"took_us\":1,\"ok\":true}\n"),
    ];
    for (what, change) in changes {
        let kept = Kept::passed();
        kept.file(name, change);
        kept.is_refused(what, &format!("{name}:"));
    }
    let kept = Kept::passed();
    std::fs::remove_file(kept.dir.file(name)).unwrap();
    kept.is_refused("gone", name);
}

#[test]
fn a_failed_rehearsal_is_no_passed_drill_of_production() {
    let real = |cluster: &mut Value| {
        cluster["flavour"] = "other".into();
        cluster["context"] = "production".into();
    };
    let kept = Kept::failed();
    kept.planned(|plan| {
        real(&mut plan["cluster"]);
        plan["title"] = "Kept as it was".into();
    });
    kept.mended(|lines| {
        let header = at(lines, "RunStarted");
        real(&mut header["clusters"][0]);
        header["title"] = "Kept as it was".into();
        pass(lines);
    });
    kept.is_refused("a failed one", "journal.jsonl:");
    // The same with a passed rehearsal.
    let kept = Kept::passed();
    kept.mended(|lines| real(&mut at(lines, "RunStarted")["clusters"][0]));
    kept.is_refused("the header only", "journal.jsonl:1");
}

#[test]
fn nothing_is_gained_by_calling_a_forged_verdict_old() {
    let old = |kept: &Kept| {
        kept.planned(|plan| {
            plan.as_object_mut().unwrap().remove("rules");
        });
        kept.mended(|lines| {
            at(lines, "RunStarted")["format"] = "2.0".into();
            at(lines, "RunStarted")["tool"] = "drillmaster 0.1.0".into();
            for field in ["rules", "tool", "up_to"] {
                at(lines, "Judged").as_object_mut().unwrap().remove(field);
            }
            pass(lines);
        });
    };
    let kept = Kept::failed();
    old(&kept);
    let (code, said) = kept.program("verify");
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("PASS by the rules of 0.1.0; by today's rules FAIL: "), "{said}");
    let (code, said) = kept.program("report");
    assert!(code == 0 && said.contains("PASS by the rules of 0.1.0; by today's rules FAIL"), "{said}");
    let html = std::fs::read_to_string(kept.dir.file("report.html")).unwrap();
    assert!(!html.contains("badge pass"), "the report must not show a pass");
    let junit = std::fs::read_to_string(kept.dir.file("junit.xml")).unwrap();
    let json: Value = serde_json::from_str(&std::fs::read_to_string(kept.dir.file("report.json")).unwrap()).unwrap();
    assert!(junit.contains("<error") && json["outcome"].is_null(), "{junit}");
    let (code, said) = kept.program("status");
    assert!(code == 0 && said.contains("by today's rules FAIL"), "{said}");
    // The end must still follow from the verdict.
    let kept = Kept::failed();
    old(&kept);
    kept.mended(|lines| at(lines, "Judged")["judgements"][0]["outcome"] = "fail".into());
    kept.is_refused("a verdict that its judgements do not come to", "journal.jsonl:");
    let kept = Kept::failed();
    old(&kept);
    kept.mended(|lines| {
        at(lines, "Judged")["outcome"] = "fail".into();
        at(lines, "Judged")["judgements"][0]["outcome"] = "fail".into();
    });
    kept.is_refused("exit 0 beside a FAIL", "journal.jsonl:");
}

/// Checks that a directory has no differences. Returns the exit code of `verify`.
fn holds(dir: &RunDir, what: &str) -> Exit {
    let verified = verify(dir).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(verified.differs.is_empty(), "{what}: {:#?}", verified.differs);
    assert!(neighbours(dir, &verified.reading).differs.is_empty(), "{what}");
    verified.exit()
}

#[test]
fn runs_of_0_1_0_hold_and_are_by_other_rules() {
    for name in ["pass", "fail", "taken-over"] {
        let dir = RunDir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/runs-0.1.0").join(name));
        assert_eq!(holds(&dir, name), Exit::Inconclusive);
        let (code, said) = program("verify", &dir);
        assert!(code == 4 && said.contains("by the rules of 0.1.0; by today's rules"), "{name}: {said}");
    }
    let kept = Kept::copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/runs-0.1.0/pass"));
    kept.file("samples/storefront.jsonl", |text| text.replacen("\"ok\":true", "\"ok\":false", 1));
    kept.is_refused("its samples", "samples/storefront.jsonl:");
}

#[test]
fn honest_runs_hold_however_they_ended() {
    for (shop, name) in [
        ("small-shop", "zone-outage"),
        ("small-shop", "namespace-loss-and-restore"),
        ("small-shop", "data-loss"),
        ("fragile", "zone-outage"),
        ("fragile", "silent-volume-loss"),
    ] {
        let description = cluster(shop);
        let loaded = scenario(name, &description);
        on_paused_time(async {
            let stage = Rehearsal::set(&description, 1).await;
            stage.drill(&loaded, None).await;
            assert_eq!(holds(&stage.run_dir(), name), Exit::Passed, "{name} on {shop}");
        });
    }
}

#[test]
fn a_run_that_died_anywhere_holds_before_and_after_its_recovery() {
    let shop = cluster("small-shop");
    let loaded = scenario_text(&text("9m"), &shop);
    let lines = read(&Kept::passed().dir).unwrap().events.len() as u64;
    for cut in (2..lines).step_by(23).chain([lines - 3, lines - 2]) {
        on_paused_time(async {
            let stage = Rehearsal::set(&shop, 1).await;
            stage.drill(&loaded, Some(cut)).await;
            let what = format!("cut after {cut}");
            assert_eq!(holds(&stage.run_dir(), &what), Exit::Inconclusive, "{what}");
            assert_eq!(verify(&stage.run_dir()).unwrap().progress, Progress::Dead);
            stage.recover().await;
            assert_eq!(holds(&stage.run_dir(), &format!("{what}, recovered")), Exit::Passed);
        });
    }
}

#[test]
fn a_run_that_was_recovered_out_of_the_clusters_record_holds() {
    let shop = cluster("small-shop");
    let loaded = scenario_text(&text("9m"), &shop);
    let events = read(&Kept::passed().dir).unwrap().events;
    let applied = events.iter().find(|e| acted(e)).unwrap().seq;
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        stage.drill(&loaded, Some(applied)).await;
        let dir = stage.recovered_from_cluster().await.unwrap();
        stage.recover_from(&dir).await;
        assert_eq!(holds(&dir, "from the cluster"), Exit::Passed);
    });
}

/// Two drills of one cluster, one after the other.
fn twice() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let shop = cluster("small-shop");
    let loaded = scenario_text(&text("9m"), &shop);
    let runs = tempfile::tempdir().unwrap();
    on_paused_time(async {
        let stage = Rehearsal::set(&shop, 1).await;
        for run in ["first", "second"] {
            let world = stage.simulation.world();
            let prepared = prepare_in(world, &Default::default(), None, &loaded, run.into(), false).await.unwrap();
            let options = Options::rehearsal(runs.path(), &[]);
            let begun = begin(prepared, &loaded, &ClusterAccess::default(), &options, |_, _| {}).unwrap();
            let exit = engine::run(&begun, &loaded, &options).await;
            // Whether the second drill finds the cluster good enough to begin does not matter here.
            let told: Vec<_> = read(&begun.dir).unwrap().events.iter().filter_map(report::line).collect();
            assert!(exit == Exit::Passed || run == "second", "{run}: {told:#?}");
        }
    });
    let (first, second) = (runs.path().join("first"), runs.path().join("second"));
    (runs, first, second)
}

#[test]
fn each_run_names_the_end_of_the_one_before() {
    let (_runs, first, second) = twice();
    for dir in [&first, &second] {
        assert_eq!(holds(&RunDir(dir.clone()), "one of two"), Exit::Passed);
    }
    let (code, said) = program("verify", &RunDir(second.clone()));
    assert!(code == 0 && said.contains("run before     first (exit 0, head "), "{said}");
    // The second run is changed: it names an end that the first run does not have.
    let forged = Kept::copy(&second);
    copy(&first, &forged.dir.0.parent().unwrap().join("first"));
    forged.mended(|lines| at(lines, "RunStarted")["previous"]["head"] = "0".repeat(64).into());
    let (code, said) = forged.program("verify");
    assert!(
        code == 1 && said.contains("journal.jsonl:1: according to the header, the previous run first ended"),
        "{said}"
    );
    // The first run is cut, and would look like one that died.
    let cut = Kept::copy(&first);
    copy(&second, &cut.dir.0.parent().unwrap().join("second"));
    cut.torn(|lines| lines.truncate(lines.len() - 1));
    let (code, said) = cut.program("verify");
    assert!(code == 1 && said.contains("run second began after this one"), "{said}");
    // Each of the two directories is valid alone.
    assert_eq!(Kept::copy(&second).program("verify").0, 0);
}
