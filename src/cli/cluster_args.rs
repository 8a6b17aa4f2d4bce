//! The arguments of `cluster up`, `cluster down` and `cluster status`. Start with [`ClusterCommand`].

use std::path::PathBuf;

use clap::{Args as Group, Subcommand};

use super::args::OutputArgs;
use crate::model::Dur;

/// The commands for kind clusters.
#[derive(Debug, Subcommand)]
pub(super) enum ClusterCommand {
    /// Create the cluster with Velero, monitoring and the sample shop, and wait until all of it is ready
    Up(ClusterUpArgs),
    /// Delete the cluster and its object store, with the backups in it
    Down(ClusterArgs),
    /// Show the state of the cluster; exits 1 when something is not ready
    Status(ClusterStatusArgs),
}

/// The kind cluster that a command is about, and the programs that create it.
#[derive(Clone, Debug, Group)]
pub(super) struct ClusterArgs {
    /// Name of the cluster; its kubeconfig context is kind-NAME
    #[arg(long, value_name = "NAME", default_value = "drill")]
    pub name: String,
    /// The kubeconfig to write to, instead of $KUBECONFIG or ~/.kube/config
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The container engine: docker, podman or nerdctl (only docker has been tested)
    #[arg(long, value_name = "PROGRAM", default_value = "docker", hide_short_help = true)]
    pub engine: String,
    /// The kind program
    #[arg(long, value_name = "PROGRAM", default_value = "kind", hide_short_help = true)]
    pub kind: String,
}

/// How to create the kind cluster.
#[derive(Clone, Debug, Group)]
pub(super) struct ClusterUpArgs {
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The kind configuration: three-zones, small, two-clusters (small, and a second cluster to restore into), or a
    /// kind configuration file
    #[arg(long, value_name = "CONFIG", default_value = "three-zones")]
    pub config: String,
    /// Node image, instead of kind's default
    #[arg(long, value_name = "IMAGE", hide_short_help = true)]
    pub image: Option<String>,
    /// A file with images that replace the pinned ones of kind-configs/stack/images.yaml
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub images: Option<PathBuf>,
    /// How long to wait for the stack to become ready
    #[arg(long, value_name = "DURATION", default_value = "10m", hide_short_help = true)]
    pub at_most: Dur,
}

/// The cluster to show, and how.
#[derive(Clone, Debug, Group)]
pub(super) struct ClusterStatusArgs {
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}
