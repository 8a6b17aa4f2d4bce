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
