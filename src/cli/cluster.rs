//! `drillmaster cluster up|down|status`: creates, deletes and shows a kind cluster for drills. The work is in
//! `clusters`.

use super::{
    Done, Failure,
    args::{ClusterArgs, ClusterCommand, ClusterUpArgs},
    say, shown,
};
use crate::{
    clusters::{self, Place, Wanted},
    model::Exit,
};

pub(super) async fn cluster(command: &ClusterCommand) -> Done {
    let failed = |error: clusters::ClusterError| Failure::of(Exit::Refused, &error);
    match command {
        ClusterCommand::Up(args) => {
            let next = clusters::up(&wanted(args), &say).await.map_err(failed)?;
            let kubeconfig = args.cluster.kubeconfig.as_ref().map(shown);
            say(&next.text(&args.cluster.name, kubeconfig.as_deref(), &args.cluster.engine));
            Ok(Exit::Passed)
        }
        ClusterCommand::Down(args) => clusters::down(&place(args), &say).await.map(|()| Exit::Passed).map_err(failed),
        ClusterCommand::Status(args) => {
            let well = clusters::status(&place(args), &say).await.map_err(failed)?;
            Ok(if well { Exit::Passed } else { Exit::Failed })
        }
    }
}

fn wanted(args: &ClusterUpArgs) -> Wanted {
    Wanted {
        place: place(&args.cluster),
        config: args.config.clone(),
        image: args.image.clone(),
        images: args.images.clone(),
        at_most: args.at_most.0,
    }
}

fn place(args: &ClusterArgs) -> Place {
    Place {
        name: args.name.clone(),
        kubeconfig: args.kubeconfig.clone(),
        engine: args.engine.clone(),
        kind: args.kind.clone(),
    }
}
