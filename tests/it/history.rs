//! The history of a folder of runs, as a user meets it: damaged runs, missing runs, scenarios that were never run, what
//! has decayed, the site, comparisons and exports.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use drillmaster::{
    journal::{RunDir, read},
    model::{Head, REHEARSAL},
    plan::hash_of_written,
    report::{self, Earlier, Organisation},
    verdict::ReadRun,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::front::Front;

struct Desk(tempfile::TempDir);

impl Desk {
    /// A desk with one rehearsal in `runs`.
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        assert_eq!(desk.run("rehearse -q").0, 0);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &str) -> (i32, String, String) {
        self.run_with(args, &[])
    }

    fn run_with(&self, args: &str, env: &[(&str, &str)]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
        command.current_dir(self.0.path()).env("NO_COLOR", "1").envs(env.iter().copied());
        let out = command.args(args.split_whitespace()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
    }

    fn json(&self, args: &str) -> Value {
        let (_, out, said) = self.run(args);
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{said}"))
    }

    /// A drill that looks like the rehearsal, but on a cluster that is not simulated, at another time.
    fn drill(&self, name: &str, at: &str, previous: Option<&Head>, change: impl FnOnce(&mut Vec<Value>)) -> Head {
        let from = self.path("runs/zone-outage-small-shop-seed-1");
        let to = self.path("runs").join(name);
        copy(&from, &to);
        let text = fs::read_to_string(from.join("journal.jsonl")).unwrap();
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let time = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
        let later = at.parse::<Timestamp>().unwrap().duration_since(time(&lines[0]["at"]));
        for line in &mut lines {
            line["at"] = json!(time(&line["at"]) + later);
        }
        lines[0]["event"]["run_id"] = name.into();
        lines[0]["event"]["previous"] = json!(previous);
        let title = lines[0]["event"]["title"].as_str().unwrap().trim_start_matches(REHEARSAL).trim_start_matches(": ");
        lines[0]["event"]["title"] = title.to_owned().into();
        for cluster in lines[0]["event"]["clusters"].as_array_mut().unwrap() {
            cluster["flavour"] = "kind".into();
        }
        for line in lines.iter_mut().filter(|line| line["event"]["kind"] == "SessionOpened") {
            line["event"]["pid"] = 1.into();
        }
        change(&mut lines);
        let (header, rest) = lines.split_first_mut().unwrap();
        if let Some(frozen) = rest.iter_mut().find(|line| line["event"]["kind"] == "PlanFrozen") {
            let plan = &mut frozen["event"]["plan"];
            plan["run"] = name.into();
            plan["title"] = header["event"]["title"].clone();
            plan["cluster"] = header["event"]["clusters"][0].clone();
            plan["hash"] = hash_of_written(plan).into();
            header["event"]["plan_hash"] = plan["hash"].clone();
            fs::write(to.join("plan.json"), plan.to_string()).unwrap();
        }
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(to.join("journal.jsonl"), drillmaster::fuzz::chained(&text)).unwrap();
        let about = read(&RunDir(to)).unwrap().about;
        let end = about.ends.last().cloned();
        end.map_or_else(
            || Head { run: name.into(), head: String::new(), exit: drillmaster::model::Exit::Left },
            |end| Head { run: name.into(), head: end.hash, exit: end.exit },
        )
    }

    /// Three drills of one cluster, each of which names the one before.
    fn three(&self) -> [&'static str; 3] {
        let names =
            ["20260301t100000000-zone-outage", "20260601t100000000-zone-outage", "20260901t100000000-zone-outage"];
        let first = self.drill(names[0], "2026-03-01T10:00:00Z", None, |_| ());
        let second = self.drill(names[1], "2026-06-01T10:00:00Z", Some(&first), |_| ());
        self.drill(names[2], "2026-09-01T10:00:00Z", Some(&second), |_| ());
        names
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let there = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &there) } else { fs::copy(&path, &there).map(|_| ()).unwrap() }
    }
}

fn results(history: &Value, list: &str) -> Vec<String> {
    history[list].as_array().unwrap().iter().map(|run| run["result"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn drills_and_rehearsals_are_apart_and_damage_stops_nothing() {
    let desk = Desk::new();
    let names = desk.three();
    let journal = desk.path("runs").join(names[1]).join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replacen("\"FaultApplied\"", "\"FaultFailed \"", 1)).unwrap();
    desk.drill("20260902t100000000-zone-outage", "2026-09-02T10:00:00Z", None, |lines| {
        let open = lines.iter().position(|line| line["event"]["kind"] == "FaultReverted").unwrap();
        lines.truncate(open);
    });
    let sample = fs::read_dir(desk.path("runs").join(names[0]).join("samples")).unwrap().next().unwrap().unwrap();
    symlink(desk.path("runs").join(names[0]), desk.path("runs/20260903t100000000-link")).unwrap();
    fs::create_dir(desk.path("runs/not-a-run")).unwrap();
    let history = desk.json("history -o json");
    assert_eq!(results(&history, "drills"), ["damaged", "passed", "damaged", "passed", "open"], "{history:#}");
    assert_eq!(results(&history, "rehearsals"), ["passed"]);
    let link = &history["drills"][0];
    assert!(link["why"].as_str().unwrap().contains("symbolic link"), "{link}");
    let (code, out, said) = desk.run("history");
    assert_eq!(code, 0, "{said}");
    assert!(out.contains("NOT PROVEN (DAMAGED)") && out.contains("OPEN") && out.contains("journal.jsonl:"), "{out}");
    let said = desk.run("history -o openmetrics").2;
    assert!(said.contains(&format!("warning: {} is not proven", names[1])), "{said}");
    // A sample file that was changed makes its run worth nothing too.
    fs::write(sample.path(), "[]\n").unwrap();
    assert_eq!(results(&desk.json("history -o json"), "drills"), ["damaged", "damaged", "damaged", "passed", "open"]);
    assert_eq!(desk.run("history nowhere").0, 2);
    symlink(desk.path("runs"), desk.path("linked")).unwrap();
    assert!(desk.run("history linked").2.contains("symbolic link"));
}

#[test]
fn a_missing_run_leaves_its_name_behind() {
    let desk = Desk::new();
    let names = desk.three();
    let (code, out, said) = desk.run("history --period 2026");
    assert_eq!(code, 0, "{out}{said}");
    assert!(out.contains("3 runs, none missing") && !out.contains("Rehearsals"), "{out}");
    assert!(out.contains("a run after the newest one would not be noticed"), "{out}");
    // A period has its own runs only, and the run before it is outside.
    let (code, out, _) = desk.run("history --period 2026-Q2");
    assert!(code == 0 && out.contains("1 run, none missing") && out.contains("2 more outside this time"), "{out}");
    assert_eq!(desk.json("history -o json --as-of 2026-07-01T00:00:00Z")["drills"].as_array().unwrap().len(), 2);
    fs::rename(desk.path("runs").join(names[1]), desk.path("taken")).unwrap();
    let (code, out, _) = desk.run("history --period 2026");
    assert_eq!(code, 1, "{out}");
    assert!(out.contains(&format!("missing: {} (exit 0), named by {}", names[1], names[2])), "{out}");
    // Its link says that it was in the second quarter, of which nothing is left.
    assert_eq!(desk.run("history --period 2026-Q3").0, 0);
    let (code, out, _) = desk.run("history --period 2026-Q2");
    assert!(code == 1 && out.contains("0 runs, 1 missing"), "{out}");
    let (code, out, _) = desk.run("history --period 2025");
    assert!(code == 4 && out.contains("not shown that no run is missing"), "{out}");
    // Another run in its place is noticed.
    desk.drill(names[1], "2026-06-01T11:00:00Z", None, |_| ());
    let (code, out, _) = desk.run("history --period 2026");
    assert!(code == 1 && out.contains("names an end of this run that differs from the end in its directory"), "{out}");
    // A run that names no earlier one, although the folder has one, does not show what was run in between.
    fs::remove_dir_all(desk.path("runs").join(names[2])).unwrap();
    let (code, out, _) = desk.run("history --period 2026");
    assert!(code == 4 && out.contains("is not linked"), "{out}");
    assert_eq!(desk.run("history --period 26").0, 2);
}

#[test]
fn scenarios_that_were_never_run_are_named() {
    let desk = Desk::new();
    desk.three();
    fs::create_dir(desk.path("scenarios")).unwrap();
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/zone-outage.yaml")).unwrap();
    let every = text.replacen("metadata:\n", "metadata:\n  every: 90d\n", 1);
    assert_ne!(every, text);
    fs::write(desk.path("scenarios/a.yaml"), &every).unwrap();
    fs::write(desk.path("scenarios/b.yaml"), every.replacen("name: zone-outage", "name: other", 1)).unwrap();
    fs::write(desk.path("scenarios/c.yaml"), every.replacen("steps:", "stepz:", 1)).unwrap();
    fs::write(desk.path("scenarios/d.yaml"), &every).unwrap();
    fs::write(desk.path("scenarios/e.yaml"), "kind: Deployment\napiVersion: apps/v1\n").unwrap();
    let args = "history -o json --scenarios scenarios --as-of";
    let history = desk.json(&format!("{args} 2026-10-01T00:00:00Z"));
    let standing = |history: &Value| -> Vec<(String, String)> {
        let text = |v: &Value| v.as_str().unwrap().to_owned();
        history["scenarios"].as_array().unwrap().iter().map(|s| (text(&s["scenario"]), text(&s["standing"]))).collect()
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(standing(&history), [pair("other", "neverRun"), pair("zone-outage", "drilled")]);
    assert_eq!(history["scenarios"][1]["due"], "2026-11-30T10:00:00Z");
    let unread = history["unreadScenarios"].to_string();
    assert!(unread.contains("c.yaml") && unread.contains("drillmaster lint"), "{unread}");
    assert!(unread.contains("d.yaml") && unread.contains("has the same name"), "{unread}");
    let later = desk.json(&format!("{args} 2026-12-24T00:00:00Z"));
    assert_eq!(standing(&later), [pair("other", "neverRun"), pair("zone-outage", "overdue")]);
    fs::create_dir(desk.path("empty")).unwrap();
    assert_eq!(desk.run("history --scenarios empty").0, 2, "a folder without scenarios is a mistake");
    let metrics = desk.run("history -o openmetrics --scenarios scenarios --as-of 2026-12-24T00:00:00Z").1;
    assert!(metrics.ends_with("# EOF\n") && metrics.contains("drillmaster_drills{result=\"passed\"} 3\n"), "{metrics}");
    assert!(
        metrics.contains("drillmaster_scenario_overdue{scenario=\"other\",cluster=\"\",cluster_uid=\"\"} 1"),
        "{metrics}"
    );
}

const SCENARIO: &str = "apiVersion: drillmaster.dev/v1
kind: Scenario
metadata: {name: short, title: A short drill}
hypothesis: h
scope: {namespaces: [shop], critical: [deployment/web]}
probes:
  - name: p
    http: {url: \"URL/readyz\", body: {regex: ok}}
    up: {successes: 2, over: 1s}
steps:
  - {name: fault, exec: {argv: [\"true\"], undo: [\"true\"]}}
expect:
  - budgets: {everyCriticalPodCovered: true}
limits: {nodes: 34%, zones: 1, duration: 2m}
";

/// Each part that changes is named, and what is unknown is never VERIFIED.
#[test]
fn a_pass_decays_with_what_it_rested_on() {
    let front = Front::open();
    fs::create_dir(front.dir.path().join("scenarios")).unwrap();
    front.file("scenarios/short.yaml", SCENARIO);
    front.file(
        "bindings.yaml",
        "apiVersion: drillmaster.dev/v1\nkind: Bindings\nenvironment: own-kind\nannounce: URL/ok\n",
    );
    let out = front.run("scenarios/short.yaml", "bindings.yaml", &[], &[]);
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let history = |more: &[&str]| {
        let mut args = vec!["history"];
        args.extend(more);
        let out = front.program(&args, &[]);
        let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        (out.status.code().unwrap(), said)
    };
    let live = ["--context", "front", "--kubeconfig", "config", "--scenarios", "scenarios"];
    let (code, said) = history(&live);
    assert!(code == 0 && said.contains("VERIFIED") && said.contains("1 run, none missing"), "{said}");
    assert!(!said.contains("a run after the newest one"), "the list of heads in the cluster was compared: {said}");
    // A capture gives the same fingerprint as the cluster that it was taken from.
    let out = front.program(
        &["capture", "--for", "check", "--context", "front", "--kubeconfig", "config", "--out", "c.tar.gz"],
        &[],
    );
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let captured = ["--capture", "c.tar.gz", "--scenarios", "scenarios"];
    let (code, said) = history(&captured);
    assert!(code == 0 && said.contains("1 VERIFIED"), "{said}");
    // Without the scenario, it is unknown whether it changed.
    let (code, said) = history(&["--capture", "c.tar.gz"]);
    assert!(code == 4 && said.contains("because the scenario file was not compared"), "{said}");
    front.patch("/apis/apps/v1/namespaces/shop/deployments/web", &json!({"spec": {"replicas": 2}}));
    let (code, said) = history(&live);
    assert!(code == 1 && said.contains("because replicas: shop deployment/web: 3 → 2"), "{said}");
    assert!(history(&captured).0 == 0, "the capture is from before");
    let (code, said) = history(&[&captured[..2], &live[..]].concat());
    assert!(code == 1 && said.contains("3 → 2"), "the newest state of a cluster counts: {said}");
    assert!(!said.contains("a run after the newest one"), "its list of heads was compared too: {said}");
    fs::create_dir(front.dir.path().join("none")).unwrap();
    let (code, said) = history(&["none", "--capture", "c.tar.gz"]);
    assert!(code == 4 && said.contains("no drill was found to compare"), "{said}");
    let (_, said) = history(&[&["none"][..], &live[..]].concat());
    assert!(said.contains("0 runs, 1 missing"), "the cluster itself names the run: {said}");
    // A later run that is damaged may have failed.
    let runs = front.dir.path().join("runs");
    let run = fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
    let later = runs.join(format!("{}-later", run.file_name().unwrap().to_str().unwrap()));
    copy(&run, &later);
    let text = fs::read_to_string(later.join("journal.jsonl")).unwrap();
    fs::write(later.join("journal.jsonl"), text.replacen("\"PlanFrozen\"", "\"PlanMelted\"", 1)).unwrap();
    let (code, said) = history(&captured);
    assert!(code == 4 && said.contains("a later run") && said.contains("NOT PROVEN (DAMAGED)"), "{said}");
    fs::remove_dir_all(&later).unwrap();
    front.patch("/apis/apps/v1/namespaces/shop/deployments/web", &json!({"spec": {"replicas": 3}}));
    assert_eq!(history(&live).0, 0, "the state is as it was");
    front.file("scenarios/short.yaml", &SCENARIO.replace("h\nscope", "g\nscope"));
    let (code, said) = history(&live);
    assert!(code == 1 && said.contains("because the scenario file changed"), "{said}");
    let metrics = history(&[&captured[..], &["-o", "openmetrics"]].concat()).1;
    assert!(metrics.contains("status=\"needs-verification\"} 1"), "{metrics}");
}

#[test]
fn an_old_run_did_not_record_what_it_rested_on() {
    let desk = Desk::new();
    desk.drill("20260301t100000000-zone-outage", "2026-03-01T10:00:00Z", None, |lines| {
        for line in lines.iter_mut().filter(|line| line["event"]["kind"] == "PreflightDone") {
            line["event"].as_object_mut().unwrap().remove("rests_on");
        }
    });
    // Any capture: the run is on another cluster.
    let front = Front::open();
    let out = front.program(
        &["capture", "--for", "check", "--context", "front", "--kubeconfig", "config", "--out", "c.tar.gz"],
        &[],
    );
    assert_eq!(out.status.code(), Some(0));
    fs::copy(front.dir.path().join("c.tar.gz"), desk.path("c.tar.gz")).unwrap();
    let (code, out, said) = desk.run("history --capture c.tar.gz");
    assert_eq!(code, 4, "{out}{said}");
    assert!(out.contains("NEEDS VERIFICATION") && out.contains("did not record what it rests on"), "{out}");
    assert_eq!(desk.run("history --capture runs").0, 2);
}

/// Every link of the site, with its page.
fn links(site: &Path) -> Vec<(PathBuf, String)> {
    let mut found = vec![];
    let pages = [site.to_owned(), site.join("runs")].into_iter().flat_map(|dir| fs::read_dir(dir).unwrap());
    for page in pages.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "html")) {
        let text = fs::read_to_string(&page).unwrap();
        for part in text.split("href=\"").skip(1) {
            found.push((page.clone(), part.split('"').next().unwrap().replace("&#x2f;", "/")));
        }
    }
    found
}

/// What is remembered of earlier drills changes no page, in whatever order the runs are read.
fn is_remembered(desk: &Desk, names: [&str; 3]) {
    let earlier = Earlier::of(&Organisation::default());
    for (name, before) in [(names[0], 0), (names[2], 2), (names[1], 1)] {
        let dir = RunDir(desk.path("runs").join(name));
        let reading = ReadRun::from(&dir).unwrap();
        let story = report::story_of(&reading);
        earlier.remember(&dir, &story, &reading);
        let shared = earlier.beside(&dir, &reading).unwrap();
        assert_eq!(usize::from(shared.before.is_some()) + shared.earlier.len(), before, "{name}");
        let alone = report::beside(&dir, &reading, &Organisation::default()).unwrap();
        let page = |beside| report::html(&report::document(&story, &reading, &beside));
        assert_eq!(page(shared), page(alone), "{name}");
    }
}

#[test]
fn the_site_is_inert_and_its_links_lead_somewhere() {
    let desk = Desk::new();
    is_remembered(&desk, desk.three());
    let evil = "<script>alert(1)</script>\u{1b}[2J\u{202e}'\"&";
    desk.drill("20260903t100000000-evil", "2026-09-03T10:00:00Z", None, |lines| {
        lines[0]["event"]["title"] = evil.into();
        lines[0]["event"]["operator"] = evil.into();
        lines[0]["event"]["clusters"][0]["context"] = evil.into();
    });
    fs::rename(desk.path("runs/20260903t100000000-evil"), desk.path("runs/20260903t100000000-<img src=x>")).unwrap();
    let (code, out, said) = desk.run("history --html site");
    assert_eq!(code, 0, "{said}");
    assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}'), "{out}");
    let site = desk.path("site");
    let all = links(&site);
    assert!(all.len() > 20, "{all:?}");
    for (page, href) in &all {
        if let Some(id) = href.strip_prefix('#') {
            assert!(fs::read_to_string(page).unwrap().contains(&format!("id=\"{id}\"")), "{}: {href}", page.display());
        } else {
            assert!(!href.contains(':') && page.parent().unwrap().join(href).is_file(), "{}: {href}", page.display());
        }
    }
    for (page, _) in &all {
        let text = fs::read_to_string(page).unwrap();
        for bad in ["<script", "<img", "http://", "https://", "url(", "@import", "\u{1b}", "\u{202e}"] {
            let text = text.replace("http://storefront", "");
            let found = text.find(bad).map(|at| text[at.saturating_sub(60)..].chars().take(120).collect::<String>());
            // Addresses of the drill are text of its reports.
            if !(bad.starts_with("http") && page.parent().unwrap().ends_with("runs")) {
                assert!(found.is_none(), "{}: {found:?}", page.display());
            }
        }
        assert!(text.contains("default-src 'none'; style-src 'unsafe-inline'"), "{}", page.display());
        let mut reader = quick_xml::Reader::from_str(text.trim_start_matches("<!DOCTYPE html>"));
        loop {
            match reader.read_event() {
                Ok(quick_xml::events::Event::Eof) => break,
                Ok(_) => {}
                Err(error) => panic!("{}: {error}", page.display()),
            }
        }
    }
    // The same history gives the same site, and a directory with something else is not touched.
    let first = fs::read(site.join("index.html")).unwrap();
    assert_eq!(desk.run("history --html site --as-of 2099-01-01T00:00:00Z").0, 0);
    assert_eq!(desk.run("history --html site").0, 0);
    assert_eq!(fs::read(site.join("index.html")).unwrap(), first);
    fs::create_dir(desk.path("mine")).unwrap();
    fs::write(desk.path("mine/notes.txt"), "mine").unwrap();
    let (code, _, said) = desk.run("history --html mine");
    assert!(code == 2 && said.contains("contains something else"), "{said}");
    assert_eq!(fs::read_dir(desk.path("mine")).unwrap().count(), 1);
    symlink(desk.path("mine"), desk.path("elsewhere")).unwrap();
    assert!(desk.run("history --html elsewhere").2.contains("is not a directory"));
}

#[test]
fn a_comparison_names_what_got_worse() {
    let desk = Desk::new();
    let names = desk.three();
    let (a, b) = (format!("runs/{}", names[0]), format!("runs/{}", names[1]));
    let (code, out, said) = desk.run(&format!("compare {a} {b} --max-rto +20%"));
    assert_eq!(code, 0, "{out}{said}");
    assert!(out.contains("within +20%") && out.contains("RTO") && out.contains("verdict"), "{out}");
    assert!(out.contains("first failed sample"), "phases are compared: {out}");
    // Both measured the same with an error bar, so no growth at all cannot be shown.
    let (code, out, _) = desk.run(&format!("compare {a} {b} --max-rto +0%"));
    assert!(code == 4 && out.contains("lies in the error bars"), "{out}");
    let (code, out, _) = desk.run(&format!("compare {a} {b} --max-rpo +5s"));
    assert!(code == 4 && out.contains("neither run measured it"), "{out}");
    assert_eq!(desk.run("rehearse -q --seed 7").0, 0);
    let other = "runs/zone-outage-small-shop-seed-7";
    let (_, out, _) = desk.run(&format!("compare {a} {other}"));
    assert!(out.contains("one of them is a rehearsal"), "{out}");
    let json = desk.json(&format!("compare {a} {b} -o json"));
    assert_eq!(json["exit"], 0);
    let damaged = desk.path(&b).join("journal.jsonl");
    let text = fs::read_to_string(&damaged).unwrap();
    fs::write(&damaged, text.replacen("\"FaultApplied\"", "\"FaultFailed \"", 1)).unwrap();
    assert_eq!(desk.run(&format!("compare {a} {b}")).0, 2);
    assert_eq!(desk.run(&format!("compare {a} nowhere")).0, 2);
    assert_eq!(desk.run(&format!("compare {a} {b} --max-rto 20%")).0, 2);
}

/// Answers requests with these statuses, and returns what was sent.
fn listener(statuses: Vec<&'static str>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let heard = std::thread::spawn(move || {
        let mut all = vec![];
        for status in statuses {
            let (mut stream, _) = socket.accept().unwrap();
            let (mut text, mut part) = (vec![], [0; 4096]);
            loop {
                let read = stream.read(&mut part).unwrap();
                text.extend_from_slice(&part[..read]);
                let said = String::from_utf8_lossy(&text).into_owned();
                let Some((head, body)) = said.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                if read == 0 || body.len() >= length.unwrap_or(0) {
                    break;
                }
            }
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
            all.push(String::from_utf8_lossy(&text).into_owned());
        }
        all
    });
    (url, heard)
}

#[test]
fn a_run_leaves_as_metrics_as_a_trace_and_as_a_message() {
    let desk = Desk::new();
    let [name, ..] = desk.three();
    let (code, metrics, said) = desk.run(&format!("export runs/{name}"));
    assert_eq!(code, 0, "{said}");
    assert!(metrics.ends_with("# EOF\n") && metrics.contains("result=\"passed\"} 1\n"), "{metrics}");
    let mut families = std::collections::BTreeSet::new();
    for line in metrics.lines().filter_map(|l| l.strip_prefix("# TYPE ")) {
        assert!(families.insert(line.to_owned()), "a family is declared once: {line}");
    }
    let trace = desk.json(&format!("export runs/{name} --format otlp-json"));
    let spans = trace["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let root = &spans[0];
    assert!(root["traceId"].as_str().unwrap().len() == 32 && root["spanId"].as_str().unwrap().len() == 16);
    assert!(spans.len() > 2, "{trace:#}");
    let nanos = |v: &Value| v.as_str().unwrap().parse::<u64>().unwrap();
    for span in &spans[1..] {
        assert_eq!((&span["traceId"], &span["parentSpanId"]), (&root["traceId"], &root["spanId"]));
        assert!(nanos(&span["startTimeUnixNano"]) >= nanos(&root["startTimeUnixNano"]), "{span:#}");
        assert!(nanos(&span["startTimeUnixNano"]) <= nanos(&span["endTimeUnixNano"]), "{span:#}");
        assert!(nanos(&span["endTimeUnixNano"]) <= nanos(&root["endTimeUnixNano"]), "{span:#}");
    }
    assert_eq!(root["status"]["code"], 1);
    let (url, heard) = listener(vec!["200 OK", "204 No Content"]);
    let args = format!("export runs/{name} --otlp {url}/v1/traces --webhook-env HOOK");
    let hook = format!("{url}/hook?token=PLANTED");
    let env = [("HOOK", hook.as_str()), ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20PLANTED")];
    let (code, out, said) = desk.run_with(&args, &env);
    assert!(code == 0 && out.is_empty() && !said.contains("PLANTED"), "{out}{said}");
    let heard = heard.join().unwrap();
    assert!(heard[0].starts_with("POST /v1/traces") && heard[0].contains("Bearer PLANTED"), "{}", heard[0]);
    assert!(heard[1].starts_with("POST /hook?token=PLANTED"), "{}", heard[1]);
    let body: Value = serde_json::from_str(heard[1].split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&body["run"], &body["result"]), (&json!(name), &json!("passed")));
}

#[test]
fn a_refused_message_is_an_error_without_its_address() {
    let desk = Desk::new();
    let (url, heard) = listener(vec!["403 Forbidden"]);
    let run = "export runs/zone-outage-small-shop-seed-1";
    let (code, _, said) = desk.run(&format!("{run} --webhook {url}/PLANTED"));
    assert!(code == 74 && said.contains("403 Forbidden") && !said.contains("PLANTED"), "{code} {said}");
    heard.join().unwrap();
    // Nothing listens there.
    let (code, _, said) = desk.run(&format!("{run} --otlp http://u:PLANTED@127.0.0.1:1/v1/traces"));
    assert!(code == 74 && said.contains("cannot send the trace") && !said.contains("PLANTED"), "{code} {said}");
    // An endpoint that never answers is given up.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/PLANTED", silent.local_addr().unwrap());
    let (code, _, said) = desk.run(&format!("{run} --webhook {url} --within 200ms"));
    assert!(code == 74 && said.contains("no answer in time") && !said.contains("PLANTED"), "{code} {said}");
    for wrong in ["--webhook PLANTED", "--otlp ftp://h/PLANTED", "--webhook-env NOT_SET_ANYWHERE"] {
        let (code, _, said) = desk.run(&format!("{run} {wrong}"));
        assert!(code == 2 && !said.contains("PLANTED"), "{wrong}: {code} {said}");
    }
}
