//! Runs the program with input that it must refuse, and expects a clear error, the right exit code and no changes. A
//! few lines of code play the part of API servers that refuse. No case gets as far as an act.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Output},
};

fn program(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_drillmaster"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .env_remove("KUBECONFIG")
        .args(args)
        .output()
        .unwrap()
}

fn says(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// An API server that gives the same answer to every request.
fn server(status: &'static str, body: &'static str) -> (tempfile::TempDir, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(&stream);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                line.clear();
            }
            let _ = write!(
                &stream,
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    kubeconfig(&format!("http://127.0.0.1:{port}"))
}

fn kubeconfig(server: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {{server: \"{server}\"}}\nusers:\n- name: u\n  user: {{token: t}}\ncontexts:\n- name: lab\n  context: {{cluster: c, user: u}}\n"
    );
    std::fs::write(&path, text).unwrap();
    (dir, path.to_str().unwrap().to_owned())
}

#[test]
fn no_context_and_a_wrong_one() {
    let out = program(&["run", "scenarios/zone-outage.yaml"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(says(&out).contains("drillmaster never uses the current context"));
    let (_dir, config) = kubeconfig("http://127.0.0.1:1");
    let bind = ["--bindings", "scenarios/bindings/kind-lab.yaml"];
    let out = program(
        &[&["plan", "scenarios/zone-outage.yaml", "--context", "prod", "--kubeconfig", &config], &bind[..]].concat(),
    );
    assert_eq!(out.status.code(), Some(2));
    assert!(says(&out).contains("does not contain this context; its contexts are: lab"), "{}", says(&out));
}

#[test]
fn an_api_server_that_is_away_expired_or_says_no() {
    let bind = "scenarios/bindings/kind-lab.yaml";
    let plan = |config: &str| {
        program(&["plan", "scenarios/zone-outage.yaml", "--context", "lab", "--kubeconfig", config, "--bindings", bind])
    };
    let (_dir, config) = kubeconfig("http://127.0.0.1:1");
    let out = plan(&config);
    assert_eq!(out.status.code(), Some(3), "{}", says(&out));
    assert!(says(&out).contains("cannot use the API server of context `lab`"));
    let (_dir, config) =
        server("401 Unauthorized", r#"{"kind":"Status","reason":"Unauthorized","message":"token expired","code":401}"#);
    let out = plan(&config);
    assert_eq!(out.status.code(), Some(3));
    assert!(says(&out).contains("401 Unauthorized: token expired"), "{}", says(&out));
    let (_dir, config) =
        server("403 Forbidden", r#"{"kind":"Status","reason":"Forbidden","message":"not you","code":403}"#);
    assert!(says(&plan(&config)).contains("403 Forbidden: not you"));
    let (_dir, config) = server("200 OK", "<html>a login page</html>");
    let out = plan(&config);
    assert_eq!(out.status.code(), Some(3));
    assert!(says(&out).contains("cannot read the answer"), "{}", says(&out));
}

#[test]
fn no_container_engine() {
    let (_dir, config) = server("200 OK", r#"{"metadata":{"uid":"u"},"gitVersion":"v1.37.2","items":[]}"#);
    let out = Command::new(env!("CARGO_BIN_EXE_drillmaster"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("PATH", "/nowhere")
        .args([
            "plan",
            "scenarios/zone-outage.yaml",
            "--context",
            "lab",
            "--kubeconfig",
            &config,
            "--bindings",
            "scenarios/bindings/kind-lab.yaml",
        ])
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert!(says(&out).contains("cannot run `docker`"), "{}", says(&out));
}

/// A container engine, played by a script, whose containers do not belong to this cluster.
#[test]
fn kubeconfig_and_containers_of_different_clusters() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, config) = server(
        "200 OK",
        r#"{"metadata":{"uid":"u"},"gitVersion":"v1.37.2","kind":"NodeList","items":[{"metadata":{"name":"other-node"}}]}"#,
    );
    let docker = dir.path().join("docker");
    let inspect = r#"[{"Name":"/lab-worker","Id":"1","State":{"Status":"running"},"Config":{"Labels":{"io.x-k8s.kind.cluster":"lab","io.x-k8s.kind.role":"worker"}},"NetworkSettings":{}}]"#;
    std::fs::write(
        &docker,
        format!(
            "#!/bin/sh\ncase $1 in ps) echo lab-worker;; inspect) echo '{inspect}';; *) echo $* >>{}/acts;; esac\n",
            dir.path().display()
        ),
    )
    .unwrap();
    std::fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let out = Command::new(env!("CARGO_BIN_EXE_drillmaster"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("PATH", path)
        .args([
            "run",
            "scenarios/zone-outage.yaml",
            "--context",
            "lab",
            "--kubeconfig",
            &config,
            "--bindings",
            "scenarios/bindings/kind-lab.yaml",
        ])
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert!(
        says(&out).contains("are not the same cluster: node other-node is not one of its containers"),
        "{}",
        says(&out)
    );
    assert!(!dir.path().join("acts").exists(), "an act was done to a container");
}

#[test]
fn files_that_are_not_there_or_not_ours() {
    let out = program(&["lint", "scenarios/nope.yaml"]);
    assert_eq!(out.status.code(), Some(2));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    for verb in ["recover", "report", "log", "status"] {
        let out = program(&[verb, path]);
        assert_eq!(out.status.code(), Some(2), "{verb}");
        assert!(says(&out).contains("is not a run directory"), "{verb}: {}", says(&out));
    }
    std::fs::write(dir.path().join("journal.jsonl"), "{\"foreign\": true}\n").unwrap();
    for verb in ["recover", "report", "log", "status"] {
        let out = program(&[verb, path]);
        assert_eq!(out.status.code(), Some(2), "{verb}: {}", says(&out));
        assert!(says(&out).contains("journal.jsonl:1: this is not a journal line"), "{verb}: {}", says(&out));
    }
    std::fs::write(dir.path().join("journal.jsonl"), "").unwrap();
    assert!(says(&program(&["recover", path])).contains("ended before it began"));
}

#[test]
fn a_place_that_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let bind = dir.path().join("bind.yaml");
    std::fs::write(&bind, "apiVersion: drillmaster.dev/v1\nkind: Bindings\nprometeus: http://x\nvalues: {a: \"${env.NOT_SET_ANYWHERE}\"}\n").unwrap();
    let out =
        program(&["plan", "scenarios/zone-outage.yaml", "--context", "lab", "--bindings", bind.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(2));
    let text = says(&out);
    assert!(
        text.contains("did you mean `prometheus`?") && text.contains("`${env.NOT_SET_ANYWHERE}` is not defined"),
        "{text}"
    );
}

#[test]
fn the_help_names_the_exit_codes() {
    let out = program(&["--help"]);
    assert_eq!(out.status.code(), Some(0));
    super::golden::check("help.txt", &says(&out));
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").is_dir());
}

/// The script would report a job with an unknown exit code as an internal error.
#[test]
fn every_exit_code_has_a_name_in_ci() {
    let help = include_str!("../golden/help.txt").split_once("Exit codes: ").unwrap().1;
    let codes = help.split_whitespace().filter(|word| word.chars().all(|c| c.is_ascii_digit()));
    let script = include_str!("../../docs/ci/drill");
    let verdicts = script.split_once("verdicts=(").unwrap().1.split_once(')').unwrap().0;
    let named = verdicts.split_whitespace().map(|verdict| verdict[1..].split_once("]=").unwrap());
    let named: Vec<(&str, &str)> = named.collect();
    assert_eq!(named.iter().map(|(code, _)| *code).collect::<Vec<_>>(), codes.collect::<Vec<_>>());
    let action = include_str!("../../action.yml");
    let told = action.split_once("verdict:\n").unwrap().1.split_once("value:").unwrap().0;
    for (_, name) in named {
        assert!(told.contains(name), "{name}: {told}");
    }
}
