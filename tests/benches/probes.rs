//! How exactly probes are sent, and what they cost:
//!
//!     cargo bench --bench probes -- [PROBES] [EVERY_MS] [SECONDS]
//!
//! Without numbers, 100 probes send ten requests a second each. The server is another process on the same machine.
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark")]

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use drillmaster::{
    event::ProbeSample,
    journal::{Journal, Recorder, RunDir, RunState},
    model::{BodyRule, Dur, ProbeKind, ProbeSpec, UpRule},
    observe::Probes,
    world::{Clock, Here, Outside, Program, ReadyProbe},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Answers every request, on a port that it prints.
async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut request = [0; 4096];
            if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
            }
        });
    }
}

fn probe(number: usize, address: &str, every: Duration) -> ReadyProbe {
    let spec = ProbeSpec {
        name: format!("p{number}"),
        kind: ProbeKind::Http { url: format!("http://{address}/"), status: 200, body: BodyRule::default() },
        every: Dur(every),
        timeout: Dur(Duration::from_secs(1)),
        up: UpRule::default(),
        vantage: None,
        starts_down: false,
        backed_by: vec![],
    };
    ReadyProbe { spec, program: Program::default() }
}

/// Seconds of processor time of this process.
fn spent() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks: f64 =
        stat.rsplit(')').next().unwrap().split(' ').skip(12).take(2).map(|t| t.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

/// How many microseconds after its planned time each sample of a file was sent. The first one makes the schedule.
fn lateness(text: &str, every_us: u64) -> Vec<u64> {
    let sent: Vec<u64> = text.lines().map(|l| serde_json::from_str::<ProbeSample>(l).unwrap().sent_us).collect();
    // The earliest in relation to the schedule was on time.
    let turn = |us: u64| us % every_us;
    let zero = (0..every_us)
        .step_by(100)
        .min_by_key(|zero| sent.iter().map(|us| (turn(*us) + every_us - zero) % every_us).sum::<u64>());
    sent.iter().map(|us| (turn(*us) + every_us - zero.unwrap_or(0)) % every_us).collect()
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if args.first().is_some_and(|arg| arg == "serve") {
        return runtime.block_on(serve());
    }
    let number = |at: usize, default: u64| args.get(at).map_or(default, |arg| arg.parse().unwrap());
    let (probes, every, seconds) = (number(0, 100), Duration::from_millis(number(1, 100)), number(2, 20));
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let mut server =
        Command::new(std::env::current_exe().unwrap()).arg("serve").stdout(Stdio::piped()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut address).unwrap();

    let temp = tempfile::tempdir().unwrap();
    let dir = RunDir::create(temp.path(), "run").unwrap();
    let clock = Clock::start();
    let now = clock;
    let recorder = Recorder::new(Journal::create(&dir).unwrap(), RunState::default(), Arc::default(), move || {
        (now.now_us(), now.wall())
    });
    let ready = (0..probes as usize).map(|i| probe(i, address.trim(), every)).collect();
    let (before, began) = (spent(), clock.now_us());
    runtime.block_on(async {
        let mut running = Probes::start(ready, &Outside::Here(Here::now()), &Arc::new(recorder), &dir.file("samples"));
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        running.stop().await;
    });
    let (spent, took) = (spent() - before, (clock.now_us() - began) as f64 / 1e6);
    server.kill().unwrap();
    server.wait().unwrap();

    let (mut late, mut failed) = (vec![], 0);
    for file in std::fs::read_dir(dir.file("samples")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        failed += text.matches("\"ok\":false").count();
        late.extend(lateness(&text, every.as_micros() as u64));
    }
    late.sort_unstable();
    let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize] as f64 / 1e3;
    println!("{} samples in {took:.1} s, {failed} failed; {:.0} % of a core", late.len(), 100.0 * spent / took);
    println!("later than planned: median {:.1} ms, 99 % {:.1} ms, most {:.1} ms", at(0.5), at(0.99), at(1.0));
}
