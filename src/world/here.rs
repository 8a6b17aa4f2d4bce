//! This machine, as a real drill uses it: programs that it starts, and files and variables that contain its secrets. A
//! rehearsal has no [`Here`], so functions that need one cannot be called in it.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    path::{Path, PathBuf, absolute},
    sync::Arc,
};

use super::SimBackend;
use crate::model::{Needs, Redactor};

/// Environment variables that tell programs where their configuration is. Variables that contain secrets are not among
/// them.
const SETTINGS: [&str; 28] = [
    "HOME",
    "KUBECONFIG",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "CONTAINER_HOST",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "CLOUDSDK_CONFIG",
    "CLOUDSDK_ACTIVE_CONFIG_NAME",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "USE_GKE_GCLOUD_AUTH_PLUGIN",
    "AZURE_CONFIG_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];
const PATH: &str = "PATH";

/// What is outside the cluster.
#[derive(Clone, Debug)]
pub enum Outside {
    /// This machine.
    Here(Here),
    /// A simulation.
    Simulated(SimBackend),
}

/// This machine.
#[derive(Clone, Debug, Default)]
pub struct Here {
    directory: Option<PathBuf>,
    environment: BTreeMap<String, String>,
    programs: BTreeMap<String, PathBuf>,
    redactor: Arc<Redactor>,
}

impl Here {
    /// This machine, as the current process sees it.
    pub fn now() -> Self {
        Self::default()
    }

    /// This machine, as the process saw it in which the run began.
    pub fn as_then(needs: &Needs, redactor: &Arc<Redactor>) -> Self {
        Self {
            directory: Some(needs.directory.clone()).filter(|d| d.is_dir()),
            environment: needs.environment.clone(),
            programs: needs.programs.clone(),
            redactor: Arc::clone(redactor),
        }
    }

    /// The environment that another process needs to see this machine in the same way.
    pub fn environment_to_keep() -> BTreeMap<String, String> {
        let kept = SETTINGS.iter().filter_map(|name| Some(((*name).to_owned(), env::var(name).ok()?)));
        // The password in the address of a proxy would be stored in the run directory.
        let mut kept: BTreeMap<String, String> = kept.filter(|(_, value)| !value.contains('@')).collect();
        // Several files are separated by colons. Each may be relative to the current directory.
        if let Some(files) = kept.get_mut("KUBECONFIG") {
            let whole = env::split_paths(files).map(|file| absolute(&file).unwrap_or(file));
            *files = env::join_paths(whole).map(|f| f.to_string_lossy().into_owned()).unwrap_or_default();
        }
        kept.insert(PATH.to_owned(), env::var(PATH).unwrap_or_default());
        kept
    }

    /// Finds a program. `word` is a path, or a name to search for.
    ///
    /// # Errors
    /// The program was not found.
    pub fn find(&self, word: &str) -> Result<PathBuf, which::Error> {
        if let Some(known) = self.programs.get(word).filter(|path| path.is_file()) {
            return Ok(known.clone());
        }
        let own = env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let directory = self.directory.as_deref().unwrap_or(&own);
        which::which_in(word, Some(self.path()), directory)
    }

    /// Removes secrets from the output of this machine's programs and connections.
    pub fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }

    /// The full path of the program that this word meant where the run began.
    pub(super) fn whole(&self, word: &str) -> String {
        self.programs.get(word).map_or_else(|| word.to_owned(), |path| path.display().to_string())
    }

    /// The path of a file as it was meant where the run began.
    pub fn file(&self, path: &str) -> PathBuf {
        self.directory.as_deref().map_or_else(|| PathBuf::from(path), |d| d.join(path))
    }

    /// The working directory for programs; none means that of this process.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// The variables that programs get instead of those of this process.
    pub(super) fn variables(&self) -> BTreeMap<String, OsString> {
        let mut all: BTreeMap<String, OsString> =
            self.environment.iter().map(|(name, value)| (name.clone(), value.into())).collect();
        if all.contains_key(PATH) {
            all.insert(PATH.into(), self.path());
        }
        all
    }

    /// The value of a setting, such as a proxy.
    pub(super) fn setting(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned().or_else(|| env::var(name).ok())
    }

    /// Searches first where the run searched, then where this process would.
    fn path(&self) -> OsString {
        let own = env::var_os(PATH).unwrap_or_default();
        let Some(then) = self.environment.get(PATH) else { return own };
        let all = env::split_paths(then).chain(env::split_paths(&own));
        env::join_paths(all).unwrap_or_else(|_| then.into())
    }
}
