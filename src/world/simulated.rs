//! The seam of everything outside the API server: what a simulated world answers
//! in place of the network, programs and machines. The live side is in http.rs,
//! exec.rs and host.rs; the simulated side is the room `sim`.

use std::{fmt::Debug, io, sync::Arc};

use futures_util::future::BoxFuture;

use super::{HostError, Machine};

/// A request to something beside the cluster.
#[derive(Clone, Debug, Default)]
pub struct WebRequest {
    /// GET or POST.
    pub method: String,
    /// Where.
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

/// A world that is not there.
pub trait Simulated: Debug + Send + Sync {
    /// An HTTP exchange; the error is what the connection died of.
    fn web(&self, request: WebRequest) -> BoxFuture<'static, Result<WebAnswer, String>>;
    /// A TCP connection.
    fn connect(&self, address: &str) -> BoxFuture<'static, io::Result<()>>;
    /// A program: what it would print, or why it fails.
    fn program(&self, argv: &[String]) -> Result<String, String>;
    /// A machine under a node.
    fn machine(&self, node: &str) -> Result<Machine, HostError>;
    /// A program inside a node: what it would print, or why it fails.
    fn inside(&self, node: &str, argv: &[String]) -> BoxFuture<'static, Result<String, HostError>>;
    /// Takes power away or gives it back: `kill`, `stop`, `pause`, `partition`, `start`, `unpause`, `rejoin`.
    fn power(&self, act: &str, node: &str) -> BoxFuture<'static, Result<(), HostError>>;
}

/// Shared, because many ask it at once.
pub type Stage = Arc<dyn Simulated>;
