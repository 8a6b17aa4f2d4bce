//! `check --diff`: what is new and what is gone between two states of the same files; and the groups of the text for
//! people.

use std::{fs, path::Path, process::Command};

use drillmaster::{
    files::fold_lines,
    inventory::{ObjectSet, ReviewSource, read_text},
    model::{Compared, Exit, Novelty, Readiness, Review, Ruling, Severity, State, Subject},
    readiness::{ReviewSettings, against_base, review},
    report::{self, GroupBy},
};

use crate::{
    checks::{now, settings},
    golden,
};

fn set(files: &[(&str, &str)]) -> ObjectSet {
    let mut object_set = ObjectSet::default();
    for (name, text) in files {
        read_text(&mut object_set, name, text);
    }
    assert!(!object_set.broken, "{:?}", object_set.notes);
    object_set.settle();
    object_set
}

/// The review of some files, compared with that of others.
fn compare_with(base: &[(&str, &str)], head: &[(&str, &str)], settings: &ReviewSettings) -> Review {
    let (base, head) = (set(base), set(head));
    let of = |object_set: &ObjectSet| review(object_set, settings, "shop", "full", now());
    let (earlier, mut review) = (of(&base), of(&head));
    against_base(&mut review, &earlier, "main (1a2b3c4d5e6f)", &head, settings);
    review
}

fn compare(base: &str, head: &str, only: &str) -> Review {
    compare_with(&[("shop.yaml", base)], &[("shop.yaml", head)], &settings("", only))
}

fn counts(review: &Review) -> (usize, usize, usize) {
    let Compared { new, gone, stayed, .. } = review.compared.as_ref().unwrap();
    (*new, *gone, *stayed)
}

fn outcome(review: &Review) -> Novelty {
    review.compared.as_ref().unwrap().outcome
}

fn deployment(name: &str, namespace: &str, replicas: u32, containers: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{team: {namespace}-team}}}}\n\
         spec:\n  replicas: {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: \
         {name}}}}}\n    spec: {{containers: [{containers}]}}\n---\n"
    )
}

fn web(replicas: u32) -> String {
    deployment("web", "shop", replicas, "{name: web, image: 'i:1'}")
}

#[test]
fn files_and_lines_do_not_make_a_finding_new() {
    let (one, two) = (web(1), deployment("api", "shop", 1, "{name: api, image: 'i:1'}"));
    let both = one.clone() + &two;
    let turned = format!("# a comment\n\n{two}{one}");
    let moved = compare_with(&[("a.yaml", &both)], &[("b/renamed.yaml", &turned)], &ReviewSettings::default());
    let (new, gone, stayed) = counts(&moved);
    assert_eq!((new, gone, outcome(&moved)), (0, 0, Novelty::Nothing), "{:#?}", moved.results);
    assert!(stayed > 5 && moved.verdict == Readiness::NotReady, "the whole is still judged");
    assert_eq!(moved.exit(), Exit::Passed);
    // The same object in two files is one object.
    let twice = compare_with(&[("a.yaml", &one)], &[("a.yaml", &one), ("b.yaml", &one)], &ReviewSettings::default());
    assert_eq!((counts(&twice).0, counts(&twice).1), (0, 0));
    // The place of a container in its list does not count either.
    let order = |containers: &str| deployment("web", "shop", 2, containers);
    let (a, b) = ("{name: a, image: 'i:1'}", "{name: b, image: 'i:latest'}");
    let swapped = compare(&order(&format!("{a}, {b}")), &order(&format!("{b}, {a}")), "*");
    assert_eq!((counts(&swapped).0, counts(&swapped).1), (0, 0), "{:#?}", swapped.gone);
}

#[test]
fn what_is_new_blocks_and_what_stayed_does_not() {
    let added = web(1) + &deployment("api", "shop", 1, "{name: api, image: 'i:1'}");
    let more = compare(&web(1), &added, "WRK-001");
    assert_eq!((counts(&more), outcome(&more)), ((1, 0, 1), Novelty::Blockers));
    assert_eq!(more.exit(), Exit::Refused);
    let mended = compare(&web(1), &web(2), "WRK-001");
    assert_eq!((counts(&mended), outcome(&mended)), ((0, 1, 0), Novelty::Nothing));
    // A new finding that does not block is a warning.
    let warned = compare(&web(2), &web(2).replace("i:1", "i:latest"), "IMG-003,IMG-002");
    assert_eq!(warned.exit(), Exit::Passed, "{:#?}", warned.compared);
    // An object in another namespace is another object.
    let away = compare(&web(1), &web(1).replace("namespace: shop", "namespace: store"), "WRK-001");
    assert_eq!((counts(&away), outcome(&away)), ((1, 1, 0), Novelty::Blockers));
    // The first state of a file has only new findings.
    let first = compare("", &web(1), "WRK-001");
    assert_eq!((counts(&first), outcome(&first)), ((1, 0, 0), Novelty::Blockers));
}

#[test]
fn another_item_of_a_list_is_another_finding() {
    let secret = |name: &str| {
        let env = format!("[{{name: OTHER, value: x}}, {{name: {name}, value: 'hunter2-hunter2'}}]");
        deployment("web", "shop", 2, &format!("{{name: web, image: 'i:1', env: {env}}}"))
    };
    let before = secret("DB_PASSWORD");
    let swapped = compare(&before, &secret("API_TOKEN"), "SEC-001");
    assert_eq!(counts(&swapped), (1, 1, 0), "{:#?}", swapped.results);
    let moved = before.replace("{name: OTHER, value: x}", "{name: A, value: x}, {name: OTHER, value: x}");
    assert_eq!(counts(&compare(&before, &moved, "SEC-001")), (0, 0, 1));
}

fn ruling(state: State, severity: Severity) -> Ruling {
    let base = review(&set(&[("a.yaml", &web(1))]), &settings("", "WRK-001"), "shop", "full", now());
    let found = base.results.into_iter().find(|r| r.state == State::Fail).unwrap();
    Ruling { state, severity, ..found }
}

/// Compares reviews with these results only.
fn of_results(base: Vec<Ruling>, head: Vec<Ruling>) -> Review {
    let head_set = set(&[("a.yaml", &web(1))]);
    let review = review(&head_set, &settings("", "WRK-001"), "shop", "full", now());
    let earlier = Review { results: base, ..review.clone() };
    let mut review = Review { results: head, ..review };
    against_base(&mut review, &earlier, "main", &head_set, &ReviewSettings::default());
    review
}

#[test]
fn what_got_worse_is_new_and_what_cannot_be_seen_is_not_gone() {
    let fail = |severity| vec![ruling(State::Fail, severity)];
    let worse = of_results(fail(Severity::Low), fail(Severity::High));
    assert_eq!((counts(&worse), outcome(&worse)), ((1, 0, 0), Novelty::Blockers));
    let better = of_results(fail(Severity::High), fail(Severity::Low));
    assert_eq!((counts(&better), outcome(&better)), ((0, 0, 1), Novelty::Nothing));
    let unseen = of_results(fail(Severity::High), vec![ruling(State::Unknown, Severity::High)]);
    assert_eq!((counts(&unseen), outcome(&unseen)), ((1, 0, 0), Novelty::CannotDetermine));
    assert_eq!(unseen.exit(), Exit::Inconclusive);
    // A finding that is set aside now is not gone, and one that is no longer set aside is new.
    let waived = || vec![ruling(State::Waived, Severity::High)];
    assert_eq!(counts(&of_results(fail(Severity::High), waived())), (0, 0, 0));
    assert_eq!(outcome(&of_results(waived(), fail(Severity::High))), Novelty::Blockers);
    // Of two equal findings, one is gone.
    let twice = [fail(Severity::High), fail(Severity::High)].concat();
    assert_eq!(counts(&of_results(twice.clone(), fail(Severity::High))), (0, 1, 1));
    assert_eq!(counts(&of_results(fail(Severity::High), twice)), (1, 0, 1));
}

#[test]
fn what_is_left_out_now_is_not_gone() {
    let system = deployment("dns", "kube-system", 1, "{name: dns, image: 'i:1'}");
    let left = compare(&system, &(system.clone() + &web(2)), "WRK-001");
    assert_eq!(counts(&left), (0, 0, 0), "{:#?}", left.gone);
    assert!(left.notes.iter().any(|n| n.contains("they are not gone")), "{:?}", left.notes);
}

#[test]
fn ten_thousand_findings_are_compared_and_shown() {
    let one = ruling(State::Fail, Severity::High);
    let many = |from: usize, to: usize| -> Vec<Ruling> {
        let named = |i| Ruling { subject: Subject { name: format!("w{i}"), ..one.subject.clone() }, ..one.clone() };
        (from..to).map(named).collect()
    };
    let review = of_results(many(0, 10_000), many(10, 10_010));
    assert_eq!(counts(&review), (10, 10, 9_990));
    for by in [GroupBy::Check, GroupBy::Object, GroupBy::Owner] {
        let text = report::review_human(&review, false, by);
        assert!(text.lines().count() < 60, "{text}");
    }
}

fn sample() -> (String, String) {
    let base = web(2) + &deployment("mail", "post", 1, "{name: mail, image: 'mail:2'}");
    let head = web(1) + &deployment("api", "shop", 2, "{name: api, image: 'api:latest'}");
    (base, head)
}

fn at_80(text: &str) -> String {
    fold_lines(text, Some(80))
}

#[test]
fn what_a_person_reads_of_a_comparison_and_of_groups() {
    let (base, head) = sample();
    let all = ReviewSettings { drills: ["drain".to_owned()].into(), ..ReviewSettings::default() };
    let compared = compare_with(&[("shop.yaml", &base)], &[("shop.yaml", &head)], &all);
    golden::check("check-diff.txt", &at_80(&report::review_human(&compared, false, GroupBy::Check)));
    let whole = review(&set(&[("shop.yaml", &(base + &head))]), &ReviewSettings::default(), "shop", "full", now());
    golden::check("check-by-object.txt", &at_80(&report::review_human(&whole, false, GroupBy::Object)));
    golden::check("check-by-owner.txt", &at_80(&report::review_human(&whole, false, GroupBy::Owner)));
}

#[test]
fn what_programs_read_of_a_comparison() {
    let (base, head) = sample();
    let compared = compare(&base, &head, "WRK-001");
    let json: serde_json::Value = serde_json::from_str(&report::review_json(&compared)).unwrap();
    let wanted = serde_json::json!({"base": "main (1a2b3c4d5e6f)", "outcome": "blockers", "new": 1, "blocking": 1, "stayed": 0, "gone": 1});
    assert_eq!(json["compared"], wanted);
    assert_eq!(json["gone"][0]["subject"]["name"], "mail");
    assert_eq!(json["results"][0]["blocks"], serde_json::json!(["drain", "node", "zone"]));
    let sarif: serde_json::Value = serde_json::from_str(&report::review_sarif(&compared)).unwrap();
    let run = &sarif["runs"][0];
    let states: Vec<&str> =
        run["results"].as_array().unwrap().iter().map(|r| r["baselineState"].as_str().unwrap()).collect();
    assert_eq!((states, &run["invocations"][0]["exitCode"]), (vec!["new", "absent"], &3.into()));
    let markdown = report::review_markdown(&compared);
    assert!(markdown.contains("## New") && markdown.contains("## Gone") && !markdown.contains("known"), "{markdown}");
}

/// A repository with one commit, and the program in it.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new(files: &[(&str, &str)]) -> Self {
        let here = Self(tempfile::tempdir().unwrap());
        here.git(&["init", "--quiet", "--initial-branch=main"]);
        here.write(files);
        here.git(&["add", "--all"]);
        here.git(&["commit", "--quiet", "--message=one"]);
        here
    }

    fn write(&self, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    fn git(&self, words: &[&str]) -> String {
        let mut git = Command::new("git");
        git.current_dir(self.0.path()).args(["-c", "user.name=a", "-c", "user.email=a@example.org"]).args(words);
        let out = git.output().expect("git runs");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    fn check(&self, words: &[&str], path: Option<&Path>) -> (i32, String, String) {
        let mut program = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
        program.current_dir(self.0.path()).arg("check").args(words).stdin(std::process::Stdio::null());
        if let Some(path) = path {
            program.env("PATH", path);
        }
        let out = program.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
    }
}

#[test]
fn a_revision_is_the_base_and_nothing_in_the_repository_changes() {
    let here = Repository::new(&[("shop/web.yaml", &web(1)), ("shop/odd.json", "{}")]);
    let only = ["shop", "--only", "WRK-001", "--diff"];
    let with = |base: &str| here.check(&[&only[..], &[base]].concat(), None);
    let (code, out, err) = with("main");
    assert!(
        code == 0 && out.contains("NOTHING NEW  shop, compared with main (") && out.contains("NOT READY"),
        "{out}{err}"
    );
    // The files of the working directory count, whether git knows them or not.
    here.git(&["mv", "shop/web.yaml", "shop/moved.yaml"]);
    here.write(&[("shop/api.yaml", &deployment("api", "shop", 1, "{name: api, image: 'i:1'}"))]);
    let before = here.git(&["status", "--porcelain"]);
    let (code, out, err) = with("HEAD");
    assert!(code == 3 && out.contains("1 new (1 blocks), 0 gone, 1 stayed"), "{out}{err}");
    assert!(out.contains("Deployment shop/api") && !out.contains("Deployment shop/web"), "{out}");
    assert_eq!(here.git(&["status", "--porcelain"]), before);
    assert_eq!(here.git(&["worktree", "list"]).lines().count(), 1);
    // What is gone has the path that the user named.
    fs::remove_file(here.0.path().join("shop/moved.yaml")).unwrap();
    let (_, out, _) = with("HEAD");
    assert!(out.contains("Deployment shop/web: 1 replica; at least 2 are needed (shop/web.yaml:"), "{out}");
    // A folder that the revision does not have.
    here.write(&[("new/api.yaml", &web(1))]);
    let (code, out, err) = here.check(&["new", "--only", "WRK-001", "--diff", "main"], None);
    assert!(code == 3 && out.contains("has no manifests in new: everything in it counts as new"), "{out}{err}");
}

#[test]
fn a_base_that_cannot_be_read_is_an_error_and_not_nothing_new() {
    let here = Repository::new(&[("shop/web.yaml", &web(2)), ("bad/web.yaml", "kind: [\n"), ("none/a.txt", "")]);
    let wrong = |words: &[&str], said: &[&str]| {
        let (code, out, err) = here.check(words, None);
        let all = said.iter().all(|text| err.contains(text));
        assert!(code == 2 && out.is_empty() && all, "{words:?}: {code}\n{out}\n{err}");
    };
    wrong(&["shop", "--diff", "mian"], &["mian is neither a file nor a directory", "has no such revision", "fetch"]);
    wrong(&["shop", "--diff=--output=x"], &["has no such revision"]);
    wrong(&["shop", "--diff", "bad"], &["some of bad could not be read, so nothing was compared", "bad/web.yaml:"]);
    wrong(&["shop", "--diff", "none"], &["none contains no .yaml"]);
    wrong(&["-", "--diff", "main", "--allow-empty"], &["standard input has no revisions"]);
    wrong(&["shop", "--diff", "main", "--output", "junit"], &["only the formats human, json, sarif and markdown"]);
    wrong(&["shop", "--output", "json", "--group-by", "owner"], &["--group-by changes only the format human"]);
    // The base was broken, and is mended now.
    here.write(&[("bad/web.yaml", &web(2))]);
    wrong(&["bad", "--diff", "main"], &["some of main (", "nothing was compared", "bad/web.yaml:1: this is not YAML"]);
    // The files are broken now.
    here.write(&[("shop/web.yaml", "kind: [\n"), ("shop/b.yaml", &web(2))]);
    wrong(&["shop", "--diff", "main"], &["some of the input could not be read, so nothing was compared"]);
    let empty = tempfile::tempdir().unwrap();
    here.write(&[("shop/web.yaml", &web(2))]);
    let (code, _, err) = here.check(&["shop", "--diff", "main"], Some(empty.path()));
    assert!(code == 2 && err.contains("is not installed"), "{err}");
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("web.yaml");
    fs::write(&file, web(2)).unwrap();
    let (code, _, err) = here.check(&[file.to_str().unwrap(), "--diff", "main"], None);
    assert!(code == 2 && err.contains("git finds no repository around"), "{err}");
}

#[test]
fn a_capture_says_what_a_loss_would_leave_and_files_do_not() {
    let node = |name: &str, zone: &str| {
        format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {{topology.kubernetes.io/zone: {zone}}}}}\n\
             status: {{conditions: [{{type: Ready, status: 'True'}}]}}\n---\n"
        )
    };
    let pod = |n: u32, node: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web-{n}, namespace: shop, labels: {{app: web, pod-template-hash: x}}, \
             ownerReferences: [{{apiVersion: apps/v1, kind: ReplicaSet, name: web-x, uid: u, controller: true}}]}}\nspec: {{nodeName: \
             {node}, containers: [{{name: web, image: 'i:1'}}]}}\nstatus: {{phase: Running, conditions: [{{type: Ready, status: \
             'True'}}]}}\n---\n"
        )
    };
    let text =
        node("n1", "a") + &node("n2", "b") + &node("n3", "b") + &web(3) + &pod(1, "n1") + &pod(2, "n2") + &pod(3, "n2");
    let of = |source, only: &str| {
        let found = crate::checks::asked(&text, "", only, source);
        let fails = found.results.into_iter().filter(|r| r.state == State::Fail);
        fails.map(|r| r.consequence).collect::<Vec<_>>()
    };
    assert_eq!(of(ReviewSource::Capture, "ZON-002"), ["losing zone b leaves 1 of 3 ready pods"]);
    assert_eq!(of(ReviewSource::Capture, "AFF-001"), ["losing node n2 leaves 1 of 3 ready pods"]);
    assert_eq!(of(ReviewSource::Manifests, "ZON-002"), [""]);
}
