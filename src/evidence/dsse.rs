//! DSSE envelopes: a payload with its type and signatures. <https://github.com/secure-systems-lab/dsse>

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::key::{Private, Public};

/// The type of in-toto statements.
pub(super) const IN_TOTO: &str = "application/vnd.in-toto+json";

/// An envelope.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Envelope {
    payload_type: String,
    payload: String,
    signatures: Vec<Signed>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    /// A hint that this version leaves out: verifiers such as cosign skip a signature whose hint is not the one that they
    /// compute themselves, and each computes another. Envelopes with a hint can still be read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Signs a payload.
    pub fn sign(payload: &[u8], key: &Private) -> Self {
        let sig = STANDARD.encode(key.sign(&encoding(IN_TOTO, payload)));
        Self {
            payload_type: IN_TOTO.into(),
            payload: STANDARD.encode(payload),
            signatures: vec![Signed { keyid: String::new(), sig }],
        }
    }

    /// The payload, if this key signed it.
    pub fn open(&self, key: &Public) -> Option<Vec<u8>> {
        let payload = STANDARD.decode(&self.payload).ok().filter(|_| self.payload_type == IN_TOTO)?;
        let message = encoding(&self.payload_type, &payload);
        let is_valid = |s: &Signed| STANDARD.decode(&s.sig).is_ok_and(|sig| key.verifies(&message, &sig));
        self.signatures.iter().any(is_valid).then_some(payload)
    }
}

/// What is signed: the type and the payload, each with its length.
fn encoding(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// go-securesystemslib, and cosign with it, skips a signature with another hint than its own.
    #[test]
    fn a_signature_has_no_hint_about_its_key() {
        let signed = Signed { keyid: String::new(), sig: "x".into() };
        assert_eq!(serde_json::to_string(&signed).expect("JSON"), "{\"sig\":\"x\"}");
        let older: Signed = serde_json::from_str("{\"keyid\":\"k\",\"sig\":\"x\"}").expect("an older envelope");
        assert_eq!(older.keyid, "k");
    }

    #[test]
    fn the_encoding_of_the_specification() {
        let said = encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(said, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }
}
