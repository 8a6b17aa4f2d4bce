//! The names under which a board answers. A page of another site that points its own name to this address (DNS
//! rebinding) sends its own name as `Host`, and a page that sends a form sends its own `Origin`; both are refused. Start
//! with [`Hosts`].

use std::net::SocketAddr;

use http::{HeaderMap, HeaderValue, header};

/// The scheme, and the names with their ports.
#[derive(Clone, Debug)]
pub struct Hosts {
    scheme: &'static str,
    port: u16,
    names: Vec<String>,
}

impl Hosts {
    /// The names of this machine.
    pub fn loopback(at: SocketAddr) -> Self {
        // The last one is that of `url`.
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned(), literal(at)];
        Self { scheme: "http", port: at.port(), names }
    }

    /// The names of a certificate.
    pub fn certified(at: SocketAddr, names: Vec<String>) -> Self {
        let names = names.into_iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { scheme: "https", port: at.port(), names }
    }

    /// The address of the page: under the first name of the certificate, or where this machine listens. If the
    /// certificate has only wildcards, `NAME` stands for the part that the reader has to choose.
    pub fn url(&self) -> String {
        let whole = || self.names.iter().find(|name| !name.starts_with('*'));
        let name = if self.scheme == "https" { whole().or(self.names.first()) } else { self.names.last() };
        let name = name.map_or("localhost", String::as_str);
        format!("{}://{}/", self.scheme, self.with_port(&name.replacen('*', "NAME", 1)))
    }

    fn with_port(&self, name: &str) -> String {
        match (self.scheme, self.port) {
            ("http", 80) | ("https", 443) => name.to_owned(),
            (_, port) => format!("{name}:{port}"),
        }
    }

    /// Whether a request came to one of the names.
    pub fn answers(&self, headers: &HeaderMap) -> bool {
        only(headers, header::HOST).is_some_and(|host| self.knows(host))
    }

    /// Whether a request may come from the page that sent it. A browser sends `Origin` with every request that could
    /// change something.
    pub fn trusts(&self, headers: &HeaderMap, changes: bool) -> bool {
        if !headers.contains_key(header::ORIGIN) {
            return !changes;
        }
        let origin = only(headers, header::ORIGIN).and_then(|origin| origin.strip_prefix(self.scheme));
        origin.and_then(|rest| rest.strip_prefix("://")).is_some_and(|host| self.knows(host))
    }

    fn knows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.names.iter().any(|name| {
            let known = self.with_port(name);
            match known.strip_prefix("*.") {
                // A wildcard stands for one label.
                Some(rest) => host.split_once('.').is_some_and(|(label, of)| !label.is_empty() && of == rest),
                None => host == known,
            }
        })
    }
}

/// An address as it stands in a URL.
fn literal(at: SocketAddr) -> String {
    match at {
        SocketAddr::V4(at) => at.ip().to_string(),
        SocketAddr::V6(at) => format!("[{}]", at.ip()),
    }
}

/// A header that is there exactly once.
fn only(headers: &HeaderMap, name: http::HeaderName) -> Option<&str> {
    let mut all = headers.get_all(name).iter();
    let first: Option<&HeaderValue> = all.next();
    first.filter(|_| all.next().is_none()).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_the_own_names_are_answered() {
        let local = Hosts::loopback("127.0.0.1:8000".parse().expect("an address"));
        assert_eq!(local.url(), "http://127.0.0.1:8000/");
        for (host, good) in [
            ("localhost:8000", true),
            ("LOCALHOST:8000", true),
            ("[::1]:8000", true),
            ("localhost", false),
            ("localhost:8001", false),
            ("evil.example:8000", false),
            ("localhost.evil.example:8000", false),
        ] {
            assert_eq!(local.answers(&headers(&[("host", host)])), good, "{host}");
        }
        assert!(
            !local.answers(&headers(&[])) && !local.answers(&headers(&[("host", "localhost:8000"), ("host", "x")]))
        );
        let public = Hosts::certified("0.0.0.0:443".parse().expect("an address"), vec!["*.Example.org".into()]);
        assert_eq!(public.url(), "https://NAME.example.org/");
        assert!(public.answers(&headers(&[("host", "board.example.org")])));
        assert!(!public.answers(&headers(&[("host", "a.b.example.org")])));
        assert!(!public.answers(&headers(&[("host", ".example.org")])));
    }

    #[test]
    fn only_the_own_page_may_change_something() {
        let local = Hosts::loopback("127.0.0.1:8000".parse().expect("an address"));
        for (origin, good) in [
            ("http://localhost:8000", true),
            ("https://localhost:8000", false),
            ("http://evil.example", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(local.trusts(&headers(&[("origin", origin)]), true), good, "{origin}");
            assert_eq!(local.trusts(&headers(&[("origin", origin)]), false), good, "{origin}");
        }
        assert!(local.trusts(&headers(&[]), false) && !local.trusts(&headers(&[]), true));
    }
}
