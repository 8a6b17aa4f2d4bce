//! The messages for a person who writes a first cluster file and a first scenario, from an empty directory with the program
//! alone. The files in tests/newcomer have the mistakes that such people make: the first of each pair is written from
//! knowledge of other tools, the second after its messages were read, the third works.

use std::{path::Path, process::Command};

use super::golden;

struct Desk(tempfile::TempDir);

impl Desk {
    /// A directory with these files of tests/newcomer, under the names that the newcomer gave them.
    fn with(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (from, to) in files {
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/newcomer").join(from);
            std::fs::copy(from, dir.path().join(to)).unwrap();
        }
        Self(dir)
    }

    fn says(&self, args: &[&str]) -> String {
        let out = Command::new(env!("CARGO_BIN_EXE_drillmaster"))
            .current_dir(self.0.path())
            .env("NO_COLOR", "1")
            .args(args)
            .output()
            .unwrap();
        let said = [out.stdout, out.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        format!("$ drillmaster {}\n{said}exit {}\n\n", args.join(" "), out.status.code().unwrap())
    }
}

#[test]
fn the_first_attempt_names_every_mistake_at_once() {
    let desk = Desk::with(&[("cluster-1.yaml", "cluster.yaml"), ("drill-1.yaml", "drill.yaml")]);
    golden::check("newcomer-cluster-1.txt", &desk.says(&["lint", "cluster.yaml"]));
    golden::check("newcomer-drill-1.txt", &desk.says(&["lint", "drill.yaml"]));
}

#[test]
fn the_second_attempt_finds_what_is_left() {
    let desk = Desk::with(&[("cluster-2.yaml", "cluster.yaml"), ("drill-2.yaml", "drill.yaml")]);
    golden::check("newcomer-cluster-2.txt", &desk.says(&["lint", "cluster.yaml"]));
    let desk = Desk::with(&[("cluster-3.yaml", "cluster.yaml"), ("drill-2.yaml", "drill.yaml")]);
    golden::check("newcomer-drill-2.txt", &desk.says(&["rehearse", "drill.yaml", "--cluster", "cluster.yaml"]));
}

#[test]
fn the_third_attempt_is_a_rehearsal() {
    let desk = Desk::with(&[("cluster-3.yaml", "cluster.yaml"), ("drill-3.yaml", "drill.yaml")]);
    let said = desk.says(&["lint", "cluster.yaml", "drill.yaml"]);
    assert!(said.contains("exit 0") && !said.contains("warning"), "{said}");
    let said = desk.says(&["rehearse", "drill.yaml", "--cluster", "cluster.yaml"]);
    assert!(said.contains("exit 0: passed"), "{said}");
}

/// One typing error at a time in a scenario that works: one message, with the line and with what would be right.
#[test]
fn one_typing_error_has_one_message() {
    let right =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/newcomer/drill-3.yaml")).unwrap();
    let has = "it has deployment/api, deployment/web, statefulset/db";
    for (from, to, line, wanted) in [
        ("workload: deployment/api", "workload: deployment/apo", 23, format!("has no deployment/apo; {has}")),
        ("deployment/api], atMost", "deployment/apo], atMost", 17, format!("has no deployment/apo; {has}")),
        ("deployment/api], atMost", "api], atMost", 17, "did you mean `deployment/api`?".into()),
        ("critical: [deployment/web", "critical: [deployment/wbe", 7, "shop has deployment/api, deployment/web".into()),
        ("namespaces: [shop]", "namespaces: [shoop]", 6, "namespace `shoop` does not exist; the namespaces are".into()),
        ("rto: 5m}", "rto: 5m, of: deployment/web}", 21, "is a workload, but `of` is the name of a step".into()),
        ("{workload: deployment/web,", "{of: deployment/web,", 22, "write `workload: deployment/web` in place".into()),
        (
            "backedBy: [deployment/web]",
            "backedBy: [deployment/webb]",
            12,
            "shop has deployment/api, deployment/web".into(),
        ),
        ("zone: a,", "zone: c,", 15, "zone `c` has no worker nodes; zones with nodes: a, b".into()),
        ("nodes: 50%", "nodes: 10%", 15, "the limit is 10% (limits.nodes)".into()),
        ("{probe: shop,", "{probe: shp,", 21, "did you mean `shop`?".into()),
        ("fault: zone down", "fault: zone dwon", 19, "did you mean `zone down`?".into()),
        ("ready: 2, within: 5m", "ready: 2", 23, "add `within`".into()),
        ("atMost: 5m", "atMost: 5", 17, "unit".into()),
    ] {
        let desk = Desk::with(&[("cluster-3.yaml", "cluster.yaml")]);
        assert!(right.contains(from), "{from}");
        std::fs::write(desk.0.path().join("drill.yaml"), right.replacen(from, to, 1)).unwrap();
        let said = desk.says(&["rehearse", "drill.yaml", "--cluster", "cluster.yaml"]);
        assert!(said.contains("exit 2") && said.contains("1 problem\n"), "{to}: {said}");
        assert!(said.contains(&format!("drill.yaml:{line}:")), "{to}: {said}");
        // A message may be folded.
        let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(&wanted), "{to}: {said}");
        // Without the cluster, lint can only say that nothing judges such a workload.
        assert_eq!(said.contains("warning"), to.starts_with("critical"), "{to}: {said}");
    }
}

/// Files in the wrong place, and names that do not exist: one message each, that says what to do.
#[test]
fn a_file_in_the_wrong_place() {
    let desk = Desk::with(&[("cluster-3.yaml", "cluster.yaml"), ("drill-3.yaml", "drill.yaml")]);
    let write = |name: &str, text: &str| std::fs::write(desk.0.path().join(name), text).unwrap();
    write("web.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n");
    write("all.yaml", "apiVersion: v1\nkind: Service\n---\napiVersion: v1\nkind: Service\n");
    write("empty.yaml", "");
    write("tabs.yaml", "kind: Cluster\nzones:\n\ta: 2\n");
    write(
        "b.yaml",
        "apiVersion: drillmaster.dev/v1\nkind: Bindings\nvalues: {storefront: http://127.0.0.1}\nnodes: {kind: {cluster: drill}}\n",
    );
    let said: String = [
        &["rehearse", "cluster.yaml"][..],
        &["rehearse", "drill.yaml", "--cluster", "drill.yaml"],
        &["rehearse", "drill.yaml", "--cluster", "b.yaml"],
        &["rehearse", "drill.yaml", "--cluster", "web.yaml"],
        &["rehearse", "drill.yaml", "--cluster", "nope.yaml"],
        &["rehearse", "drill.yaml", "--cluster", "empty.yaml"],
        &["rehearse", "zone-outage", "--cluster", "cluster.yaml"],
        &["rehearse", "zone-outag"],
        &["lint", "web.yaml"],
        &["lint", "all.yaml"],
        &["lint", "tabs.yaml"],
        &["lint", "b.yaml"],
    ]
    .map(|args| desk.says(args))
    .concat();
    golden::check("newcomer-files.txt", &said);
    // One mistake, one message: no line of the scenario is wrong.
    let said = desk.says(&["rehearse", "region-loss", "--cluster", "small-shop"]);
    assert!(
        said.contains("region-loss is made for the simulated cluster two-regions") && !said.contains("${"),
        "{said}"
    );
}
