//! Reads secrets as late as possible, and passes them to the redactor. Start with [`SecretReader`].

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Here, Outside, Program};
use crate::files;
use crate::model::{
    DataSpec, Names, ProbeKind, ProbeSpec, Redactor, Secret, SecretRef, has_secret_mark, secret_mark, shell,
};

/// The time limit for a program that prints a secret.
const LIMIT: Duration = Duration::from_secs(30);

/// The secrets of a run by name, and where to read each of them.
#[derive(Clone, Debug)]
pub struct SecretReader {
    secrets: Arc<BTreeMap<String, SecretRef>>,
    outside: Outside,
    redactor: Arc<Redactor>,
    /// The names that are written down without redaction.
    names: Arc<Names>,
}

/// A text in which the secrets were replaced. It is for a program or a request, not for people.
#[derive(Clone, PartialEq, Eq)]
pub struct Filled {
    text: String,
    /// Whether one of the secrets is too short to be searched for in an answer.
    pub short: bool,
}

impl Filled {
    /// The text itself.
    pub fn reveal(self) -> String {
        self.text
    }
}

/// A probe with its secrets. It is never written down.
#[derive(Clone)]
pub struct ReadyProbe {
    /// How it tests the service.
    pub spec: ProbeSpec,
    /// The program that it runs, if any.
    pub program: Program,
}

impl SecretReader {
    /// The secrets of a run in a world. In a rehearsal, no secret is read.
    pub fn new(secrets: BTreeMap<String, SecretRef>, outside: Outside, redactor: Arc<Redactor>, names: Names) -> Self {
        Self { secrets: Arc::new(secrets), outside, redactor, names: Arc::new(names) }
    }

    /// Replaces `${secret:NAME}` in a text. A rehearsal leaves the placeholder, because it reads no secrets.
    ///
    /// # Errors
    /// The secret cannot be read, is empty, or is equal to a name that the run writes down.
    pub async fn fill(&self, text: &str) -> Result<Filled, String> {
        let mut filled = Filled { text: text.to_owned(), short: false };
        let Outside::Here(here) = &self.outside else { return Ok(filled) };
        if !has_secret_mark(text) {
            return Ok(filled);
        }
        for (name, reference) in &*self.secrets {
            let mark = secret_mark(name);
            if filled.text.contains(&mark) {
                let secret = self.fetch(name, reference, here).await?;
                filled.short |= secret.is_short();
                filled.text = filled.text.replace(&mark, secret.reveal());
            }
        }
        Ok(filled)
    }

    /// Reads every secret that one of these texts needs, and checks that it can be kept secret.
    ///
    /// # Errors
    /// Every secret that cannot be used, with the name of its variable.
    pub async fn check<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Result<(), Vec<String>> {
        let Outside::Here(here) = &self.outside else { return Ok(()) };
        let texts: Vec<&str> = texts.filter(|text| has_secret_mark(text)).collect();
        let mut wrong = vec![];
        for (name, reference) in &*self.secrets {
            if texts.iter().any(|text| text.contains(&secret_mark(name)))
                && let Err(why) = self.fetch(name, reference, here).await
            {
                wrong.push(why);
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// A program with its secrets. The text that is shown contains none.
    ///
    /// # Errors
    /// As [`SecretReader::fill`].
    pub async fn program(&self, argv: &[String], env: &BTreeMap<String, String>) -> Result<Program, String> {
        let mut program =
            Program { argv: argv.to_vec(), env: env.clone(), shown: Some(shell(argv)), ..Program::default() };
        for word in program.argv.iter_mut().chain(program.env.values_mut()) {
            let filled = self.fill(word).await?;
            program.withheld |= filled.short;
            *word = filled.reveal();
        }
        Ok(program)
    }

    /// A probe with its secrets, which are read once for the whole run.
    ///
    /// # Errors
    /// As [`SecretReader::fill`].
    pub async fn probe(&self, spec: &ProbeSpec) -> Result<ReadyProbe, String> {
        let mut ready = ReadyProbe { spec: spec.clone(), program: Program::default() };
        match &mut ready.spec.kind {
            ProbeKind::Http { url, body, .. } => {
                *url = self.fill(url).await?.reveal();
                if let Some(text) = body.text() {
                    *text = self.fill(text).await?.reveal();
                }
            }
            ProbeKind::Tcp { .. } => {}
            ProbeKind::Exec { argv } => ready.program = self.program(argv, &BTreeMap::new()).await?,
        }
        Ok(ready)
    }

    /// An append log with its secrets.
    ///
    /// # Errors
    /// As [`SecretReader::fill`].
    pub async fn log(&self, spec: &DataSpec) -> Result<DataSpec, String> {
        let mut spec = spec.clone();
        for url in [&mut spec.http.append, &mut spec.http.read] {
            *url = self.fill(url).await?.reveal();
        }
        Ok(spec)
    }

    async fn fetch(&self, name: &str, reference: &SecretRef, here: &Here) -> Result<Secret, String> {
        let secret = fetch(reference, here).await.map_err(|e| format!("secret `{name}`: {e}"))?;
        if secret.reveal().is_empty() {
            return Err(format!("secret `{name}` ({reference}) is empty"));
        }
        if self.names.hold(&secret) {
            return Err(format!(
                "secret `{name}` ({reference}): its value is also a name or a label in this drill, which the \
                 journal contains in clear text: use another value"
            ));
        }
        self.redactor.remember(secret.clone());
        Ok(secret)
    }
}

/// The size limit of a secret.
const LARGEST: u64 = 1 << 20;

/// Reads a secret from its source.
pub(super) async fn fetch(reference: &SecretRef, here: &Here) -> Result<Secret, String> {
    let text = match reference {
        SecretRef::Env(name) => {
            std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))?
        }
        SecretRef::File(path) => {
            files::text(&here.file(path), LARGEST).map_err(|e| format!("cannot read {path}: {e}"))?
        }
        SecretRef::Exec(argv) => {
            let said = Program::new(argv.clone()).run(here, LIMIT).await.map_err(|e| e.to_string())?.stdout;
            said.parse().to_owned()
        }
    };
    Ok(Secret::new(text.trim()))
}
