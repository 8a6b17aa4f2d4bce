//! The forms in which a secret may appear in output: as it is, line by line, and in the usual encodings.

use std::fmt::Write;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

use super::{SHORT_SECRET, shell};

/// All forms of a secret that is long enough to be searched for.
pub(super) fn of(secret: &str) -> Vec<String> {
    let mut plain = vec![secret.to_owned()];
    let lines: Vec<&str> = secret.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.len() > 1 {
        plain.extend(lines.iter().map(|line| (*line).to_owned()));
        plain.extend([" ", "; ", ""].map(|between| lines.join(between)));
    }
    let mut out: Vec<String> = plain.iter().flat_map(|text| encoded(text)).chain(plain.iter().cloned()).collect();
    // A short line of a secret reveals little, and would match everywhere in a text.
    out.retain(|form| form.chars().count() >= SHORT_SECRET);
    out.sort();
    out.dedup();
    out
}

fn encoded(text: &str) -> Vec<String> {
    let json = serde_json::to_string(text).unwrap_or_default();
    let inside = json[1..json.len().max(2) - 1].to_owned();
    let quoted = shell(&[text.to_owned()]);
    let debug = format!("{text:?}");
    let mut out = vec![
        // JSON inside JSON, such as an event that quotes the body of a request.
        serde_json::to_string(&inside).map(|twice| twice[1..twice.len() - 1].to_owned()).unwrap_or_default(),
        ascii_json(&inside),
        inside,
        quoted.strip_prefix('\'').and_then(|q| q.strip_suffix('\'')).unwrap_or(&quoted).to_owned(),
        text.replace('\'', r"'\''"),
        text.replace('\'', "'\"'\"'"),
        debug[1..debug.len() - 1].to_owned(),
    ];
    out.extend(percent(text));
    out.extend(base64_forms(text.as_bytes()));
    let hex = super::hex(text);
    out.push(hex.to_uppercase());
    out.push(hex);
    out
}

/// The text as encoders write it that use ASCII only.
fn ascii_json(json: &str) -> String {
    json.chars().fold(String::new(), |mut out, c| {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
        out
    })
}

/// Encoders differ in which characters they do not escape: RFC 3986, HTML forms, JavaScript, and the parts of a URL.
const LEFT_ALONE: [&str; 5] = ["-._~", "*-._", "-_.!~*'()", "-._~!$&'()*+,;=:@", "-._~!$&'()*+,;=:@/?"];

fn percent(text: &str) -> Vec<String> {
    let mut out = vec![];
    for kept in LEFT_ALONE {
        for (upper, plus) in [(true, false), (true, true), (false, false), (false, true)] {
            out.push(text.bytes().fold(String::new(), |mut out, byte| {
                let c = char::from(byte);
                if c.is_ascii_alphanumeric() || kept.contains(c) {
                    out.push(c);
                } else if plus && c == ' ' {
                    out.push('+');
                } else {
                    let _ = if upper { write!(out, "%{byte:02X}") } else { write!(out, "%{byte:02x}") };
                }
                out
            }));
        }
    }
    out
}

/// The secret may begin anywhere in the encoded text. Characters that also contain bits of the neighbouring text are
/// unknown, so they are left out.
fn base64_forms(bytes: &[u8]) -> Vec<String> {
    let mut out = vec![];
    for before in 0..3 {
        let mut padded = vec![0; before];
        padded.extend_from_slice(bytes);
        let first = [0, 2, 3][before];
        let whole = padded.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&padded);
            out.push(text.get(first..whole).unwrap_or_default().to_owned());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Redactor, Secret};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_is_found_in_every_form_with_anything_around_it(
            lines in prop::collection::vec("[!-~äß漢][ -~äß漢]{10,30}[!-~äß漢]", 1..4),
            before in "[a-z]{0,5}", after in "[a-z]{0,5}",
        ) {
            let secret = lines.join("\n");
            let redactor = Redactor::default();
            redactor.remember(Secret::new(secret.clone()));
            let whole = format!("{before}{secret}{after}");
            let core: String = secret.lines().next().unwrap_or_default().trim().to_owned();
            for (form, told) in [
                ("plain", redactor.clean(&whole)),
                ("json", redactor.clean(&serde_json::to_string(&whole).unwrap())),
                ("shell", redactor.clean(&shell(std::slice::from_ref(&whole)))),
                ("debug", redactor.clean(&format!("{whole:?}"))),
            ] {
                prop_assert!(!told.contains(&core), "{}: {}", form, told);
                prop_assert!(told.contains("***"), "{}: {}", form, told);
            }
            for (form, text) in [
                ("base64", STANDARD_NO_PAD.encode(&whole)),
                ("base64 for URLs", URL_SAFE_NO_PAD.encode(&whole)),
                ("hex", whole.bytes().map(|b| format!("{b:02x}")).collect()),
            ] {
                prop_assert!(redactor.clean(&text).contains("***"), "{}: {}", form, text);
            }
        }
    }

    #[test]
    fn percent_encoders_of_the_field_are_known() {
        let redactor = Redactor::default();
        let secret = "p&ss w/rd?'(x)~é";
        redactor.remember(Secret::new(secret));
        let query = reqwest::Url::parse_with_params("http://h/", [("k", secret)]).expect("it is a URL").to_string();
        for text in [&*query, "p%26ss%20w%2Frd%3F'(x)~%C3%A9", "p%26ss+w%2frd%3f%27%28x%29~%c3%a9"] {
            assert!(redactor.clean(text).contains("***"), "{text}");
        }
    }
}
