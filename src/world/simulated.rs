//! The interface for everything outside the API server: what a simulated world provides in place of the network,
//! programs and machines. The real implementations are in http.rs, exec.rs and host.rs; the simulated ones are in
//! `sim`.

use std::{fmt::Debug, io, sync::Arc};

use futures_util::future::BoxFuture;

use super::{HostError, Machine};

/// A request to a service beside the cluster.
#[derive(Clone, Debug, Default)]
pub struct WebRequest {
    /// GET or POST.
    pub method: String,
    /// The address.
    pub url: String,
    /// Body of a POST.
    pub body: Vec<u8>,
}

/// Its answer.
#[derive(Clone, Debug, Default)]
pub struct WebAnswer {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

/// A simulated world.
pub trait Simulated: Debug + Send + Sync {
    /// Makes an HTTP request. An error is the reason why the connection failed.
    fn web(&self, request: WebRequest) -> BoxFuture<'static, Result<WebAnswer, String>>;
    /// Opens a TCP connection.
    fn connect(&self, address: &str) -> BoxFuture<'static, io::Result<()>>;
    /// Runs a program. Returns its output, or why it fails.
    fn program(&self, argv: &[String]) -> Result<String, String>;
    /// Returns the machine of a node.
    fn machine(&self, node: &str) -> Result<Machine, HostError>;
    /// Runs a program inside a node. Returns its output, or why it fails.
    fn inside(&self, node: &str, argv: &[String]) -> BoxFuture<'static, Result<String, HostError>>;
    /// Acts on the machine of a node: `kill`, `stop`, `pause`, `partition`, `start`, `unpause`, `rejoin`.
    fn power(&self, act: &str, node: &str) -> BoxFuture<'static, Result<(), HostError>>;
}

/// Shared, because many tasks use it at the same time.
pub type SimBackend = Arc<dyn Simulated>;
