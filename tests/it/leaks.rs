//! No secret may leave drillmaster, whatever form it takes on its way. The program runs against a cluster, and the test
//! searches every file and every line that it leaves.

use super::front::Front;

/// Every secret begins with this word, and each is planted in a different way. The word may not appear anywhere.
const PLANTED: &str = "PLANTED";

const BINDINGS: &str = "apiVersion: drillmaster.dev/v1\nkind: Bindings\nenvironment: own-kind\n";
const TOLD: &str = "announce: URL/ok\n";

fn scenario(steps: &str, probe: &str) -> String {
    format!(
        "apiVersion: drillmaster.dev/v1
kind: Scenario
metadata: {{name: secs, title: t}}
hypothesis: h
vars:
  quote: {{secret: {{env: PL_QUOTE}}}}
  lines: {{secret: {{file: lines.txt}}}}
  long: {{secret: {{env: PL_LONG}}}}
  short: {{secret: {{env: PL_SHORT}}}}
  program: {{secret: {{exec: [sh, -c, echo PLANTED-by-program]}}}}
scope: {{namespaces: [shop], critical: [deployment/web]}}
probes:
  - name: p
    http: {{url: \"{probe}\", body: {{regex: ok}}}}
    up: {{successes: 2, over: 1s}}
steps:
{steps}
expect:
  - budgets: {{everyCriticalPodCovered: true}}
limits: {{nodes: 34%, zones: 1, duration: 2m}}
"
    )
}

fn environment() -> Vec<(&'static str, String)> {
    vec![
        ("PL_QUOTE", "PLANTED-qu'OTE-with-\"quotes\" and $(x)".to_owned()),
        ("PL_LONG", format!("PLANTED-long-{}", "x".repeat(260))),
        ("PL_SHORT", "PLANTED".to_owned()),
    ]
}

/// Runs the program and returns its output. Fails if a planted secret appears anywhere.
fn ended(front: &Front, name: &str, bindings: &str, code: i32) -> String {
    let env = environment();
    let env: Vec<(&str, &str)> = env.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let out = front.run(name, bindings, &env, &["--unwind-within", "10s"]);
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.status.code(), Some(code), "{said}");
    let mut found = vec![("what it printed".into(), said.clone())];
    found.extend(Front::files(&front.dir.path().join("runs")));
    let records = front.get("/api/v1/namespaces/drillmaster/configmaps").to_string();
    found.push(("the cluster".into(), records));
    assert!(found.len() > 5, "{said}");
    for (place, text) in found {
        // The copy of the scenario contains the program that prints a secret.
        let text = text.replace("echo PLANTED-by-program", "");
        if let Some(at) = text.find(PLANTED) {
            panic!("{}: {}", place.display(), text.get(at.saturating_sub(80)..at + 60).unwrap_or("?"));
        }
    }
    said
}

#[test]
fn no_secret_leaves_by_what_programs_say() {
    let front = Front::open();
    front.file("lines.txt", "PLANTED-first-line\nPLANTED-second \"line\"\nshort\n");
    front.file("bindings.yaml", &format!("{BINDINGS}{TOLD}"));
    let print = |name: &str, secret: &str| {
        format!(
            "  - {{name: {name}, exec: {{argv: [sh, -c, 'printf \"%s\" \"$A\"'], env: {{A: \"${{{secret}}}\"}}}}}}\n"
        )
    };
    let mut steps = "  - {name: fault, exec: {argv: [\"true\"], undo: [\"true\"]}}\n".to_owned();
    steps += &print("says long", "long");
    steps += &print("says lines", "lines");
    steps += &print("says program", "program");
    steps += &print("says short", "short");
    steps +=
        "  - {name: encodes, exec: {argv: [sh, -c, 'printf \"%s\" \"$A\" | base64 -w0'], env: {A: \"${quote}\"}}}\n";
    steps += "  - {name: fails, exec: {argv: [sh, -c, 'printf \"%s\\\\n\" \"$A\" \"$1\" >&2; exit 3', sh, \"${lines}\"], env: {A: \"${quote}\"}}}\n";
    front.file("s.yaml", &scenario(&steps, "URL/readyz"));
    let said = ended(&front, "s.yaml", "bindings.yaml", 1);
    assert!(said.contains("output withheld: a short secret was passed to it"), "{said}");
    assert!(said.contains("ended with exit status: 3") && said.contains("***"), "{said}");
    let encoded = base64_of(&environment()[0].1);
    assert!(!said.contains(&encoded[8..24]), "{said}");
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.encode(text)
}

#[test]
fn webhooks_and_passwords_in_urls_stay_secret() {
    let front = Front::open();
    front.file("lines.txt", "x");
    let host = front.url.trim_start_matches("http://").to_owned();
    front.file(
        "bindings.yaml",
        &format!(
            "{BINDINGS}announce: http://PLANTEDUSER:PLANTEDPW@{host}/refuses/PLANTED-hook?PLANTED-query\nprometheus: http://u:PLANTEDPW@127.0.0.1:1/\nalertmanager: ['http://u:PLANTEDPW@127.0.0.1:1/']\n"
        ),
    );
    let steps = "  - {name: fault, exec: {argv: [\"true\"], undo: [\"true\"]}}\n  - {name: tells, notify: {url: \"URL/refuses/${quote}\", message: hello}}\n";
    front.file("s.yaml", &scenario(steps, "URL/readyz"));
    let said = ended(&front, "s.yaml", "bindings.yaml", 3);
    assert!(said.contains("the announcement could not be delivered"), "{said}");
    assert!(front.heard().iter().any(|h| h.contains("/refuses/PLANTED-hook?PLANTED-query")), "{:?}", front.heard());
    // Without the announcement, the drill gets as far as the step.
    front.file("plain.yaml", &format!("{BINDINGS}{TOLD}"));
    let said = ended(&front, "s.yaml", "plain.yaml", 1);
    assert!(said.contains("step `tells`"), "{said}");
}

#[test]
fn a_probe_is_given_its_secret_and_does_not_tell_it() {
    let front = Front::open();
    front.file("lines.txt", "x");
    front.file("bindings.yaml", &format!("{BINDINGS}{TOLD}"));
    let steps = "  - {name: fault, exec: {argv: [\"true\"], undo: [\"true\"]}}\n";
    front.file("s.yaml", &scenario(steps, "URL/ok?token=${program}"));
    ended(&front, "s.yaml", "bindings.yaml", 0);
    assert!(front.heard().iter().any(|h| h == "GET /ok?token=PLANTED-by-program"), "{:?}", front.heard());
}

#[test]
fn a_secret_that_is_a_name_is_refused_by_its_variable() {
    let front = Front::open();
    front.file("lines.txt", "x");
    front.file("bindings.yaml", &format!("{BINDINGS}{TOLD}"));
    let steps = "  - {name: fault, exec: {argv: [\"true\"], undo: [\"true\"], env: {A: \"${lines}\"}}}\n";
    front.file("s.yaml", &scenario(steps, "URL/readyz"));
    for secret in ["shop", "node-a-0", "deployment/web", "fault", "zone"] {
        front.file("lines.txt", secret);
        let out = front.run("s.yaml", "bindings.yaml", &[], &[]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(3), "{secret}: {said}");
        assert!(said.contains("secret `lines` (file lines.txt): its value is also a name"), "{secret}: {said}");
        assert!(said.contains("nothing was touched") || said.contains("the cluster was not touched"), "{said}");
    }
    front.file("lines.txt", "");
    let out = front.run("s.yaml", "bindings.yaml", &[], &[]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("secret `lines` (file lines.txt) is empty"));
}

#[test]
fn a_rehearsal_reads_no_secret_and_runs_no_program() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("ran");
    let text = scenario(
        &format!(
            "  - {{name: fault, exec: {{argv: [\"touch\", \"{0}\"], undo: [\"touch\", \"{0}\", \"${{lines}}\", \"${{program}}\"]}}}}\n",
            mark.display()
        ),
        "http://web.shop.svc/healthz",
    )
    .replace("echo PLANTED-by-program", &format!("touch {}", mark.display()));
    let file = dir.path().join("s.yaml");
    std::fs::write(&file, text).unwrap();
    let not_run = "step `fault` was not run: a rehearsal does not run programs";
    for more in [&[][..], &["--what-if", "node +1 zone=a"]] {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_drillmaster"))
            .current_dir(dir.path())
            .args(["rehearse", "s.yaml"])
            .args(more)
            .output()
            .unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert_eq!(out.status.code(), Some(4), "a step that was not run must not count as passed: {said}");
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("INCONCLUSIVE") && said.contains(not_run) && !mark.exists(), "{said}");
    }
}

/// A secret in a place where it cannot be filled in is refused, with line and column.
#[test]
fn secrets_stand_only_where_they_are_filled_in() {
    let load = |text: &str| {
        drillmaster::scenario::load_str("s.yaml", text, &Default::default())
            .err()
            .map(|p| p.to_string())
            .unwrap_or_default()
    };
    let steps = "  - {name: fault, exec: {argv: [\"true\"], undo: [\"true\"]}}\n";
    let fine = scenario(
        &format!("{steps}  - {{name: n, notify: {{url: \"${{quote}}\", message: hello}}}}\n"),
        "http://h/?t=${quote}",
    );
    assert_eq!(load(&fine), "");
    for (from, to) in [
        ("message: hello", "message: \"${quote}\""),
        ("title: t}", "title: \"${quote}\"}"),
        ("hypothesis: h", "hypothesis: \"${quote}\""),
        ("[deployment/web]", "[\"deployment/${quote}\"]"),
    ] {
        let said = load(&fine.replace(from, to));
        assert!(said.contains("a secret cannot be used here"), "{to}: {said}");
    }
    let said = load(&fine.replace("[\"true\"], undo", "[\"true\", \"${secret:nobody}\"], undo"));
    assert!(said.contains("refers to a secret that is not declared") && said.contains("s.yaml:"), "{said}");
}
