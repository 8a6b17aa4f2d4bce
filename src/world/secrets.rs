//! Resolves references to secrets, late, and tells the redactor.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Here, Outside, Program};
use crate::files;
use crate::model::{
    DataSpec, Names, ProbeKind, ProbeSpec, Redactor, Secret, SecretRef, has_secret_mark, secret_mark, shell,
};

/// How long a program has to print a secret.
const LIMIT: Duration = Duration::from_secs(30);

/// The secrets of a run, by name, and where each is.
#[derive(Clone, Debug)]
pub struct Vault {
    secrets: Arc<BTreeMap<String, SecretRef>>,
    outside: Outside,
    redactor: Arc<Redactor>,
    /// What is written down as it is.
    names: Arc<Names>,
}

/// A text with its secrets filled in: for a program or a request, not for people.
#[derive(Clone, PartialEq, Eq)]
pub struct Filled {
    text: String,
    /// One of them is too short to be found in an answer.
    pub short: bool,
}

impl Filled {
    /// The text itself.
    pub fn reveal(self) -> String {
        self.text
    }
}

/// A probe with its secrets: never written down.
#[derive(Clone)]
pub struct ReadyProbe {
    /// What it asks.
    pub spec: ProbeSpec,
    /// The program that it runs, where it runs one.
    pub program: Program,
}

impl Vault {
    /// Of a run in a world. A rehearsal's is never opened.
    pub fn new(secrets: BTreeMap<String, SecretRef>, outside: Outside, redactor: Arc<Redactor>, names: Names) -> Self {
        Self { secrets: Arc::new(secrets), outside, redactor, names: Arc::new(names) }
    }

    /// Fills `${secret:NAME}` in a text. A rehearsal reads no secret: there the mark stays.
    ///
    /// # Errors
    /// It cannot be read, is empty, or is also a name that the run writes down.
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

    /// Reads every secret that one of these texts needs, and sees that it can stay one.
    ///
    /// # Errors
    /// Each that cannot be used, by its variable's name.
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

    /// A program with its secrets; what is shown of it has none.
    ///
    /// # Errors
    /// As [`Vault::fill`].
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

    /// A probe that can be asked: with its secrets, which last as long as the run.
    ///
    /// # Errors
    /// As [`Vault::fill`].
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

    /// An append log that can be written: with its secrets.
    ///
    /// # Errors
    /// As [`Vault::fill`].
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
                "secret `{name}` ({reference}): its value is also a name, a label or a word of this drill, which the \
                 journal keeps as they are: give it another value"
            ));
        }
        self.redactor.remember(secret.clone());
        Ok(secret)
    }
}

/// The most that is read of a secret.
const LARGEST: u64 = 1 << 20;

/// A secret, wherever it is.
pub(super) async fn fetch(reference: &SecretRef, here: &Here) -> Result<Secret, String> {
    let text = match reference {
        SecretRef::Env(name) => std::env::var(name).map_err(|_| format!("the environment has no variable {name}"))?,
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
