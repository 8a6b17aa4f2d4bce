//! The fix plan of files: a diff that applies, changes nothing else, and gives exactly the objects that were reviewed
//! again before it was shown.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    sync::Arc,
};

use drillmaster::{
    inventory::{Object, ObjectSet, Origin, Rendered, ReviewSource},
    model::{Change, FilePlan, Review, Ruling, State},
    readiness::{Folder, ReviewSettings, plan_for_files, review, try_changes},
    report,
};

use crate::{
    checks::{now, object_set, part},
    remedies::changed,
};

/// A review whose changes were tried, with the plan for its only file.
struct Planned {
    review: Review,
    more: Vec<Ruling>,
    plan: FilePlan,
}

/// `from` says what the objects were rendered from, if they were.
fn planned(text: &str, from: Option<Rendered>) -> Planned {
    let mut objects = object_set(text, ReviewSource::Manifests);
    objects.rendered.extend(from.map(|from| (Arc::from("example.yaml"), from)));
    let settings = ReviewSettings::default();
    let mut review = review(&objects, &settings, "shop", "full", now());
    let more = try_changes(&objects, &settings, now(), &mut review);
    let folder = Folder {
        name: "shop".to_owned(),
        path: &|_| Ok("k/example.yaml".to_owned()),
        text: &|_| Ok(text.to_owned()),
        exists: &|path| path == "k/example.yaml",
    };
    let plan = plan_for_files(&objects, &review, &more, &folder);
    Planned { review, more, plan }
}

/// Applies a diff in a folder.
fn applied(folder: &Path, diff: &str, program: &[&str]) {
    fs::write(folder.join("plan.diff"), diff).unwrap();
    let (first, rest) = program.split_first().unwrap();
    let mut command = Command::new(first);
    let input = fs::File::open(folder.join("plan.diff")).unwrap();
    let output: Output = command.args(rest).current_dir(folder).stdin(Stdio::from(input)).output().unwrap();
    assert!(output.status.success(), "{program:?}: {}\n{diff}", String::from_utf8_lossy(&output.stderr));
    fs::remove_file(folder.join("plan.diff")).unwrap();
}

/// The text of all manifests in a folder.
fn manifests(folder: &Path) -> String {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap() + "\n---\n").collect()
}

fn without_places(objects: ObjectSet) -> BTreeMap<String, Vec<Object>> {
    let mut objects = objects.objects;
    objects.values_mut().flatten().for_each(|object| object.origin = Origin::default());
    objects
}

#[test]
fn the_diff_gives_exactly_the_reviewed_objects() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks");
    let (mut files, mut created) = (0, 0);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = part(&text, "fails");
        // Some examples hold what a monitoring system answers, and not manifests; `changed` does not read lists.
        if text.contains("readings:") || text.contains("\nitems:") {
            continue;
        }
        let Planned { review, more, plan } = planned(text, None);
        if plan.files.is_empty() {
            continue;
        }
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("k")).unwrap();
        fs::write(root.path().join("k/example.yaml"), text).unwrap();
        applied(root.path(), &report::fix_diff(&review, &more, &plan), &["git", "apply", "-p1"]);

        let after = object_set(&manifests(&root.path().join("k")), ReviewSource::Manifests);
        let failed = review.results.iter().filter(|r| r.state == State::Fail).chain(&more);
        let live = failed.filter_map(|r| r.remedy.as_ref()).filter(|remedy| !remedy.is_held_back());
        let live: BTreeMap<String, &Change> = live.map(|remedy| (remedy.change.text(), &remedy.change)).collect();
        let mut expected = text.to_owned();
        for (name, change) in live {
            if !plan.elsewhere.contains_key(&name) {
                expected = changed(&expected, change);
                created += usize::from(matches!(change, Change::Create(_)));
            }
        }
        let expected = object_set(&expected, ReviewSource::Manifests);
        assert_eq!(without_places(after), without_places(expected), "{}", path.display());
        files += 1;
    }
    assert!(files > 20 && created > 5, "too few examples have a plan: {files} files, {created} new objects");
}

const SHOP: &str = "# The web front end. Ask team-web before a change.
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}   # one line is enough
spec:
    # the ü in this comment is two bytes
    replicas: 1    # cheap
    selector: { matchLabels: {app: web} }
    template:
        metadata:
            labels:
                app: web
        spec:
            # the only container
            containers:
            -   image: \"r.example/web:1\"
                name: web
                args: [ \"a\",   'b' ]
";

#[test]
fn comments_order_and_format_stay() {
    let Planned { review, more, plan } = planned(SHOP, None);
    assert!(plan.elsewhere.is_empty(), "{:?}", plan.elsewhere);
    let diff = report::fix_diff(&review, &more, &plan);
    crate::golden::check("fix-diff.txt", &diff);
    let gone: Vec<&str> = diff.lines().filter(|l| l.starts_with('-') && !l.starts_with("---")).collect();
    assert_eq!(gone, ["-    replicas: 1    # cheap"], "{diff}");
    for added in [
        "+    replicas: 2    # cheap",
        "+            automountServiceAccountToken: false",
        "+kind: PodDisruptionBudget",
    ] {
        assert!(diff.lines().any(|line| line == added), "{added}: {diff}");
    }
    assert!(diff.contains("+++ b/k/web-poddisruptionbudget.yaml\n"), "{diff}");
    // What a person has to decide is in no part that applies.
    assert!(!diff.lines().any(|line| line.starts_with('+') && line.contains("NetworkPolicy")), "{diff}");
}

/// Windows line breaks, no line break at the end, JSON, flow style and lists.
#[test]
fn every_form_of_a_file_can_be_changed() {
    let json = serde_json::to_string_pretty(&serde_saphyr::from_str::<serde_json::Value>(SHOP).unwrap()).unwrap();
    let line = serde_saphyr::from_str::<serde_json::Value>(SHOP).unwrap().to_string();
    let list: String = SHOP.lines().map(|l| format!("  {l}\n")).collect();
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n-{}",
        list.split_once("before a change.\n").unwrap().1.split_at(1).1
    );
    for text in [SHOP.replace('\n', "\r\n"), SHOP.trim_end().to_owned(), json, line, list] {
        let Planned { review, more, plan } = planned(&text, None);
        assert!(plan.elsewhere.is_empty(), "{:?}\n{text}", plan.elsewhere);
        let diff = report::fix_diff(&review, &more, &plan);
        let mut results = vec![];
        for program in [&["git", "apply", "-p1"][..], &["patch", "-p1", "--binary"]] {
            if which::which(program[0]).is_err() {
                continue;
            }
            let root = tempfile::tempdir().unwrap();
            fs::create_dir(root.path().join("k")).unwrap();
            fs::write(root.path().join("k/example.yaml"), &text).unwrap();
            applied(root.path(), &diff, program);
            results.push(fs::read_to_string(root.path().join("k/example.yaml")).unwrap());
        }
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{results:?}");
        let after = object_set(&results[0], ReviewSource::Manifests);
        let web = &after.any("Deployment.apps")[0];
        assert_eq!(web.at("/spec/replicas"), 2, "{}", results[0]);
        assert_eq!(web.at("/spec/template/spec/automountServiceAccountToken"), false);
    }
}

#[test]
fn what_has_no_exact_place_becomes_a_manifest() {
    let chart = planned(SHOP, Some(Rendered::Chart("charts/web".into())));
    assert!(chart.plan.files.is_empty(), "{:?}", chart.plan.files);
    let text = report::fix_diff(&chart.review, &chart.more, &chart.plan);
    assert!(
        text.contains(
            "# NOT IN THE DIFF: it is rendered from the chart charts/web: change its values or its templates\n"
        )
    );
    assert!(
        text.contains("#   replicas: 2\n") && text.lines().all(|line| line.is_empty() || line.starts_with('#')),
        "{text}"
    );

    // The pod of `api` is a flow map behind an anchor, so its first byte is not its bracket.
    let anchor = SHOP.replace("    template:\n", "    template: &t\n")
        + "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, namespace: shop}\nspec:\n  replicas: 1\n  selector: &s\n    \
           matchLabels: {app: api}\n  template: {metadata: {labels: {app: api}}, spec: &p {containers: [{name: c, image: 'i:1'}]}}\n";
    let refused = planned(&anchor, None).plan.elsewhere;
    assert!(refused.values().any(|left| left.manifest.contains("name: api")), "{refused:?}");
    assert!(refused.values().all(|left| !left.manifest.contains("name: web")), "{refused:?}");
}

#[test]
fn a_diff_shows_no_line_of_a_secret() {
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop}\nstringData: {password: hunter22}\n---\n";
    let line = serde_saphyr::from_str::<serde_json::Value>(SHOP).unwrap().to_string();
    let Planned { review, more, plan } = planned(&format!("{secret}{line}\n"), None);
    let diff = report::fix_diff(&review, &more, &plan);
    assert!(!diff.contains("hunter22"), "{diff}");
    assert!(diff.contains("the lines beside it are those of a Secret"), "{diff}");
}

#[test]
fn a_kustomization_gets_an_overlay() {
    let plan = planned(SHOP, Some(Rendered::Kustomization("k".into()))).plan;
    let paths: Vec<&str> = plan.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "k-fix-plan/kustomization.yaml",
            "k-fix-plan/shop-web-deployment.yaml",
            "k-fix-plan/shop-web-poddisruptionbudget.yaml"
        ]
    );
    assert!(plan.elsewhere.is_empty() && plan.notes.len() == 1, "{plan:?}");
    for line in ["../k", "shop-web-poddisruptionbudget.yaml", "path: shop-web-deployment.yaml"] {
        assert!(plan.files[0].text.contains(line), "{line}: {}", plan.files[0].text);
    }
    let patch = &plan.files[1].text;
    for line in [
        "+apiVersion: apps/v1\n",
        "+  namespace: shop\n",
        "+  replicas: 2\n",
        "+      automountServiceAccountToken: false\n",
    ] {
        assert!(patch.contains(line), "{line}: {patch}");
    }
}

/// The program itself: the diff applies in the folder that it names, and the review of the result has nothing new.
#[test]
fn the_diff_of_a_folder_applies_in_the_folder() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("shop/my apps")).unwrap();
    fs::write(root.path().join("shop/my apps/web.yaml"), SHOP).unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
        command.args(args).current_dir(root.path()).env("NO_COLOR", "1").output().unwrap()
    };
    let plan = run(&["check", "shop", "--output", "fix-plan", "--write", "json=before.json"]);
    let diff = String::from_utf8(plan.stdout).unwrap();
    assert!(diff.contains("#   git -C shop apply -p1 < FILE\n"), "{diff}");
    applied(&root.path().join("shop"), &diff, &["git", "apply", "-p1"]);
    assert!(root.path().join("shop/my apps/web-poddisruptionbudget.yaml").is_file());
    let after = run(&["check", "shop", "--baseline", "before.json", "--output", "json"]);
    let after: Review = serde_json::from_slice(&after.stdout).unwrap();
    let new: Vec<&Ruling> = after.results.iter().filter(|r| r.state == State::Fail && !r.known).collect();
    assert!(new.is_empty(), "{new:#?}");
    // Another form, and where a form does not fit.
    let script = run(&["check", "shop", "--output", "fix-plan", "--plan-as", "script"]);
    assert!(String::from_utf8_lossy(&script.stdout).starts_with("#!/bin/sh"));
    let alone = run(&["check", "shop", "--plan-as", "script"]);
    assert!(String::from_utf8_lossy(&alone.stderr).contains("add --output fix-plan"));
    let stdin = run(&["check", "-", "--allow-empty", "--output", "fix-plan", "--plan-as", "diff"]);
    assert!(String::from_utf8_lossy(&stdin.stderr).contains("reads no files"), "{stdin:?}");
}

#[test]
fn a_link_is_not_changed() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("shop")).unwrap();
    fs::write(root.path().join("web.yaml"), SHOP).unwrap();
    std::os::unix::fs::symlink("../web.yaml", root.path().join("shop/web.yaml")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_drillmaster"));
    let out = command.args(["check", "shop", "--output", "fix-plan"]).current_dir(root.path()).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.contains("shop/web.yaml is a link: change the file that it leads to"), "{text}");
    assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')), "{text}");
}
