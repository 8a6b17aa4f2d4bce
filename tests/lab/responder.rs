//! Stands in for the network, which the hollow lab does not have. It answers as the storefront would, by the
//! EndpointSlices of the cluster: a request goes to one of the endpoints that the Service lists, and fails if the node
//! of that endpoint is dead. A second port accepts webhooks.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::Value;

/// Whether the node of each listed endpoint is alive.
type Backends = Arc<Mutex<Vec<bool>>>;

pub struct Responder {
    pub storefront: String,
    pub webhook: String,
    pub messages: Arc<Mutex<Vec<String>>>,
    /// The URL of an append log, and its lines.
    pub ledger: String,
    pub lines: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    proxy: std::process::Child,
}

impl Responder {
    pub fn start(kubectl: &str, kubeconfig: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let proxy = std::process::Command::new(kubectl)
            .args(["--kubeconfig", kubeconfig, "proxy", "--port", &port.to_string()])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let backends = Backends::default();
        let messages = Arc::new(Mutex::new(vec![]));
        let stop = Arc::new(AtomicBool::new(false));
        watch(port, Arc::clone(&backends), Arc::clone(&stop));
        let storefront = serve(backends);
        let webhook = swallow(Arc::clone(&messages));
        let lines = Arc::new(Mutex::new(vec![]));
        let ledger = keep(Arc::clone(&lines));
        Self { storefront: format!("{storefront}/healthz"), webhook, messages, ledger, lines, stop, proxy }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

fn watch(port: u16, backends: Backends, stop: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            let slices = get(
                port,
                "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=kubernetes.io/service-name=web",
            );
            let nodes = get(port, "/api/v1/nodes");
            if let (Some(slices), Some(nodes)) = (slices, nodes) {
                *backends.lock().unwrap() = alive(&slices, &nodes);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
}

fn alive(slices: &Value, nodes: &Value) -> Vec<bool> {
    let nodes = nodes["items"].as_array().cloned().unwrap_or_default();
    let lives = |name: &str| {
        nodes.iter().any(|n| n["metadata"]["name"] == name && n["metadata"]["labels"]["lab/kubelet"] == "alive")
    };
    slices["items"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|s| s["endpoints"].as_array().cloned().unwrap_or_default())
        .filter(|e| e["conditions"]["ready"] != false)
        .map(|e| lives(e["nodeName"].as_str().unwrap_or("")))
        .collect()
}

fn get(port: u16, path: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

fn serve(backends: Backends) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let next = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (backends, next) = (Arc::clone(&backends), Arc::clone(&next));
            std::thread::spawn(move || {
                read_request(&stream);
                let listed = backends.lock().unwrap().clone();
                let chosen = listed.get(next.fetch_add(1, Ordering::Relaxed) % listed.len().max(1)).copied();
                let answer = match chosen {
                    Some(true) => "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n",
                    // A dead endpoint closes the connection.
                    Some(false) => return,
                    None => "HTTP/1.0 503 no endpoint\r\nContent-Length: 0\r\n\r\n",
                };
                let _ = (&stream).write_all(answer.as_bytes());
            });
        }
    });
    format!("http://{address}")
}

fn swallow(messages: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            messages.lock().unwrap().push(read_request(&stream).1);
            let _ = (&stream).write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    format!("http://{address}/")
}

/// An append log: `POST …/append` adds a line, `GET …/all` returns all lines.
fn keep(lines: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (head, body) = read_request(&stream);
            let mut lines = lines.lock().unwrap();
            let answer = if head.starts_with("POST /append ") {
                lines.push(body);
                String::new()
            } else {
                lines.iter().map(|l| format!("{l}\n")).collect()
            };
            let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
            let _ = (&stream).write_all((head + &answer).as_bytes());
        }
    });
    format!("http://{address}")
}

/// The first line of a request, and its body.
fn read_request(stream: &TcpStream) -> (String, String) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let (mut first, mut line) = (String::new(), String::new());
    let _ = reader.read_line(&mut first);
    while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    (first, String::from_utf8_lossy(&body).into_owned())
}
