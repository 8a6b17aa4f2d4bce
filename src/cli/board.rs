//! `drillmaster board`: the war room in the browser.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::net::TcpListener;

use super::{Done, Failure, board_args::BoardArgs, note, print, shown};
use crate::{
    board::{Board, Hosts, Keys, Source, router, serve, tls},
    exercise::{TOKENS, TokenHash, Tokens, new_token},
    model::Exit,
    world::Clock,
};

fn now() -> Timestamp {
    Clock::start().wall()
}

pub(super) async fn board(args: &BoardArgs) -> Done {
    let invalid = |why: String| Failure::new(Exit::Invalid, why);
    let secured = match (&args.tls_cert, &args.tls_key) {
        (Some(cert), Some(key)) => Some(tls(cert, key).map_err(|e| Failure::of(Exit::Invalid, &e))?),
        _ if args.listen.ip().is_loopback() => None,
        _ => {
            let text = format!(
                "--listen {}: other machines reach this address, and without TLS they would send tokens in the clear. Give --tls-cert and --tls-key, or listen on 127.0.0.1:8000 and reach it with `ssh -L 8000:127.0.0.1:8000 HOST`",
                args.listen
            );
            return Err(invalid(text));
        }
    };
    // Paths of the drill's messages and of its runs must not depend on the directory of this process.
    let dir = std::fs::canonicalize(&args.dir).map_err(|e| invalid(format!("{}: {e}", shown(&args.dir))))?;
    let source = Source::open(&dir, now).map_err(|e| Failure::of(Exit::Invalid, &e))?;
    let (keys, token) = keys(args, &dir, &source)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|e| invalid(format!("cannot listen on {}: {e}; choose another port with --listen", args.listen)))?;
    let at = listener.local_addr().map_err(|e| invalid(format!("cannot read the address of the board: {e}")))?;
    let (acceptor, hosts) = match secured {
        Some(tls) => (Some(tls.acceptor), Hosts::certified(at, tls.names)),
        None => (None, Hosts::loopback(at)),
    };
    print(&format!("{}\n", hosts.url()));
    if let Some(token) = token {
        print(&format!("{token}\n"));
        note("the second line is the token, which the page asks for; it ends with this board");
    }
    note("Ctrl-C ends the board; the exercise or the drill goes on without it");
    let board = Arc::new(Board::new(&dir, &source, keys, hosts, now));
    let refreshing = source.keep_refreshing(board.wake());
    let serving = serve(listener, acceptor, router(board), async {
        // If the signal cannot be heard, the default action of the signal ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    });
    tokio::select! {
        biased;
        () = serving => Ok(Exit::Passed),
        () = refreshing => Err(Failure::new(Exit::Internal, "the board can no longer read its files: start it again")),
    }
}

/// The tokens that the board accepts; with the token of a board for a run directory.
fn keys(args: &BoardArgs, dir: &std::path::Path, source: &Source) -> Result<(Keys, Option<String>), Failure> {
    if !source.is_exercise() {
        let token = new_token("viewer");
        return Ok((Keys::Run(TokenHash::of(&token)), Some(token)));
    }
    match Tokens::read(dir) {
        Ok(_) => Ok((Keys::Exercise(dir.to_owned()), None)),
        Err(error) => {
            let (file, dir) = (shown(args.dir.join(TOKENS)), shown(&args.dir));
            let text = format!("cannot use {file} ({error}): make tokens with `drillmaster exercise tokens {dir}`");
            Err(Failure::new(Exit::Invalid, text))
        }
    }
}
