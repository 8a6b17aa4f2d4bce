//! URLs in a form that can be shown and stored: without a login.

use std::{borrow::Cow, sync::LazyLock};

use regex::Regex;

/// `scheme://user:password@`. If somebody forgot to encode it, a password may contain a slash or an at sign. So the
/// login ends at the last at sign before a space, a quote or a bracket.
static LOGIN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"([A-Za-z][A-Za-z0-9+.-]*://)[^\s"'`<>(){}\[\],]*@"#).expect("a constant expression")
});

/// A text without the logins of the URLs in it.
pub(crate) fn without_logins(text: &str) -> Cow<'_, str> {
    if !text.contains("://") || !text.contains('@') {
        return Cow::Borrowed(text);
    }
    LOGIN.replace_all(text, "$1")
}

/// The message of an error, without the logins of the URLs in it.
pub(super) fn said(error: &impl std::fmt::Display) -> String {
    without_logins(&error.to_string()).into_owned()
}

/// The scheme, host and port of a URL, or of `host:port/path`. None if it is not clear which part is the host.
pub(super) fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // An at sign after the first slash may still be the end of a login.
    let clear = !path.contains('@') && is_host(host) && scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '+');
    let scheme = if url.contains("://") { format!("{scheme}://") } else { String::new() };
    clear.then(|| format!("{scheme}{host}"))
}

/// Whether this is a host name or an address, with or without a port.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !name.ends_with(':') && !port.ends_with(']') => (name, port),
        _ => (text, ""),
    };
    let of_address = |c: char| c.is_ascii_hexdigit() || c == ':';
    let address = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).is_some_and(|n| n.chars().all(of_address));
    let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    (address || named) && port.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_never_shown() {
        for (text, want) in [
            ("GET http://me:hunter22@prom:9090/api: refused", "GET http://prom:9090/api: refused"),
            ("https://me:hun/ter@22@prom/ (https://prom2/)", "https://prom/ (https://prom2/)"),
            ("no login: http://prom/a, b@c", "no login: http://prom/a, b@c"),
            ("amqp://hunter22@mq and a@b", "amqp://mq and a@b"),
        ] {
            assert_eq!(without_logins(text), want);
        }
    }

    #[test]
    fn of_a_url_only_its_host_is_kept() {
        for (url, want) in [
            ("https://u:hunter22@x.example:8443/y?token=hunter22", Some("https://x.example:8443")),
            ("http://minio.velero.svc:9000", Some("http://minio.velero.svc:9000")),
            ("minio.velero.svc:9000/b", Some("minio.velero.svc:9000")),
            ("http://[fd00::1]:80/x", Some("http://[fd00::1]:80")),
            ("https://u:hun/ter22@x.example/", None),
            ("https://u:12/ter22@x.example/", None),
            ("https://x.example/@hunter22", None),
            ("https://hunter 22/", None),
            ("${HUNTER22}", None),
        ] {
            assert_eq!(origin(url).as_deref(), want, "{url}");
        }
    }
}
