//! `drillmaster export`: one run as metrics or a trace, to a file, an endpoint or a webhook.

use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::{
    Done, Failure,
    history_args::{ExportArgs, ExportFormat},
    lost, note, place, shown,
    verify::holding,
};
use crate::{
    files,
    history::{Run, message, openmetrics, traces},
    model::{Exit, WebhookUrl},
    verify::Verified,
    world::Http,
};

/// The variable with which every OTLP exporter is given its headers.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

pub(super) async fn export(args: &ExportArgs) -> Done {
    let webhook = webhook(args)?;
    let otlp = args.otlp.as_deref().map(|url| address("--otlp", url)).transpose()?;
    let dir = place::dir(&args.run, place::WhichRun::Newest)?;
    let verified = holding(&dir)?;
    let run = Run::of(&dir, &verified);
    let sends = webhook.is_some() || otlp.is_some();
    if args.format.is_some() || args.out.is_some() || !sends {
        write(args, &run, &verified)?;
    }
    let http = Http::new(args.within.0, &Arc::default());
    if let Some(url) = otlp {
        let headers = headers(std::env::var(HEADERS).ok().as_deref())?;
        let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        match http.post_with(&url, &headers, &traces(&run, &verified.reading)).await {
            Ok(()) => note(&format!("sent the trace of {} to {url}", run.dir)),
            Err(error) => lost(&format!("error: cannot send the trace: {error}")),
        }
    }
    if let Some(url) = webhook {
        match http.post(&url, &message(&run)).await {
            Ok(()) => note(&format!("sent the result of {} to {url}", run.dir)),
            Err(error) => lost(&format!("error: cannot call the webhook: {error}")),
        }
    }
    Ok(Exit::Passed)
}

fn write(args: &ExportArgs, run: &Run, verified: &Verified) -> Result<(), Failure> {
    let text = match args.format.unwrap_or_default() {
        ExportFormat::Openmetrics => openmetrics(run, &verified.reading),
        ExportFormat::OtlpJson => format!("{}\n", traces(run, &verified.reading)),
    };
    match &args.out {
        None => files::print_data(&text),
        Some(path) => {
            files::replace(path, text.as_bytes())
                .map_err(|error| Failure::new(Exit::Invalid, format!("cannot write {}: {error}", shown(path))))?;
            note(&format!("wrote {}", shown(path)));
        }
    }
    Ok(())
}

fn webhook(args: &ExportArgs) -> Result<Option<WebhookUrl>, Failure> {
    if let Some(name) = &args.webhook_env {
        let url = std::env::var(name).map_err(|_| {
            Failure::new(Exit::Invalid, format!("--webhook-env {name}: the variable is not set, or is not text"))
        })?;
        return address("--webhook-env", &url).map(Some);
    }
    args.webhook.as_deref().map(|url| address("--webhook", url)).transpose()
}

/// An address. It may contain a token, so no message repeats it.
fn address(flag: &str, url: &str) -> Result<WebhookUrl, Failure> {
    let is_http = url.starts_with("http://") || url.starts_with("https://");
    let host = url.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?']).next().unwrap_or(""));
    if is_http && !host.is_empty() && !url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Ok(WebhookUrl::new(url));
    }
    Err(Failure::new(
        Exit::Invalid,
        format!("{flag}: this is not an address: write http://HOST/PATH or https://HOST/PATH"),
    ))
}

/// `key=value,key=value`, with percent-encoded values, as OpenTelemetry defines it.
fn headers(text: Option<&str>) -> Result<Vec<(String, String)>, Failure> {
    let wrong =
        || Failure::new(Exit::Invalid, format!("{HEADERS} is not a list of headers: write NAME=VALUE,NAME=VALUE"));
    let one = |pair: &str| {
        let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
        let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| wrong())?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let name = name.trim();
        if name.is_empty() || !name.chars().all(plain) || value.chars().any(char::is_control) {
            return Err(wrong());
        }
        Ok((name.to_owned(), value.into_owned()))
    };
    text.unwrap_or_default().split(',').filter(|pair| !pair.trim().is_empty()).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_opentelemetry_defines_them() {
        let read = |text| headers(Some(text)).ok();
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(headers(None).ok(), Some(vec![]));
        assert_eq!(
            read("Authorization=Basic%20abc=, x-scope=a"),
            Some(vec![pair("Authorization", "Basic abc="), pair("x-scope", "a")])
        );
        for wrong in ["Authorization", "a b=c", "=x", "a=%0d%0aevil: 1"] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn no_message_repeats_an_address() {
        for wrong in
            ["hooks.example/secret-token", "ftp://h/secret-token", "https:///secret-token", "https://h/\nsecret-token"]
        {
            let failure = address("--webhook", wrong).expect_err("refused");
            assert!(!failure.text.contains("secret-token"), "{}", failure.text);
        }
    }
}
