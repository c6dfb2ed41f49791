//! Servers that go away, come back and are exchanged for others.

use std::io::{BufRead, BufReader, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::{Place, give, stderr, stdout};
use crate::support::actuary;

/// A line to a server that can be cut and laid again at the same address.
struct Line {
    address: SocketAddr,
    is_cut: Arc<AtomicBool>,
    ends: Arc<Mutex<Vec<TcpStream>>>,
    accepting: JoinHandle<()>,
}

impl Line {
    /// At `address`; port 0 takes any that is free.
    fn lay(address: SocketAddr, server: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let server = server.trim_start_matches("http://").to_owned();
        let (is_cut, ends) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (cut, all) = (is_cut.clone(), ends.clone());
        let accepting = std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if cut.load(Ordering::SeqCst) {
                    return;
                }
                let far = TcpStream::connect(&server).unwrap();
                for (from, to) in [(&near, &far), (&far, &near)] {
                    all.lock().unwrap().push(from.try_clone().unwrap());
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || {
                        // That either side has gone is what a line is cut for.
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Self { address, is_cut, ends, accepting }
    }

    fn cut(self) -> SocketAddr {
        self.is_cut.store(true, Ordering::SeqCst);
        // What waits for connections is woken by one.
        drop(TcpStream::connect(self.address));
        self.accepting.join().unwrap();
        self.ends.lock().unwrap().iter().for_each(|end| drop(end.shutdown(Shutdown::Both)));
        self.address
    }
}

/// A new key of a server, of these scopes.
fn key(place: &Place, scopes: &[&str]) -> String {
    let mut make = actuary(place.scratch.path());
    make.args(["keys", "create", "--name", "t"]);
    make.args(scopes.iter().flat_map(|scope| ["--scope", *scope]));
    stdout(&make.output().unwrap()).trim().to_owned()
}

#[test]
fn a_server_that_comes_back_answers_the_cell_that_waits() {
    let place = Place::new("repl-returns");
    let line = Line::lay(([127, 0, 0, 1], 0).into(), &place.url);
    let mut session = actuary(place.scratch.path());
    session.args(["repl", "--url", &format!("http://{}", line.address)]);
    session.env("ACTUARY_KEY", key(&place, &["read"]));
    session.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut session = session.spawn().unwrap();
    let mut out = BufReader::new(session.stdout.take().unwrap());
    let mut said = BufReader::new(session.stderr.take().unwrap());
    let mut next = String::new();
    give(&mut session, "names = ['kept']\nmodels()\n");
    out.read_line(&mut next).unwrap();
    assert_eq!(next, "[]\n");

    let address = line.cut();
    give(&mut session, "models() + names\n");
    let mut lost = String::new();
    said.read_line(&mut lost).unwrap();
    assert!(lost.contains("trying again"), "{lost}");
    let line = Line::lay(address, &place.url);
    next.clear();
    out.read_line(&mut next).unwrap();
    assert_eq!(next, "[\"kept\"]\n", "the cell that waited, and what the session holds");
    session.stdin = None;
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, format!("http://{address} answers again\n"), "said once");
    assert!(session.wait().unwrap().success());
    line.cut();
}

#[test]
fn a_session_is_connected_to_another_server() {
    let (here, there) = (Place::new("repl-here"), Place::new("repl-there"));
    there.code("load('rates.csv');");
    let mut session = here.command(&["repl"]);
    session.env("THEIR_KEY", key(&there, &["read"])).env("BAD_KEY", "act_nobody");
    let mut session = session.stdin(Stdio::piped()).spawn().unwrap();
    let cells = format!(
        "load('loans.csv');\nkept = 5\n%connect {0} BAD_KEY\nprint([d.dataset for d in datasets()])\n\
         %connect {0} THEIR_KEY\nprint([d.dataset for d in datasets()], kept)\n%connect\n",
        there.url
    );
    give(&mut session, &cells);
    session.stdin = None;
    let output = session.wait_with_output().unwrap();
    let connected = format!("connected to {}\n", there.url);
    assert_eq!(
        stdout(&output),
        format!("[\"loans\"]\n{connected}[\"rates\"] 5\n{connected}"),
        "{}",
        stderr(&output)
    );
    assert_eq!(stderr(&output).matches("error: ").count(), 1, "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1), "a cell failed");
}

/// What `%curl` prints can be run as it stands, also where a request says what it expects.
#[test]
fn the_requests_of_a_promotion_run_in_a_shell() {
    let place = Place::new("repl-curl");
    let cells = "load('loans.csv');\n\
                 first = train('loans', 'default', network='linear', epochs=1, model='risk')\n\
                 train('loans', 'default', network='linear', epochs=2, model='risk');\n\
                 first.promote();\npromote('risk', 2);\n%curl\n";
    let output = place.run(&["repl"], cells);
    assert!(output.status.success(), "{}", stderr(&output));
    let shown = stdout(&output);
    let commands = &shown[shown.find("curl -sS").unwrap()..];
    assert!(commands.contains("if-match: ") && commands.contains("-X PUT"), "{commands}");
    let shell = |commands: &str| {
        let mut shell = Command::new("sh");
        shell.arg("-ec").arg(commands).env("ACTUARY_KEY", key(&place, &["read", "train", "admin"]));
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    // The alias has changed since: repeated as it was, the change is refused.
    let again = shell(commands);
    assert!(again.contains("precondition-failed"), "{again}");
    // By the tag that the alias has now, it is carried out.
    let read = &commands[..commands.find("\ncurl").unwrap()];
    let now = shell(&format!("{read} -D -"));
    let tag = now.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().trim();
    let was = commands.split("if-match: ").nth(1).unwrap().split('\'').next().unwrap();
    let changed = shell(&commands.replace(was, tag));
    assert!(changed.contains("\"version\":2"), "{changed}");
}

#[test]
fn versions_of_other_rows_are_not_compared_in_silence() {
    let place = Place::new("repl-compared");
    let printed = place.code(
        "load('loans.csv');\n\
         def made(seed): return train('loans', 'default', network='linear', epochs=1, seed=seed)\n\
         print(compare(made(1), made(1)))\nprint('--')\nprint(compare(made(1), made(2)))\n\
         print('--')\nmade(1).plot()\n",
    );
    let parts: Vec<&str> = printed.split("--\n").collect();
    let [alike, apart, plot] = parts[..] else { panic!("{printed}") };
    assert!(plot.contains("plot of ") && plot.contains("epoch"), "{plot}");
    assert!(!alike.contains("different rows"), "{alike}");
    assert!(apart.contains("! they were tested on different rows"), "{apart}");
}

#[test]
fn a_session_trains_on_its_device_unless_the_specification_names_one() {
    let place = Place::new("repl-device");
    let cells = "load('loans.csv');\n\
                 spec = {'dataset': {'name': 'loans'}, 'target': 'default', 'epochs': 1, \
                         'network': {'kind': 'linear'}}\n\
                 %device cuda:7\n\
                 train('loans', 'default', spec=spec)\n\
                 print(train('loans', 'default', spec=spec | {'device': 'cpu'}).provenance['spec']['device'])\n\
                 train('loans', 'default', spec=spec | {'device': 'auto'})\n\
                 %device cpu\n\
                 print(train('loans', 'default', spec=spec).provenance['spec']['device'])\n";
    let output = place.run(&["repl"], cells);
    let said = stderr(&output);
    // Without such a GPU a training for it is refused, which tells what was asked for.
    assert_eq!(said.matches("error: ").count(), 2, "{said}\n{}", stdout(&output));
    assert_eq!(said.matches("cuda:7").count(), 2, "{said}");
    let printed: Vec<String> = stdout(&output).lines().map(str::to_owned).collect();
    assert_eq!(printed.iter().filter(|line| *line == "cpu").count(), 2, "{printed:?}");
}
