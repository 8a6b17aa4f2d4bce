//! The arguments of `board`. Start with [`BoardArgs`].

use std::{net::SocketAddr, path::PathBuf};

use clap::Args as Group;

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is not an address with a port: write it as 127.0.0.1:8443"))
}

#[derive(Debug, Group)]
#[command(
    after_help = "Ctrl-C ends the board; the exercise and its drill go on. Make the tokens first: drillmaster exercise \
tokens DIR. For the run directory of a drill, the board prints a token of its own."
)]
pub(super) struct BoardArgs {
    /// The directory of an exercise, or the run directory of a drill
    pub dir: PathBuf,
    /// The address; port 0 takes a free port. Other machines can reach it only with a certificate
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = address)]
    pub listen: SocketAddr,
    /// The certificate with its chain, in PEM; the board answers under the names in it
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}
