//! `drillmaster cluster up|down|status`: creates, deletes and shows a kind cluster for drills. The work is in
//! `clusters`.

use std::cell::RefCell;

use super::{
    Done, Failure,
    args::{ClusterArgs, ClusterCommand, ClusterUpArgs, Output},
    note, print, say_whole, shown,
};
use crate::{
    clusters::{self, ClusterTools, Wanted},
    files::print_json,
    model::Exit,
};

pub(super) async fn cluster(command: &ClusterCommand) -> Done {
    let failed = |error: clusters::ClusterError| Failure::of(Exit::Refused, &error);
    match command {
        ClusterCommand::Up(args) => {
            let next = clusters::up(&wanted(args), &note).await.map_err(failed)?;
            let kubeconfig = args.cluster.kubeconfig.as_ref().map(shown);
            say_whole(&next.text(&args.cluster.name, kubeconfig.as_deref(), &args.cluster.engine));
            Ok(Exit::Passed)
        }
        ClusterCommand::Down(args) => clusters::down(&place(args), &note).await.map(|()| Exit::Passed).map_err(failed),
        ClusterCommand::Status(args) => {
            let lines = RefCell::new(vec![]);
            let json = args.output.format == Output::Json;
            let show = |line: &str| {
                if json { lines.borrow_mut().push(line.to_owned()) } else { print(&format!("{line}\n")) }
            };
            let well = clusters::status(&place(&args.cluster), &show).await.map_err(failed)?;
            if json {
                let value = serde_json::json!({"name": args.cluster.name, "ready": well, "state": lines.take()});
                print_json(&format!("{value}\n"));
            }
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

fn place(args: &ClusterArgs) -> ClusterTools {
    ClusterTools {
        name: args.name.clone(),
        kubeconfig: args.kubeconfig.clone(),
        engine: args.engine.clone(),
        kind: args.kind.clone(),
    }
}
