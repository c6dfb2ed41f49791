//! The prompt in a real terminal, by tmux: what is typed, and what stands on the screen.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use super::{Place, stdout};
use crate::support::actuary;

/// How long anything may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(90);
const ENDLESS: &str =
    "train(loans, \"default\", network=\"mlp\", epochs=10000, patience=0, batch_size=1)";

/// A terminal of 100 columns and 40 lines in which the REPL runs.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn start(place: &Place) -> Self {
        let terminal = Self { socket: place.scratch.path().join("tmux").display().to_string() };
        let repl = place.command(&["repl"]);
        let mut start = terminal.tmux(&["new-session", "-d", "-x", "100", "-y", "40"]);
        start.current_dir(place.scratch.path());
        for (name, value) in repl.get_envs() {
            if let Some(value) = value {
                start.arg("-e").arg(format!("{}={}", name.display(), value.display()));
            }
        }
        start.args([
            "-e",
            "TERM=screen-256color",
            "-e",
            "EDITOR=true",
            "-e",
            "PAGER=sed s/^/paged:/",
        ]);
        start.arg(repl.get_program()).args(repl.get_args());
        let started = start.output().unwrap();
        assert!(started.status.success(), "{started:?}");
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-f", "/dev/null", "-S", &self.socket]).args(arguments);
        command
    }

    /// Types a text.
    fn text(&self, text: &str) {
        assert!(self.tmux(&["send-keys", "-l", text]).status().unwrap().success());
    }

    /// Presses keys by tmux's names of them.
    fn keys(&self, keys: &[&str]) {
        assert!(self.tmux(&["send-keys"]).args(keys).status().unwrap().success());
    }

    fn cell(&self, text: &str) {
        self.text(text);
        self.keys(&["Enter"]);
    }

    /// Everything that has been on the screen, lines that wrap as one.
    fn screen(&self) -> String {
        let shown = self.tmux(&["capture-pane", "-p", "-J", "-S", "-2000"]).output().unwrap();
        stdout(&shown)
    }

    /// What has been on the screen since a prompt, once all parts are there.
    fn until(&self, prompt: &str, parts: &[&str]) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            // An error names the cell once more.
            if let Some((_, since)) = screen.split_once(prompt)
                && parts.iter().all(|part| since.contains(part))
            {
                return since.to_owned();
            }
            assert!(start.elapsed() < PATIENCE, "{parts:?} after {prompt}:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the REPL has gone, and its terminal with it.
    fn until_ended(&self) {
        let start = Instant::now();
        while self.tmux(&["list-sessions"]).output().unwrap().status.success() {
            assert!(start.elapsed() < PATIENCE, "{}", self.screen());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]).output();
    }
}

fn has_tmux() -> bool {
    let there = Command::new("tmux").arg("-V").output().is_ok();
    assert!(there || std::env::var_os("CI").is_none(), "tmux is not installed");
    if !there {
        eprintln!("skipped: tmux is not installed, and nothing of the prompt is tested");
    }
    there
}

#[test]
fn an_analysts_session_at_the_prompt() {
    if !has_tmux() {
        return;
    }
    let place = Place::new("repl-terminal");
    let terminal = Terminal::start(&place);
    terminal.until("help() lists", &["In [1]:"]);

    // A path is completed, and the dataset that is made is shown.
    terminal.text("loans = load(\"loa");
    terminal.keys(&["Tab"]);
    terminal.until("In [1]:", &["loans.csv"]);
    terminal.cell("\", types={\"zip\": \"string\"})");
    terminal.until("In [1]:", &["Out[1]:", "600 rows × 5 columns", "In [2]:"]);

    // A block is typed, and changed in place before it runs.
    terminal.cell("def double(x):");
    terminal.cell("return x * 3");
    terminal.keys(&["Up", "End", "BSpace"]);
    terminal.text("2");
    terminal.keys(&["Down", "Enter"]);
    terminal.until("In [2]:", &["return x * 2", "In [3]:"]);
    terminal.cell("double(21)");
    terminal.until("In [3]:", &["Out[3]: 42", "In [4]:"]);

    // A training shows how far it is, and Ctrl-C ends it with what was learnt.
    terminal.cell(ENDLESS);
    terminal.until("In [4]:", &["epoch ", "rows/s", "left"]);
    terminal.keys(&["C-c"]);
    let said = terminal.until("In [4]:", &["cancelled on the server", "In [5]:"]);
    assert!(said.contains("mlp had learnt for "), "{said}");

    a_table_a_plot_and_an_error(&terminal);
    magics_of_the_prompt(&place, &terminal);
    terminal.keys(&["C-d"]);
    terminal.until_ended();
    let history = std::fs::read_to_string(place.scratch.path().join("state/actuary/history"));
    assert!(history.unwrap().contains("double(21)"));
}

fn a_table_a_plot_and_an_error(terminal: &Terminal) {
    terminal.cell(
        "f = frame(\"loans.csv\"); f.group(\"region\").agg(n=\"count(*)\", mean=\"avg(income)\")",
    );
    let table = terminal.until("In [5]:", &["Out[5]: 3 rows × 3 columns", "west", "In [6]:"]);
    assert!(table.contains("region    n   mean\n"), "{table}");
    terminal.cell("f.hist(\"income\")");
    let plot = terminal.until("In [6]:", &["Out[6]: plot of income", "┤", "└", "In [7]:"]);
    assert!(plot.contains('█'), "{plot}");
    terminal.cell("f.sort(\"incom\")");
    terminal.until(
        "In [7]:",
        &["did you mean income?", "--> In [7]:1:1", "1 | f.sort(\"incom\")", "| ^^^^", "In [8]:"],
    );
}

fn magics_of_the_prompt(place: &Place, terminal: &Terminal) {
    terminal
        .cell("train(loans, \"default\", network=\"linear\", epochs=1, model=\"risk\").promote();");
    terminal.until("In [8]:", &["In [9]:"]);
    terminal.cell("predict(\"risk\", {\"income\": 20000, \"age\": 30, \"region\": \"it's\"})");
    terminal.until("In [9]:", &["Out[9]: 1 row by risk 1", "In [10]:"]);
    terminal.cell("%curl");
    let shown = terminal.until("In [10]:", &["curl -sS -X POST", "--data-binary", "In [11]:"]);
    terminal.cell("print(\"score\", _.scores[0])");
    let score = terminal.until("In [11]:", &["score 0.", "In [12]:"]);
    let score = score.lines().find_map(|line| line.strip_prefix("score ")).unwrap().trim();

    // What it printed is run by a shell, and answers the same.
    let commands = shown.split_once("curl -sS").unwrap().1.split("In [11]:").next().unwrap();
    let made = actuary(place.scratch.path())
        .args(["keys", "create", "--name", "t", "--scope", "read", "--scope", "predict"])
        .output()
        .unwrap();
    let answer: Output = Command::new("sh")
        .arg("-ec")
        .arg(format!("curl -sS{commands}"))
        .env("ACTUARY_KEY", stdout(&made).trim())
        .output()
        .unwrap();
    assert!(stdout(&answer).contains(score), "{score}\n{commands}\n{answer:?}");

    // What was run comes back to be changed.
    std::fs::write(place.scratch.path().join("more.star"), "more = 5\nmore + 1\n").unwrap();
    terminal.cell("%load more.star");
    terminal.until("In [12]:", &["In [13]: more = 5", "more + 1"]);
    terminal.keys(&["Enter", "Enter"]);
    terminal.until("In [13]:", &["Out[13]: 6", "In [14]:"]);
    terminal.cell("%edit 3");
    terminal.until("In [14]:", &["In [15]: double(21)"]);
    terminal.keys(&["Enter"]);
    terminal.until("In [15]:", &["Out[15]: 42", "In [16]:"]);
    terminal.cell("f.head(30)");
    terminal.until("In [16]:", &["20 of 30 rows", "In [17]:"]);
    terminal.cell("%last");
    let whole = terminal.until("In [17]:", &["In [18]:"]);
    assert!(!whole.contains("20 of 30 rows") && whole.lines().count() > 30, "{whole}");
    assert!(!whole.contains("paged:"), "it fits the terminal's 40 lines: {whole}");
    // Ctrl-C at the prompt clears what is typed, and no more.
    terminal.text("nonsense(");
    terminal.keys(&["C-c"]);
    terminal.cell("1 + 1");
    terminal.until("In [18]:", &["Out[18]: 2", "In [19]:"]);
    // What is too long or too wide for the terminal goes through the pager.
    for (number, cell) in [(19, "f.head(50)"), (21, "[{\"wide\": \"w\" * 150}]")] {
        terminal.cell(cell);
        terminal.until(&format!("In [{number}]:"), &[&format!("In [{}]:", number + 1)]);
        terminal.cell("%last");
        let next = format!("In [{}]:", number + 2);
        terminal.until(&format!("In [{}]: %last", number + 1), &["paged:", &next]);
    }
}

#[test]
fn what_earlier_sessions_typed_is_found_by_ctrl_r() {
    if !has_tmux() {
        return;
    }
    let place = Place::new("repl-history");
    let first = Terminal::start(&place);
    first.until("help() lists", &["In [1]:"]);
    first.cell("6 * 7");
    first.until("In [1]:", &["Out[1]: 42", "In [2]:"]);
    first.cell("1 + 1");
    first.until("In [2]:", &["Out[2]: 2", "In [3]:"]);
    first.keys(&["C-d"]);
    first.until_ended();
    let second = Terminal::start(&place);
    second.until("help() lists", &["In [1]:"]);
    second.keys(&["C-r"]);
    second.text("6 *");
    second.until("help() lists", &["(reverse-i-search)`6 *': 6 * 7"]);
    second.keys(&["Enter"]);
    second.until("help() lists", &["Out[1]: 42", "In [2]:"]);
    second.cell("%history -a 1 + 1");
    second.until("In [2]:", &["\n1 + 1", "In [3]:"]);
}
