//! This machine, as a real drill uses it: the programs that it starts, the files and
//! variables that its secrets are in. A rehearsal has none: what takes a [`Here`] cannot
//! happen there.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    path::{Path, PathBuf, absolute},
    sync::Arc,
};

use super::Stage;
use crate::model::{Needs, Redactor};

/// Variables that say where a program finds its settings. Those that hold secrets are not
/// among them.
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

/// The world outside of the cluster.
#[derive(Clone, Debug)]
pub enum Outside {
    /// This machine.
    Here(Here),
    /// A simulation.
    Stage(Stage),
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
    /// As this process finds it.
    pub fn now() -> Self {
        Self::default()
    }

    /// As the process found it that a run began in.
    pub fn as_then(needs: &Needs, redactor: &Arc<Redactor>) -> Self {
        Self {
            directory: Some(needs.directory.clone()).filter(|d| d.is_dir()),
            environment: needs.environment.clone(),
            programs: needs.programs.clone(),
            redactor: Arc::clone(redactor),
        }
    }

    /// What another process needs to see it as this one does.
    pub fn environment_to_keep() -> BTreeMap<String, String> {
        let kept = SETTINGS.iter().filter_map(|name| Some(((*name).to_owned(), env::var(name).ok()?)));
        // A proxy's password would be in the run directory.
        let mut kept: BTreeMap<String, String> = kept.filter(|(_, value)| !value.contains('@')).collect();
        // Several files are joined by colons; each may be relative to where this process stands.
        if let Some(files) = kept.get_mut("KUBECONFIG") {
            let whole = env::split_paths(files).map(|file| absolute(&file).unwrap_or(file));
            *files = env::join_paths(whole).map(|f| f.to_string_lossy().into_owned()).unwrap_or_default();
        }
        kept.insert(PATH.to_owned(), env::var(PATH).unwrap_or_default());
        kept
    }

    /// Where a program is; `word` is a path, or a name to look for.
    ///
    /// # Errors
    /// It is nowhere.
    pub fn find(&self, word: &str) -> Result<PathBuf, which::Error> {
        if let Some(known) = self.programs.get(word).filter(|path| path.is_file()) {
            return Ok(known.clone());
        }
        let own = env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let directory = self.directory.as_deref().unwrap_or(&own);
        which::which_in(word, Some(self.path()), directory)
    }

    /// Takes secrets out of what this machine's programs and connections say.
    pub fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }

    /// A word as the whole path of the program that it meant where the run began.
    pub(super) fn whole(&self, word: &str) -> String {
        self.programs.get(word).map_or_else(|| word.to_owned(), |path| path.display().to_string())
    }

    /// A path as it was meant where the run began.
    pub fn file(&self, path: &str) -> PathBuf {
        self.directory.as_deref().map_or_else(|| PathBuf::from(path), |d| d.join(path))
    }

    /// The working directory of programs; none is this process's.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Variables that programs get in place of this process's.
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

    /// First where the run looked, then where this process does.
    fn path(&self) -> OsString {
        let own = env::var_os(PATH).unwrap_or_default();
        let Some(then) = self.environment.get(PATH) else { return own };
        let all = env::split_paths(then).chain(env::split_paths(&own));
        env::join_paths(all).unwrap_or_else(|_| then.into())
    }
}
