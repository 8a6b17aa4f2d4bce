//! Resolves references to secrets, late, and tells the redactor.

use std::{collections::BTreeMap, time::Duration};

use super::Program;
use crate::model::{Redactor, Secret, SecretRef};

/// Fills `${secret:NAME}` in a text.
pub async fn resolve(text: &str, secrets: &BTreeMap<String, SecretRef>, redactor: &Redactor) -> Result<String, String> {
    let mut out = text.to_owned();
    for (name, reference) in secrets {
        let mark = format!("${{secret:{name}}}");
        if out.contains(&mark) {
            let secret = fetch(reference).await.map_err(|e| format!("secret `{name}`: {e}"))?;
            redactor.remember(name, secret.clone());
            out = out.replace(&mark, &secret.0);
        }
    }
    Ok(out)
}

/// A secret, wherever it is.
pub(super) async fn fetch(reference: &SecretRef) -> Result<Secret, String> {
    let text = match reference {
        SecretRef::Env(name) => std::env::var(name).map_err(|_| format!("the environment has no variable {name}"))?,
        SecretRef::File(path) => std::fs::read_to_string(path).map_err(|e| format!("cannot read {path}: {e}"))?,
        SecretRef::Exec(argv) => {
            Program::new(argv.clone()).run(Duration::from_secs(30)).await.map_err(|e| e.to_string())?.stdout
        }
    };
    Ok(Secret(text.trim().to_owned()))
}
