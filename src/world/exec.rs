//! Runs programs: with their arguments directly, never through a shell, and always with a time limit. Start with
//! [`Program`].

use std::{collections::BTreeMap, process::Stdio, time::Duration};

use super::{Here, Outside, child};
use crate::model::{Raw, Told, shell};

/// A program with its arguments and environment.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables to add to drillmaster's own environment.
    pub env: BTreeMap<String, String>,
    /// The text that people see, if it is not the program with its arguments.
    pub shown: Option<String>,
    /// Whether the program receives a secret that is too short to be searched for in its output. If so, no output is
    /// shown.
    pub withheld: bool,
}

/// Replaces the output of a program that received a short secret.
pub const WITHHELD: &str = "output withheld: a short secret was passed to it";

/// The output of a program.
#[derive(Clone, Debug)]
pub struct Output {
    /// Standard output, without white space at its ends.
    pub stdout: Raw,
}

/// Why a program failed.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The program does not exist or is not executable.
    #[error("cannot run `{program}`")]
    Start {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It ended with an exit code other than 0.
    #[error("`{command}` ended with {code}: {stderr}")]
    Failed {
        /// The command line.
        command: Told,
        /// Exit code or signal.
        code: String,
        /// The end of its error output.
        stderr: Told,
    },
    /// It took too long and was killed.
    #[error("`{command}` did not end within {limit:?}")]
    Timeout {
        /// The command line.
        command: Told,
        /// The time limit.
        limit: Duration,
    },
}

impl Program {
    /// A program with arguments.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self { argv: argv.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Runs the program in a world. A rehearsal does not start programs.
    pub async fn run_in(&self, outside: &Outside, limit: Duration) -> Result<Output, ExecError> {
        let backend = match outside {
            Outside::Here(here) => return self.run(here, limit).await,
            Outside::Simulated(backend) => backend,
        };
        backend.program(&self.argv).map(|stdout| Output { stdout: Raw::new(stdout) }).map_err(|stderr| {
            let none = crate::model::Redactor::default();
            let command = none.clean(&shell(&self.argv));
            ExecError::Failed { command, code: "1".into(), stderr: none.clean(&stderr) }
        })
    }

    /// Runs the program. An exit code other than 0 is an error.
    pub async fn run(&self, here: &Here, limit: Duration) -> Result<Output, ExecError> {
        let command = here.redactor().clean(self.shown.as_deref().unwrap_or(&shell(&self.argv)));
        let (program, arguments) = self.argv.split_first().ok_or_else(|| ExecError::Start {
            program: String::new(),
            source: std::io::ErrorKind::InvalidInput.into(),
        })?;
        let found = here.find(program).map_err(|error| ExecError::Start {
            program: program.clone(),
            source: std::io::Error::new(std::io::ErrorKind::NotFound, error),
        })?;
        let mut child = child::command(&found, arguments);
        if let Some(directory) = here.directory() {
            child.current_dir(directory);
        }
        child.envs(here.variables()).envs(&self.env).stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(limit, child.output())
            .await
            .map_err(|_| ExecError::Timeout { command: command.clone(), limit })?
            .map_err(|source| ExecError::Start { program: program.clone(), source })?;
        if output.status.success() {
            return Ok(Output { stdout: Raw::of_bytes(&output.stdout) });
        }
        let said = Raw::of_bytes(&output.stderr).told(here.redactor()).last_lines(5);
        let stderr = if self.withheld { Told::fixed(WITHHELD) } else { said };
        Err(ExecError::Failed { command, code: output.status.to_string(), stderr })
    }
}
