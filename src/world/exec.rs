//! Runs programs: argv only, never a shell, always with a deadline.

use std::{collections::BTreeMap, process::Stdio, time::Duration};

use super::{Stage, child};

/// A program with its arguments and environment.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables added to our own environment.
    pub env: BTreeMap<String, String>,
}

/// What a program said.
#[derive(Clone, Debug)]
pub struct Output {
    /// Standard output, trimmed.
    pub stdout: String,
    /// Standard error, trimmed.
    pub stderr: String,
}

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// Not there, not executable.
    #[error("cannot run `{program}`")]
    Start {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Ended with another code than 0.
    #[error("`{command}` ended with {code}: {stderr}")]
    Failed {
        /// The command line.
        command: String,
        /// Exit code or signal.
        code: String,
        /// The end of what it said.
        stderr: String,
    },
    /// Took too long, and was ended.
    #[error("`{command}` did not end within {limit:?}")]
    Timeout {
        /// The command line.
        command: String,
        /// How long it had.
        limit: Duration,
    },
}

impl Program {
    /// A program with arguments.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self { argv: argv.into_iter().map(Into::into).collect(), env: BTreeMap::new() }
    }

    /// Runs it in a world: a rehearsal runs no programs.
    pub async fn run_in(&self, stage: Option<&Stage>, limit: Duration) -> Result<Output, ExecError> {
        let Some(stage) = stage else { return self.run(limit).await };
        stage
            .program(&self.argv)
            .map(|stdout| Output { stdout, stderr: String::new() })
            .map_err(|stderr| ExecError::Failed { command: crate::model::shell(&self.argv), code: "1".into(), stderr })
    }

    /// Runs it; an exit code other than 0 is an error.
    pub async fn run(&self, limit: Duration) -> Result<Output, ExecError> {
        let command = crate::model::shell(&self.argv);
        let (program, arguments) = self.argv.split_first().ok_or_else(|| ExecError::Start {
            program: String::new(),
            source: std::io::ErrorKind::InvalidInput.into(),
        })?;
        let found = which::which(program).map_err(|error| ExecError::Start {
            program: program.clone(),
            source: std::io::Error::new(std::io::ErrorKind::NotFound, error),
        })?;
        let child = child::command(&found, arguments).envs(&self.env).stdin(Stdio::null()).kill_on_drop(true).output();
        let output = tokio::time::timeout(limit, child)
            .await
            .map_err(|_| ExecError::Timeout { command: command.clone(), limit })?
            .map_err(|source| ExecError::Start { program: program.clone(), source })?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(Output { stdout: text(&output.stdout), stderr: text(&output.stderr) })
        } else {
            Err(ExecError::Failed { command, code: output.status.to_string(), stderr: tail(&text(&output.stderr)) })
        }
    }
}

/// The last lines are where the reason is.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("; ")
}
