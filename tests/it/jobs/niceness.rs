//! Jobs that give way to whoever serves.

use nix::unistd::Pid;

use super::{Bench, ENDLESS, training};

/// The nice value of each thread of a process.
fn niceness(process: Pid) -> Vec<i32> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let of = |thread: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
        stat.rsplit(')').next()?.split_whitespace().nth(16)?.parse().ok()
    };
    threads.flatten().filter_map(of).collect()
}

#[tokio::test]
async fn a_training_gives_way_as_far_as_is_set() {
    let own = niceness(Pid::this())[0];
    for (set, wanted) in [(None, 19), (Some("7"), 7.max(own))] {
        let bench = Bench::new(&format!("niceness-{wanted}")).await;
        let mut command = bench.command(&["worker"]);
        command.envs(set.map(|value| ("ACTUARY_WORKER_NICENESS", value)));
        let worker = bench.start(command);
        bench.uploaded().await;
        let id = bench.train(training(ENDLESS)).await;
        bench.under_way(id).await;
        let found = niceness(worker.jobs()[0]);
        assert!(found.len() > 2 && found.iter().all(|n| *n == wanted), "{found:?}, not {wanted}");
        assert!(niceness(worker.pid()).iter().all(|n| *n == own), "the worker does not");
        bench.service.cancel_job(&bench.operator, None, id).await.unwrap();
        bench.ended(id).await;
    }
}
