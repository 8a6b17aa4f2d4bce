//! The sample shop: a storefront, a store of files, and an append log whose lines
//! are durable before they are acknowledged. A program for an image without
//! anything else in it: std only, linked statically.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::Mutex,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Longest body that is taken.
const LIMIT: u64 = 64 << 20;
/// Nobody keeps a thread waiting for longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One line at a time reaches the log.
static LOG: Mutex<()> = Mutex::new(());

unsafe extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
    fn _exit(code: i32) -> !;
}

/// The first process of a container ignores SIGTERM unless it says otherwise.
extern "C" fn ended(_: i32) {
    unsafe { _exit(0) }
}

fn main() -> io::Result<()> {
    unsafe { signal(15, ended) };
    opened();
    let listener = TcpListener::bind("0.0.0.0:8080")?;
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || {
            let _ = stream.set_read_timeout(Some(PATIENCE));
            let _ = stream.set_write_timeout(Some(PATIENCE));
            let _ = serve(&stream);
        });
    }
    Ok(())
}

/// A volume that was never written to shows nothing by coming back. What is written
/// is told apart from what a new volume would get: it has the time in it. A directory
/// that cannot be written to needs nothing.
fn opened() {
    let path = data().join("opened");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    if !path.exists() {
        let _ = replace(&path, format!("opened at {now}\n").as_bytes());
    }
}

struct Request {
    method: String,
    path: String,
    body: Vec<u8>,
}

fn serve(stream: &TcpStream) -> io::Result<()> {
    let answer = match read(stream) {
        Ok(request) => answer(&request),
        Err(error) => Err(error),
    };
    let (status, body) = match answer {
        Ok(body) => ("200 OK", body),
        Err(error) if error.kind() == io::ErrorKind::NotFound => ("404 Not Found", b"no such thing\n".to_vec()),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => ("400 Bad Request", format!("{error}\n").into()),
        Err(error) => ("500 Internal Server Error", format!("{error}\n").into()),
    };
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}

fn read(stream: &TcpStream) -> io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut length, mut expects) = (0, false);
    loop {
        line.clear();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(|_| wrong("Content-Length is not a number"))?;
        }
        expects |= lower.starts_with("expect: 100-continue");
    }
    if length > LIMIT {
        return Err(wrong("the body is too long"));
    }
    if expects {
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = vec![];
    reader.take(length).read_to_end(&mut body)?;
    if body.len() as u64 != length {
        return Err(wrong("the body ends early"));
    }
    Ok(Request { method, path, body })
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

fn data() -> PathBuf {
    std::env::var_os("DATA").map_or_else(|| "/data".into(), PathBuf::from)
}

fn answer(request: &Request) -> io::Result<Vec<u8>> {
    match (request.method.as_str(), request.path.as_str()) {
        // A storefront whose store cannot be read is not up.
        ("GET", "/healthz") => fs::read_dir(data()).map(|_| b"ok\n".to_vec()),
        ("GET", "/") => {
            let name = |key| std::env::var(key).unwrap_or_default();
            Ok(format!("pod {} on {}\n", name("POD_NAME"), name("NODE_NAME")).into())
        }
        ("GET", "/all") => match fs::read(data().join("log")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(vec![]),
            other => other,
        },
        ("POST", "/append") => append(&request.body).map(|()| vec![]),
        (method, path) => match (method, path.strip_prefix("/data/").map(name)) {
            ("GET", Some(name)) => fs::read(data().join(name?)),
            ("PUT", Some(name)) => replace(&data().join(name?), &request.body).map(|()| vec![]),
            _ => Err(io::ErrorKind::NotFound.into()),
        },
    }
}

/// A file in the data directory, nowhere else.
fn name(text: &str) -> io::Result<&str> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if plain { Ok(text) } else { Err(wrong("a name has letters, digits, - and _ only")) }
}

fn append(body: &[u8]) -> io::Result<()> {
    // Alertmanager ends what it sends with a newline.
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    if body.contains(&b'\n') {
        return Err(wrong("one line at a time"));
    }
    let _turn = LOG.lock();
    let mut log = OpenOptions::new().create(true).append(true).open(data().join("log"))?;
    log.write_all(&[body, b"\n"].concat())?;
    log.sync_all()
}

fn replace(path: &PathBuf, body: &[u8]) -> io::Result<()> {
    let next = path.with_extension("next");
    let mut file = File::create(&next)?;
    file.write_all(body)?;
    file.sync_all()?;
    fs::rename(next, path)
}
