//! The connections of a board: how many there may be, and how long each may keep the board waiting. Start with
//! [`serve`].

use std::{pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Semaphore,
    time::timeout,
};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

/// More connections are closed at once; their pages try again.
const MOST: usize = 256;
/// How long the head of a request may take, and how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(15);
/// How long the TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A browser that takes nothing for this long is dropped. Its page connects again.
const SLOW: Duration = Duration::from_secs(20);
/// The largest head of a request.
const LARGEST_HEAD: usize = 16 << 10;
/// How long to wait where no connection can be accepted, such as without free file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `end`.
pub async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, router: Router, end: impl Future<Output = ()>) {
    let slots = Arc::new(Semaphore::new(MOST));
    let mut end = pin!(end);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut end => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((socket, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else { continue };
        let (router, tls) = (router.clone(), tls.clone());
        let mut socket = TimeoutStream::new(socket);
        socket.set_write_timeout(Some(SLOW));
        let socket = Box::pin(socket);
        tokio::spawn(async move {
            let _slot = slot;
            match tls {
                None => connection(socket, router).await,
                Some(tls) => {
                    if let Ok(Ok(socket)) = timeout(HANDSHAKE, tls.accept(socket)).await {
                        connection(socket, router).await;
                    }
                }
            }
        });
    }
}

async fn connection(socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router));
    // A browser that goes away is not an error.
    let _ = served.await;
}
