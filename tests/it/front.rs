//! A simulated cluster behind a port of this machine, in real time. The program drills it like any other cluster, with
//! kubeconfig, bindings and secrets.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use drillmaster::sim::{Description, Simulation};
use http_body_util::BodyExt;
use kube::client::Body;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

const CLUSTER: &str = include_str!("../../scenarios/clusters/small-shop.yaml");

/// The requests that the front received, other than those to the cluster itself.
#[derive(Default)]
struct Beside {
    /// Paths and queries of the requests that were not for the API server.
    heard: Mutex<Vec<String>>,
    /// The user agents of the clients of the API server.
    agents: Mutex<BTreeSet<String>>,
}

pub struct Front {
    pub dir: tempfile::TempDir,
    pub url: String,
    beside: Arc<Beside>,
    cluster: Arc<Mutex<Option<kube::Client>>>,
}

impl Front {
    /// Starts the front. It stays for as long as the test runs.
    pub fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let beside = Arc::new(Beside::default());
        let cluster = Arc::new(Mutex::new(None));
        let (told, port) = std::sync::mpsc::channel();
        let (heard, shared) = (Arc::clone(&beside), Arc::clone(&cluster));
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
            runtime.block_on(async move {
                let simulation = Simulation::start(&Description::parse(CLUSTER).unwrap(), 1).await.unwrap();
                tokio::time::resume();
                *shared.lock().unwrap() = Some(simulation.client());
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                told.send(listener.local_addr().unwrap().port()).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, simulation.client(), Arc::clone(&heard)));
                }
            });
        });
        let url = format!("http://127.0.0.1:{}", port.recv().unwrap());
        let front = Self { dir, url, beside, cluster };
        front.file(
            "config",
            &format!(
                "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {{server: \"{}\"}}\nusers:\n- name: u\n  user: {{token: t}}\ncontexts:\n- name: front\n  context: {{cluster: c, user: u}}\n",
                front.url
            ),
        );
        front
    }

    /// Writes a file into the directory of the front. `URL` in the text is replaced by the URL of the front.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text.replace("URL", &self.url)).unwrap();
        path
    }

    pub fn heard(&self) -> Vec<String> {
        self.beside.heard.lock().unwrap().clone()
    }

    pub fn agents(&self) -> BTreeSet<String> {
        self.beside.agents.lock().unwrap().clone()
    }

    /// Runs the program in the directory of the front.
    pub fn program(&self, args: &[&str], env: &[(&str, &str)]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_drillmaster"))
            .current_dir(self.dir.path())
            .env("NO_COLOR", "1")
            .env_remove("KUBECONFIG")
            .envs(env.iter().copied())
            .args(args)
            .output()
            .unwrap()
    }

    /// Runs a drill with the scenario and bindings in these files.
    pub fn run(&self, scenario: &str, bindings: &str, env: &[(&str, &str)], more: &[&str]) -> Output {
        let mut args =
            vec!["run", scenario, "--context", "front", "--kubeconfig", "config", "--confirm", "front", "--no-reaper"];
        args.extend(["--bindings", bindings]);
        args.extend(more);
        self.program(&args, env)
    }

    /// Sends a GET request to the API server.
    pub fn get(&self, path: &str) -> serde_json::Value {
        self.send(http::Request::get(path).body(Body::empty()).unwrap())
    }

    /// Creates an object.
    pub fn post(&self, path: &str, object: &serde_json::Value) {
        let request = http::Request::post(path).header("content-type", "application/json");
        self.send(request.body(Body::from(object.to_string().into_bytes())).unwrap());
    }

    /// Changes an object.
    pub fn patch(&self, path: &str, patch: &serde_json::Value) {
        let request = http::Request::patch(path).header("content-type", "application/merge-patch+json");
        self.send(request.body(Body::from(patch.to_string().into_bytes())).unwrap());
    }

    /// Deletes an object.
    pub fn delete(&self, path: &str) {
        self.send(http::Request::delete(path).body(Body::empty()).unwrap());
    }

    fn send(&self, request: http::Request<Body>) -> serde_json::Value {
        let client = self.cluster.lock().unwrap().clone().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let bytes =
            runtime.block_on(async { client.send(request).await.unwrap().into_body().collect().await.unwrap() });
        serde_json::from_slice(&bytes.to_bytes()).unwrap()
    }

    /// All files that a run left below a directory, with their text.
    pub fn files(below: &Path) -> Vec<(PathBuf, String)> {
        let mut all = vec![];
        for entry in std::fs::read_dir(below).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                all.extend(Self::files(&path));
            } else {
                all.push((path.clone(), String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned()));
            }
        }
        all
    }
}

async fn serve(stream: TcpStream, client: kube::Client, beside: Arc<Beside>) {
    let mut stream = BufReader::new(stream);
    while let Some((method, path, headers, body)) = request(&mut stream).await {
        let of_cluster = ["/api", "/version", "/readyz", "/livez", "/openapi"].iter().any(|p| path.starts_with(p));
        if !of_cluster {
            beside.heard.lock().unwrap().push(format!("{method} {path}"));
            let (status, text) = match path.split(['?', '/']).nth(1) {
                Some("ok") => ("200 OK", "ok"),
                Some("echo") => ("200 OK", &*path),
                _ => ("500 Internal Server Error", "no"),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            if stream.write_all(head.as_bytes()).await.is_err() {
                return;
            }
            continue;
        }
        let agents = headers.iter().filter(|(name, _)| name == "user-agent").map(|(_, value)| value.clone());
        beside.agents.lock().unwrap().insert(agents.collect::<Vec<_>>().join(" and "));
        let mut request = http::Request::builder().method(method.as_str()).uri(&path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = client.send(request.body(Body::from(body)).unwrap()).await.unwrap();
        if pass_on(answer, &mut stream).await.is_none() {
            return;
        }
    }
}

type Asked = (String, String, Vec<(String, String)>, Vec<u8>);

async fn request(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|n| *n > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = vec![];
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length =
        headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, v)| v.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    headers.retain(|(name, _)| matches!(name.as_str(), "content-type" | "accept" | "user-agent"));
    Some((method, path, headers, body))
}

/// Passes the answer on in chunks as they arrive, because a watch does not end.
async fn pass_on(answer: http::Response<Body>, stream: &mut BufReader<TcpStream>) -> Option<()> {
    let mut head = format!("HTTP/1.1 {}\r\nTransfer-Encoding: chunked\r\n", answer.status());
    for (name, value) in answer.headers().iter().filter(|(n, _)| matches!(n.as_str(), "content-type" | "date")) {
        head += &format!("{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    stream.write_all((head + "\r\n").as_bytes()).await.ok()?;
    let mut body = answer.into_body();
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref().filter(|d| !d.is_empty()) {
            stream.write_all(format!("{:x}\r\n", data.len()).as_bytes()).await.ok()?;
            stream.write_all(data).await.ok()?;
            stream.write_all(b"\r\n").await.ok()?;
        }
    }
    stream.write_all(b"0\r\n\r\n").await.ok()
}
