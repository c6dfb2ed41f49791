//! A door before the cluster's socket: shut, it ends whoever is inside and leaves the next ones waiting,
//! as a server does that is away for a while.

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use super::{Scratch, socket_dir};

pub(crate) struct Door {
    /// Of the same database, through the door.
    pub(crate) url: String,
    open: watch::Sender<bool>,
    _dir: Scratch,
}

impl Door {
    pub(crate) fn before(url: &str) -> Self {
        let inside = socket_dir(url);
        let dir = Scratch::new("door");
        let entry = std::fs::read_dir(&inside).expect("the directory of the socket");
        let names = entry.map(|file| file.expect("a file").file_name());
        let socket = names
            .filter(|name| name.to_string_lossy().starts_with(".s.PGSQL."))
            .find(|name| !name.to_string_lossy().ends_with(".lock"))
            .expect("a socket");
        let listener = UnixListener::bind(dir.path().join(&socket)).expect("a socket of our own");
        let (open, is_open) = watch::channel(true);
        let target = inside.join(socket);
        tokio::spawn(async move {
            while let Ok((outer, _)) = listener.accept().await {
                tokio::spawn(pass(outer, target.clone(), is_open.clone()));
            }
        });
        let (inside, outside) = (inside.to_string_lossy(), dir.path().to_string_lossy());
        Self { url: url.replace(&*inside, &outside), open, _dir: dir }
    }

    pub(crate) fn set(&self, open: bool) {
        self.open.send_replace(open);
    }
}

async fn pass(
    mut outer: UnixStream,
    target: std::path::PathBuf,
    mut is_open: watch::Receiver<bool>,
) {
    if is_open.wait_for(|open| *open).await.is_err() {
        return;
    }
    let Ok(mut inner) = UnixStream::connect(target).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut outer, &mut inner) => {}
        _ = is_open.wait_for(|open| !*open) => {}
    }
}
